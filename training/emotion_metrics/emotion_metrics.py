"""Metrics of fine-grained, unbalanced, possibly several labels a text, as a local `evaluate` module."""

import datasets
import evaluate
import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

DESCRIPTION = """
Macro, micro and weighted F1, macro precision and recall, accuracy (exact match where multi-label), each label's
figures, and, given probabilities, mean average precision and expected calibration error.
"""

INPUTS = """
Args:
    predictions: Class ids, or for the configuration "multilabel" lists of 0/1.
    references: The same for the truth.
    label_names: Names of all labels, in the order of their ids.
    probabilities: Optional array (rows, num_labels).
    bins: Bins of the calibration error.
Returns:
    A dict of floats, and `per_label`: {name: {precision, recall, f1, support}}. A label without an example counts as
    0 in macro averages, as in scikit-learn, and is left out of the mean average precision, which it has none of.
"""


def expected_calibration_error(confidence, correct, bins):
    """Mean over values of |confidence - share correct| in bins of equal width (Naeini et al., AAAI 2015)."""
    index = np.clip((confidence * bins).astype(int), 0, bins - 1)
    gaps = np.abs(np.bincount(index, confidence, bins) - np.bincount(index, correct, bins))
    return float(gaps.sum() / len(confidence))


@evaluate.utils.file_utils.add_start_docstrings(DESCRIPTION, INPUTS)
class EmotionMetrics(evaluate.Metric):
    """Of the configuration "multilabel", or any other name for one label a text."""

    def _info(self):
        value = datasets.Value("int32")
        shape = datasets.Sequence(value) if self.config_name == "multilabel" else value
        return evaluate.MetricInfo(
            description=DESCRIPTION,
            citation="",
            inputs_description=INPUTS,
            features=datasets.Features({"predictions": shape, "references": shape}),
        )

    def _compute(self, predictions, references, label_names, probabilities=None, bins=15):
        ids = np.arange(len(label_names))
        predicted, truth = np.asarray(predictions), np.asarray(references)
        if self.config_name != "multilabel":
            exact = float((predicted == truth).mean())
            predicted, truth = predicted[:, None] == ids, truth[:, None] == ids
        else:
            exact = float((predicted == truth).all(axis=1).mean())
        truth = truth.astype(int)
        predicted = predicted.astype(int)
        precision, recall, f1, support = precision_recall_fscore_support(truth, predicted, zero_division=0)
        averages = {
            name: precision_recall_fscore_support(truth, predicted, average=name, zero_division=0)[:3]
            for name in ("macro", "micro", "weighted")
        }
        result: dict = {
            "accuracy": exact,
            "macro_f1": float(averages["macro"][2]),
            "micro_f1": float(averages["micro"][2]),
            "weighted_f1": float(averages["weighted"][2]),
            "macro_precision": float(averages["macro"][0]),
            "macro_recall": float(averages["macro"][1]),
        }
        if probabilities is not None:
            p = np.asarray(probabilities, dtype=np.float64)
            result["mean_average_precision"] = float(
                np.mean([average_precision_score(truth[:, i], p[:, i]) for i in np.flatnonzero(support)] or [0.0])
            )
            if self.config_name == "multilabel":
                result["calibration_error"] = float(
                    np.mean([expected_calibration_error(p[:, i], truth[:, i], bins) for i in ids])
                )
            else:
                hit = truth[np.arange(len(p)), p.argmax(axis=1)]
                result["calibration_error"] = expected_calibration_error(p.max(axis=1), hit, bins)
        result["per_label"] = {
            name: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "support": int(support[i]),
            }
            for i, name in enumerate(label_names)
        }
        return result
