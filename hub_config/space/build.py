"""Assembles the folder of a Space: the demo, its requirements, and a README that says what it shows."""

import re
import shutil
from collections.abc import Sequence
from importlib.metadata import requires
from pathlib import Path

import jinja2
from huggingface_hub import ModelCard, SpaceCard, SpaceCardData

from fusion_model import FusionConfig
from fusion_model.backbones import is_gguf
from fusion_model.gguf import PACKAGE
from fusion_model.trust import is_hub_id

ROOT = Path(__file__).parents[2]
REQUIREMENTS = (ROOT / "requirements.txt", ROOT / "requirements-mcp.txt")
# What the demo imports, and nothing that only training needs; the pins are the project's own.
NEEDED = (
    "torch",
    "transformers",
    "huggingface_hub",
    "safetensors",
    "gradio",
    "numpy",
    "pandas",
    "pyarrow",
    "python-calamine",
    "Jinja2",
    "mcp",
)


def pins() -> dict[str, str]:
    """Version of each package that the project asks for, by requirements*.txt or, installed, by its metadata."""
    if REQUIREMENTS[0].is_file():
        lines = [line for file in REQUIREMENTS for line in file.read_text(encoding="utf-8").splitlines()]
    else:  # extras have a condition
        lines = [
            line for line in requires("fusion-emotions") or [] if ";" not in line or "'mcp'" in line.replace('"', "'")
        ]
    return {match[1]: match[2] for line in lines if (match := re.match(r"([\w\-]+)==([^\s;]+)", line))}


def build_space(
    folder: Path, model_id: str, model_folder: Path, title: str = "Emotions in a text", compare: Sequence[str] = ()
) -> Path:
    """Write the folder of a Space.

    Args:
        folder: Made if missing; the demo's files in it are replaced.
        model_id: Hub id of the model that is shown. The Space's variable MODEL_ID is to hold it.
        model_folder: The model as trained: its configuration names backbones, its card licence and data sets.
        title: The Space's name on the Hub.
        compare: Hub ids that visitors can compare it with. The Space's variable COMPARE_MODELS is to hold them.

    Returns:
        The folder.

    Raises:
        ValueError: `model_folder` is no model, or the id no Hub id.
    """
    if not is_hub_id(model_id):
        raise ValueError(f"The model's id is '{model_id}': expected 'user/name'.")
    if not (model_folder / "config.json").is_file():
        raise ValueError(f"'{model_folder}' has no config.json: expected the folder that train.py wrote.")
    config = FusionConfig.from_pretrained(model_folder)
    folder.mkdir(parents=True, exist_ok=True)
    for package in ("demo", "tables"):
        shutil.rmtree(folder / package, ignore_errors=True)
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.pyi"))
    shutil.copy(ROOT / "app.py", folder / "app.py")
    (folder / "requirements.txt").write_text(_requirements(config), encoding="utf-8")
    (folder / "README.md").write_text(str(_card(config, model_id, model_folder, title, compare)), encoding="utf-8")
    return folder


def _requirements(config: FusionConfig) -> str:
    """Pins of what the demo imports, and of the packages that carry the model's backbones."""
    known = pins()
    packages = [
        str(backbone.package).partition("/")[0].replace("_", "-")
        for backbone in config.backbones
        if not backbone.bundled and backbone.package is not None
    ]
    gguf = f"{PACKAGE}\n" if any(is_gguf(backbone.model_id) for backbone in config.backbones) else ""
    return "".join(f"{name}=={known[name]}\n" for name in (*NEEDED, *dict.fromkeys(packages))) + gguf


def _card(config: FusionConfig, model_id: str, model_folder: Path, title: str, compare: Sequence[str]) -> SpaceCard:
    """README.md with the front matter that the Hub reads."""
    model_card = model_folder / "README.md"
    about_model = ModelCard.load(model_card).data.to_dict() if model_card.is_file() else {}
    # Of a repository with GGUF files one is preloaded: "user/name model.gguf".
    backbones = [
        backbone.model_id.replace(":", " ")
        for backbone in config.backbones
        if not backbone.bundled and backbone.package is None and not Path(backbone.model_id).exists()
    ]
    data = SpaceCardData(
        title=title,
        emoji="💬",
        colorFrom="purple",
        colorTo="blue",
        sdk="gradio",
        sdk_version=pins()["gradio"],
        python_version="3.11",
        app_file="app.py",
        pinned=False,
        license=about_model.get("license"),
        models=[model_id, *compare],
        datasets=about_model.get("datasets"),
        tags=["emotion", "text-classification", "mcp-server"],
        short_description="The emotions of a text, and the words behind them",
        preload_from_hub=[model_id, *backbones],
    )
    template = (Path(__file__).parent / "README.md.jinja").read_text(encoding="utf-8")
    body = jinja2.Template(template, keep_trailing_newline=True).render(title=title, model_id=model_id)
    return SpaceCard(f"---\n{data.to_yaml()}\n---\n\n{body}")
