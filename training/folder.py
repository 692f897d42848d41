"""The model folder: weights, config, code, bundled backbones."""

import json
import os
import shutil
import tempfile
from pathlib import Path

from transformers import PreTrainedConfig

from fusion_model import FusionForSequenceClassification

# The classification layer that a backbone was fine-tuned with; in a model folder it is part of the model's own weights.
HEAD_FILE = "tuned_head.safetensors"
AUTO_MODEL = "modeling_fusion.FusionForSequenceClassification"
PIPELINE = {
    "text-classification": {
        "impl": "pipeline_fusion.FusionTextClassificationPipeline",
        "pt": ["AutoModelForSequenceClassification"],
    }
}


def write_model(
    model: FusionForSequenceClassification,
    folder: Path,
    bundle_backbones: bool,
    base_ids: dict[str, str] | None = None,
) -> None:
    """Write everything that `from_pretrained` and `pipeline` need.

    Args:
        model: A trained model with thresholds and temperature in its config.
        folder: Made if missing; files of an earlier model are replaced.
        bundle_backbones: Copy the backbones' weights and tokenizers into the folder. A fine-tuned backbone always is.
        base_ids: The model id that each backbone had before it was fine-tuned; as it is in the config if left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    backbones = []
    # Written aside first: the model may have been loaded from this very folder.
    with tempfile.TemporaryDirectory(dir=folder, prefix="unfinished-") as scratch:
        for backbone in model.config.backbones:
            if bundle_backbones or backbone.tuned or backbone.bundled:
                model.encoder(backbone.name).save(Path(scratch) / "backbones" / backbone.name)
                origin = (base_ids or {}).get(backbone.name, backbone.model_id)
                # A path of this machine means nothing on another; bundled files are found by the backbone's name.
                backbone = backbone.replace(bundled=True, model_id=backbone.name if Path(origin).is_dir() else origin)
            elif Path(backbone.model_id).exists():
                # Found from any working directory; a path that climbs out of where it starts is not followed.
                backbone = backbone.replace(model_id=str(Path(backbone.model_id).resolve()))
            backbones.append(backbone)
        shutil.rmtree(folder / "backbones", ignore_errors=True)
        if any(backbone.bundled for backbone in backbones):
            os.replace(Path(scratch) / "backbones", folder / "backbones")
    model.config.backbones = backbones
    model.config.custom_pipelines = PIPELINE
    model.config.architectures = [type(model).__name__]
    # From now on the model finds its bundled backbones where they are.
    model.config.name_or_path = str(folder.resolve())
    model.save_pretrained(folder)
    if len(backbones) == 1:  # what AutoTokenizer is asked for; the model itself reads its backbone's
        model.encoder(backbones[0].name).tokenizer.save_pretrained(folder)
    add_auto_model(folder)


def add_auto_model(folder: Path) -> None:
    """`register_for_auto_class` writes one auto class; AutoModel is to give the classifier too."""
    config, _ = PreTrainedConfig.get_config_dict(str(folder))
    config["auto_map"] = {
        "AutoConfig": "configuration_fusion.FusionConfig",
        "AutoModel": AUTO_MODEL,
        "AutoModelForSequenceClassification": AUTO_MODEL,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
