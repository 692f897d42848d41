"""One text, many texts, start, memory that calls keep: a trained model, and sentence-transformers with a regression.

python -m benchmarks.inference --model outputs/minilm-go_emotions --dataset go_emotions --json inference.json
python -m benchmarks.inference --model outputs/words-go_emotions --dataset go_emotions --many 40000
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import psutil
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from transformers import AutoModelForSequenceClassification

import fusion_model  # noqa: F401  registers the classes, so that a local folder needs no remote code
from benchmarks.measure import in_turn, parser, report
from extraction.sources import load_source
from fusion_model.hub import locate

# Texts that one way reads one by one before it is the other's turn, as who serves a model has the cache for it alone.
BLOCK = 50
# Each start is timed in a process of its own: imports, loading, the first text, and the memory after it.
STARTS = {
    "ours": """
from transformers import AutoModelForSequenceClassification
import fusion_model
imported = time.perf_counter()
model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1])
loaded = time.perf_counter()
model.predict(["You did what?!"])
""",
    "theirs": """
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression
imported = time.perf_counter()
model = SentenceTransformer(sys.argv[1], device="cpu")
loaded = time.perf_counter()
model.encode(["You did what?!"])
""",
}
FRAME = """
import json, sys, time
from pathlib import Path
started = time.perf_counter()
{code}
done = time.perf_counter()
peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024  # ru_maxrss is the parent's too
print(json.dumps([imported - started, loaded - imported, done - loaded, peak]))
"""


def start(name: str, location: str) -> list[float]:
    """Seconds of import, loading and the first text, and peak MiB."""
    code = FRAME.format(code=STARTS[name])
    done = subprocess.run([sys.executable, "-c", code, location], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def peer(location: str, max_length: int, texts: list[str], num_labels: int) -> Callable[[list[str]], np.ndarray]:
    """sentence-transformers with a regression; what that says is of no interest, so it is fitted on anything."""
    encoder = SentenceTransformer(location, device="cpu")
    encoder.max_seq_length = max_length
    targets = np.random.default_rng(0).integers(0, 2, (256, num_labels))
    regression = OneVsRestClassifier(LogisticRegression(max_iter=20)).fit(encoder.encode((texts * 256)[:256]), targets)
    return lambda batch: regression.predict_proba(encoder.encode(batch, show_progress_bar=False))


def growth(model, texts: list[str], calls: int) -> float:
    """MiB that a process grows by in so many calls of `predict`, after 20 of them, with texts of every length."""
    words = " ".join(texts).split()
    longest = max([backbone.max_length for backbone in model.config.backbones], default=128)
    process, before = psutil.Process(), 0
    for call in range(20 + calls):
        before = process.memory_info().rss if call == 20 else before
        first = call * longest % len(words)
        model.predict([" ".join(words[first : first + 1 + call % longest])])
    return (process.memory_info().rss - before) / 2**20


def main(argv: list[str] | None = None) -> dict:
    """Print the table; what goes into the JSON file."""
    command = parser(__doc__)
    command.add_argument("--model", required=True, help="model folder")
    command.add_argument("--dataset", default="sample")
    command.add_argument("--one", type=int, default=300, help="texts that are classified one after the other")
    command.add_argument("--many", type=int, default=2048, help="texts that are classified in one call")
    command.add_argument("--calls", type=int, default=3000, help="one after the other, to see the memory they keep")
    command.add_argument("--repeats", type=int, default=3)
    options = command.parse_args(argv)
    texts = load_source(options.dataset)["validation"]["text"][:]
    one, many = texts[: options.one], (texts * (1 + options.many // len(texts)))[: options.many]
    model = AutoModelForSequenceClassification.from_pretrained(options.model)
    grown = growth(model, texts, options.calls)
    ways, locations = {"ours": model.predict}, {"ours": options.model}
    for backbone in [backbone for backbone in model.config.backbones if not backbone.tuned][:1]:
        locations["theirs"] = locate(backbone, options.model)[0]
        ways["theirs"] = peer(locations["theirs"], backbone.max_length, texts, model.config.num_labels)
    for call in ways.values():
        for text in one[:20]:
            call([text])
    singles: dict[str, list[float]] = {name: [] for name in ways}
    for block in range(0, len(one), BLOCK):
        for name, call in ways.items():
            for text in one[block : block + BLOCK]:
                started = time.perf_counter()
                call([text])
                singles[name].append(time.perf_counter() - started)
    batches = in_turn({name: partial(call, many) for name, call in ways.items()}, options.repeats)
    rows = []
    titles = {"ours": "this model", "theirs": "sentence-transformers + LogisticRegression"}
    for name, location in locations.items():
        imported, loaded, first, memory = start(name, location)
        p50, p99 = np.percentile(singles[name], [50, 99]) * 1000
        rows.append(
            {
                "way": titles[name],
                "one_text_p50_ms": float(p50),
                "p99_ms": float(p99),
                "texts_a_second": len(many) / min(batches[name]),
                "import_s": imported,
                "load_s": loaded,
                "first_text_s": first,
                "memory_mib": memory,
            }
        )
    counts = {"texts_one_by_one": len(one), "texts_in_a_batch": len(many), "calls": options.calls}
    return report("inference", rows, options.json, **counts, mib_grown_in_calls=grown)


if __name__ == "__main__":
    main(sys.argv[1:])
