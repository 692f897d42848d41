"""The whole classifier as one graph: token ids and counted terms in, logits out."""

import logging
import warnings
from pathlib import Path
from typing import cast

import onnx
import torch
from torch import nn
from torch.export import Dim

from fusion_model import BackboneEncoder, FusionForSequenceClassification
from fusion_model.encoder import pool
from fusion_model.lexical import LexicalChannel

# Encoders whose export is tested. Others may work, and are refused until somebody has looked.
ARCHITECTURES = ("bert", "distilbert", "roberta")
OPSET = 20
# Size of the texts that are followed through the model; others may have any.
EXAMPLE_BATCH, EXAMPLE_TOKENS = 3, 7
TERMS = ("term_rows", "term_counts", "term_bags")


class ExportError(ValueError):
    """A model cannot be exported; the message says why and what can be done."""


class Classifier(nn.Module):
    """Backbones, pooling, standardisation, heads and the lexical channel's linear part.

    Args:
        model: A trained model.

    Raises:
        ExportError: a backbone is not of a kind whose export is tested.
    """

    def __init__(self, model: FusionForSequenceClassification):
        super().__init__()
        self.config = model.config
        self.model = model.float().eval()
        self.backbones = nn.ModuleDict({spec["name"]: load_backbone(model, spec) for spec in model.config.backbones})

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Classify.

        Args:
            inputs: For each backbone token ids and a mask of real tokens, int64 `(batch, tokens)`; then, with a lexical
                channel, rows, counts and bags of the terms as `fusion_model.terms.TermCounter.count` gives them, int64
                `(terms,)`.

        Returns:
            Float32 logits `(batch, num_labels)`, as `FusionForSequenceClassification.logits` gives them.
        """
        features = {}
        for number, spec in enumerate(self.config.backbones):
            ids, mask = inputs[2 * number], inputs[2 * number + 1]
            features[spec["name"]] = self._read(spec, ids, mask)
        tuned = [head(features.pop(name)) for name, head in self.model.tuned_heads.items()]
        for name, layer in self.model.standardise.items():
            # Written out: the layer's own forward works in place, row block by row block.
            features[name] = ((features[name] - layer.mean) * layer.scale).clamp(-8, 8)
        members = [head(features) for head in self.model.heads]
        logits = torch.stack(members or tuned).mean(dim=0)
        if members:
            logits = sum((self.config.tuned_weight * one for one in tuned), logits)
        if self.model.lexical is not None:
            logits = logits + self.config.lexical_weight * self._lexical(inputs[0].shape[0], *inputs[-3:])
        return logits / self.config.temperature

    def _read(self, spec: dict, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Features `(batch, slots * hidden_size)` of one backbone."""
        outputs = self.backbones[spec["name"]](input_ids=ids, attention_mask=mask, output_hidden_states=True)
        lengths, real = mask.sum(dim=1), mask.bool()
        slots = [
            last(hidden, lengths) if pooling == "last" else pool(hidden, real, lengths, pooling)
            for hidden in (outputs.hidden_states[layer] for layer in spec["layers"])
            for pooling in spec["pooling"]
        ]
        return torch.cat(slots, dim=1)

    def _lexical(self, batch: int, rows: torch.Tensor, counts: torch.Tensor, bags: torch.Tensor) -> torch.Tensor:
        """What `LexicalChannel.forward` computes, in operations that ONNX has."""
        channel = cast(LexicalChannel, self.model.lexical)
        values = (1 + counts.float().log()) * channel.idf.index_select(0, rows)
        # Sums as products with 0 and 1: onnxruntime adds to one place from several threads at once, and loses some.
        in_bag = (bags == torch.arange(2 * batch)[:, None]).float()
        squares = in_bag @ values[:, None] ** 2
        values = values / squares.sqrt().clamp_min(1e-12).squeeze(1)[bags]
        in_text = in_bag.view(batch, 2, -1).sum(dim=1)
        return in_text @ (values[:, None] * nn.functional.embedding(rows, channel.weight)) + channel.bias


def last(hidden: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """`pool` of the last real token, `(batch, tokens, hidden_size)` -> `(batch, hidden_size)`, for any batch."""
    return hidden.gather(1, (lengths - 1)[:, None, None].expand(-1, 1, hidden.shape[2])).squeeze(1)


def load_backbone(model: FusionForSequenceClassification, spec: dict) -> nn.Module:
    """A backbone in float32, if its export is tested."""
    spec = {**spec, "dtype": "float32"}
    backbone = BackboneEncoder(spec, folder=model.config.name_or_path, revision=model._revision).model
    if backbone.config.model_type not in ARCHITECTURES:
        raise ExportError(
            f"The backbone '{spec['name']}' is of the type '{backbone.config.model_type}': expected one of "
            f"{list(ARCHITECTURES)}. A language model of billions of weights needs torch and a GPU anyway."
        )
    return backbone


def input_names(model: FusionForSequenceClassification) -> list[str]:
    """Names of the graph's inputs, in order."""
    names = [f"{spec['name']}_{part}" for spec in model.config.backbones for part in ("input_ids", "attention_mask")]
    return names + list(TERMS if model.lexical is not None else ())


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
    for spec in model.config.backbones:
        tokens = Dim(f"{spec['name']}_tokens", max=spec["max_length"])
        mask = torch.ones(EXAMPLE_BATCH, min(EXAMPLE_TOKENS, spec["max_length"]), dtype=torch.long)
        example += [mask, mask.clone()]
        shapes += [{0: batch, 1: tokens}] * 2
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


__all__ = ["ExportError", "input_names", "write_graph"]
