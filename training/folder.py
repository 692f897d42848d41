"""The model folder: weights, configuration, code, metrics, figures, card."""

import json
import shutil
from pathlib import Path

from transformers import AutoModel, PreTrainedConfig

from fusion_model import FusionForSequenceClassification
from fusion_model.encoder import BackboneEncoder

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
    model: FusionForSequenceClassification, folder: Path, bundle_backbones: bool, base_ids: dict[str, str]
) -> None:
    """Write everything that `from_pretrained` and `pipeline` need.

    Args:
        model: A trained model with thresholds and temperature in its configuration.
        folder: Made if missing; files of an earlier model are replaced.
        bundle_backbones: Copy the backbones' weights and tokenizers into the folder. A tuned backbone always is.
        base_ids: The model id that each backbone had before it was tuned.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "backbones", ignore_errors=True)
    backbones = []
    for spec in model.config.backbones:
        if bundle_backbones or spec["tuned"]:
            _bundle(spec, folder / "backbones" / spec["name"])
            origin = base_ids.get(spec["name"], spec["model_id"])
            # A path of this machine means nothing on another; bundled files are found by the backbone's name.
            spec = {**spec, "bundled": True, "model_id": spec["name"] if Path(origin).is_dir() else origin}
        backbones.append(spec)
    model.config.backbones = backbones
    model.config.custom_pipelines = PIPELINE
    model.config.architectures = [type(model).__name__]
    model.save_pretrained(folder)
    add_auto_model(folder)


def _bundle(spec: dict, target: Path) -> None:
    """Copy a backbone's weights, configuration and tokenizer, in the dtype that they have."""
    encoder = BackboneEncoder({**spec, "bundled": False})
    source = Path(encoder.location)
    if source.is_dir():
        target.mkdir(parents=True)
        for file in source.iterdir():
            if file.suffix in (".json", ".txt", ".model", ".safetensors") and file.name != HEAD_FILE:
                shutil.copyfile(file, target / file.name)
    else:
        encoder._load(AutoModel, dtype="auto").save_pretrained(target)
        encoder.tokenizer.save_pretrained(target)


def add_auto_model(folder: Path) -> None:
    """`register_for_auto_class` writes one auto class; AutoModel is to give the classifier too."""
    config, _ = PreTrainedConfig.get_config_dict(str(folder))
    config["auto_map"] = {
        "AutoConfig": "configuration_fusion.FusionConfig",
        "AutoModel": AUTO_MODEL,
        "AutoModelForSequenceClassification": AUTO_MODEL,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
