"""Temperature and likelihood."""

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from torch.nn import functional as F

from training.calibration import fit_temperature, negative_log_likelihood, to_probabilities


@pytest.mark.parametrize("scale", [0.25, 1.0, 3.0, 10.0])
def test_the_temperature_of_scaled_logits_is_the_scale(scale):
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (20_000, 5))
    several = (random.random(logits.shape) < expit(logits)).astype(np.float32)
    assert fit_temperature(logits * scale, several) == pytest.approx(scale, rel=0.03)
    one = (softmax(logits, axis=1).cumsum(axis=1) > random.random((len(logits), 1))).argmax(axis=1)
    assert fit_temperature(logits * scale, one) == pytest.approx(scale, rel=0.03)


@pytest.mark.parametrize("rows", [10, 1000])
def test_rows_without_a_mistake_prove_no_more_than_their_number(rows):
    """As if half of one more row had been wrong."""
    one = np.arange(rows) % 2
    several = np.eye(2)[one]
    logits = (several * 2 - 1) * 9
    expected = (rows + 0.5) / (rows + 1)
    assert softmax(logits[0] / fit_temperature(logits, one))[0] == pytest.approx(expected, rel=1e-4)
    assert expit(logits[0] / fit_temperature(logits, several))[0] == pytest.approx(expected, rel=1e-4)


def test_the_temperature_stays_in_its_bounds():
    always_right = np.array([[9.0, -9.0]] * 10)
    assert 19 < fit_temperature(always_right, np.ones(10, dtype=int)) <= 20


def test_logits_that_are_not_finite_are_refused():
    with pytest.raises(FloatingPointError, match=r"not finite\. Lower --learning_rate"):
        fit_temperature(np.array([[np.nan, 1.0]]), np.array([0]))


@pytest.mark.parametrize("size", [1.0, 1e4])
def test_the_likelihood_is_torchs(size):
    random = np.random.default_rng(1)
    logits = (random.normal(0, 1, (50, 6)) * size).astype(np.float32)
    several = (random.random((50, 6)) < 0.3).astype(np.float32)
    one = random.integers(0, 6, 50)
    x = torch.from_numpy(logits).double()
    expected = F.binary_cross_entropy_with_logits(x, torch.from_numpy(several).double()).item()
    assert negative_log_likelihood(logits, several) == pytest.approx(expected)
    assert negative_log_likelihood(logits, one) == pytest.approx(F.cross_entropy(x, torch.from_numpy(one)).item())


def test_probabilities_are_a_sigmoid_or_a_softmax():
    logits = np.array([[0.0, 2.0], [-1.0, 1.0]])
    np.testing.assert_allclose(to_probabilities(logits, True), 1 / (1 + np.exp(-logits)))
    np.testing.assert_allclose(to_probabilities(logits, False).sum(axis=1), 1)
