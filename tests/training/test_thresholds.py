"""Thresholds: the optimum where there is one, and honesty about what was fitted on what."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit

from training import thresholds
from training.thresholds import (
    METHODS,
    choose_thresholds,
    cross_fitted,
    fit_calibrated,
    fit_global,
    fit_per_label,
    fit_shrunk,
    fit_softened,
    macro_f1,
)


def problem(rows: int, labels: int, seed: int, signal: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that know something about 0/1 targets, unless `signal` is 0."""
    random = np.random.default_rng(seed)
    targets = (random.random((rows, labels)) < np.linspace(0.05, 0.5, labels)).astype(np.float32)
    scores = expit(signal * (targets - 0.7) + random.normal(size=(rows, labels)))
    return scores, targets


def f1_at(scores: np.ndarray, targets: np.ndarray, threshold: float) -> float:
    return macro_f1(targets[:, None], scores[:, None] >= threshold)


def test_macro_f1_counts_a_label_that_never_occurs_as_0():
    targets = np.array([[1, 0], [1, 0], [0, 0]])
    assert macro_f1(targets, np.array([[1, 0], [0, 0], [1, 0]], bool)) == pytest.approx((0.5 + 0) / 2)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("decimals", [1, 2, 12])
def test_per_label_finds_the_best_f1_that_any_threshold_gives(seed, decimals):
    """Few decimals make ties."""
    scores, targets = problem(60, 4, seed)
    scores = scores.round(decimals)
    found = fit_per_label(scores, targets)
    for label in range(4):
        x, y = scores[:, label], targets[:, label]
        best = max(f1_at(x, y, candidate) for candidate in np.unique(x))
        assert f1_at(x, y, found[label]) == pytest.approx(best)


def test_a_threshold_lies_between_two_scores_and_not_on_one():
    found = fit_per_label(np.array([[0.9], [0.8], [0.2], [0.1]]), np.array([[1], [1], [0], [0]]))
    assert found[0] == pytest.approx(0.5)


def test_neighbouring_floats_are_separated():
    low = np.float64(0.7)
    high = np.nextafter(low, 1)
    for kind in (np.float64, np.float32):
        low, high = kind(0.7), np.nextafter(kind(0.7), kind(1))
        scores = np.array([[high], [low]])
        found = fit_per_label(scores, np.array([[1], [0]]))
        np.testing.assert_array_equal(scores >= found, [[True], [False]])


@pytest.mark.parametrize("method", sorted(METHODS))
def test_odd_labels_get_a_finite_threshold(method):
    """No example at all, nothing but examples, a score that never changes, a perfect and a reversed score."""
    random = np.random.default_rng(0)
    scores = random.random((40, 5))
    targets = np.zeros((40, 5))
    targets[:, 1] = 1
    scores[:, 2], targets[:10, 2] = 0.3, 1
    targets[:, 3] = scores[:, 3] > 0.6
    targets[:, 4] = scores[:, 4] < 0.4
    found = METHODS[method](scores, targets)
    assert found.shape == (5,)
    assert ((found >= 0) & (found <= 1)).all()


def test_a_label_without_an_example_gets_a_half():
    scores = np.random.default_rng(0).random((20, 2))
    targets = np.zeros((20, 2))
    targets[:5, 1] = 1
    for method in (fit_per_label, fit_softened, fit_calibrated):
        assert method(scores, targets)[0] == 0.5


def test_a_label_that_is_always_right_is_always_asserted():
    scores = np.random.default_rng(0).random((20, 1))
    assert (scores >= fit_per_label(scores, np.ones((20, 1)))).all()


def test_a_constant_score_asserts_everything():
    scores = np.full((10, 1), 0.3)
    targets = np.zeros((10, 1))
    targets[0] = 1
    assert (scores >= fit_per_label(scores, targets)).all()


def test_global_is_the_best_of_its_grid_for_all_labels():
    scores, targets = problem(300, 5, 3)
    found = fit_global(scores, targets)
    assert len(set(found)) == 1
    best = max(macro_f1(targets, scores >= t) for t in np.linspace(0.01, 0.99, 99))
    assert macro_f1(targets, scores >= found) == best


def test_shrunk_lies_between_per_label_and_global_and_nearer_to_global_for_rare_labels():
    scores, targets = problem(400, 6, 4)
    own, common, shrunk = (method(scores, targets) for method in (fit_per_label, fit_global, fit_shrunk))
    assert ((shrunk >= np.minimum(own, common) - 1e-9) & (shrunk <= np.maximum(own, common) + 1e-9)).all()
    share = (logit(shrunk) - logit(own)) / (logit(common) - logit(own))
    np.testing.assert_allclose(share, 20 / (20 + targets.sum(axis=0)), rtol=1e-5)


@pytest.mark.parametrize("signal", [0.0, 1.0, 4.0, 30.0])
def test_calibrated_probabilities_minimise_the_penalised_likelihood(signal):
    """Also where a label is separable (signal 30), which the prior keeps finite."""
    scores, targets = problem(150, 3, 5, signal)
    targets = targets.astype(np.float64)
    found = thresholds._calibrated(scores, targets)
    for label in range(3):
        x, y = logit(np.clip(scores[:, label], 1e-7, 1 - 1e-7)), targets[:, label]

        def loss(ab, x=x, y=y):
            z = ab[0] * x + ab[1]
            return (np.logaddexp(0, z) - y * z).sum() + (ab[0] - 1) ** 2 / 2 + 0.05 * ab[1] ** 2

        a, b = minimize(loss, [1.0, 0.0]).x
        np.testing.assert_allclose(found[:, label], expit(a * x + b), atol=2e-3)


def test_calibrated_thresholds_do_not_depend_on_a_single_outcome_as_fitted_ones_do():
    scores, targets = problem(2000, 1, 6)
    changed = targets.copy()
    changed[scores[:, 0].argmax()] = 1 - changed[scores[:, 0].argmax()]
    assert fit_calibrated(scores, changed) == pytest.approx(fit_calibrated(scores, targets), abs=0.02)


def test_the_fitted_score_of_noise_is_far_above_the_cross_fitted():
    random = np.random.default_rng(7)
    scores, targets = random.random((100, 20)), (random.random((100, 20)) < 0.05).astype(float)
    fitted = macro_f1(targets, scores >= fit_per_label(scores, targets))
    assert fitted > 1.5 * cross_fitted(scores, targets, fit_per_label)


def test_cross_fitting_never_fits_on_the_rows_that_it_scores():
    """The score of a row is its number, so that a method can say what it saw."""
    rows = 31
    scores = np.arange(rows, dtype=float)[:, None] / rows
    targets = np.ones((rows, 1))
    halves: list[set[float]] = []

    def remember(probabilities: np.ndarray, seen: np.ndarray) -> np.ndarray:
        assert len(probabilities) == len(seen)
        halves.append(set(probabilities[:, 0]))
        return np.full(1, 0.5)

    cross_fitted(scores, targets, remember, repeats=3)
    assert len(halves) == 6
    for first, second in zip(halves[::2], halves[1::2], strict=True):
        assert first.isdisjoint(second)
        assert first | second == set(scores[:, 0])


def test_the_chosen_method_is_the_one_that_cross_fits_best():
    scores, targets = problem(300, 6, 8)
    found, selection = choose_thresholds(scores, targets)
    assert set(selection["cross_fitted"]) == set(METHODS)
    assert selection["method"] == max(METHODS, key=lambda name: cross_fitted(scores, targets, METHODS[name]))
    np.testing.assert_array_equal(found, METHODS[selection["method"]](scores, targets))


def test_choosing_twice_gives_the_same():
    scores, targets = problem(200, 4, 9)
    first, second = choose_thresholds(scores, targets), choose_thresholds(scores.copy(), targets.copy())
    np.testing.assert_array_equal(first[0], second[0])
    assert first[1] == second[1]


@pytest.mark.parametrize("kind", [np.float32, np.int32, np.uint8, bool])
def test_the_targets_type_does_not_matter(kind):
    scores, targets = problem(80, 3, 10)
    np.testing.assert_array_equal(
        choose_thresholds(scores, targets.astype(kind))[0], choose_thresholds(scores, targets)[0]
    )


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_handful_of_rows_is_enough(rows):
    scores, targets = problem(rows, 3, 11)
    assert np.isfinite(choose_thresholds(scores, targets)[0]).all()
