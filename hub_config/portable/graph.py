"""The whole classifier as one graph: token ids and counted terms in, logits out."""

import logging
import warnings
from pathlib import Path
from typing import cast

import onnx
import torch
from torch import nn
from torch.export import Dim

from fusion_model import Backbone, BackboneEncoder, FusionForSequenceClassification
from fusion_model.head import combine_logits
from fusion_model.pooling import pool_slots
from fusion_model.tfidf import TfidfBranch, weigh
from fusion_model.tokens import has_segments

# Encoders whose export is tested. Others may work, and are refused until somebody has looked.
ARCHITECTURES = ("bert", "distilbert", "roberta")
OPSET = 20
# Size of the texts that are followed through the model; others may have any.
EXAMPLE_BATCH, EXAMPLE_TOKENS = 3, 7
TERMS = ("term_rows", "term_counts", "term_bags")


class ExportError(ValueError):
    """A model cannot be exported; the message says why and what can be done."""


class Classifier(nn.Module):
    """Backbones, pooling, standardisation, heads and the TF-IDF branch's linear part.

    Args:
        model: A trained model.

    Raises:
        ExportError: a backbone is not of a kind whose export is tested.
    """

    def __init__(self, model: FusionForSequenceClassification):
        super().__init__()
        self.config = model.config
        self.model = model.float().eval()
        self.parts = {one.name: parts_of(model, one) for one in model.config.backbones}
        self.backbones = nn.ModuleDict({one.name: load_backbone(model, one) for one in model.config.backbones})

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Classify.

        Args:
            inputs: For each backbone token ids, a mask of real tokens and, where a model of pairs has a backbone that
                is told which text a token is of, segments, int64 `(batch, tokens)`; without a backbone, one input
                `(batch,)`, of which only the length is read; then, with a TF-IDF branch, rows, counts and bags of the
                terms as `fusion_model.terms.TermCounter.count` gives them, int64 `(terms,)`.

        Returns:
            Float32 logits `(batch, num_labels)`, as `FusionForSequenceClassification.logits` gives them.
        """
        features = {}
        rest = iter(inputs)
        for backbone in self.config.backbones:
            given = {part: next(rest) for part in self.parts[backbone.name]}
            features[backbone.name] = self._read(backbone, given)
        tuned = [head(features.pop(name)) for name, head in self.model.tuned_heads.items()]
        for name, layer in self.model.standardise.items():
            # Written out: the layer's own forward works in place, row block by row block.
            features[name] = ((features[name] - layer.mean) * layer.scale).clamp(-8, 8)
        heads = torch.stack([head(features) for head in self.model.heads]) if len(self.model.heads) else None
        tfidf = self._tfidf(inputs[0].shape[0], *inputs[-3:]) if self.model.lexical is not None else None
        return combine_logits(heads, tuned, tfidf, self.config)

    def _read(self, backbone: Backbone, given: dict[str, torch.Tensor]) -> torch.Tensor:
        """Features `(batch, slots * hidden_size)` of one backbone."""
        outputs = self.backbones[backbone.name](**given, output_hidden_states=True)
        mask = given["attention_mask"]
        return pool_slots(outputs.hidden_states, backbone.layers, backbone.pooling, mask.bool(), mask.sum(dim=1))

    def _tfidf(self, batch: int, rows: torch.Tensor, counts: torch.Tensor, bags: torch.Tensor) -> torch.Tensor:
        """What `TfidfBranch.forward` computes, in operations that ONNX has."""
        branch = cast(TfidfBranch, self.model.lexical)
        # Sums as products with 0 and 1: onnxruntime adds to one place from several threads at once, and loses some.
        in_bag = (bags == torch.arange(2 * batch)[:, None]).float()
        idf = branch.idf.index_select(0, rows)
        values = weigh(counts.float(), idf, bags, lambda x: (in_bag @ x[:, None]).squeeze(1))
        in_text = in_bag.view(batch, 2, -1).sum(dim=1)
        return in_text @ (values[:, None] * nn.functional.embedding(rows, branch.weight)) + branch.bias


def load_backbone(model: FusionForSequenceClassification, backbone: Backbone) -> nn.Module:
    """A backbone in float32, if its export is tested."""
    encoder = BackboneEncoder(
        backbone.replace(dtype="float32"), folder=model.config.name_or_path, revision=model.hub_revision
    )
    if encoder.model.config.model_type not in ARCHITECTURES:
        raise ExportError(
            f"The backbone '{backbone.name}' is of the type '{encoder.model.config.model_type}': expected one of "
            f"{list(ARCHITECTURES)}. A language model of billions of weights needs torch and a GPU anyway."
        )
    return encoder.model


def reads_segments(model: FusionForSequenceClassification, backbone: Backbone) -> bool:
    """Whether a backbone of an export is told which text of a pair each token is of."""
    encoder = model.encoder(backbone.name)
    return model.config.text_columns is not None and has_segments(encoder.tokenizer, encoder.model)


def parts_of(model: FusionForSequenceClassification, backbone: Backbone) -> tuple[str, ...]:
    """What a backbone is given, in order."""
    return ("input_ids", "attention_mask", "token_type_ids")[: 2 + reads_segments(model, backbone)]


def input_names(model: FusionForSequenceClassification) -> list[str]:
    """Names of the graph's inputs, in order."""
    names = [f"{one.name}_{part}" for one in model.config.backbones for part in parts_of(model, one)]
    return (names or ["texts"]) + list(TERMS if model.lexical is not None else ())


def write_graph(model: FusionForSequenceClassification, file: Path) -> None:
    """Write the graph in float32.

    Args:
        model: A trained model.
        file: Where to; weights are in the same file.

    Raises:
        ExportError: a backbone is not of a kind whose export is tested.
    """
    classifier = Classifier(model).eval()
    batch, terms = Dim("batch"), Dim("terms")
    example: list[torch.Tensor] = []
    shapes: list[dict] = []
    for backbone in model.config.backbones:
        tokens = Dim(f"{backbone.name}_tokens", max=backbone.max_length)
        mask = torch.ones(EXAMPLE_BATCH, min(EXAMPLE_TOKENS, backbone.max_length), dtype=torch.long)
        inputs = classifier.parts[backbone.name]
        example += [mask.clone() for _ in inputs]
        shapes += [{0: batch, 1: tokens}] * len(inputs)
    if not example:
        example, shapes = [torch.zeros(EXAMPLE_BATCH, dtype=torch.long)], [{0: batch}]
    if model.lexical is not None:
        # The first term once in each bag.
        bags = torch.arange(2 * EXAMPLE_BATCH)
        example += [torch.zeros_like(bags), torch.ones_like(bags), bags]
        shapes += [{0: terms}] * 3
    with torch.no_grad(), warnings.catch_warnings():
        # The exporter's remarks about its own insides.
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            classifier,
            tuple(example),
            str(file),
            input_names=input_names(model),
            output_names=["logits"],
            dynamic_shapes={"inputs": tuple(shapes)},
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    written = onnx.load(file)
    # Shapes as torch saw them; quantisation changes some and would stumble over the others.
    del written.graph.value_info[:]
    fixed = [one.name for one in written.graph.input for size in one.type.tensor_type.shape.dim if size.dim_value]
    if fixed:
        raise ExportError(
            f"The exporter fixed the size of {fixed}, where texts must be of any number and length: the model does "
            "something that cannot be exported."
        )
    onnx.save(written, file)


__all__ = ["ExportError", "input_names", "reads_segments", "write_graph"]
