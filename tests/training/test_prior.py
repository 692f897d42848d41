import numpy as np
import pytest
import torch
from datasets import Dataset, Features, List, Value

from fusion_model import Backbone, FusionConfig
from training.arguments import parse
from training.feed import FeatureColumn
from training.head import build_model
from training.prior import LARGEST_WEIGHT, NAMES, PROMPTS, fit_prior, log_prior, prompts

SIZE = 8
BACKBONE = Backbone(name="tiny", model_id="tiny", layers=(0, -1), pooling=("max", "mean"), hidden_size=SIZE)
# The mean of the last layer: the last of layers x poolings.
SLOT = slice(3 * SIZE, 4 * SIZE)


def column(states: np.ndarray) -> FeatureColumn:
    """A column whose last layer's mean is `states`, and whose other slots would mislead."""
    rows = np.random.default_rng(5).normal(0, 50, (len(states), BACKBONE.width))
    rows[:, SLOT] = states
    kind = Features({"tiny": List(Value("float16"), length=BACKBONE.width)})
    return FeatureColumn(Dataset.from_dict({"tiny": rows.astype(np.float16)}, features=kind))


def fitted(labels: np.ndarray, texts: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Logits that the weights give the texts."""
    columns = {"train": {"tiny": column(texts)}, NAMES: {"tiny": column(np.tile(names, (len(PROMPTS), 1)))}}
    prior = fit_prior([BACKBONE], columns, labels, len(names))
    weights = prior.names["tiny"].numpy()
    assert not np.delete(weights, np.r_[SLOT], axis=1).any(), "only the last layer's mean is read"
    return texts @ weights[:, SLOT].T


def test_prompts_hold_every_name_in_every_prompt_and_read_underscores_as_spaces():
    texts = prompts(["joy", "mild_anger"])["text"][:]
    assert len(texts) == 2 * len(PROMPTS)
    assert texts[:2] == ["joy", "mild anger"]
    assert all("mild anger" in text for text in texts[1::2])


@pytest.mark.parametrize("multi_label", [False, True])
def test_texts_that_are_like_a_name_start_with_its_label_ahead(multi_label):
    rng = np.random.default_rng(0)
    names = np.eye(4, SIZE) * 3
    labels = rng.integers(0, 4, 200)
    texts = names[labels] + rng.normal(0, 1, (200, SIZE))
    logits = fitted(np.eye(4)[labels] if multi_label else labels, texts, names)
    assert (logits.argmax(axis=1) == labels).mean() > 0.9


def test_names_that_tell_nothing_weigh_nothing():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, 2000)
    texts = np.eye(4, SIZE)[labels] * 3 + rng.normal(0, 1, (2000, SIZE))
    told = fitted(labels, texts, np.eye(4, SIZE))
    # Each name lies where another label's texts are.
    untold = fitted(labels, texts, np.roll(np.eye(4, SIZE), 1, axis=0))
    assert np.abs(untold).max() < 0.01 * np.abs(told).max()
    assert told.std() <= LARGEST_WEIGHT * 1.01


def test_the_shares_of_labels_are_their_logits_before_any_text():
    assert torch.allclose(log_prior(np.array([0, 0, 0, 1]), 2).exp(), torch.tensor([0.75, 0.25]))
    rates = log_prior(np.array([[1, 0], [1, 1], [1, 0], [0, 0]]), 2).sigmoid()
    assert torch.allclose(rates, torch.tensor([0.75, 0.25]))


def test_a_fresh_model_says_of_a_text_its_labels_shares_and_its_likeness_to_their_names():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 4, 300)
    names = np.eye(4, SIZE) * 3
    texts = column(names[labels] + rng.normal(0, 1, (300, SIZE)))
    columns = {"train": {"tiny": texts}, NAMES: {"tiny": column(np.tile(names, (len(PROMPTS), 1)))}}
    prior = fit_prior([BACKBONE], columns, labels, 4)
    config = FusionConfig(
        backbones=[BACKBONE], cooccurrence=False, standardise=True, linear_skip=True, hidden_sizes=[], num_labels=4
    )
    model = build_model(config, columns["train"], None, {}, prior).eval()
    features = torch.from_numpy(texts.take(np.arange(300))).float()
    expected = prior.bias + (features - features.mean(dim=0)) @ prior.names["tiny"].T
    said = model({"tiny": features}).logits
    # Outliers are cut at eight deviations and the weights are the same but for that.
    torch.testing.assert_close(said, expected, atol=2e-2, rtol=1e-2)


def test_names_are_read_only_by_a_layer_that_is_there():
    with pytest.raises(ValueError, match="--linear_skip true"):
        parse(["--recipe", "minilm", "--linear_skip", "false"])
    parse(["--recipe", "minilm", "--linear_skip", "false", "--read_label_names", "false"])
