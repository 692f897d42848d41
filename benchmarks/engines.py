"""Other engines on the same work: all layers of a backbone pooled inside one ONNX graph, batches of one length.

onnxruntime comes with requirements-export.txt, OpenVINO by `pip install openvino`; what is missing is left out.
"""

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.export import Dim

from fusion_model import BackboneEncoder
from fusion_model.batches import CPU_BATCH_TOKENS
from fusion_model.buckets import bucket_by_length
from fusion_model.pooling import pool_slots

# Token ids `(batch, tokens)` of one length to features `(batch, slots * hidden_size)`.
Run = Callable[[np.ndarray], np.ndarray]


class Slots(nn.Module):
    """A backbone with its pooling."""

    def __init__(self, encoder: BackboneEncoder):
        super().__init__()
        self.model, self.backbone = encoder.model, encoder.backbone

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Features of texts of one length."""
        states = self.model(input_ids=ids, output_hidden_states=True).hidden_states
        lengths = torch.ones_like(ids).sum(dim=1)
        return pool_slots(states, self.backbone.layers, self.backbone.pooling, None, lengths)


def write_graph(encoder: BackboneEncoder, file: Path) -> None:
    """Write a float32 encoder's backbone and pooling as ONNX."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Slots(encoder).eval(),
            (torch.ones(2, 9, dtype=torch.long),),
            str(file),
            input_names=["ids"],
            dynamic_shapes={"ids": {0: Dim("batch"), 1: Dim("tokens", max=encoder.backbone.max_length)}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def with_onnxruntime(file: Path) -> Run:
    """The graph in onnxruntime, float32, with as many threads as torch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return lambda ids: session.run(None, {"ids": ids})[0]


def with_openvino(file: Path, precision: str) -> Run:
    """The graph in OpenVINO, in `f32` or `bf16`."""
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = openvino.compile_model(openvino.Core().read_model(file), "CPU", settings)
    request = compiled.create_infer_request()
    return lambda ids: request.infer([ids])[0].copy()


def engines(encoder: BackboneEncoder, folder: Path) -> dict[str, Callable[[list[str]], np.ndarray]]:
    """What is installed, as functions from texts to features.

    Args:
        encoder: In float32; its layers and poolings are the graph's.
        folder: Where the graph may be written.

    Returns:
        Name of each, with the precision, and a function that gives `(texts, slots * hidden_size)`.
    """
    runs: dict[str, Run] = {}
    file = folder / "slots.onnx"
    if find_spec("onnxruntime") and find_spec("onnxscript"):
        write_graph(encoder, file)
        runs["onnxruntime, float32"] = with_onnxruntime(file)
        if find_spec("openvino"):
            runs["OpenVINO, float32"] = with_openvino(file, "f32")
            runs["OpenVINO, bfloat16"] = with_openvino(file, "bf16")

    def reader(run: Run) -> Callable[[list[str]], np.ndarray]:
        def read(texts: list[str]) -> np.ndarray:
            ids = encoder.tokenize(texts)
            features = np.empty((len(texts), encoder.width), np.float16)
            for rows in bucket_by_length([len(one) for one in ids], CPU_BATCH_TOKENS):
                features[rows] = run(np.array([ids[row] for row in rows]))
            return features

        return read

    return {name: reader(run) for name, run in runs.items()}
