"""Finds what is wrong with labels: errors, contradictions, texts in two splits, labels that are confused or too rare.

python -m labels.audit --dataset my.csv
python -m labels.audit --dataset go_emotions --recipe minilm --output audit/go_emotions
python train.py --dataset my.csv --use_corrections audit/labels.csv
"""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from extraction.arguments import parse

from .arguments import CommonArguments, run_command
from .material import gather

TABLE, PAGE = "labels.csv", "index.html"


@dataclass
class AuditArguments(CommonArguments):
    """What an audit needs beside the data."""

    below: float = field(
        default=0.5, metadata={"help": "Labels with a lower score are label errors; 0.8 lists more of them, 0.2 fewer."}
    )
    output: str = field(default="audit", metadata={"help": "Folder for the table and the page; new, or empty."})


def main(argv: list[str]) -> None:
    """Audit every split, print a sentence for each finding, and write a table and a page.

    Args:
        argv: Arguments without the program's name.

    Raises:
        ValueError: arguments or data are not usable, or the output folder holds an earlier audit.
        OSError: cleanlab is not installed, or something cannot be read or written.
    """
    data_arguments, arguments, recipe = parse(
        argv, AuditArguments, "python -m labels.audit", (__doc__ or "").splitlines()[0]
    )
    if not 0 < arguments.below < 1:
        raise ValueError(f"--below is {arguments.below:g}: expected a score between 0 and 1, such as 0.5.")
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
    from .page import audit_page, audit_table, told
    from .table import write_table

    data = data_arguments.load()
    print(data.reading)
    device = "cpu" if arguments.use_cpu or not torch.cuda.is_available() else "cuda"
    material = gather(data, recipe, data_arguments.cache_path, device)
    started = time.perf_counter()
    findings = examine(material, arguments.seed, arguments.below)
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
    seconds = time.perf_counter() - started
    print(f"{len(material):,} texts in {seconds:.0f} s: {', '.join(map(str, (*files, folder / PAGE)))}")
    print(
        "Delete the lines of the table that are fine, change `proposed` where you know better, and train with "
        f"--use_corrections {files[0]} or --drop_label_errors {files[0]}."
    )


def run(argv: list[str] | None = None) -> int:
    """`main` with errors and signals in one sentence instead of a traceback; the process's exit status."""
    return run_command(main, argv)


if __name__ == "__main__":
    sys.exit(run())
