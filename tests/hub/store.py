"""What the test Hub keeps: file contents by their hash, and repositories with commits, branches, tags and readers."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

LFS_SUFFIXES = (".safetensors", ".bin", ".arrow", ".parquet", ".pt", ".pkl", ".model", ".zip", ".gz")
REGULAR_LIMIT = 10 * 1024 * 1024
ATTRIBUTES = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LFS_SUFFIXES).encode()


def now() -> str:
    """The time as the Hub writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def git_sha1(content: bytes) -> str:
    """Id of a file in git."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def needs_lfs(path: str, size: int, sample: bytes) -> bool:
    """Whether the Hub takes a file through LFS: by its suffix, its size, or because it is binary."""
    return path.endswith(LFS_SUFFIXES) or size > REGULAR_LIMIT or b"\0" in sample


@dataclass
class Entry:
    """A file in a commit: `sha256` finds its content, `oid` is git's id for it."""

    oid: str
    sha256: str
    size: int
    lfs: bool


@dataclass
class Commit:
    """A commit and its whole tree, path to entry."""

    id: str
    parent: str | None
    message: str
    date: str
    user: str
    tree: dict[str, Entry]


@dataclass
class Repo:
    """A model, data set or Space with its history and settings."""

    type: str
    id: str
    private: bool = False
    gated: bool = False
    created: str = field(default_factory=now)
    readers: list[str] = field(default_factory=list)  # users that a gated repo was opened to
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    sdk: str | None = None
    secrets: dict[str, dict] = field(default_factory=dict)
    variables: dict[str, dict] = field(default_factory=dict)

    def find(self, revision: str) -> Commit | None:
        """The commit behind a branch, a tag, a pull request (`refs/pr/1`) or a commit id of at least 7 digits."""
        named = {**self.pulls, **self.tags, **self.branches}.get(revision)
        if named is None and re.fullmatch(r"[0-9a-f]{7,40}", revision):
            named = next((sha for sha in self.commits if sha.startswith(revision)), None)
        return self.commits.get(named or "")

    def commit(self, ref: str, tree: dict[str, Entry], message: str, user: str, parent: str | None) -> Commit:
        """Add a commit and move a branch or pull request to it."""
        described = json.dumps([parent, message, user, now(), {path: entry.oid for path, entry in tree.items()}])
        commit = Commit(
            hashlib.sha1(described.encode()).hexdigest(), parent, message, now(), user, dict(sorted(tree.items()))
        )
        self.commits[commit.id] = commit
        (self.pulls if ref.startswith("refs/pr/") else self.branches)[ref] = commit.id
        return commit


class Store:
    """Contents and repositories in a folder; a server started again on the same folder finds everything.

    Args:
        root: Made if missing: `objects/<sha256>` and `repos.json`.
    """

    def __init__(self, root: Path):
        self.objects = root / "objects"
        self.objects.mkdir(parents=True, exist_ok=True)
        self.index = root / "repos.json"
        self.repos: dict[tuple[str, str], Repo] = {}
        if self.index.exists():
            for data in json.loads(self.index.read_text()):
                commits = data.pop("commits")
                repo = Repo(**data)
                for commit in commits.values():
                    tree = {path: Entry(**entry) for path, entry in commit.pop("tree").items()}
                    repo.commits[commit["id"]] = Commit(**commit, tree=tree)
                self.repos[repo.type, repo.id] = repo

    def save(self) -> None:
        """Write the repositories down; contents are on disk already."""
        draft = self.index.with_suffix(".tmp")
        draft.write_text(json.dumps([asdict(repo) for repo in self.repos.values()]))
        draft.replace(self.index)

    def put(self, content: bytes) -> str:
        """Keep a content; its sha256."""
        sha256 = hashlib.sha256(content).hexdigest()
        if not (self.objects / sha256).exists():
            draft = self.objects / f"{sha256}.tmp"
            draft.write_bytes(content)
            draft.replace(self.objects / sha256)
        return sha256

    def has(self, sha256: str) -> bool:
        """Whether a content is here."""
        return re.fullmatch(r"[0-9a-f]{64}", sha256) is not None and (self.objects / sha256).exists()

    def entry(self, path: str, content: bytes) -> Entry:
        """Keep a file's content and describe it."""
        lfs = needs_lfs(path, len(content), content[:512])
        return Entry(git_sha1(content), self.put(content), len(content), lfs)

    def create(self, type: str, id: str, user: str, **settings: object) -> Repo:
        """A new repository with the first commit that the Hub makes itself."""
        repo = Repo(type, id, **settings)  # type: ignore[arg-type]
        repo.commit("main", {".gitattributes": self.entry(".gitattributes", ATTRIBUTES)}, "initial commit", user, None)
        self.repos[type, id] = repo
        self.save()
        return repo

    def seed(
        self, type: str, id: str, files: dict[str, bytes] | Path, ref: str = "main", **settings: object
    ) -> tuple[Repo, Commit]:
        """A repository with files in it, without a client: what is there before a test begins.

        Args:
            type: `models`, `datasets` or `spaces`.
            id: `namespace/name`.
            files: Path in the repository to content, or a folder.
            ref: Branch to put them on (`refs/convert/parquet` is one).
            **settings: `private`, `gated`, `readers`.

        Returns:
            The repository and the commit.
        """
        repo = self.repos.get((type, id)) or self.create(type, id, "seed", **settings)
        if isinstance(files, Path):
            files = {str(f.relative_to(files)): f.read_bytes() for f in sorted(files.rglob("*")) if f.is_file()}
        head = repo.find(ref) or repo.find("main")
        assert head is not None
        # What the Hub converts has a history and a tree of its own.
        tree = ({} if ref.startswith("refs/convert/") else head.tree) | {
            path: self.entry(path, content) for path, content in files.items()
        }
        commit = repo.commit(ref, tree, "seed", "seed", head.id)
        self.save()
        return repo, commit
