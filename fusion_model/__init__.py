"""The published model: configuration, encoder, head and pipeline; self-contained, copied to the Hub as it is."""

from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from .backbones import Backbone
from .configuration_fusion import FusionConfig
from .encoder import BackboneEncoder
from .modeling_fusion import FusionForSequenceClassification
from .pipeline_fusion import FusionTextClassificationPipeline

AutoConfig.register("fusion", FusionConfig)
AutoModel.register(FusionConfig, FusionForSequenceClassification)
AutoModelForSequenceClassification.register(FusionConfig, FusionForSequenceClassification)

__all__ = [
    "Backbone",
    "BackboneEncoder",
    "FusionConfig",
    "FusionForSequenceClassification",
    "FusionTextClassificationPipeline",
]
