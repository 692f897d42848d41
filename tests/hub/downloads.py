"""The test Hub's side of a download: files, folders, what is known of a path."""

import json
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from .core import HubCore, RefusalError, route


class Downloads(HubCore):
    """Resolve a file, list a tree."""

    @route("GET", r"/((?P<t>datasets|spaces)/)?(?P<id>[^/]+/[^/]+)/resolve/{rev}/(?P<file>.+)")
    async def resolve(self, request: Request, id: str, rev: str, file: str, t: str = "models") -> Response:
        commit = self._commit_of(self._repo(request, t, id, content=True), rev)
        if (entry := commit.tree.get(file)) is None:
            raise RefusalError(404, "Entry not found", "EntryNotFound", X_Repo_Commit=commit.id)
        headers = {"X-Repo-Commit": commit.id}
        if entry.lfs:
            headers |= {"X-Linked-Size": str(entry.size), "X-Linked-Etag": f'"{entry.sha256}"'}
            return Response("", 302, headers | {"Location": f"{self.storage}/content/{entry.sha256}"})
        return FileResponse(self.store.objects / entry.sha256, headers=headers | {"ETag": f'"{entry.oid}"'})

    def _item(self, path: str, entry) -> dict:
        item = {"type": "file", "path": path, "size": entry.size, "oid": entry.oid}
        if entry.lfs:
            item["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": 130}
        return item

    @route("GET", "/api/{t}/{id}/tree/{rev}(/(?P<folder>.+))?")
    async def tree(self, request: Request, t: str, id: str, rev: str, folder: str = "") -> Response:
        commit = self._commit_of(self._repo(request, t, id, content=True), rev)
        prefix = f"{folder.rstrip('/')}/" if folder else ""
        items, folders = [], set()
        for path, entry in commit.tree.items():
            if not path.startswith(prefix):
                continue
            parts = path[len(prefix) :].split("/")
            folders |= {prefix + "/".join(parts[:depth]) for depth in range(1, len(parts))}
            if len(parts) == 1 or request.query_params.get("recursive", "").lower() in ("true", "1"):
                items.append(self._item(path, entry))
        if prefix and not items and not folders:
            raise RefusalError(404, f"{folder} does not exist", "EntryNotFound", X_Repo_Commit=commit.id)
        if request.query_params.get("recursive", "").lower() not in ("true", "1"):
            folders = {path for path in folders if "/" not in path[len(prefix) :]}
        items += [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in sorted(folders)]
        return JSONResponse(items)

    @route("POST", "/api/{t}/{id}/paths-info/{rev}")
    async def paths_info(self, request: Request, t: str, id: str, rev: str) -> Response:
        commit = self._commit_of(self._repo(request, t, id, content=True), rev)
        body = await request.body()
        paths = json.loads(body)["paths"] if body[:1] == b"{" else parse_qs(body.decode()).get("paths", [])
        items = [self._item(path, commit.tree[path]) for path in paths if path in commit.tree]
        folders = [p for p in paths if any(path.startswith(f"{p}/") for path in commit.tree)]
        items += [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in folders]
        return JSONResponse(items)
