"""Finds what is wrong with labels: errors, contradictions, texts in two splits, labels that are confused or too rare.

python -m labels.audit --dataset my.csv
python -m labels.audit --dataset go_emotions --recipe minilm --output audit/go_emotions
python train.py --dataset my.csv --use_corrections audit/labels.csv
"""

import logging
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import datasets
import torch
from transformers.utils.logging import disable_progress_bar

from common.command import end_with_status
from common.memory import keep_few_kernels
from training.reviewed import LABEL_ERROR

from .arguments import CommonArguments, parse
from .material import Material, gather

TABLE, PAGE = "labels.csv", "index.html"


@dataclass
class AuditArguments(CommonArguments):
    """What an audit needs beside the data."""

    output: str = field(default="audit", metadata={"help": "Folder for the table and the page; new, or empty."})


def main(argv: list[str]) -> None:
    """Audit every split, print a sentence for each finding, and write a table and a page.

    Args:
        argv: Arguments without the program's name.

    Raises:
        ValueError: arguments or data are not usable, or the output folder holds an earlier audit.
        OSError: cleanlab is not installed, or something cannot be read or written.
    """
    data_arguments, arguments, recipe = parse(argv, AuditArguments, "python -m labels.audit", (__doc__ or "")[:119])
    folder = Path(arguments.output)
    if (folder / TABLE).exists():
        raise ValueError(
            f"'{folder}' holds the table of an earlier audit, which somebody may have looked through. Give another "
            f"--output, or delete '{folder / TABLE}'."
        )
    try:
        from .findings import examine  # here, as cleanlab is an extra
    except ModuleNotFoundError as error:
        raise OSError(f"An audit needs `pip install -r requirements-audit.txt` ({error}).") from None
    from .page import audit_page
    from .table import audit_table, write_table

    data = data_arguments.load()
    print(data.reading)
    device = "cpu" if arguments.use_cpu or not torch.cuda.is_available() else "cuda"
    material = gather(data, recipe, data_arguments.cache_path, device)
    started = time.perf_counter()
    findings = examine(material, arguments.seed)
    sentences = list(told(material, findings))
    for sentence in sentences:
        print(f"- {sentence}")
    folder.mkdir(parents=True, exist_ok=True)
    subtitle = (
        f"{', '.join(f'{len(split):,} {name}' for name, split in data.items())} texts, {len(material.names)} labels; "
        f"scores come from models that were fitted on other texts (recipe {recipe.name})."
    )
    title = f"Audit of {Path(data_arguments.dataset).name}"
    (folder / PAGE).write_text(audit_page(title, subtitle, sentences, material, findings), encoding="utf-8")
    files = write_table(audit_table(material, findings), material.names, folder, Path(TABLE).stem)
    print(f"{len(material):,} texts in {time.perf_counter() - started:.0f} s: {', '.join(map(str, files))}, {folder / PAGE}")
    print(
        "Delete the lines of the table that are fine, change `proposed` where you know better, and train with "
        f"--use_corrections {files[0]} or --drop_label_errors {files[0]}."
    )


def told(material: Material, findings: "Findings"):  # type: ignore[name-defined] # noqa: F821
    """A sentence for each finding."""
    from .findings import CONTRADICTION, MISSING, OUTLIER, SHARED

    rows = {reason: findings.rows(reason) for reason in (LABEL_ERROR, MISSING, CONTRADICTION, SHARED, OUTLIER)}
    errors = rows[LABEL_ERROR]
    share = 100 * len(errors) / len(material)
    yield f"{len(errors):,} texts ({share:.1f} %) have a label that is more likely wrong than right."
    yield f"About {100 * findings.unrelated:.1f} % of the labels have nothing to do with their text."
    if rows[MISSING]:
        yield f"{len(rows[MISSING]):,} texts lack a label that such texts nearly always have."
    if rows[CONTRADICTION]:
        yield f"{len(rows[CONTRADICTION]):,} texts are nearly equal to another one and have no label in common with it."
    if rows[SHARED]:
        yield f"{len(rows[SHARED]):,} texts outside train stand in another split too: results on them are too good."
    if findings.confused:
        pairs = ", ".join(f"{a} and {b} ({count:,})" for a, b, count in findings.confused[:3])
        yield f"The labels that most often stand for each other are {pairs}."
    if findings.rare:
        shown = ", ".join(f"{name} ({count:,})" for name, count, _ in findings.rare[:5])
        more = f" and {len(findings.rare) - 5} more" if len(findings.rare) > 5 else ""
        yield f"Too rare to learn: {shown}{more}."
    if rows[OUTLIER]:
        yield f"{len(rows[OUTLIER]):,} texts are like no other: another language, noise, or a new kind of text."


def run(argv: list[str] | None = None) -> int:
    """`main` with errors and signals in one sentence instead of a traceback; the process's exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    datasets.disable_progress_bars()
    disable_progress_bar()
    keep_few_kernels()
    arguments = sys.argv[1:] if argv is None else argv
    return end_with_status(main, arguments, advice="features are kept; the same command reads them.")


if __name__ == "__main__":
    sys.exit(run())
