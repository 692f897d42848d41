"""What must hold for a model folder before the first byte of it goes out."""

import json
import re
import zipfile
from pathlib import Path

from huggingface_hub import ModelCard
from safetensors import SafetensorError, safe_open

from fusion_model import FusionConfig
from fusion_model.backbones import is_gguf
from fusion_model.file_modes import check_readable
from fusion_model.trust import is_hub_backbone

from .errors import PublishError

# Left on this machine without a word: caches, and what training writes beside the model.
LEFT_OUT = {"__pycache__", ".git", ".cache", "checkpoints", "runs", ".ipynb_checkpoints", ".DS_Store"}
NEEDED = ("config.json", "model.safetensors", "README.md", "metrics.json", "modeling_fusion.py")
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5", ".msgpack")
TOKENS = re.compile(
    rb"\b(?:hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{60,}|AKIA[0-9A-Z]{16}"
    rb"|sk-[A-Za-z0-9_-]{32,})|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
ROOTS = "home|Users|root|tmp|var|mnt|media|opt|srv|data|work|workspace|content|scratch|private|Volumes|kaggle"
ABSOLUTE = re.compile(rf"(?<![\w.:/~)\]-])/(?:{ROOTS})/[^\s\"'`<>|)\]]+|\b[A-Za-z]:\\{{1,2}}\w[^\s\"'`<>|)]*")
HERE = Path(__file__).parent
# The code that a model folder may hold: what it was written from, and what publishing adds.
CODE = {file.name: file for file in [*(HERE.parent / "fusion_model").glob("*.py"), HERE / "handler.py"]}
TEXTS = (".json", ".md", ".py", ".txt", ".yaml", ".yml", ".jinja")


def files_of(folder: Path) -> list[Path]:
    """Files that belong to the model, in order.

    Raises:
        PublishError: there is no such folder, or a file that a model needs is missing from it.
    """
    if not folder.is_dir():
        raise PublishError(f"There is no folder '{folder}': expected a model folder as train.py writes it.")
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise PublishError(f"'{folder}' is no complete model folder: {missing} missing. Write it with train.py.")
    parts = {file: set(file.relative_to(folder).parts) for file in sorted(folder.rglob("*")) if file.is_file()}
    return [file for file, names in parts.items() if not names & LEFT_OUT]


def check_files(folder: Path, files: list[Path]) -> None:
    """Refuse what must not be published: pickles, tokens, hidden files, paths of this machine, broken files.

    Raises:
        PublishError: names the first file that is not fit, and what is wrong with it.
        PermissionError: a file may not be read.
    """
    check_readable(*files)
    for file in files:
        name = str(file.relative_to(folder))
        if any(part.startswith(".") for part in file.relative_to(folder).parts):
            raise PublishError(f"'{name}' is a hidden file, which a model does not need. Move it out of '{folder}'.")
        if not file.resolve().is_relative_to(folder.resolve()):
            raise PublishError(f"'{name}' is a link to a file outside of '{folder}'. Put the file itself there.")
        if file.suffix.lower() in PICKLES or _is_pickle(file):
            raise PublishError(
                f"'{name}' is a pickle, or can be one: loading it would run whatever is in it. Weights are published "
                f"as safetensors only; move the file out of '{folder}'."
            )
        if file.suffix == ".py":
            check_code(file, name)
        content = file.read_bytes() if file.stat().st_size < 50_000_000 else b""
        if TOKENS.search(content):
            raise PublishError(f"'{name}' holds what looks like an access token. Remove it, and revoke the token.")
        if file.suffix in TEXTS:
            try:
                found = ABSOLUTE.search(content.decode("utf-8")) if not name.startswith("backbones/") else None
            except UnicodeDecodeError:
                raise PublishError(f"'{name}' is not UTF-8 text. Write it again as UTF-8.") from None
            if found is not None:
                raise PublishError(
                    f"'{name}' names the path {found.group()} of this machine, which means nothing elsewhere. Train "
                    "with a relative path or a Hub id, or correct the file."
                )
    check_config(folder)
    check_card(folder / "README.md")
    try:
        with safe_open(str(folder / "model.safetensors"), framework="pt") as tensors:
            empty = not tensors.keys()
    except (SafetensorError, OSError) as error:
        raise PublishError(f"'model.safetensors' cannot be read: {error}. Train the model again.") from None
    if empty:
        raise PublishError("'model.safetensors' holds no tensor. Train the model again.")


def check_code(file: Path, name: str) -> None:
    """Code is published as this project has it: whoever loads the model runs it.

    Raises:
        PublishError: the file is not this project's, or another version of it.
    """
    known = CODE.get(name)
    if known is None or file.read_bytes() != known.read_bytes():
        raise PublishError(
            f"'{name}' is not this project's, or of another version: whoever loads the model would run it. Train the "
            "model again, or load it with `fusion_model` and save it again with `training.folder.write_model`."
        )


def check_config(folder: Path) -> None:
    """Config and metrics are JSON, and every backbone can be found by a stranger.

    Raises:
        PublishError: a file is not JSON, or a backbone is a folder of this machine and not bundled.
    """
    for name in ("config.json", "metrics.json"):
        try:
            json.loads((folder / name).read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise PublishError(f"'{name}' is not JSON: {error}. Write it again with train.py.") from None
    content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    try:
        backbones = FusionConfig(backbones=content["backbones"]).backbones
        code = {str(value).split(".")[0] for value in content.get("auto_map", {}).values()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PublishError(f"'config.json' is no configuration of this project: {error!s:.300}") from None
    foreign = sorted(f"{name}.py" for name in code if f"{name}.py" not in CODE)
    if foreign:
        raise PublishError(f"The auto_map of 'config.json' names {foreign}, which is not this project's code.")
    for backbone in backbones:
        if backbone.bundled:
            if not (folder / "backbones" / backbone.name / "config.json").is_file():
                raise PublishError(
                    f"The backbone '{backbone.name}' is bundled, but 'backbones/{backbone.name}' is missing: "
                    "train again with --bundle_backbones."
                )
        elif is_gguf(backbone.model_id) and not is_hub_backbone(backbone.model_id):
            raise PublishError(
                f"The backbone '{backbone.name}' is the file '{backbone.model_id}' of this machine, which a stranger "
                "does not have, and a GGUF file cannot be bundled. Upload it to a repository on the Hub, and train "
                f"with --backbone {backbone.name}=user/name:{Path(backbone.model_id).name}."
            )
        elif not is_hub_backbone(backbone.model_id) or Path(backbone.model_id).exists():
            raise PublishError(
                f"The backbone '{backbone.name}' is the folder '{backbone.model_id}' of this machine, which a stranger "
                "does not have. Train with --bundle_backbones, or with the backbone's Hub id."
            )


def check_card(file: Path) -> ModelCard:
    """The card has a front matter that the Hub's client understands, with a licence and figures.

    Raises:
        PublishError: the front matter is not valid or lacks a field.
    """
    try:
        card = ModelCard.load(file)
    except Exception as error:  # YAML, model-index and type errors have no common ancestor
        raise PublishError(f"The card '{file.name}' is not valid: {' '.join(str(error).split())[:300]}") from None
    data = card.data.to_dict()
    missing = [key for key in ("license", "library_name", "pipeline_tag", "model-index") if not data.get(key)]
    if missing:
        raise PublishError(f"The card '{file.name}' lacks {missing} in its front matter. Write it again with train.py.")
    return card


def _is_pickle(file: Path) -> bool:
    """Whether a file's first bytes are a pickle's, or it is an archive that holds one."""
    with file.open("rb") as stream:
        start = stream.read(2)
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    if start == b"PK" and zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            return any(name.endswith(".pkl") for name in archive.namelist())
    return False


__all__ = ["check_card", "check_code", "check_config", "check_files", "files_of"]
