"""From logits to metrics.json: temperature and thresholds from validation, then every metric."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import evaluate
import numpy as np

from .calibration import fit_temperature, negative_log_likelihood, to_probabilities
from .thresholds import choose_thresholds


@dataclass
class Calibration:
    """What is fitted on validation for a trained model.

    Args:
        temperature: Divisor of the logits.
        thresholds: `(num_labels,)`, or None for single-label.
        selection: How the thresholds were chosen, with every method's cross-validated score.
    """

    temperature: float
    thresholds: np.ndarray | None
    selection: dict | None


def calibrate(logits: np.ndarray, labels: np.ndarray, held_out: np.ndarray | None = None) -> Calibration:
    """Fit temperature and thresholds on validation.

    Args:
        logits: `(rows, num_labels)`, before any temperature.
        labels: Class ids `(rows,)`, or 0/1 `(rows, num_labels)` for multi-label.
        held_out: The same logits where whatever else was fitted on validation was fitted on other rows; the thresholds'
            cross-validation scores these.

    Returns:
        The temperature and, for multi-label, thresholds of the probabilities after it.
    """
    temperature = fit_temperature(logits, labels)
    if labels.ndim == 1:
        return Calibration(temperature, None, None)
    probabilities = to_probabilities(logits / temperature, True)
    apart = probabilities if held_out is None else to_probabilities(held_out / temperature, True)
    thresholds, selection = choose_thresholds(probabilities, labels, apart)
    return Calibration(temperature, thresholds, selection)


@cache
def metric(multi_label: bool) -> evaluate.Metric:
    """The local metric module, loaded once (no Hub is asked)."""
    return evaluate.load(
        str(Path(__file__).parent / "emotion_metrics"),
        config_name="multilabel" if multi_label else "single",
        keep_in_memory=True,
    )


def score(logits: np.ndarray, labels: np.ndarray, calibration: Calibration, label_names: list[str]) -> dict:
    """Every metric of one split.

    Args:
        logits: `(rows, num_labels)`, before the temperature.
        labels: Class ids `(rows,)`, or 0/1 `(rows, num_labels)`.
        calibration: From validation.
        label_names: Names in the order of ids.

    Returns:
        `loss`, the metrics of `emotion_metrics`, and `per_label` with each label's threshold.

    Raises:
        ValueError: shapes, names and calibration do not belong together.
    """
    multi_label = labels.ndim == 2
    if logits.shape != (len(labels), len(label_names)):
        raise ValueError(
            f"The logits have the shape {logits.shape}: expected {(len(labels), len(label_names))} for {len(labels)} "
            f"rows and {len(label_names)} label names."
        )
    scaled = logits / calibration.temperature
    probabilities = to_probabilities(scaled, multi_label)
    if not multi_label:
        predicted = probabilities.argmax(axis=1)
    elif calibration.thresholds is not None:
        predicted = probabilities >= calibration.thresholds
    else:
        raise ValueError(
            "A text may have several labels, but the calibration has no thresholds: fit it on such labels."
        )
    computed = cast(
        dict,
        metric(multi_label).compute(
            predictions=predicted.astype(np.int32),
            references=labels.astype(np.int32),
            label_names=label_names,
            probabilities=probabilities,
        ),
    )
    for index, name in enumerate(label_names):
        threshold = None if calibration.thresholds is None else float(calibration.thresholds[index])
        computed["per_label"][name]["threshold"] = threshold
    return {"loss": negative_log_likelihood(scaled, labels), **computed}
