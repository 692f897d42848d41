"""The test Hub's side of an upload: what goes through LFS, the objects, the commit."""

import base64
import binascii
import json

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .core import HubCore, RefusalError, route
from .rules import card_errors
from .store import Repo, needs_lfs


class Uploads(HubCore):
    """Check a card, announce files, take objects, commit."""

    @route("POST", "/api/validate-yaml")
    async def validate_yaml(self, request: Request) -> Response:
        errors = card_errors((await request.json())["content"])
        if request.headers.get("accept") == "text/plain":
            return PlainTextResponse("\n".join(f"- Error: {e}" for e in errors), 400 if errors else 200)
        return JSONResponse({"errors": [{"message": e} for e in errors], "warnings": []}, 400 if errors else 200)

    def _uploader(self, request: Request, t: str, id: str) -> tuple[Repo, str]:
        repo = self._repo(request, t, id)
        pull = request.query_params.get("create_pr") == "1"
        return repo, self._writer(request, None if pull else id.split("/")[0])

    @route("POST", "/api/{t}/{id}/preupload/{rev}")
    async def preupload(self, request: Request, t: str, id: str, rev: str) -> Response:
        repo, _ = self._uploader(request, t, id)
        tree = self._commit_of(repo, rev).tree
        answer = []
        for file in (await request.json())["files"]:
            lfs = needs_lfs(file["path"], file["size"], base64.b64decode(file.get("sample") or ""))
            described = {
                "path": file["path"],
                "uploadMode": "lfs" if lfs else "regular",
                "shouldIgnore": False,
            }
            if (entry := tree.get(file["path"])) is not None:
                described["oid"] = entry.sha256 if entry.lfs else entry.oid
            answer.append(described)
        return JSONResponse({"files": answer})

    @route("POST", r"/((?P<t>datasets|spaces)/)?(?P<id>[^/]+/[^/]+)\.git/info/lfs/objects/batch")
    async def lfs_batch(self, request: Request, id: str, t: str = "models") -> Response:
        self._repo(request, t, id)
        self._writer(request, None)
        objects = []
        for item in (await request.json())["objects"]:
            described = {"oid": item["oid"], "size": item["size"]}
            if not self.store.has(item["oid"]):
                upload = {"href": f"{self.storage}/upload/{item['oid']}", "header": {}}
                described["actions"] = {"upload": upload, "verify": {"href": f"{self.url}/verify", "header": {}}}
            objects.append(described)
        return JSONResponse({"transfer": "basic", "objects": objects})

    @route("POST", "/verify")
    async def verify(self, request: Request) -> Response:
        body = await request.json()
        if not self.store.has(body["oid"]):
            raise RefusalError(404, "The object has not arrived")
        return JSONResponse({})

    @route("POST", "/api/{t}/{id}/commit/{rev}")
    async def commit(self, request: Request, t: str, id: str, rev: str) -> Response:
        repo, user = self._uploader(request, t, id)
        head = self._commit_of(repo, rev)
        lines = [json.loads(line) for line in (await request.body()).splitlines() if line.strip()]
        header = next((line["value"] for line in lines if line["key"] == "header"), {})
        if header.get("parentCommit") not in (None, head.id):
            raise RefusalError(412, "A commit has happened since. Please refresh and try again.")
        tree = dict(head.tree)
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                try:
                    content = base64.b64decode(value["content"], validate=True)
                except binascii.Error:
                    raise RefusalError(400, f"{value['path']} is not base64") from None
                if value["path"] == "README.md" and (errors := card_errors(content.decode("utf-8"))):
                    raise RefusalError(400, "; ".join(errors))
                tree[value["path"]] = self.store.entry(value["path"], content)
            elif line["key"] == "lfsFile":
                if not self.store.has(value["oid"]):
                    raise RefusalError(400, f"The LFS object of {value['path']} has not been uploaded")
                tree[value["path"]] = self.store.entry(value["path"], (self.store.objects / value["oid"]).read_bytes())
                tree[value["path"]].lfs = True
            elif line["key"] == "deletedFile":
                tree.pop(value["path"], None)
            elif line["key"] == "deletedFolder":
                tree = {path: e for path, e in tree.items() if not path.startswith(value["path"].rstrip("/") + "/")}
        pull = request.query_params.get("create_pr") == "1"
        ref = f"refs/pr/{len(repo.pulls) + 1}" if pull else rev
        commit = repo.commit(ref, tree, header.get("summary", ""), user, head.id)
        self.store.save()
        base = f"{self.url}/{'' if t == 'models' else t + '/'}{id}"
        answer = {"success": True, "commitUrl": f"{base}/commit/{commit.id}", "commitOid": commit.id}
        if pull:
            answer["pullRequestUrl"] = f"{base}/discussions/{len(repo.pulls)}"
        return JSONResponse(answer)
