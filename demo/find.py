"""Which model the demo shows, and which ones can be compared with it."""

import json
import logging
from pathlib import Path

from huggingface_hub import list_repo_refs

from .first_start import Waiting, train_on_sample

logger = logging.getLogger(__name__)
ROOT = Path(__file__).parent.parent
# Where train.py writes to if it is not told otherwise.
OUTPUTS = Path("outputs")
# Local models that can be chosen without being named.
MAX_LOCAL = 6


def local_models(outputs: Path = OUTPUTS) -> list[str]:
    """Model folders under outputs/, newest first."""
    found = []
    for config in outputs.glob("*/config.json"):
        if (config.parent / "model.safetensors").is_file() and _model_type(config) == "fusion":
            found.append((config.stat().st_mtime, str(config.parent)))
    return [folder for _, folder in sorted(found, reverse=True)]


def _model_type(config: Path) -> str | None:
    try:
        return json.loads(config.read_text(encoding="utf-8")).get("model_type")
    except (ValueError, AttributeError):
        return None


def main_model(asked_for: str | None, waiting: Waiting, outputs: Path = OUTPUTS) -> str:
    """The model to show: the one asked for, else the newest local one, else one trained now.

    Args:
        asked_for: Folder or Hub id.
        waiting: Opened if there is something to wait for.
        outputs: Where local models are.

    Returns:
        Folder or Hub id.

    Raises:
        ValueError: there is none, and none can be trained here.
    """
    if asked_for:
        return asked_for
    if models := local_models(outputs):
        return models[0]
    if not (ROOT / "train.py").is_file():
        raise ValueError("There is no model: name one with --model FOLDER_OR_ID or in the variable MODEL_ID.")
    target = outputs / "minilm-sample"
    train_on_sample(ROOT, target, waiting)
    return str(target)


def comparable(main: str, others: list[str], outputs: Path = OUTPUTS) -> list[str]:
    """What can be compared with the main model: what was named, else its tags and branches, or other local models.

    Args:
        main: Folder or Hub id.
        others: Named by whoever runs the demo. A visitor cannot add to them, as a model brings its own code.
        outputs: Where local models are.

    Returns:
        Names for `Reader`.
    """
    if others:
        return others
    if Path(main).is_dir():
        here = Path(main).resolve()
        return [folder for folder in local_models(outputs) if Path(folder).resolve() != here][:MAX_LOCAL]
    source = main.partition("@")[0]
    try:
        refs = list_repo_refs(source)
    except Exception as error:  # whatever keeps the Hub from answering, what is in the cache can be shown
        logger.info(f"No other versions of '{source}' are offered: the Hub does not name any ({type(error).__name__}).")
        return []
    # Pull requests are not among them: anyone may open one, with code of their own.
    return [f"{source}@{ref.name}" for ref in [*refs.tags, *refs.branches] if ref.name != "main"]
