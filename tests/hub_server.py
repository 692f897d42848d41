"""A small Hugging Face Hub for tests: accounts, repositories, uploads, downloads, and faults on request.

Only what this project's flows ask of a Hub, spoken as the real one speaks it, so that unmodified clients work with
`HF_ENDPOINT` set to it (and `HF_HUB_DISABLE_XET=1`). Large files live on an origin of their own (`localhost` beside
`127.0.0.1`), which refuses a request that carries a token: tokens are for the Hub alone.

By hand: `python tests/hub_server.py --root FOLDER --port 8765`.
"""

import argparse
import base64
import binascii
import json
import re
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote

import uvicorn
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

sys.path.insert(0, str(Path(__file__).parent))

from hub.rules import card_errors, front_matter
from hub.store import Commit, Repo, Store, needs_lfs, now

# Token -> (user, role); user -> organisations.
TOKENS = {"alice-write": ("alice", "write"), "alice-read": ("alice", "read"), "bob-write": ("bob", "write")}
ORGANISATIONS: dict[str, list[str]] = {"alice": ["lab"], "bob": []}
KINDS = {"model": "models", "dataset": "datasets", "space": "spaces"}
ROUTES: list[tuple[str, re.Pattern, str]] = []


class RefusalError(Exception):
    """An answer that is an error, in the Hub's form."""

    def __init__(self, status: int, message: str, code: str = "", **headers: str):
        super().__init__(message)
        self.status, self.message = status, message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if code:
            self.headers |= {"X-Error-Code": code, "X-Error-Message": message}


@dataclass
class Fault:
    """Something that goes wrong `times` times, after `skip` matching requests went well.

    Args:
        method: HTTP method.
        path: Regular expression for the path.
        status: Answer with this status, or None to cut the connection without an answer.
        headers: Of that answer, such as Retry-After.
        done: Do what was asked first, and only then fail: the answer is lost.
        stop: Shut the whole server down.
    """

    method: str
    path: str
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    skip: int = 0
    done: bool = False
    stop: bool = False


def route(method: str, pattern: str):
    """Register a method of `Hub` for a pattern of the raw path; `{t}` is the kind, `{id}` the repository."""
    known = {"{t}": r"(?P<t>models|datasets|spaces)", "{id}": r"(?P<id>[^/]+/[^/]+)", "{rev}": r"(?P<rev>[^/]+)"}
    for name, expression in known.items():
        pattern = pattern.replace(name, expression)

    def register(handler):
        ROUTES.append((method, re.compile(pattern), handler.__name__))
        return handler

    return register


class Hub:
    """The application (ASGI).

    Args:
        store: Where everything is kept.

    Attributes:
        url: Address of the Hub; `storage` that of the large files. Set by `HubServer`.
        log: `(method, path, status)` of each request, in order.
        leaks: Requests that brought a token to the storage.
        faults: What is to go wrong; used up from the front.
    """

    def __init__(self, store: Store):
        self.store = store
        self.url = self.storage = ""
        self.log: list[tuple[str, str, int]] = []
        self.leaks: list[str] = []
        self.faults: list[Fault] = []
        self.stop = lambda: None

    async def __call__(self, scope, receive, send):
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        path = scope["raw_path"].decode("ascii").split("?")[0]
        await request.body()
        fault = self._fault(scope["method"], unquote(path))
        try:
            if fault and not fault.done:
                response = PlainTextResponse("injected", fault.status or 500, fault.headers)
            else:
                response = await self._dispatch(request, path)
        except RefusalError as refusal:
            response = JSONResponse({"error": refusal.message}, refusal.status, refusal.headers)
        if fault and fault.done and fault.status:
            response = PlainTextResponse("injected", fault.status, fault.headers)
        self.log.append((scope["method"], unquote(path), response.status_code))
        if fault and fault.stop:
            self.stop()
        if fault and fault.status is None:
            CONNECTIONS[scope["client"]].abort()
            return
        response.headers["X-Request-Id"] = f"test-{len(self.log)}"
        await response(scope, receive, send)

    def _fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method == method and re.search(fault.path, path):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    async def _dispatch(self, request: Request, path: str) -> Response:
        if request.headers["host"].startswith("localhost"):
            return await self._stored(request, path)
        method = "GET" if request.method == "HEAD" else request.method
        for wanted, pattern, name in ROUTES:
            if wanted == method and (match := pattern.fullmatch(path)):
                return await getattr(self, name)(request, **{k: unquote(v) for k, v in match.groupdict().items() if v})
        raise RefusalError(404, f"This Hub does not serve {request.method} {path}")

    async def _stored(self, request: Request, path: str) -> Response:
        """The storage origin: contents by hash, down and up."""
        if "authorization" in request.headers:
            self.leaks.append(f"{request.method} {path}")
            raise RefusalError(400, "A token was sent to the storage")
        sha256 = path.rpartition("/")[2]
        if request.method == "PUT":
            if self.store.put(await request.body()) != sha256:
                raise RefusalError(400, "The content is not what was announced")
            return Response()
        if not self.store.has(sha256):
            raise RefusalError(404, "No such object")
        return FileResponse(self.store.objects / sha256, headers={"ETag": f'"{sha256}"'})

    # Who asks, and what they may.

    def _user(self, request: Request) -> tuple[str, str] | None:
        header = request.headers.get("authorization", "")
        if not header:
            return None
        if (token := header.removeprefix("Bearer ")) not in TOKENS:
            raise RefusalError(401, "Invalid credentials in Authorization header")
        return TOKENS[token]

    def _writer(self, request: Request, namespace: str | None) -> str:
        """The user, if allowed to write to a namespace (None: to open a pull request anywhere)."""
        account = self._user(request)
        if account is None:
            raise RefusalError(401, "Invalid username or password.")
        user, role = account
        if role != "write":
            raise RefusalError(403, "Forbidden: you must use a write token to write to a repository.")
        if namespace is not None and namespace not in (user, *ORGANISATIONS[user]):
            raise RefusalError(403, f"Forbidden: you don't have the rights to write to the namespace {namespace}.")
        return user

    def _repo(self, request: Request, t: str, id: str, content: bool = False) -> Repo:
        """A repository that the asker may see; with `content`, also read."""
        account = self._user(request)
        user = account[0] if account else ""
        repo = self.store.repos.get((t, id))
        owns = user and id.split("/")[0] in (user, *ORGANISATIONS[user])
        if repo is None or (repo.private and not owns):
            raise RefusalError(404 if account else 401, "Repository not found", "RepoNotFound")
        if content and repo.gated and not owns and user not in repo.readers:
            raise RefusalError(
                403 if account else 401,
                f"Access to {id} is restricted. You must have access to it and be authenticated to access it.",
                "GatedRepo",
            )
        return repo

    def _commit_of(self, repo: Repo, rev: str) -> Commit:
        if (commit := repo.find(rev)) is None:
            raise RefusalError(404, f"Invalid rev id: {rev}", "RevisionNotFound")
        return commit

    # Accounts and repositories.

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
        if t == "spaces":
            described |= {"sdk": repo.sdk, "runtime": self._runtime()}
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

    # Upload.

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

    # Download.

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

    # Spaces.

    def _runtime(self) -> dict:
        return {
            "stage": "RUNNING",
            "hardware": {"current": "cpu-basic", "requested": "cpu-basic"},
            "storage": None,
            "gcTimeout": 172800,
        }

    @route("GET", "/api/spaces/(?P<id>[^/]+/[^/]+)/runtime")
    async def runtime(self, request: Request, id: str) -> Response:
        self._repo(request, "spaces", id)
        return JSONResponse(self._runtime())

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


# Transports of the open connections by the client's address, so that one can be cut.
CONNECTIONS: dict = {}


class _Protocol(H11Protocol):
    def connection_made(self, transport):
        super().connection_made(transport)
        CONNECTIONS[transport.get_extra_info("peername")[:2]] = transport


class HubServer:
    """Runs a Hub on a loopback port in a thread; it can be stopped and started again on the same port.

    Args:
        root: Folder of the store.
        port: 0 for a free one.
    """

    def __init__(self, root: Path, port: int = 0):
        self.app = Hub(Store(root))
        self.app.stop = self.signal_stop
        self.port = port

    def start(self) -> "HubServer":
        """Serve; returns when connections are accepted."""
        config = uvicorn.Config(
            self.app,
            "127.0.0.1",
            self.port,
            http=_Protocol,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            if not self.thread.is_alive():
                raise RuntimeError(f"The test Hub did not start on port {self.port}.")
            time.sleep(0.01)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        self.app.url, self.app.storage = f"http://127.0.0.1:{self.port}", f"http://localhost:{self.port}"
        return self

    def signal_stop(self) -> None:
        """Accept nothing more, from within a request."""
        for listener in self.server.servers:
            listener.close()
        self.server.should_exit = True

    def stop(self) -> None:
        """Shut down and wait until the port is closed."""
        self.server.should_exit = True
        self.thread.join(timeout=10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serves a small Hugging Face Hub on loopback until interrupted.")
    parser.add_argument("--root", type=Path, required=True, help="Folder that keeps the repositories.")
    parser.add_argument("--port", type=int, default=0, help="Port; a free one if left out.")
    options = parser.parse_args()
    running = HubServer(options.root, options.port).start()
    sys.stdout.write(f"HF_ENDPOINT={running.app.url}  tokens: {', '.join(TOKENS)}\n")
    sys.stdout.flush()
    try:
        running.thread.join()
    except KeyboardInterrupt:
        running.stop()
