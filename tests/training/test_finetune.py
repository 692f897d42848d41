"""A backbone that was fine-tuned before is found again, and nothing else passes for it."""

import numpy as np
import pytest
from datasets import Dataset, DatasetDict

from fusion_model.backbones import check_backbones
from training.arguments import parse
from training.finetune import _key

TEXTS = ["so happy", "so sad", "so what"]


def key(*flags: str, labels=(0, 1, 2), validation=(0, 1, 2), num_labels: int = 3, seed: int = 42) -> str:
    """The name of what would be tuned."""
    (spec,) = check_backbones([{"name": "tiny", "model_id": "user/tiny", "tuned": True, "hidden_size": 8}])
    data = DatasetDict({name: Dataset.from_dict({"text": TEXTS}) for name in ("train", "validation")})
    ids = {"train": np.array(labels), "validation": np.array(validation)}
    options = parse(["--recipe", "minilm_tuned", *flags]).training
    return _key(spec, data, ids, num_labels, options, seed)


@pytest.mark.parametrize(
    "flags",
    [
        ["--max_steps", "7"],
        ["--gradient_accumulation_steps", "8"],
        ["--label_smoothing_factor", "0.2"],
        ["--load_best_model_at_end", "false"],
        ["--finetune_epochs", "1"],
        ["--finetune_freeze_embeddings", "true"],
        ["--loss", "focal"],
        ["--adam_beta2", "0.9"],
    ],
    ids=" ".join,
)
def test_what_changes_the_result_changes_its_name(flags):
    assert key(*flags) != key()


def test_other_data_and_another_seed_change_its_name():
    others = {key(labels=(0, 1, 1)), key(validation=(0, 1, 1)), key(num_labels=4), key(seed=43), key()}
    assert len(others) == 5


@pytest.mark.parametrize(
    "flags",
    [
        ["--tuned_weight", "2.0"],
        ["--lexical_weight", "0.1"],
        ["--num_train_epochs", "1"],
        ["--learning_rate", "0.1"],
        ["--metric_for_best_model", "loss"],
        ["--num_runs", "5"],
        ["--output_dir", "elsewhere"],
        ["--hub_token", "secret"],
    ],
    ids=" ".join,
)
def test_what_only_the_head_is_made_of_does_not(flags):
    assert key(*flags) == key()
