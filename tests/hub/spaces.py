"""The test Hub's Spaces: runtime, variables and secrets."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .core import RUNTIME, HubCore, route
from .store import now


class Spaces(HubCore):
    """What a Space has beside its files."""

    @route("GET", "/api/spaces/(?P<id>[^/]+/[^/]+)/runtime")
    async def runtime(self, request: Request, id: str) -> Response:
        self._repo(request, "spaces", id)
        return JSONResponse(RUNTIME)

    @route("GET", "/api/spaces/(?P<id>[^/]+/[^/]+)/(?P<kind>secrets|variables)")
    async def list_settings(self, request: Request, id: str, kind: str) -> Response:
        repo = self._repo(request, "spaces", id)
        self._writer(request, id.split("/")[0])
        hidden = {"value"} if kind == "secrets" else set()
        settings = getattr(repo, kind)
        return JSONResponse({k: {f: v for f, v in d.items() if f not in hidden} for k, d in settings.items()})

    @route("POST", "/api/spaces/(?P<id>[^/]+/[^/]+)/(?P<kind>secrets|variables)")
    async def add_setting(self, request: Request, id: str, kind: str) -> Response:
        repo = self._repo(request, "spaces", id)
        self._writer(request, id.split("/")[0])
        body = await request.json()
        getattr(repo, kind)[body["key"]] = {
            "value": body["value"],
            "description": body.get("description"),
            "updatedAt": now(),
        }
        self.store.save()
        return await self.list_settings(request, id, kind)

    @route("DELETE", "/api/spaces/(?P<id>[^/]+/[^/]+)/(?P<kind>secrets|variables)")
    async def delete_setting(self, request: Request, id: str, kind: str) -> Response:
        repo = self._repo(request, "spaces", id)
        self._writer(request, id.split("/")[0])
        getattr(repo, kind).pop((await request.json())["key"], None)
        self.store.save()
        return await self.list_settings(request, id, kind)
