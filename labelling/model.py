"""Which model labels: its files' digest or its commit, and the names of its labels, without loading it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import constants, hf_hub_download, resolve_revision
from huggingface_hub.errors import HFValidationError, RevisionResolutionError

from fusion_model.backbones import check_backbones
from fusion_model.hub import hub_is_reachable

# What a score depends on in a model folder; its code is not run, label.py has the same.
WEIGHTS_AND_WORDS = (".safetensors", ".json", ".txt", ".model")


@dataclass(frozen=True)
class ModelFacts:
    """A model that is the same wherever it is loaded.

    Args:
        name: Full path of its folder, or its Hub id.
        revision: Commit on the Hub; None for a folder.
        digest: sha256 of a folder's files; None for a Hub id, whose commit says it all.
        labels: Label names in the order of the scores.
        widths: Number of features of each backbone.
        text_columns: The two columns that a model of pairs was trained on.
    """

    name: str
    revision: str | None
    digest: str | None
    labels: list[str]
    widths: dict[str, int]
    text_columns: list[str] | None = None

    def describe(self) -> dict[str, Any]:
        """What a later run must find unchanged; where a folder lies does not matter."""
        return {
            "name": Path(self.name).name if self.digest else self.name,
            "commit": self.revision,
            "sha256": self.digest,
            "labels": self.labels,
        }


def find_model(source: str) -> ModelFacts:
    """Describe a trained model.

    Args:
        source: Folder or Hub id, with `@revision` for a branch, tag or commit of a Hub id.

    Raises:
        ValueError: it is no model of this kind; the message says what was expected.
        OSError: the Hub has no such model, or cannot be reached.
    """
    folder = Path(source)
    if folder.is_dir():
        if not (folder / "model.safetensors").is_file() or not (folder / "config.json").is_file():
            raise ValueError(f"'{source}' is no model folder as train.py writes it: no config.json or no weights.")
        config = _read_config(folder / "config.json", source)
        return ModelFacts(str(folder.resolve()), None, _digest(folder, config), *_read_facts(config))
    repo, _, revision = source.partition("@")
    try:
        offline = not hub_is_reachable()
        commit = resolve_revision(repo, revision=revision or None, local_files_only=offline).resolved
        file = hf_hub_download(repo, "config.json", revision=commit, local_files_only=offline)
    except HFValidationError:
        raise ValueError(f"There is no folder '{source}', and it is no Hub id such as user/model either.") from None
    except RevisionResolutionError:
        raise OSError(
            f"There is no folder '{source}', the Hub ({constants.ENDPOINT}) has no such model or cannot be reached; "
            f"'{repo}' was not downloaded before. Give a folder, or try again when the Hub answers."
        ) from None
    except OSError as error:
        if error.errno is None:  # an answer of the Hub
            raise
        raise OSError(
            f"'{repo}' cannot be downloaded to '{constants.HF_HUB_CACHE}' ({error.strerror}). Set HF_HOME to a folder "
            "that this account may write in."
        ) from None
    config = _read_config(Path(file), source)
    return ModelFacts(repo, commit, None, *_read_facts(config))


def _read_config(file: Path, source: str) -> dict[str, Any]:
    """config.json of a model of this kind."""
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        kind = config["model_type"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"'config.json' of '{source}' cannot be read ({error!r:.100}).") from None
    if kind != "fusion":
        raise ValueError(f"'{source}' is a model of the type '{kind}': expected one that train.py made ('fusion').")
    return config


def _read_facts(config: dict[str, Any]) -> tuple[list[str], dict[str, int], list[str] | None]:
    """Label names in order, each backbone's number of features, and the columns of pairs."""
    labels = [name for _, name in sorted((int(number), name) for number, name in config["id2label"].items())]
    backbones = check_backbones(config["backbones"])
    return labels, {backbone.name: backbone.width for backbone in backbones}, config.get("text_columns")


def _digest(folder: Path, config: dict[str, Any]) -> str:
    """sha256 of the configuration, the weights, and the backbones that are folders of this machine."""
    digest = hashlib.sha256()
    local = [Path(one["model_id"]) for one in config["backbones"] if Path(one["model_id"]).is_dir()]
    files = [folder / "config.json", folder / "model.safetensors"]
    files += [Path(one["model_id"]) for one in config["backbones"] if Path(one["model_id"]).is_file()]
    for place in (folder / "backbones", *local):
        files += sorted(file for file in place.rglob("*") if file.suffix in WEIGHTS_AND_WORDS and file.is_file())
    for file in files:
        with file.open("rb") as stream:
            digest.update(file.name.encode() + hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
