"""Texts a second on a CPU: this project's encoder against what a user would take instead.

python -m benchmarks.extraction --dataset go_emotions --texts 2048 --json extraction.json

Same weights, same texts, same process, in turn. The slow ones read a part of the texts (`texts` says how many).
onnxruntime and OpenVINO do the work of "all layers' mean, max, cls" where they are installed. `least_cosine` is that of
a text's features in float32 by transformers' own forward, or for the last layer's mean by sentence-transformers.
"""

import re
import sys
import tempfile
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from torch._inductor import config as inductor
from transformers import AutoModel, AutoTokenizer, pipeline

from benchmarks.engines import engines
from benchmarks.measure import in_turn, matrix_rate, model_flops, parser, report
from extraction.sources import load_source
from fusion_model import BackboneEncoder
from fusion_model.backbones import check_backbones
from fusion_model.pooling import PooledLayers

REFERENCE_LENGTH, REFERENCE_BATCH = 200, 2


def reference_loop(location: str, texts: list[str]):
    """The reference's way: every text padded to 200 tokens, two at a time, all hidden states kept, float32."""
    tokenizer, model = AutoTokenizer.from_pretrained(location), AutoModel.from_pretrained(location).eval()

    def read() -> None:
        with torch.no_grad():
            for start in range(0, len(texts), REFERENCE_BATCH):
                inputs = tokenizer(
                    texts[start : start + REFERENCE_BATCH],
                    padding="max_length",
                    truncation=True,
                    max_length=REFERENCE_LENGTH,
                    return_tensors="pt",
                )
                torch.stack(model(**inputs, output_hidden_states=True).hidden_states[-5:]).mean(dim=2)

    return read


def least_cosine(features, others) -> float:
    """The least cosine of two tables' rows, `(texts, width)`."""
    one, other = (torch.as_tensor(table).float() for table in (features, others))
    return float(torch.nn.functional.cosine_similarity(one, other).min())


def main(argv: list[str] | None = None) -> dict:
    """Print the table; what goes into the JSON file."""
    command = parser(__doc__)
    command.add_argument("--dataset", default="sample")
    command.add_argument("--split", default="train")
    command.add_argument("--texts", type=int, default=2048)
    command.add_argument("--slow_texts", type=int, default=64, help="for the pipeline and the reference's loop")
    command.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    command.add_argument("--max_length", type=int, default=128)
    command.add_argument("--batch_sizes", type=int, nargs="+", default=[8, 128])
    command.add_argument("--repeats", type=int, default=3)
    command.add_argument("--compiled", action="store_true", help="also with layers by torch.compile (BERT's build)")
    options = command.parse_args(argv)
    texts = load_source(options.dataset)[options.split]["text"][: options.texts]
    slow = texts[:: max(1, len(texts) // options.slow_texts)][: options.slow_texts]

    def ours(dtype: str, **slots) -> BackboneEncoder:
        backbone = {
            "name": "ours",
            "model_id": options.model,
            "max_length": options.max_length,
            "dtype": dtype,
            **slots,
        }
        return BackboneEncoder(check_backbones([backbone])[0])

    single, half = ours("float32", layers=[-1]), ours("bfloat16", layers=[-1])
    layers = list(range(single.model.config.num_hidden_layers + 1))
    every = {dtype: ours(dtype, layers=layers, pooling=["mean", "max", "cls"]) for dtype in ("float32", "bfloat16")}
    with tempfile.TemporaryDirectory() as folder:
        others = engines(every["float32"], Path(folder))
    theirs = SentenceTransformer(single.location, device="cpu")
    theirs.max_seq_length = options.max_length

    def read_by(engine):
        return lambda: engine(texts)

    def batched(size: int):
        return lambda: theirs.encode(texts, batch_size=size)

    pipe = pipeline("feature-extraction", model=single.location, device="cpu")

    ways = {
        "SentenceTransformer.encode, default (32)": (texts, lambda: theirs.encode(texts)),
        **{f"SentenceTransformer.encode, batch {size}": (texts, batched(size)) for size in options.batch_sizes},
        "ours, float32, last layer's mean": (texts, lambda: single.encode(texts)),
        "ours, bfloat16, last layer's mean": (texts, lambda: half.encode(texts)),
        "ours, float32, all layers' mean, max, cls": (texts, lambda: every["float32"].encode(texts)),
        "ours, bfloat16, all layers' mean, max, cls": (texts, lambda: every["bfloat16"].encode(texts)),
        **{f"{name}, all layers' mean, max, cls": (texts, read_by(engine)) for name, engine in others.items()},
        "transformers feature-extraction pipeline": (slow, lambda: pipe(slow)),
        "the reference's loop (pad to 200, batch 2)": (slow, reference_loop(single.location, slow)),
    }
    for encoder in every.values():
        encoder.encode(slow)  # first calls are slow
    if options.compiled:
        compiled = ours("bfloat16", layers=layers, pooling=["mean", "max", "cls"])
        inductor.freezing = True  # weights laid out for the processor once
        for name, module in compiled.model.named_modules():
            if re.fullmatch(r"encoder\.layer\.\d+", name):
                module.compile(dynamic=True)
        compiled.encode(texts)
        ways["the same, layers by torch.compile, bfloat16"] = (texts, lambda: compiled.encode(texts))
    pipe(slow[:2])
    exact = every["float32"]
    plain = PooledLayers(exact.model, layers, exact.backbone.pooling, exact.tokenize(["."])[0])
    states = torch.cat([plain(torch.tensor([ids]), None, torch.tensor([len(ids)])) for ids in exact.tokenize(slow)])
    vectors = {
        **{
            f"ours, {e.backbone.dtype}, last layer's mean": (e.encode(slow), theirs.encode(slow))
            for e in (single, half)
        },
        **{f"ours, {name}, all layers' mean, max, cls": (e.encode(slow), states) for name, e in every.items()},
        **{f"{name}, all layers' mean, max, cls": (engine(slow), states) for name, engine in others.items()},
    }
    cosine = {name: least_cosine(*two) for name, two in vectors.items()}
    rates = {"float32": matrix_rate(torch.float32), "bfloat16": matrix_rate(torch.bfloat16)}
    seconds = in_turn({name: call for name, (_, call) in ways.items()}, options.repeats)
    lengths = {text: len(ids) for text, ids in zip(texts, single.tokenize(texts), strict=True)}

    rows = []
    first = min(seconds["SentenceTransformer.encode, default (32)"]) / len(texts)
    for name, (read, _) in ways.items():
        best = min(seconds[name])
        tokens = [lengths[text] for text in read]
        flops = model_flops(single.model.config, tokens) / best
        dtype = "bfloat16" if "bfloat16" in name else "float32"
        rows.append(
            {
                "way": name,
                "texts": len(read),
                "texts_a_second": len(read) / best,
                "tokens_a_second": sum(tokens) / best,
                "times_default": first * len(read) / best,
                "model_gflops": flops / 1e9,
                "share_of_matrix_rate": flops / rates[dtype],
                "least_cosine": cosine.get(name),
            }
        )
    again = {"float32": matrix_rate(torch.float32), "bfloat16": matrix_rate(torch.bfloat16)}
    return report(
        "extraction",
        rows,
        options.json,
        matrix_gflops_before={name: round(rate / 1e9) for name, rate in rates.items()},
        matrix_gflops_after={name: round(rate / 1e9) for name, rate in again.items()},
        seconds={name: [round(s, 3) for s in values] for name, values in seconds.items()},
    )


if __name__ == "__main__":
    main(sys.argv[1:])
