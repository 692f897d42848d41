"""What goes wrong with the Hub, as sentences that say what came, what was expected and what to do."""

import errno

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalTokenNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)


class PublishError(ValueError):
    """A folder cannot be published, or the Hub did not take it; the message says what to do."""


def explain(error: Exception, what: str, repo_id: str) -> str:
    """Say what an error of the Hub's clients means.

    Args:
        error: What was raised.
        what: What was being done, such as "The upload to user/name".
        repo_id: The repository that was asked for.

    Returns:
        One or two sentences; the last one says what to do.
    """
    if isinstance(error, LocalTokenNotFoundError):
        return f"{what} needs a token, and there is none. Log in with `hf auth login`, or set HF_TOKEN."
    if isinstance(error, GatedRepoError):
        return (
            f"{what} failed: '{repo_id}' is gated, and this account has no access to it. Ask for access at "
            f"{constants.ENDPOINT}/{repo_id}, then log in with `hf auth login` or set HF_TOKEN."
        )
    if isinstance(error, RevisionNotFoundError):
        return f"{what} failed: '{repo_id}' has no such revision. Give a branch, a tag or a commit that it has."
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"{what} failed: there is no '{repo_id}', or it is private and this token may not see it. Check the id "
            "and the token."
        )
    if isinstance(error, HfHubHTTPError):
        return f"{what} failed: {_explain_status(error)}"
    if isinstance(error, (httpx2.TransportError, ConnectionError)):
        return (
            f"{what} failed: the Hub ({constants.ENDPOINT}) cannot be reached, or it cut the connection "
            f"({type(error).__name__}). Run the same command again when it answers."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{what} failed: the disk is full ({error.filename or constants.HF_HOME}). Make room, or point HF_HOME "
            "at another disk, and run the same command again."
        )
    return f"{what} failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _explain_status(error: HfHubHTTPError) -> str:
    """A status of the Hub, for which the clients have no error of its own."""
    status, said = error.response.status_code, error.server_message or ""
    said = f" ({' '.join(said.split())[:200]})" if said else ""
    if status == 401:
        return "the Hub does not know the token. Log in again with `hf auth login`, or set HF_TOKEN to a valid one."
    if status == 403:
        return f"the token may not do this{said}. Use a token with write access to the repository's namespace."
    if status == 409:
        return f"it exists already, with something else in it{said}. Choose another name."
    if status == 412:
        return "somebody else committed to the repository meanwhile. Run the same command again to publish on top."
    if status == 429:
        wait = error.response.headers.get("Retry-After")
        wait = f"in {wait} seconds" if wait else "in a few minutes"
        return f"the Hub asks for a pause (429, too many requests). Run the same command again {wait}."
    if status >= 500:
        return f"the Hub has a fault of its own ({status}). Run the same command again later."
    return f"the Hub answered {status}{said}. Check the repository's id and its settings."


__all__ = ["PublishError", "explain"]
