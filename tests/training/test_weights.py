"""The parts' weights: what they are fitted to, and that a model that got them says their weighted sum."""

import numpy as np
import pytest
import torch
from scipy.special import expit

from fusion_model import FusionConfig, FusionForSequenceClassification
from training.feed import FeatureDataset
from training.head import predict_logits, predict_parts
from training.weights import HEADS, LEXICAL, apply_weights, fit_weights, held_out_logits


def drawn(weights: dict[str, float], several: bool, rows: int = 6000, labels: int = 4):
    """Parts' logits, and labels drawn from the probabilities of their weighted sum."""
    random = np.random.default_rng(0)
    parts = {name: random.normal(size=(rows, labels)) for name in weights}
    total = sum(weight * parts[name] for name, weight in weights.items())
    if several:
        return parts, (random.random(total.shape) < expit(total)).astype(np.int64)
    return parts, (total + random.gumbel(size=total.shape)).argmax(axis=1)


@pytest.mark.parametrize("several", [True, False])
def test_the_weights_that_labels_were_drawn_with_are_found(several):
    parts, labels = drawn({HEADS: 2.0, "tuned": 3.0, LEXICAL: 1.0}, several)
    found = fit_weights(parts, labels)
    assert list(found) == [HEADS, "tuned", LEXICAL]
    assert found[HEADS] == 1.0
    assert found["tuned"] == pytest.approx(1.5, abs=0.15)
    assert found[LEXICAL] == pytest.approx(0.5, abs=0.15)


def test_a_part_that_says_nothing_or_the_opposite_gets_no_weight():
    parts, labels = drawn({HEADS: 2.0, "noise": 0.0, "wrong": -1.0}, several=True)
    found = fit_weights(parts, labels)
    assert found["noise"] < 0.05
    assert found["wrong"] == 0.0


def test_held_out_logits_of_a_row_do_not_depend_on_its_label():
    parts, labels = drawn({HEADS: 1.0, LEXICAL: 0.5}, several=True, rows=50)
    before = held_out_logits(parts, labels)
    labels[7] = 1 - labels[7]
    changed = np.abs(held_out_logits(parts, labels) - before).max(axis=1)
    assert changed[7] == 0
    assert (changed > 0).sum() == 40  # the rows of the four other folds


def test_a_single_row_of_validation_is_enough():
    parts, labels = drawn({HEADS: 1.0, LEXICAL: 0.5}, several=True, rows=1)
    assert np.array_equal(held_out_logits(parts, labels), parts[HEADS] + parts[LEXICAL])
    assert all(np.isfinite(weight) and weight >= 0 for weight in fit_weights(parts, labels).values())


@pytest.mark.parametrize("frozen", [True, False], ids=["with heads", "fine-tuned alone"])
def test_a_model_with_fitted_weights_says_their_sum(make_parts_model, frozen):
    model, data = make_parts_model(frozen)
    parts = predict_parts(model, data, 4)
    assert list(parts) == [HEADS] * frozen + ["tuned", "other", LEXICAL]
    weights = dict(zip(parts, (1.0, 0.3, 2.0, 0.7), strict=False))
    apply_weights(model, weights)
    expected = sum(weight * parts[name] for name, weight in weights.items())
    assert np.allclose(predict_logits(model, data, 4), expected, atol=1e-5)
    assert torch.isfinite(model.tuned_heads["tuned"].classifier.weight).all()


@pytest.fixture
def make_parts_model():
    """A model of heads or none, two fine-tuned backbones and TF-IDF logits, and what it reads."""

    class Rows:
        """In an Arrow column's place."""

        def __init__(self, values):
            self.values = values

        def __len__(self):
            return len(self.values)

        def take(self, rows):
            return self.values[rows]

    def make(frozen: bool):
        torch.manual_seed(0)
        one = {"model_id": "user/one", "hidden_size": 8}
        names = ["read"] * frozen + ["tuned", "other"]
        config = FusionConfig(
            backbones=[{**one, "name": name, "tuned": name != "read"} for name in names],
            fusion_dim=4, hidden_sizes=[8], num_members=2, tuned_weight=0.9, lexical_weight=0.4,
            id2label={0: "joy", 1: "anger"}, label2id={"joy": 0, "anger": 1},
            problem_type="multi_label_classification",
        )  # fmt: skip
        model = FusionForSequenceClassification(config).eval()
        random = np.random.default_rng(0)
        columns = {name: Rows(random.normal(size=(10, 8)).astype(np.float16)) for name in names}
        labels = random.integers(0, 2, size=(10, 2))
        return model, FeatureDataset(columns, labels, random.normal(size=(10, 2)).astype(np.float32))

    return make
