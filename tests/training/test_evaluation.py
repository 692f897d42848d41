"""The figures of metrics.json against scikit-learn, and against sums done by hand."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from sklearn import metrics

from training.calibration import negative_log_likelihood, to_probabilities
from training.evaluation import Calibration, calibrate, metric, score

ROOT = Path(__file__).parents[2]
NAMES = ["joy", "grief", "a | b <i>", "never"]


@pytest.fixture(params=[True, False], ids=["multi", "single"])
def case(request) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels; the last label has no example."""
    random = np.random.default_rng(0)
    one = random.integers(0, 3, 120)
    truth = (random.random((120, 4)) < 0.2) | (np.eye(4)[one] > 0)
    truth[:, 3] = False
    logits = (1.5 * truth + random.normal(0, 1, (120, 4))).astype(np.float32)
    return logits, truth.astype(np.float32) if request.param else one


def test_every_figure_is_scikit_learns(case):
    logits, labels = case
    calibration = calibrate(logits, labels)
    found = score(logits, labels, calibration, NAMES)
    multi_label = labels.ndim == 2
    scaled = logits / calibration.temperature
    p = to_probabilities(scaled, multi_label)
    predicted = (p >= calibration.thresholds).astype(int) if multi_label else p.argmax(axis=1)
    options = {"zero_division": 0, "labels": range(4)}
    for average in ("macro", "micro", "weighted"):
        expected = metrics.f1_score(labels, predicted, average=average, **options)
        assert found[f"{average}_f1"] == pytest.approx(expected)
    precision = metrics.precision_score(labels, predicted, average="macro", **options)
    assert found["macro_precision"] == pytest.approx(precision)
    assert found["macro_recall"] == pytest.approx(metrics.recall_score(labels, predicted, average="macro", **options))
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert found["loss"] == negative_log_likelihood(scaled, labels)
    truth = labels if multi_label else np.eye(4)[labels]
    expected = metrics.average_precision_score(truth[:, :3], p[:, :3], average="macro")
    assert found["mean_average_precision"] == pytest.approx(expected)
    each = metrics.precision_recall_fscore_support(labels, predicted, **options)
    for index, name in enumerate(NAMES):
        row = found["per_label"][name]
        assert [row[key] for key in ("precision", "recall", "f1", "support")] == pytest.approx([a[index] for a in each])
        expected = calibration.thresholds[index] if multi_label else None
        assert row["threshold"] == expected


def test_a_label_without_an_example_counts_as_0_and_leaves_no_nan(case):
    logits, labels = case
    found = score(logits, labels, calibrate(logits, labels), NAMES)
    assert found["per_label"]["never"]["support"] == 0
    assert found["per_label"]["never"]["f1"] == 0
    assert all(np.isfinite(value) for value in found.values() if isinstance(value, float))


def test_accuracy_of_several_labels_is_an_exact_match():
    logits = np.array([[9.0, -9, -9, -9], [9, 9, -9, -9], [9, -9, -9, -9]])
    labels = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]], dtype=np.float32)
    found = score(logits, labels, Calibration(1.0, np.full(4, 0.5), {}), NAMES)
    assert found["accuracy"] == pytest.approx(2 / 3)


def test_the_calibration_error_by_hand():
    """Single-label: the score of the prediction in 15 bins, here 0.6 (twice, one right) and 0.9 (right)."""
    p = np.array([[0.6, 0.2, 0.1, 0.1], [0.6, 0.2, 0.1, 0.1], [0.1, 0.9, 0.0, 0.0]])
    found = metric(False).compute(
        predictions=p.argmax(axis=1), references=[0, 1, 1], label_names=NAMES, probabilities=p
    )
    assert found is not None
    assert found["calibration_error"] == pytest.approx((2 * abs(0.6 - 0.5) + abs(0.9 - 1)) / 3)


def test_the_calibration_error_of_several_labels_is_their_mean():
    p = np.array([[0.5, 0.0], [0.5, 0.0]])
    found = metric(True).compute(
        predictions=[[1, 0], [1, 0]], references=[[1, 0], [1, 0]], label_names=["a", "b"], probabilities=p
    )
    assert found is not None
    assert found["calibration_error"] == pytest.approx((0.5 + 0) / 2)


def test_figures_without_probabilities_lack_what_needs_them():
    found = metric(False).compute(predictions=[0, 1], references=[0, 0], label_names=["a", "b"])
    assert found is not None
    assert "mean_average_precision" not in found
    assert found["accuracy"] == 0.5


def test_perfectly_sure_and_right_is_perfect(case):
    _, labels = case
    truth = labels if labels.ndim == 2 else np.eye(4)[labels]
    logits = (truth * 2 - 1) * 50.0
    found = score(logits, labels, calibrate(logits, labels), NAMES)
    assert found["accuracy"] == found["micro_f1"] == found["mean_average_precision"] == 1
    # As sure as so many rows without a mistake allow.
    assert 0 < found["calibration_error"] < 1 / len(labels)


def test_calibration_of_one_label_a_text_has_no_thresholds():
    found = calibrate(np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 3)
    assert found.thresholds is None
    assert found.selection is None


def test_thresholds_are_of_the_probabilities_after_the_temperature():
    random = np.random.default_rng(3)
    logits = random.normal(0, 2, (400, 3))
    labels = (random.random(logits.shape) < expit(logits)).astype(np.float32)
    first, second = calibrate(logits, labels), calibrate(logits * 5, labels)
    assert second.temperature == pytest.approx(5 * first.temperature, rel=1e-3)
    np.testing.assert_allclose(second.thresholds, first.thresholds, atol=1e-3)


def test_logits_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"The logits have the shape \(5, 3\): expected \(5, 4\) for 5 rows and 4 "):
        score(np.zeros((5, 3)), np.zeros(5, dtype=int), Calibration(1.0, None, None), NAMES)


def test_several_labels_without_thresholds_are_refused():
    with pytest.raises(ValueError, match="the calibration has no thresholds"):
        score(np.zeros((5, 4)), np.zeros((5, 4)), Calibration(1.0, None, None), NAMES)


def test_the_metric_loads_with_an_empty_cache_and_no_network(tmp_path):
    """As on a fresh machine behind a firewall: nothing is asked of the Hub, so nothing is waited for."""
    code = (
        "import socket\n"
        "def refuse(*args): raise AssertionError('the network was asked')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from training.evaluation import metric\n"
        "found = metric(True).compute(predictions=[[1, 0]], references=[[1, 1]], label_names=['a', 'b'])\n"
        "assert found['macro_f1'] == 0.5, found\n"
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, timeout=120)
