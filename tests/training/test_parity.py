"""A model that scores otherwise than when it was measured is not taken."""

import numpy as np
import pytest
from datasets import Dataset

from fusion_model import FusionConfig, FusionForSequenceClassification
from tests.standins import standin
from training.folder import write_model
from training.parity import PARITY_TEXTS, ParityError, check_parity

TEXTS = [f"this is text {number}{' and more' * (number % 5)}" for number in range(2 * PARITY_TEXTS)]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parity")
    read = {"name": "tiny", "model_id": str(standin("bert", folder / "bert")), "hidden_size": 24, "dtype": "float32"}
    config = FusionConfig(backbones=[read], linear_skip=True, hidden_sizes=[8], temperature=1.7, num_labels=3)
    model = FusionForSequenceClassification(config).eval()
    write_model(model, folder / "model", bundle_backbones=True)
    return folder / "model", model.logits(TEXTS).numpy() * 1.7


def test_a_folder_that_scores_as_it_was_measured_says_by_how_much_it_differs(written):
    folder, logits = written
    found = check_parity(folder, Dataset.from_dict({"text": TEXTS}), logits)
    assert found["texts"] == PARITY_TEXTS
    assert found["max_difference"] <= 1e-5 < found["tolerance"]


def test_a_folder_that_scores_otherwise_is_refused_with_the_difference(written):
    folder, logits = written
    with pytest.raises(ParityError, match=r"differ by up to 0.5.*at most 0.001 is expected"):
        check_parity(folder, Dataset.from_dict({"text": TEXTS}), logits + 0.5)


def test_scores_that_are_no_numbers_are_refused(written):
    folder, logits = written
    with pytest.raises(ParityError, match="differ by up to nan"):
        check_parity(folder, Dataset.from_dict({"text": TEXTS}), np.full_like(logits, np.nan))
