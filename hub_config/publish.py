"""Publishes a model folder: checks it, uploads it in one commit, loads it back from the Hub, and only then tags it.

python -m hub_config.publish outputs/minilm-go_emotions --repo_id user/emotions --tag v1
python -m hub_config.publish outputs/minilm-go_emotions --repo_id user/emotions --space_id user/demo --dry_run
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from huggingface_hub import HfApi, constants, get_token
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from transformers import TrainingArguments

from common.command import buffer_lines, program
from fusion_model.hub import hub_is_reachable

from .checks import check_card, check_files, files_of
from .clean_load import TEXTS
from .errors import PublishError
from .eval_results import eval_results_files
from .remote import Change, State, Target, compare, look, sentences, stale, upload
from .space_upload import publish_space

HERE = Path(__file__).parent
# The same weights on the same machine: what differs by more was damaged on its way.
TOLERANCE = 1e-5
# Of a load in a process of its own, backbones' downloads included.
LOAD_TIMEOUT = 3600


def publish(
    folder: Path,
    target: Target,
    *,
    space_id: str | None = None,
    dry_run: bool = False,
    token: str | None = None,
    console: Console | None = None,
) -> str | None:
    """Check a model folder, upload it, load it back and compare its scores, tag it.

    Args:
        folder: As train.py writes it.
        target: Where it goes.
        space_id: Also publish the demo there, showing this model.
        dry_run: Stop before the first byte goes out.
        token: In place of the one that is logged in.
        console: Where the plan and the outcome are printed.

    Returns:
        The commit; None after a dry run.

    Raises:
        PublishError: the folder is not fit, the Hub refused, or what came back differs; the message says what to do.
    """
    console = console or Console()
    if target.tag and target.create_pr:
        raise PublishError("--tag and --create_pr exclude each other: a pull request is tagged when it is merged.")
    if space_id and target.create_pr:
        raise PublishError(
            "--space_id and --create_pr exclude each other: what the Space is to show is not there until it is merged."
        )
    api = HfApi(token=token, library_name="fusion-emotions")
    files = files_of(folder)
    check_files(folder, files)
    online = not dry_run or (hub_is_reachable() and bool(token or get_token()))
    state = look(api, target) if online else State(target.repo_id)
    space = Target(space_id, private=target.private, kind="space") if space_id else None
    space_state = look(api, space) if space and online else None
    if not dry_run:  # the Hub's own check of the card is sent the card
        with sentences("The check of the card", state.repo_id):
            check_card(folder / "README.md").validate()
    with console.status("loading the folder in a process of its own"):
        before = load_scores(str(folder.resolve()))
    contents = repository_files(folder, files, state.repo_id, before)
    changes, deleted = compare(contents, state), stale(contents, state)
    show_plan(console, target, state, changes, deleted, space_id)
    changed = bool(deleted) or any(change.action != "same" for change in changes)
    if target.tag in state.tags and (changed or state.tags[target.tag] != state.head):
        raise PublishError(
            f"'{state.repo_id}' has the tag '{target.tag}' already, at commit {state.tags[target.tag][:7]}, with other "
            "files. A tag stays where it is: choose another."
        )
    if dry_run:
        console.print("This was a dry run: nothing was sent.")
        return None

    commit = upload(api, target, state, changes, deleted, f"Publish {folder.resolve().name}")
    console.print(f"commit {commit} {'pushed' if changed else 'is there already: nothing to send'}")
    check_published(state.repo_id, commit, before, token, console)
    if target.tag and target.tag not in state.tags:
        with sentences(f"Tagging commit {commit[:7]} of '{state.repo_id}'", state.repo_id):
            api.create_tag(state.repo_id, tag=target.tag, revision=commit)
    if space and space_state:
        shown = f"{state.repo_id}@{target.revision}" if target.revision else state.repo_id
        publish_space(api, space, space_state, state.repo_id, folder, console, shown)
    console.print(f"{constants.ENDPOINT}/{state.repo_id}", style="bold")
    return commit


def prepare(options: TrainingArguments) -> Target:
    """Where train.py is to publish, once the Hub has said that it may.

    Args:
        options: `hub_model_id` (the output folder's name if left out), `hub_private_repo`, `hub_revision`, `hub_token`.

    Returns:
        The target.

    Raises:
        PublishError: see `look`.
    """
    target = Target(
        options.hub_model_id or Path(options.output_dir or "model").resolve().name,
        private=bool(options.hub_private_repo),
        revision=options.hub_revision,
    )
    look(HfApi(token=options.hub_token), target)
    return target


def repository_files(
    folder: Path, files: list[Path], repo_id: str, scores: list[dict[str, float]]
) -> dict[str, Path | bytes]:
    """What the repository is to hold: the folder, the card naming the repository, its figures as the Hub reads them,
    and what an endpoint needs.

    Args:
        folder: The model folder.
        files: Its files.
        repo_id: Named in the card's example in place of the folder.
        scores: What the model says of `clean_load.TEXTS`: the card's examples.

    Returns:
        Path in the repository -> file or bytes.
    """
    contents: dict[str, Path | bytes] = {file.relative_to(folder).as_posix(): file for file in files}
    card = check_card(folder / "README.md")
    name = card.data.to_dict()["model-index"][0]["name"]
    card.text = card.text.replace(f'"{name}"', f'"{repo_id}"')
    card.data["widget"] = [
        {
            "text": text,
            "output": [{"label": label, "score": round(score, 4)} for label, score in list(ranked.items())[:3]],
        }
        for text, ranked in list(zip(TEXTS, scores, strict=True))[:3]
    ]
    contents["README.md"] = str(card).encode("utf-8")
    contents |= eval_results_files(card, folder / "metrics.json", repo_id)
    contents["handler.py"] = HERE / "handler.py"
    versions = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["versions"]
    contents["requirements.txt"] = f"transformers=={versions['transformers']}\n".encode()
    return contents


def load_scores(model_id: str, revision: str | None = None, token: str | None = None) -> list[dict[str, float]]:
    """Load a model in a process that knows nothing of this project, and have it score some texts.

    Args:
        model_id: A folder or Hub id. From the Hub, the model's own files are downloaded afresh.
        revision: Of the Hub id.
        token: In place of the one that is logged in.

    Returns:
        For each text label -> probability.

    Raises:
        PublishError: the model does not load or does not predict.
    """
    environment = {**os.environ, **({"HF_TOKEN": token} if token else {})}
    with tempfile.TemporaryDirectory() as fresh:
        command = [sys.executable, "-I", str(HERE / "clean_load.py"), model_id]
        try:
            done = subprocess.run(
                [*command, revision, fresh] if revision else command,
                cwd=fresh,
                env=environment,
                capture_output=True,
                text=True,
                timeout=LOAD_TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            raise PublishError(f"'{model_id}' did not load within {LOAD_TIMEOUT} seconds.") from None
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise PublishError(f"'{model_id}' does not load or predict in a fresh process: {reason[:600]}")
    return json.loads(done.stdout.strip().splitlines()[-1])["scores"]


def check_published(repo_id: str, commit: str, before: list[dict[str, float]], token: str | None, console: Console):
    """Load what was published, at its commit, and hold its scores against the folder's.

    Raises:
        PublishError: it does not load, or scores differ.
    """
    pushed = f"Commit {commit} of '{repo_id}' was pushed"
    hub_is_reachable.cache_clear()  # it was, before the push
    if not hub_is_reachable():
        raise PublishError(
            f"{pushed}, but the Hub ({constants.ENDPOINT}) cannot be reached any more, so that it was neither loaded "
            "back nor tagged. Run the same command again: it goes on from there."
        )
    with console.status(f"loading {repo_id} from the Hub at {commit[:7]}"):
        try:
            after = load_scores(repo_id, commit, token)
        except PublishError as error:
            raise PublishError(f"{pushed}, but was not tagged: {error} Run the same command again.") from None
    gap = largest_difference(before, after)
    if gap > TOLERANCE:
        raise PublishError(
            f"{pushed}, but was not tagged: loaded back, its scores differ from the folder's by up to {gap:.2g}. Do "
            "not use this commit; run the same command again, and report it if it stays so."
        )
    console.print(f"loaded back from the Hub: scores equal to {max(gap, 1e-12):.0e}")


def largest_difference(before: list[dict[str, float]], after: list[dict[str, float]]) -> float:
    """Largest difference of two lists of scores; infinite where the labels differ."""
    if [set(scores) for scores in before] != [set(scores) for scores in after]:
        return float("inf")
    return max(abs(old[label] - new[label]) for old, new in zip(before, after, strict=True) for label in old)


def show_plan(
    console: Console, target: Target, state: State, changes: list[Change], deleted: list[str], space_id: str | None
) -> None:
    """Print what goes where."""
    kind = "a pull request to " if target.create_pr else ""
    known = "" if state.exists else f" ({'private, ' if target.private else ''}new)"
    table = Table(title=escape(f"{kind}{state.repo_id}{known}, branch {target.branch}"), title_justify="left")
    table.add_column("file")
    table.add_column("bytes", justify="right")
    table.add_column("becomes")
    for change in changes:
        table.add_row(escape(change.path), f"{change.size:,}", change.action)
    for path in deleted:
        table.add_row(escape(path), "", "deleted")
    console.print(table)
    if target.tag:
        console.print(f"tag: {target.tag}", markup=False)
    if space_id:
        console.print(f"Space: {space_id}, showing {state.repo_id}")


def main(argv: list[str] | None = None) -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog=program("python -m hub_config.publish"), description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="Model folder as train.py writes it.")
    parser.add_argument("--repo_id", required=True, help="user/name, or a name in your own namespace.")
    parser.add_argument("--space_id", help="Also publish the demo as this Space, showing the model.")
    parser.add_argument("--private", action="store_true", help="Make a new repository private.")
    parser.add_argument("--revision", help="Branch to commit to, made if missing (main if left out).")
    parser.add_argument("--tag", help="Tag for the commit, such as v1, set once it has loaded back.")
    parser.add_argument("--create_pr", action="store_true", help="Open a pull request in place of committing.")
    parser.add_argument("--dry_run", action="store_true", help="Check the folder and print the plan; send nothing.")
    options = parser.parse_args(argv)
    buffer_lines()
    target = Target(options.repo_id, options.private, options.revision, options.tag, options.create_pr)
    try:
        publish(options.folder, target, space_id=options.space_id, dry_run=options.dry_run)
    except PublishError as error:
        Console(stderr=True).print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
