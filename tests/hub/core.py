"""The test Hub's core: who asks and what they may, faults on request, the way from a path to its handler."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from .store import Commit, Repo, Store

# Token -> (user, role); user -> organisations.
TOKENS = {"alice-write": ("alice", "write"), "alice-read": ("alice", "read"), "bob-write": ("bob", "write")}
ORGANISATIONS: dict[str, list[str]] = {"alice": ["lab"], "bob": []}
# Method, pattern of the path, name of the handler.
ROUTES: list[tuple[str, re.Pattern, str]] = []

# Of every Space here; nothing is really started.
RUNTIME = {
    "stage": "RUNNING",
    "hardware": {"current": "cpu-basic", "requested": "cpu-basic"},
    "storage": None,
    "gcTimeout": 172800,
}


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


# Transports of the open connections by the client's address, so that one can be cut.
CONNECTIONS: dict = {}


class HubCore:
    """An ASGI application that serves what its subclasses register with `route`.

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
