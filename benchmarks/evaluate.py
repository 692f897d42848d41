"""Scores a model folder (or Hub id) on a data set it was not trained on, with the thresholds that it carries.

python -m benchmarks.evaluate outputs/minilm-sample --dataset go_emotions --split validation
"""

import argparse
import json
import time

import numpy as np
from transformers import AutoModelForSequenceClassification

import fusion_model  # noqa: F401  registers the classes, so that a local folder needs no remote code
from extraction.sources import load_source
from extraction.splits import is_multi_label, label_matrix, label_names, texts_of
from training.calibration import to_probabilities
from training.evaluation import metric


def main() -> None:
    """Print the metrics as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", help="model folder or Hub id")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--label_mode", default="auto", choices=["auto", "single", "multi"])
    parser.add_argument("--per_label", action="store_true", help="print each label's figures too")
    arguments = parser.parse_args()
    data = load_source(arguments.dataset, label_mode=arguments.label_mode)
    names, multi_label = label_names(data), is_multi_label(data)
    split = data[arguments.split]
    model = AutoModelForSequenceClassification.from_pretrained(arguments.model)
    own = [model.config.id2label[i] for i in range(model.config.num_labels)]
    missing = sorted(set(names) - set(own))
    if missing:
        raise SystemExit(
            f"The model has no label {missing}: it was trained on other labels than '{arguments.dataset}'."
        )
    columns = [own.index(name) for name in names]
    started = time.perf_counter()
    probabilities = to_probabilities(model.logits(texts_of(split)).numpy().astype(np.float64), multi_label)[:, columns]
    seconds = time.perf_counter() - started
    if multi_label:
        decisions = (probabilities >= np.asarray(model.config.thresholds)[columns]).astype(np.int32)
        references = label_matrix(split, len(names)).astype(np.int32)
    else:
        decisions, references = probabilities.argmax(axis=1), np.asarray(split["labels"][:])
    result = metric(multi_label).compute(
        predictions=decisions, references=references, label_names=names, probabilities=probabilities
    )
    assert result is not None
    per_label = result.pop("per_label")
    if arguments.per_label:
        for name, figures in sorted(per_label.items(), key=lambda item: -item[1]["f1"]):
            print(f"{name:16} F1 {figures['f1']:.3f}  n {figures['support']}")
    print(json.dumps({"rows": len(split), "texts_per_second": round(len(split) / seconds, 1)} | result, indent=2))


if __name__ == "__main__":
    main()
