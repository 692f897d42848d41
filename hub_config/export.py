"""Writes a trained model as a folder that needs neither torch nor transformers.

python -m hub_config.export outputs/minilm-go_emotions --format onnx
python -m hub_config.export outputs/minilm-go_emotions --format onnx --dtype float32 --output emotions-onnx
"""

import argparse
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from transformers.utils.logging import disable_progress_bar

import fusion_model.buckets
import fusion_model.predictions
import fusion_model.terms
import fusion_model.texts
from common.atomic import room
from common.command import end_with_status, program
from fusion_model import Backbone, FusionForSequenceClassification
from fusion_model.batches import stand_in
from fusion_model.file_modes import check_readable

DTYPES = ("int8", "float32")
HERE = Path(__file__).parent / "portable"
# What an export carries of the published code: files that import neither torch nor transformers.
CARRIED = (fusion_model.buckets, fusion_model.predictions, fusion_model.terms, fusion_model.texts)
# Its configuration's mark, without which a folder is not replaced.
FORMAT = "fusion-onnx-1"
README = """# An emotion classifier without torch

    pip install numpy onnxruntime tokenizers
    python predict.py "You did what?! I am so proud of you!"

Exported from {name} with weights in {dtype}. Its card tells what it was trained on, how well it does and under which
licence it stands; all of that holds for this folder too. `predict.py` says how to use it from Python.
"""


def export(folder: str, output: Path, dtype: Literal["int8", "float32"] = "int8") -> None:
    """Write the export of a model folder.

    Args:
        folder: A model folder (or Hub id) whose backbones are BERT-like.
        output: Where to; made anew. An earlier export there is replaced, anything else is not.
        dtype: Of the weights. int8 is a quarter of the size; docs/export.md has speed and accuracy.

    Raises:
        ValueError: the model cannot be exported, or `output` holds something else.
        OSError: a backbone is not found, a file cannot be written, or packages are missing.
    """
    try:
        from .portable.graph import write_graph
        from .portable.quantise import quantise
    except ImportError as error:
        raise OSError(f"Exporting needs `pip install -r requirements-export.txt` ({error}).") from None
    if output.exists() and any(output.iterdir()) and not _is_export(output):
        raise ValueError(f"'{output}' is there, and is no earlier export: give another --output.")
    model = FusionForSequenceClassification.from_pretrained(folder)
    windows = [one.name for one in model.config.backbones if one.long_texts == "windows"]
    if windows:
        raise ValueError(
            f"The model '{folder}' reads long texts in windows ({', '.join(windows)}), and an export cuts them off. "
            "Train it with long_texts: cut and export that, or use the model itself."
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    with (
        room(output.parent, "Nothing of the export is left: free some space, or give another --output."),
        tempfile.TemporaryDirectory(dir=output.parent, prefix="unfinished-") as scratch,
    ):
        aside = Path(scratch) / "export"
        aside.mkdir()
        backbones = [_write_tokenizer(model, backbone, aside) for backbone in model.config.backbones]
        if model.lexical is not None:
            (aside / "vocabulary.txt").write_bytes(bytes(model.lexical.vocabulary.tolist()))
        name = Path(folder).name if Path(folder).is_dir() else folder
        _write_config(model, backbones, name, dtype, aside / "config.json")
        for file in (*(module.__file__ for module in CARRIED), HERE / "predict.py"):
            shutil.copyfile(str(file), aside / Path(str(file)).name)  # the mode is the umask's, not the original's
        (aside / "README.md").write_text(README.format(name=name, dtype=dtype), encoding="utf-8")
        write_graph(model, aside / "model.onnx")
        if dtype == "int8":
            quantise(aside / "model.onnx")
        if output.exists():
            shutil.rmtree(output)
        aside.rename(output)


def _is_export(folder: Path) -> bool:
    """Whether `export` wrote this folder."""
    check_readable(folder / "config.json")
    try:
        return json.loads((folder / "config.json").read_text(encoding="utf-8"))["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write_tokenizer(model: FusionForSequenceClassification, backbone: Backbone, folder: Path) -> dict[str, Any]:
    """Write a backbone's tokenizer; what the loader must know of the backbone."""
    from .portable.graph import reads_segments

    tokenizer: Any = model.encoder(backbone.name).tokenizer
    if not tokenizer.is_fast:
        raise ValueError(f"The tokenizer of '{backbone.name}' has no tokenizer.json, which an export needs.")
    file = f"tokenizer-{backbone.name}.json"
    tokenizer.backend_tokenizer.save(str(folder / file))
    return {
        "name": backbone.name,
        "tokenizer": file,
        "max_length": backbone.max_length,
        "truncation_side": tokenizer.truncation_side,
        **({"segments": True} if reads_segments(model, backbone) else {}),
        "stand_in": stand_in(tokenizer),
    }


def _write_config(
    model: FusionForSequenceClassification, backbones: list[dict], name: str, dtype: str, file: Path
) -> None:
    """Write what turns logits into labels."""
    config = model.config
    content = {
        "format": FORMAT,
        "exported_from": name,
        "dtype": dtype,
        "labels": [config.id2label[number] for number in range(model.num_labels)],  # type: ignore[index]
        "problem_type": config.problem_type,
        "thresholds": config.thresholds,
        "num_terms": config.lexical_terms,
        "backbones": backbones,
        **({"text_columns": config.text_columns} if config.text_columns else {}),
    }
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def exported(folder: Path, threads: int | None = None) -> Iterator[Any]:
    """The `Classifier` of an export, loaded with the export's own code.

    Args:
        folder: What `export` wrote.
        threads: See the class.
    """
    names = ("predict", *(module.__name__.rpartition(".")[2] for module in CARRIED))
    kept = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, str(folder))
    try:
        import predict

        yield predict.Classifier(folder, threads)
    finally:
        sys.path.remove(str(folder))
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(kept)


def main(argv: list[str]) -> None:
    """The command.

    Raises:
        ValueError: the model cannot be exported.
        OSError: something is not found or cannot be written.
    """
    parser = argparse.ArgumentParser(
        prog=program("python -m hub_config.export"), description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("folder", help="Model folder as train.py writes it, or a Hub id.")
    parser.add_argument("--format", choices=["onnx"], required=True)
    parser.add_argument("--output", type=Path, help="Folder to write (FOLDER-onnx if left out).")
    parser.add_argument("--dtype", choices=DTYPES, default="int8", help="Of the weights.")
    options = parser.parse_args(argv)
    disable_progress_bar()
    output = options.output or Path(f"{options.folder.rstrip('/')}-onnx")
    export(options.folder, output, options.dtype)
    size = sum(file.stat().st_size for file in output.iterdir()) / 1e6
    sys.stdout.write(f"{output}: {size:,.1f} MB, weights in {options.dtype}. Try it: python {output}/predict.py TEXT\n")


def run(argv: list[str] | None = None) -> int:
    """`main` with errors and signals in one sentence instead of a traceback; the process's exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    return end_with_status(main, sys.argv[1:] if argv is None else argv, advice="nothing was written.")


if __name__ == "__main__":
    sys.exit(run())
