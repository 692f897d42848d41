"""The test Hub's accounts, repositories, branches and tags."""

import json

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .core import ORGANISATIONS, RUNTIME, HubCore, RefusalError, route
from .rules import front_matter
from .store import now

KINDS = {"model": "models", "dataset": "datasets", "space": "spaces"}


class Repositories(HubCore):
    """Who am I, create, describe, branch, tag."""

    @route("GET", "/api/whoami-v2")
    async def whoami(self, request: Request) -> Response:
        if (account := self._user(request)) is None:
            raise RefusalError(401, "Invalid username or password.")
        user, role = account
        return JSONResponse(
            {
                "type": "user",
                "name": user,
                "fullname": user,
                "email": f"{user}@example.org",
                "orgs": [{"name": name} for name in ORGANISATIONS[user]],
                "auth": {"type": "access_token", "accessToken": {"displayName": "test", "role": role}},
            }
        )

    @route("POST", "/api/repos/create")
    async def create(self, request: Request) -> Response:
        body = await request.json()
        t = KINDS[body.get("type") or "model"]
        user = self._user(request)
        namespace = body.get("organization") or (user[0] if user else "")
        user_name = self._writer(request, namespace)
        id = f"{namespace}/{body['name']}"
        url = f"{self.url}/{'' if t == 'models' else t + '/'}{id}"
        if (t, id) in self.store.repos:
            return JSONResponse({"error": "You already created this repo", "url": url}, 409)
        repo = self.store.create(t, id, user_name, private=body.get("visibility") == "private", sdk=body.get("sdk"))
        for kind in ("secrets", "variables"):
            for pair in body.get(kind) or []:
                getattr(repo, kind)[pair["key"]] = {"value": pair["value"], "updatedAt": now()}
        self.store.save()
        return JSONResponse({"url": url, "id": id, "name": id})

    @route("GET", "/api/{t}/{id}(/revision/{rev})?")
    async def info(self, request: Request, t: str, id: str, rev: str = "main") -> Response:
        repo = self._repo(request, t, id)
        commit = self._commit_of(repo, rev)
        card: dict = {}
        if "README.md" in commit.tree:
            card = front_matter((self.store.objects / commit.tree["README.md"].sha256).read_text("utf-8")) or {}
        siblings = []
        for path, entry in commit.tree.items():
            sibling: dict = {"rfilename": path}
            if "blobs" in request.query_params:
                sibling |= {"size": entry.size, "blobId": entry.oid}
                if entry.lfs:
                    sibling["lfs"] = {"size": entry.size, "sha256": entry.sha256, "pointerSize": 130}
            siblings.append(sibling)
        described = {
            "id": id,
            "modelId": id,
            "author": id.split("/")[0],
            "sha": commit.id,
            "createdAt": repo.created,
            "lastModified": commit.date,
            "private": repo.private,
            "gated": "auto" if repo.gated else False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": card.get("tags") or [],
            "cardData": card,
            "pipeline_tag": card.get("pipeline_tag"),
            "library_name": card.get("library_name"),
            "siblings": siblings,
        }
        if "evalResults" in request.query_params.getlist("expand"):
            files = [path for path in commit.tree if path.startswith(".eval_results/") and path.endswith(".yaml")]
            found = [yaml.safe_load((self.store.objects / commit.tree[path].sha256).read_bytes()) for path in files]
            described["evalResults"] = [{"data": entry} for entries in found for entry in entries]
        if t == "spaces":
            described |= {"sdk": repo.sdk, "runtime": RUNTIME}
        return JSONResponse(described)

    @route("GET", "/api/{t}/{id}/refs")
    async def refs(self, request: Request, t: str, id: str) -> Response:
        repo = self._repo(request, t, id)

        def listed(refs: dict[str, str], kind: str) -> list[dict]:
            return [
                {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha}
                for name, sha in refs.items()
                if not name.startswith("refs/convert")
            ]

        pulls = [{"name": name, "ref": name, "targetCommit": sha} for name, sha in repo.pulls.items()]
        return JSONResponse(
            {
                "branches": listed(repo.branches, "heads"),
                "tags": listed(repo.tags, "tags"),
                "converts": [],
                "pullRequests": pulls if "include_prs" in request.query_params else [],
            }
        )

    @route("POST", "/api/{t}/{id}/(?P<kind>branch|tag)/{rev}")
    async def add_ref(self, request: Request, t: str, id: str, kind: str, rev: str) -> Response:
        repo = self._repo(request, t, id)
        self._writer(request, id.split("/")[0])
        body = json.loads(await request.body() or b"{}")
        refs, name, start = (
            (repo.branches, rev, body.get("startingPoint") or "main")
            if kind == "branch"
            else (repo.tags, body["tag"], rev)
        )
        commit = self._commit_of(repo, start)
        if name in refs:
            raise RefusalError(409, f"Reference already exists: {name}")
        refs[name] = commit.id
        self.store.save()
        return JSONResponse({})
