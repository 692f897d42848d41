"""Labels a corpus of any size with a trained model, on one machine or on a Ray cluster, and goes on where it stopped.

python label.py --model outputs/minilm-go_emotions --input corpus.parquet --output labelled
python label.py --model user/emotions@v1 --input "logs/2026-*.jsonl" --text_column message --output labelled
python label.py --model user/emotions --input corpus/ --output /shared/labelled --address auto
python label.py --model outputs/minilm-go_emotions --cascade cascade.json --input corpus/ --output labelled
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from tqdm.auto import tqdm

from common.atomic import try_lock
from common.command import check_flags, end_with_status, program
from fusion_model.predictions import check_choice
from labelling.copies import COPIES
from labelling.corpus import Corpus, open_corpus
from labelling.deferral import Cascade, read_cascade
from labelling.environment import prepare
from labelling.here import run_here, why_here
from labelling.model import ModelFacts, find_model
from labelling.output import LOCK, Layout, ResumeError, add_cut_texts, begin, finished
from labelling.worker import Job, PartLabeller

PART_ROWS = 8192
ADVICE = "finished parts are kept; the same command goes on with the others."


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line.

    Raises:
        ValueError: a value is out of range.
        SystemExit: a flag is wrong; what is right is printed.
    """
    parser = argparse.ArgumentParser(
        prog=program("label.py"), description=(__doc__ or "").splitlines()[0], allow_abbrev=False
    )
    parser.add_argument("--model", required=True, help="Model folder or Hub id (user/model@v1 for a revision).")
    parser.add_argument("--input", required=True, help="A file of any kind that train.py reads, a folder of "
                        "them, a pattern, or file.db::table.")  # fmt: skip
    parser.add_argument("--output", required=True, type=Path, help="Folder for the Parquet parts; new, or to go on in.")
    parser.add_argument("--text_column", help="Column with the texts, or two for pairs: premise,hypothesis (the "
                        "model's own two, or found by name, if left out).")  # fmt: skip
    parser.add_argument("--label_column", help="As train.py takes it; a corpus is labelled whatever labels it has.")
    parser.add_argument("--id_column", help="Column with the rows' ids (rows are numbered from 0 if left out).")
    parser.add_argument("--column_names", nargs="+", help="Names of the columns, where the first line has none.")
    parser.add_argument("--top_k", type=int, help="So many best labels, in place of those that reach their threshold.")
    parser.add_argument("--threshold", type=float, help="One threshold in place of the labels' own.")
    parser.add_argument("--cascade", type=Path, help="File of python -m labelling.cascade: a cheap model labels what "
                        "it is sure of.")  # fmt: skip
    parser.add_argument("--keep_text", action="store_true", help="Write the texts along.")
    parser.add_argument("--features_only", action="store_true", help="Write the backbones' features, and no labels.")
    parser.add_argument("--part_rows", type=int, default=PART_ROWS, help="Rows of a part: what a crash can cost.")
    parser.add_argument("--address", help="Ray cluster: auto, or HOST:PORT of its head (one of one's own if left "
                        "out).")  # fmt: skip
    parser.add_argument("--actors", type=int, help="Processes of Ray that hold the model (chosen from the machine; "
                        "none for a small corpus).")  # fmt: skip
    parser.add_argument("--threads", type=int, help="Threads of each (chosen from the machine).")
    check_flags(parser, argv)
    options = parser.parse_args(argv)
    for name in ("part_rows", "actors", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name} is {value}: expected 1 or more.")
    check_choice(options.top_k, options.threshold)
    if options.features_only and (options.top_k is not None or options.threshold is not None):
        raise ValueError("--features_only writes no labels: leave out --top_k and --threshold.")
    own_rule = options.features_only or options.top_k is not None or options.threshold is not None
    if options.cascade is not None and own_rule:
        raise ValueError(
            "--cascade labels by the models' own thresholds, for which its margin was chosen: leave out --top_k, "
            "--threshold and --features_only."
        )
    return options


def main(argv: list[str]) -> None:
    """Label what is not labelled yet.

    Raises:
        ValueError: arguments, corpus, model or output folder are not usable; the message says what to do.
        OSError: something cannot be read or written, or Ray does not run.
    """
    options = parse(argv)
    if Path(options.input).is_dir() and options.output.resolve().is_relative_to(Path(options.input).resolve()):
        raise ResumeError(
            f"The output folder '{options.output}' lies in the corpus '{options.input}': its parts would be read as "
            "texts. Give an --output elsewhere."
        )
    model = find_model(options.model)
    if options.features_only and not model.widths:
        raise ValueError(
            f"--features_only: the model '{options.model}' has no backbone, and so no features. Leave it out."
        )
    cascade = read_cascade(options.cascade, model) if options.cascade is not None else None
    corpus = open_corpus(
        options.input,
        options.text_column or (",".join(model.text_columns) if model.text_columns else None),
        options.id_column,
        options.part_rows,
        copies=options.output / COPIES,
        column_names=options.column_names,
    )
    print(f"{options.input}: {corpus.rows:,} rows in {len(corpus.files):,} file(s), {len(corpus.parts):,} part(s)")
    print(f"texts: '{corpus.text_column}'")
    options.output.mkdir(parents=True, exist_ok=True)
    with try_lock(options.output / LOCK) as held:
        if not held:
            raise ResumeError(f"Another label.py is writing to '{options.output}'. Wait for it, or stop it.")
        begin(options.output, manifest(options, model, corpus, cascade))
        label(options, model, corpus, cascade)
        for name, cut in add_cut_texts(options.output).items():
            if cut:
                print(f"{cut:,} texts of all parts are longer than the backbone '{name}' reads, and were cut")


def manifest(options: argparse.Namespace, model: ModelFacts, corpus: Corpus, cascade: Cascade | None = None) -> dict:
    """All that decides what the parts hold: a run that goes on must agree in every point."""
    output = {name: getattr(options, name) for name in ("features_only", "keep_text", "top_k", "threshold")}
    if cascade is not None:
        output["cascade"] = cascade.describe()
    return {"input": corpus.describe(), "model": model.describe(), "output": output}


def label(options: argparse.Namespace, model: ModelFacts, corpus: Corpus, cascade: Cascade | None) -> None:
    """Have the parts that are missing worked on."""
    rows = [sum(piece.rows for piece in part) for part in corpus.parts]
    done = finished(options.output, rows)
    kept = sum(rows[part] for part in done)
    if done:
        print(f"{len(done):,} part(s) with {kept:,} rows are finished already")
    if len(done) == len(rows):
        return
    tasks = [corpus.task(part) for part in range(len(rows)) if part not in done]
    job = _job(options, model, corpus, cascade)
    tell = partial(follow, total=corpus.rows, kept=kept, output=options.output)
    if options.address is None and options.actors is None:
        why = why_here(corpus, corpus.rows - kept, model, options.threads)
        if why is not None:
            print(f"in this process, {job.threads} thread(s), as {why} (--actors N starts Ray)")
            tell(run_here(tasks, PartLabeller, job))
            return
    prepare(options.address)
    from labelling import engine  # here, as Ray reads its variables when it is imported, which takes seconds

    with engine.running(options.address):
        crew = engine.choose_crew(options.actors, options.threads, local=options.address is None)
        job = replace(job, threads=crew.threads, device="cuda" if crew.gpu and torch.version.cuda else "cpu")
        print(f"{crew.actors} actor(s) with {'a GPU' if crew.gpu else f'{crew.threads} thread(s)'} each")
        tell(engine.run_parts(tasks, PartLabeller, job, crew))


def _job(options: argparse.Namespace, model: ModelFacts, corpus: Corpus, cascade: Cascade | None) -> Job:
    """What every part has in common, with the threads and the device of this process."""
    facts = {"labels": model.labels, "model": model.describe()}
    if cascade is not None:
        facts["cascade"] = cascade.describe()
    layout = Layout(
        id_type=corpus.id_type,
        labels=model.labels,
        widths=model.widths if options.features_only else None,
        keep_text=options.keep_text,
        pairs=corpus.has_pairs,
        cascade=cascade is not None,
        facts={name: json.dumps(value) for name, value in facts.items()},
    )
    return Job(
        model=model,
        layout=layout,
        folder=options.output.resolve(),
        text_column=corpus.text_column,
        id_column=options.id_column,
        top_k=options.top_k or (None if options.threshold is not None else "predicted"),
        threshold=options.threshold,
        threads=options.threads or torch.get_num_threads(),
        device="cuda" if torch.cuda.is_available() else "cpu",
        cascade=cascade,
    )


def follow(results: Iterable[dict], total: int, kept: int, output: Path) -> None:
    """Show progress until every part is told, then what came of it."""
    called = time.perf_counter()
    started: float | None = None
    new, without_text, deferred = 0, 0, 0
    with tqdm(total=total, initial=kept, unit=" rows", unit_scale=True, mininterval=1, desc="labelling") as bar:
        for result in results:
            if result["error"]:
                raise OSError(f"Part {result['part']}: {result['error']}")
            started = started or time.perf_counter() - result["seconds"]
            new += result["rows"]
            without_text += result["without_text"]
            deferred += result["deferred"]
            bar.update(result["rows"])
    started = started or called
    seconds = time.perf_counter() - started
    print(
        f"{new:,} rows in {seconds:,.1f} s ({new / seconds:,.0f} a second), after {started - called:,.1f} s until the "
        f"model was loaded; {kept + new:,} in {output}"
    )
    if deferred:
        print(f"{deferred:,} of them were deferred to the large model ({deferred / new:.0%})")
    if without_text:
        print(f"{without_text:,} of them have no text (nothing there, or no string): their labels are null")


def run(argv: list[str] | None = None) -> int:
    """`main` with errors and signals in one sentence instead of a traceback; the process's exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    return end_with_status(main, sys.argv[1:] if argv is None else argv, advice=ADVICE)


if __name__ == "__main__":
    sys.exit(run())
