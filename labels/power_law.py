"""A power law through scores by number of rows, and what it says of more rows."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

RESAMPLES = 200


@dataclass(frozen=True)
class Forecast:
    """`1 - score = a * rows ** -b + c`, and what twice the rows would bring.

    Args:
        a: Error that rows take away.
        b: How fast they do.
        c: Error that stays, however many there are.
        gain: Rise of the score from all rows to twice as many.
        range: Of that rise, the middle 80 % over resampled folds.
        laws: `(a, b, c)` of each resample, `(RESAMPLES, 3)`.
    """

    a: float
    b: float
    c: float
    gain: float
    range: tuple[float, float]
    laws: np.ndarray

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Score with so many rows, of the shape of `rows`."""
        return _score(np.array([self.a, self.b, self.c]), rows)


def _score(law: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return 1 - law[0] * rows ** -law[1] - law[2]


def fit(rows: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The law `(a, b, c)` with the least squared distance to mean scores.

    Args:
        rows: `(sizes,)`.
        scores: `(sizes,)`, from 0 to 1.
        weights: Of each size, `(sizes,)`.
    """
    error = 1 - scores
    scale = rows[0]  # rows in units of the fewest, so that `a` is an error itself

    def distance(law: np.ndarray) -> np.ndarray:
        return weights * (law[0] * (rows / scale) ** -law[1] + law[2] - error)

    start = [max(error[0] - error[-1], 1e-3), 0.3, max(error[-1] / 2, 1e-3)]
    a, b, c = least_squares(distance, start, bounds=([0, 0.01, 0], [2, 2, 1])).x
    return np.array([a * scale**b, b, c])


def forecast(rows: np.ndarray, scores: np.ndarray, now: int, seed: int = 0) -> Forecast:
    """Fit a law, and laws of folds drawn with replacement.

    Args:
        rows: Of each size, `(sizes,)`.
        scores: `(seeds, sizes)`.
        now: Number of rows there are.
        seed: Of the draws.
    """
    weights = 1 / np.maximum(scores.std(axis=0, ddof=1), 0.005)
    law = fit(rows, scores.mean(axis=0), weights)
    random = np.random.default_rng(seed)
    draws = random.integers(len(scores), size=(RESAMPLES, len(scores)))
    laws = np.array([fit(rows, scores[draw].mean(axis=0), weights) for draw in draws])
    sizes = np.array([now, 2.0 * now])

    def gain(one: np.ndarray) -> float:
        return float(np.diff(_score(one, sizes))[0])

    gains = [gain(one) for one in laws]
    low, high = np.quantile(gains, [0.1, 0.9])
    a, b, c = law.tolist()
    return Forecast(a, b, c, gain(law), (float(low), float(high)), laws)


__all__ = ["Forecast", "fit", "forecast"]
