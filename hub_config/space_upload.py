"""Puts the demo on the Hub as a Space that shows a published model."""

import tempfile
from pathlib import Path

from huggingface_hub import HfApi, constants
from rich.console import Console

from .remote import State, Target, compare, sentences, upload
from .space.build import build_space


def publish_space(
    api: HfApi, target: Target, state: State, model_id: str, model_folder: Path, console: Console, shown: str
) -> None:
    """Build the Space's files, send them in one commit, and tell the Space which model to show.

    Args:
        api: Client with the token.
        target: Of kind `space`.
        state: From `look` at the target.
        model_id: The published model.
        model_folder: The model as trained.
        console: Where the outcome is printed.
        shown: The model's id, with `@branch` where it is not on `main`.

    Raises:
        PublishError: the Hub refused or cannot be reached; the Space is as it was.
    """
    with tempfile.TemporaryDirectory() as work:
        folder = build_space(Path(work), model_id, model_folder)
        contents: dict[str, Path | bytes] = {
            file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()
        }
        upload(api, target, state, compare(contents, state), [], f"Show {model_id}")
    with sentences(f"Setting up the Space '{state.repo_id}'", state.repo_id):
        api.add_space_variable(state.repo_id, "MODEL_ID", shown, description="The model that this Space shows.")
        api.add_space_variable(
            state.repo_id, "GRADIO_MCP_SERVER", "True", description="Serve its endpoints as tools (MCP)."
        )
    console.print(f"{constants.ENDPOINT}/spaces/{state.repo_id}", style="bold")
    if target.private:
        console.print(
            f"The model is private: give the Space a secret HF_TOKEN with read access to '{model_id}' in its settings."
        )


__all__ = ["publish_space"]
