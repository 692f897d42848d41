"""The model folder: weights, configuration, code, metrics, figures, card."""

import json
import shutil
from pathlib import Path

from transformers import PreTrainedConfig

from fusion_model import FusionForSequenceClassification
from fusion_model.encoder import BackboneEncoder

AUTO_MODEL = "modeling_fusion.FusionForSequenceClassification"
PIPELINE = {
    "text-classification": {
        "impl": "pipeline_fusion.FusionTextClassificationPipeline",
        "pt": ["AutoModelForSequenceClassification"],
    }
}


def write_model(model: FusionForSequenceClassification, folder: Path, bundle_backbones: bool) -> None:
    """Write everything that `from_pretrained` and `pipeline` need.

    Args:
        model: A trained model with thresholds and temperature in its configuration.
        folder: Made if missing; files of an earlier model are replaced.
        bundle_backbones: Copy the backbones' weights and tokenizers into the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "backbones", ignore_errors=True)
    if bundle_backbones:
        for spec in model.config.backbones:
            target = folder / "backbones" / spec["name"]
            encoder = BackboneEncoder({**spec, "bundled": False})
            encoder.model.save_pretrained(target)
            encoder.tokenizer.save_pretrained(target)
        model.config.backbones = [
            # A path of this machine means nothing on another; the bundled files are found by the backbone's name.
            {**spec, "bundled": True, "model_id": spec["name"] if Path(spec["model_id"]).is_dir() else spec["model_id"]}
            for spec in model.config.backbones
        ]
    model.config.custom_pipelines = PIPELINE
    model.config.architectures = [type(model).__name__]
    model.save_pretrained(folder)
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
