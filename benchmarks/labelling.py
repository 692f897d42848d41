"""label.py on a corpus of many rows: killed half-way, run again, every row counted; memory of all processes over time.

python -m benchmarks.labelling --model outputs/minilm-go_emotions --dataset go_emotions --rows 100000
python -m benchmarks.labelling --model outputs/minilm-go_emotions --rows 8192 --crews auto 1x2 2x1 --no_kill
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from itertools import chain, islice, repeat
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import memory, parser, report
from extraction.sources import load_source
from fusion_model import FusionForSequenceClassification

ROOT = Path(__file__).parents[1]
SAMPLE_SECONDS = 1.0
# Texts whose labels are compared with those of `predict` in this process, and those that its rate is taken of.
COMPARED, TIMED = 500, 20_000
# label.py's own line, once the model is loaded.
RATE = re.compile(r"\(([\d,]+) a second\)")


def role(process: psutil.Process) -> str:
    """Which of label.py's processes this is."""
    command = " ".join(process.cmdline())
    return "label.py" if "label.py" in command else "workers" if "MapWorker" in command else "ray"


def run(command: list[str], output: Path, kill_at: int | None) -> dict:
    """Run label.py and watch it.

    Args:
        command: The command.
        output: Its output folder.
        kill_at: Number of finished parts at which the driver gets SIGKILL; None to let it finish.

    Returns:
        `seconds`, `killed`, `samples` (bytes by role), and the `rate` that it tells, rows a second (None if killed).
    """
    with tempfile.TemporaryFile("w+") as log:
        started = time.perf_counter()
        driver = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, text=True)
        samples: list[Counter[str]] = []
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(SAMPLE_SECONDS):
                try:
                    samples.append(memory(psutil.Process(driver.pid), role))
                except psutil.NoSuchProcess:
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        killed = False
        children: list[psutil.Process] = []
        while driver.poll() is None:
            if kill_at is not None and not killed and len(list(output.glob("part-*.parquet"))) >= kill_at:
                children = psutil.Process(driver.pid).children(recursive=True)
                os.kill(driver.pid, signal.SIGKILL)
                killed = True
            time.sleep(0.05)
        seconds = time.perf_counter() - started
        ended.set()
        watcher.join()
        _, alive = psutil.wait_procs(children, timeout=30)
        log.seek(0)
        lines = log.read().replace("\r", "\n").strip().splitlines()
    if not killed and driver.returncode:
        raise SystemExit("\n".join(lines[-5:]))
    left = sorted({process.name() for process in alive if process.is_running()})
    told = next((float(rate[1].replace(",", "")) for line in lines if (rate := RATE.search(line))), None)
    return {"seconds": seconds, "killed": killed, "samples": samples, "alive_after_30_s": left, "rate": told}


def peaks(samples: list[Counter[str]]) -> dict[str, float]:
    """Largest MB of all and by role; and what all together grew by from the second quarter to the last."""
    totals = [sample.total() / 1e6 for sample in samples]
    quarter = max(1, len(totals) // 4)
    early, late = totals[quarter : 2 * quarter] or totals, totals[-quarter:]
    return {
        "peak_mb": max(totals),
        **{name: max(sample[name] for sample in samples) / 1e6 for name in ("label.py", "workers", "ray")},
        "growth_mb": sum(late) / len(late) - sum(early) / len(early),
    }


def check(output: Path, rows: int, texts: list[str], model: str) -> dict[str, float]:
    """Count how often each row is in the output, and compare labels with those of `predict`, whose rate is told.

    Raises:
        SystemExit: a row is missing or there twice, or a label is another.
    """
    table = pq.read_table(output, columns=["id", "labels"])
    ids = table["id"].to_pylist()
    if ids != list(range(rows)):
        raise SystemExit(f"{len(ids):,} rows, {len(set(ids)):,} different ids: expected 0 to {rows - 1:,}, in order.")
    labels = table["labels"].to_pylist()
    differing = sum(labels[row] != labels[row % len(texts)] for row in range(rows))
    some = texts[:COMPARED]
    classifier = FusionForSequenceClassification.from_pretrained(model).eval()
    predicted = classifier.predict(some)
    started = time.perf_counter()
    timed = len(classifier.predict(texts[:TIMED]))
    rate = timed / (time.perf_counter() - started)
    wrong = sum(
        labels[row] != [entry["label"] for entry in ranked] for row, ranked in enumerate(predicted) if row < rows
    )
    if differing or wrong:
        raise SystemExit(f"{differing} repeated rows and {wrong} of {len(some)} compared rows have other labels.")
    counts = {"rows": rows, "rows_labelled_once": len(set(ids)), "compared_with_predict": len(some), "wrong": wrong}
    return counts | {"predict_texts_per_second": rate}


def main() -> None:
    """Print the table, a row a run; write the JSON file."""
    command_line = parser(__doc__)
    command_line.add_argument("--model", required=True, help="model folder or Hub id")
    command_line.add_argument("--dataset", default="sample", help="texts that are repeated until there are enough rows")
    command_line.add_argument("--rows", type=int, default=100_000)
    command_line.add_argument("--longest", type=int, default=10_000, help="leave out texts of more characters")
    command_line.add_argument(
        "--crews", nargs="+", default=["auto"], help="actors x threads of Ray, such as 1x2, or auto"
    )
    command_line.add_argument("--no_kill", action="store_true", help="only run through")
    options = command_line.parse_args()
    texts = [text for text in load_source(options.dataset)["train"]["text"][:] if len(text) <= options.longest]
    table, checked = [], {}
    for crew in options.crews:
        with tempfile.TemporaryDirectory() as scratch:
            corpus, output = Path(scratch) / "corpus.parquet", Path(scratch) / "labelled"
            rows = list(islice(chain.from_iterable(repeat(texts)), options.rows))
            pq.write_table(pa.table({"text": rows}), corpus, row_group_size=50_000)
            command = [sys.executable, "label.py", "--model", options.model, "--input", str(corpus)]
            command += ["--output", str(output)]
            if crew != "auto":
                actors, _, threads = crew.partition("x")
                command += ["--actors", actors, "--threads", threads]
            runs = []
            if not options.no_kill:
                runs.append(run(command, output, kill_at=-(-options.rows // 8192) // 2))
                runs[0]["parts_kept"] = len(list(output.glob("part-*.parquet")))
            runs.append(run(command, output, kill_at=None))
            checked[crew] = check(output, options.rows, texts, options.model)
        for one in runs:
            what = f"killed, {one['parts_kept']} parts kept" if one["killed"] else "to the end"
            table.append({"crew": crew, "run": what, "seconds": one["seconds"], **peaks(one["samples"])})
            of_predict = one["rate"] and one["rate"] / checked[crew]["predict_texts_per_second"]
            table[-1] |= {"rows_a_second": one["rate"], "of_predict": of_predict}
            table[-1] |= {"left_after_30_s": ", ".join(one["alive_after_30_s"])}
    different = {"number": len(texts), "mean_characters": sum(map(len, texts)) / len(texts)}
    report("label.py", table, options.json, checked=checked, different_texts=different)


if __name__ == "__main__":
    main()
