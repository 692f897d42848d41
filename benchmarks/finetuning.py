"""What fine-tuning a part of a backbone costs and reaches, beside fine-tuning all of it.

python -m benchmarks.finetuning --dataset go_emotions --blocks top_layers=3 top_layers=2 lora_rank=8

Each block is the recipe's own for all layers, with these keys changed (`top_layers=3,epochs=4`). Seconds include the
cached states; memory is in MiB, with and without mapped files; the score is that of the fine-tuned backbone by itself,
at its best epoch, on validation.
"""

import copy
import gc
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.measure import parser, peak_memory, report
from common.memory import give_back, keep_few_kernels
from extraction.features import extract, pin
from extraction.splits import is_multi_label, label_matrix, label_names
from fusion_model.head import FineTunedHead
from training.arguments import parse
from training.feed import FeatureColumn
from training.finetune import Task, check_block, finetune
from training.finetune_options import Finetune
from training.trainer import quick_score

WHOLE = "all layers"
EVERYTHING = ("top_layers=null", "lora_rank=null")


def main(argv: list[str] | None = None) -> None:
    """Print seconds, their share of fine-tuning all layers, and validation's score for each block."""
    arguments = parser(__doc__)
    arguments.add_argument("--dataset", required=True)
    arguments.add_argument("--label_mode", default="auto", choices=["auto", "single", "multi"])
    arguments.add_argument("--max_rows", help="of each split, for a quick look")
    arguments.add_argument("--recipe", default="minilm_tuned", help="its first fine-tuned backbone is taken")
    arguments.add_argument("--blocks", nargs="*", default=["top_layers=3", "top_layers=2", "lora_rank=8"])
    given = arguments.parse_args(argv)
    keep_few_kernels()
    flags = ["--recipe", given.recipe, "--dataset", given.dataset, "--label_mode", given.label_mode]
    flags += ["--max_rows", given.max_rows] if given.max_rows else []
    table: list[dict] = []
    for changes in [WHOLE, *given.blocks]:
        overrides = [*EVERYTHING, *([] if changes == WHOLE else changes.split(","))]
        run = parse([*flags, "--finetune", *overrides])
        backbone = pin(next(one for one in run.backbones if one.tuned), run.training.device)
        block: Finetune = copy.copy(run.finetune[backbone.name])
        check_block(backbone, block)
        data = run.data.load()
        names = label_names(data)
        labels = {
            name: label_matrix(split, len(names)) if is_multi_label(data) else np.asarray(split["labels"][:])
            for name, split in data.items()
        }
        with tempfile.TemporaryDirectory() as scratch:
            task = Task(data, labels, len(names), run.training, Path(scratch))
            gc.collect()
            give_back()
            started = time.perf_counter()
            with peak_memory() as peak:
                tuned, weights = finetune(backbone, block, task, seed=run.training.seed)
            seconds = time.perf_counter() - started
            features = FeatureColumn(extract(data["validation"], tuned, cache_dir=Path(scratch)))
            head = FineTunedHead(backbone.width, len(names)).eval()
            head.load_state_dict(weights)
            with torch.inference_mode():
                logits = head(torch.from_numpy(features.take(np.arange(len(features)))).float()).numpy()
            scores = quick_score(logits, labels["validation"], len(names))
        share = seconds / table[0]["seconds"] if table else 1.0
        table.append({"trained": changes, "seconds": seconds, "of_all_layers": share, **peak, **scores})
    report(f"Fine-tuning {backbone.model_id}: {Path(given.dataset).name}", table, given.json)


if __name__ == "__main__":
    main()
