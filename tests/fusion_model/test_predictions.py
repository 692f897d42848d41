"""From probabilities to labels."""

import pytest
import torch

from fusion_model import FusionConfig
from fusion_model.predictions import probabilities, rank
from fusion_model.texts import check_texts

LABELS = {0: "joy", 1: "anger", 2: "fear"}
SCORES = torch.tensor([0.2, 0.7, 0.45])


def config_of(problem: str = "multi_label_classification", **options) -> FusionConfig:
    return FusionConfig(
        id2label=LABELS, label2id={name: i for i, name in LABELS.items()}, problem_type=problem, **options
    )


def labels_of(*args) -> list[str]:
    return [item["label"] for item in rank(SCORES, *args)]


def test_predicted_labels_reach_their_own_thresholds():
    assert labels_of(config_of(), "predicted") == ["anger"]
    assert labels_of(config_of(thresholds=[0.1, 0.71, 0.4]), "predicted") == ["fear", "joy"]
    assert labels_of(config_of(thresholds=[0.9, 0.9, 0.9]), "predicted") == []
    exact = [float(value) for value in SCORES]
    assert labels_of(config_of(thresholds=exact), "predicted") == ["anger", "fear", "joy"]


def test_a_single_label_model_decides_for_the_best_whatever_its_score():
    config = config_of("single_label_classification")
    assert labels_of(config, "predicted") == ["anger"]
    assert [item["label"] for item in rank(torch.tensor([0.34, 0.33, 0.33]), config, "predicted")] == ["joy"]


def test_the_word_of_version_0_1_0_for_predicted_labels_is_still_understood():
    assert labels_of(config_of(), "decided") == labels_of(config_of(), "predicted")


def test_top_k_counts_and_threshold_filters():
    config = config_of(thresholds=[0.9, 0.9, 0.9])
    assert labels_of(config, None) == ["anger", "fear", "joy"]
    assert labels_of(config, 2) == ["anger", "fear"]
    assert labels_of(config, 99) == ["anger", "fear", "joy"]
    assert labels_of(config, None, 0.4) == ["anger", "fear"]
    assert labels_of(config, 1, 0.4) == ["anger"]
    assert labels_of(config, "predicted", 0.4) == ["anger", "fear"]
    assert labels_of(config, None, 1.0) == []


@pytest.mark.parametrize("top_k", [0, -1, 1.5, "all", True])
def test_a_top_k_out_of_range_is_refused(top_k, make_model):
    with pytest.raises(ValueError, match=r"expected a number of labels from 1 on, None for all, or 'predicted'\."):
        rank(SCORES, config_of(), top_k)
    with pytest.raises(ValueError, match="top_k is"):
        make_model().predict([], top_k=top_k)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan"), "0.5", True])
def test_a_threshold_out_of_range_is_refused(threshold, make_model):
    with pytest.raises(ValueError, match=r"expected a probability from 0 to 1\."):
        rank(SCORES, config_of(), None, threshold)
    with pytest.raises(ValueError, match="threshold is"):
        make_model().predict([], threshold=threshold)


def test_probabilities_are_sigmoids_or_a_softmax():
    logits = torch.tensor([[0.0, 2.0, -1.0], [-800.0, 800.0, 3.0]])
    for multi_label, expected in ((True, logits.sigmoid()), (False, logits.softmax(dim=1))):
        found = torch.from_numpy(probabilities(logits.numpy(), multi_label))
        torch.testing.assert_close(found, expected)
        assert found.dtype == torch.float32


def test_temperature_divides_the_logits(make_model, texts):
    plain, cool = make_model(), make_model(temperature=2.5)
    torch.testing.assert_close(cool.logits(texts) * 2.5, plain.logits(texts), atol=1e-5, rtol=1e-5)


def test_half_an_emoji_is_read_as_in_training_files_and_numbers_start_where_asked():
    assert check_texts(["a\ud83d", "ok 😂", "\ud83d\ude02"]) == ["a\ufffd", "ok 😂", "😂"]
    with pytest.raises(ValueError, match="Input 41 is int"):
        check_texts(["a", 2], first=40)
