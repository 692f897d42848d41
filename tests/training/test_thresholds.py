"""Thresholds: the optimum where there is one, and honesty about what was fitted on what."""

import numpy as np
import pytest
from scipy.special import expit, logit

from training import thresholds
from training.thresholds import (
    GRID,
    METHODS,
    choose_thresholds,
    cross_validated,
    fit_averaged,
    fit_own,
    fit_shrunk,
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
def test_a_labels_own_threshold_has_the_best_f1_of_all(seed, decimals):
    """Few decimals make ties."""
    scores, targets = problem(60, 4, seed)
    scores = scores.round(decimals)
    found = fit_own(scores, targets)
    for label in range(4):
        x, y = scores[:, label], targets[:, label]
        best = max(f1_at(x, y, candidate) for candidate in np.unique(x))
        assert f1_at(x, y, found[label]) == pytest.approx(best)


def test_a_threshold_lies_between_two_scores_and_not_on_one():
    found = fit_own(np.array([[0.9], [0.8], [0.2], [0.1]]), np.array([[1], [1], [0], [0]]))
    assert found[0] == pytest.approx(0.5)


def test_neighbouring_floats_are_separated():
    low = np.float64(0.7)
    high = np.nextafter(low, 1)
    for kind in (np.float64, np.float32):
        low, high = kind(0.7), np.nextafter(kind(0.7), kind(1))
        scores = np.array([[high], [low]])
        found = fit_own(scores, np.array([[1], [0]]))
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
    assert fit_averaged(scores, targets)[0] == 0.5


def test_a_label_that_is_always_right_is_always_predicted():
    scores = np.random.default_rng(0).random((20, 1))
    assert (scores >= fit_own(scores, np.ones((20, 1)))).all()


def test_a_constant_score_predicts_everything():
    scores = np.full((10, 1), 0.3)
    targets = np.zeros((10, 1))
    targets[0] = 1
    assert (scores >= fit_own(scores, targets)).all()


def test_the_common_threshold_is_the_best_of_its_grid_for_all_labels():
    scores, targets = problem(300, 5, 3)
    found = thresholds._best_for_all(scores, targets)
    assert macro_f1(targets, scores >= found) == max(macro_f1(targets, scores >= t) for t in GRID)


def test_shrunk_lies_between_a_labels_own_and_the_common_one_and_nearer_to_that_for_rare_labels():
    scores, targets = problem(400, 6, 4)
    own, common, shrunk = (
        fit_own(scores, targets),
        thresholds._best_for_all(scores, targets),
        fit_shrunk(scores, targets),
    )
    assert ((shrunk >= np.minimum(own, common) - 1e-9) & (shrunk <= np.maximum(own, common) + 1e-9)).all()
    share = (logit(shrunk) - logit(own)) / (logit(common) - logit(own))
    np.testing.assert_allclose(share, 20 / (20 + targets.sum(axis=0)), rtol=1e-5)


def test_averaged_thresholds_vary_less_from_sample_to_sample_than_labels_own():
    drawn = [problem(150, 1, seed) for seed in range(30)]
    averaged, own = ([method(*one)[0] for one in drawn] for method in (fit_averaged, fit_own))
    assert np.std(averaged) < np.std(own)


def test_the_fitted_score_of_noise_is_far_above_the_cross_validated():
    random = np.random.default_rng(7)
    scores, targets = random.random((100, 20)), (random.random((100, 20)) < 0.05).astype(float)
    fitted = macro_f1(targets, scores >= fit_own(scores, targets))
    assert fitted > 1.5 * cross_validated(scores, targets, fit_own)


def test_cross_validation_never_fits_on_the_rows_that_it_scores():
    """The score of a row is its number, so that a method can say what it saw."""
    rows = 31
    scores = np.arange(rows, dtype=float)[:, None] / rows
    targets = np.ones((rows, 1))
    halves: list[set[float]] = []

    def remember(probabilities: np.ndarray, seen: np.ndarray) -> np.ndarray:
        assert len(probabilities) == len(seen)
        halves.append(set(probabilities[:, 0]))
        return np.full(1, 0.5)

    cross_validated(scores, targets, remember, repeats=3)
    assert len(halves) == 6
    for first, second in zip(halves[::2], halves[1::2], strict=True):
        assert first.isdisjoint(second)
        assert first | second == set(scores[:, 0])


def test_the_chosen_method_is_the_one_that_cross_validates_best():
    scores, targets = problem(300, 6, 8)
    found, selection = choose_thresholds(scores, targets)
    assert set(selection["cross_fitted"]) == set(METHODS)
    assert selection["method"] == max(METHODS, key=lambda name: cross_validated(scores, targets, METHODS[name]))
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


def test_a_rare_label_that_nothing_tells_apart_is_not_predicted_for_every_text():
    """By F1 alone a label of two rows in two hundred, told by nothing, would best be given to all of them."""
    random = np.random.default_rng(0)
    targets = (np.arange(200) < 2).astype(float)[:, None]
    scores = random.uniform(0.005, 0.02, targets.shape)
    scores[:2] = 0.001  # the models are even wrong about them
    for method in (fit_averaged, fit_own, fit_shrunk):
        predicted = scores >= method(scores, targets)
        assert predicted.sum() <= 4 * (2 + 1), method


def test_a_label_that_most_rows_have_may_be_predicted_for_all():
    targets = (np.arange(40) % 5 > 0).astype(float)[:, None]
    scores = np.full(targets.shape, 0.6) + np.linspace(0, 0.01, 40)[:, None]
    assert (scores >= fit_averaged(scores, targets)).mean() > 0.9
