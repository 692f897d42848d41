"""What is on the Hub already, who may write there, and what an upload would change."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import validate_repo_id
from huggingface_hub.utils.sha import git_hash, sha_fileobj

from fusion_model.hub import hub_is_reachable

from .errors import PublishError, explain

# What an earlier upload may have left behind and this one does not replace; nothing else is ever deleted.
OURS = ("backbones/", "figures/")


@contextmanager
def sentences(what: str, repo_id: str) -> Iterator[None]:
    """Turn what the Hub's clients raise into one sentence.

    Raises:
        PublishError: in place of an error of the Hub, the network or the disk.
    """
    try:
        yield
    except PublishError:
        raise
    except (HfHubHTTPError, httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
        cause = error.__cause__ if isinstance(error, RuntimeError) and isinstance(error.__cause__, Exception) else error
        raise PublishError(explain(cause, what, repo_id)) from error


@dataclass
class Target:
    """Where a folder goes.

    Args:
        repo_id: `namespace/name`, or a name in the token's own namespace.
        private: Make a new repository private.
        revision: Branch to commit to, made if missing; `main` if left out.
        tag: Name for the commit, once it is known to load.
        create_pr: Open a pull request in place of committing.
        kind: `model`, `dataset` or `space`.
    """

    repo_id: str
    private: bool = False
    revision: str | None = None
    tag: str | None = None
    create_pr: bool = False
    kind: str = "model"

    @property
    def branch(self) -> str:
        """The branch that is committed to."""
        return self.revision or "main"


@dataclass
class State:
    """What the Hub says about a target.

    Args:
        repo_id: With its namespace.
        exists: Whether the repository is there.
        head: Commit that the branch is at, None where there is no such branch yet.
        files: Files at that commit, by path.
        tags: Commit of each tag.
    """

    repo_id: str
    exists: bool = False
    head: str | None = None
    files: dict[str, RepoFile] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


def look(api: HfApi, target: Target) -> State:
    """Ask the Hub whether a target can be written to, before anything is sent.

    Raises:
        PublishError: nobody answers, the token is missing, may only read or has no right to the namespace, the
            repository is public though a private one was asked for, or the revision is no branch.
    """
    if constants.HF_HUB_OFFLINE:
        raise PublishError("HF_HUB_OFFLINE is set, so that nothing can be published. Unset it, or use --dry_run.")
    if not hub_is_reachable():
        raise PublishError(
            f"The Hub ({constants.ENDPOINT}) cannot be reached, and nothing was published. Check the connection and "
            "run the same command again, or use --dry_run to check the folder alone."
        )
    with sentences(f"Publishing to '{target.repo_id}'", target.repo_id):
        account = api.whoami()
        repo_id = target.repo_id if "/" in target.repo_id else f"{account['name']}/{target.repo_id}"
        validate_repo_id(repo_id)
        if account["auth"]["accessToken"].get("role") == "read":
            raise PublishError(
                f"The token of '{account['name']}' may only read, and publishing to '{repo_id}' needs a token that may "
                f"write. Make one at {constants.ENDPOINT}/settings/tokens and set HF_TOKEN to it."
            )
        namespaces = [account["name"], *(organisation["name"] for organisation in account["orgs"])]
        if repo_id.split("/")[0] not in namespaces and not target.create_pr:
            raise PublishError(
                f"'{repo_id}' is not in a namespace of this token's account, which are {namespaces}. Publish to one of "
                "them, or propose the model with --create_pr."
            )
        return _state(api, target, repo_id)


def _state(api: HfApi, target: Target, repo_id: str) -> State:
    """What the repository holds."""
    try:
        info = api.repo_info(repo_id, repo_type=target.kind)
    except RepositoryNotFoundError:
        if target.create_pr:
            raise PublishError(f"There is no '{repo_id}' to open a pull request in. Leave out --create_pr.") from None
        return State(repo_id)
    if target.private and not info.private:
        raise PublishError(
            f"'{repo_id}' exists and is public, though --private was given. Make it private in its settings, leave out "
            "--private, or choose another name."
        )
    refs = api.list_repo_refs(repo_id, repo_type=target.kind)
    state = State(repo_id, exists=True, tags={tag.name: tag.target_commit for tag in refs.tags})
    if target.revision in state.tags:
        raise PublishError(f"--revision {target.revision} is a tag of '{repo_id}': commits go to a branch. Name one.")
    try:
        state.head = api.repo_info(repo_id, repo_type=target.kind, revision=target.branch).sha
    except RevisionNotFoundError:
        if target.create_pr:
            raise PublishError(f"'{repo_id}' has no branch '{target.branch}' to open a pull request against.") from None
        return state
    tree = api.list_repo_tree(repo_id, recursive=True, revision=state.head, repo_type=target.kind)
    state.files = {item.path: item for item in tree if isinstance(item, RepoFile)}
    return state


@dataclass
class Change:
    """One file of an upload: its path in the repository, what it holds, and what becomes of it there."""

    path: str
    content: Path | bytes
    size: int
    action: str  # new, changed, same


def compare(contents: dict[str, Path | bytes], state: State) -> list[Change]:
    """Hold what is to go up against what is there; a large file is only read where its size is the same.

    Args:
        contents: Path in the repository -> file or bytes.
        state: From `look`.

    Returns:
        One change a file, in order.
    """
    changes = []
    for path, content in contents.items():
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        known = state.files.get(path)
        action = "new" if known is None else "same" if _same(content, size, known) else "changed"
        changes.append(Change(path, content, size, action))
    return changes


def _same(content: Path | bytes, size: int, known: RepoFile) -> bool:
    """Whether the Hub has this content under this path."""
    if known.size != size:
        return False
    if known.lfs is None:
        return git_hash(content.read_bytes() if isinstance(content, Path) else content) == known.blob_id
    with content.open("rb") if isinstance(content, Path) else BytesIO(content) as stream:
        return sha_fileobj(stream).hex() == known.lfs.sha256


def stale(contents: dict[str, Path | bytes], state: State) -> list[str]:
    """Files of an earlier upload of ours that this one does not have."""
    return [path for path in state.files if path.startswith(OURS) and path not in contents]


def upload(api: HfApi, target: Target, state: State, changes: list[Change], deleted: list[str], message: str) -> str:
    """Make the repository if need be, and send all changes in one commit.

    Args:
        api: Client with the token.
        target: Where to.
        state: From `look`; the commit is refused if somebody else commits meanwhile.
        changes: From `compare`; what is the same is not sent.
        deleted: Paths to delete in the same commit.
        message: The commit's title.

    Returns:
        The commit; the branch's head if there was nothing to change.

    Raises:
        PublishError: the Hub refused or cannot be reached; nothing of the folder is visible in the repository.
    """
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        CommitOperationAdd(change.path, change.content) for change in changes if change.action != "same"
    ]
    operations += [CommitOperationDelete(path) for path in deleted]
    with sentences(f"The upload to '{state.repo_id}'", state.repo_id):
        if not state.exists:
            api.create_repo(
                state.repo_id,
                repo_type=target.kind,
                private=target.private or None,
                exist_ok=True,
                space_sdk="gradio" if target.kind == "space" else None,
            )
        if state.head is None:
            if target.branch != "main":
                api.create_branch(state.repo_id, branch=target.branch, repo_type=target.kind, exist_ok=True)
            state.head = api.repo_info(state.repo_id, repo_type=target.kind, revision=target.branch).sha
        if not operations:
            return str(state.head)
        done = api.create_commit(
            state.repo_id,
            operations,
            commit_message=message,
            repo_type=target.kind,
            revision=target.branch,
            create_pr=target.create_pr,
            parent_commit=state.head,
        )
    return str(done.oid)


__all__ = ["Change", "State", "Target", "compare", "look", "sentences", "stale", "upload"]
