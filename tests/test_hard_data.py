"""Data that breaks naive training: labels seen once, in one split only, or never; rows without any; equal texts."""

import json
import math

import pytest
from transformers import AutoModel

import train
from tests.standins import standin


@pytest.fixture
def job(tmp_path):
    """Train on splits given as `(text, labels)` rows; returns metrics.json and the model."""
    backbone = standin("bert", tmp_path / "bert")
    recipe = {
        "description": "A small one.",
        "backbones": [{"name": "small", "model_id": str(backbone), "layers": [1, 2], "max_length": 16}],
        "head": {"fusion_dim": 8, "hidden_sizes": [16], "standardise": True, "linear_skip": True},
        "training": {"num_train_epochs": 1, "per_device_train_batch_size": 8, "use_cpu": True},
    }
    (tmp_path / "small.yaml").write_text(json.dumps(recipe))

    def run(**splits):
        (tmp_path / "data").mkdir()
        for name, rows in splits.items():
            lines = [json.dumps({"text": text, "labels": labels}) for text, labels in rows]
            (tmp_path / "data" / f"{name}.jsonl").write_text("\n".join(lines))
        folder = train.main(
            [
                *("--dataset", str(tmp_path / "data"), "--recipe", str(tmp_path / "small.yaml")),
                *("--cache_dir", str(tmp_path / "cache"), "--output_dir", str(tmp_path / "out")),
            ]
        )
        report = json.loads((folder / "metrics.json").read_text())
        assert math.isfinite(report["validation"]["loss"]["mean"])
        return report, AutoModel.from_pretrained(folder, trust_remote_code=True)

    return run


def test_a_label_of_one_example_one_that_a_split_lacks_and_rows_with_none_of_the_labels(job):
    rows = [(f"text {i}", ["joy"] if i % 2 else ["joy", "anger"]) for i in range(24)]
    report, model = job(
        train=[*rows, ("once", ["envy"]), ("nothing", []), ("unlabelled", None)],
        validation=[("one", ["joy"]), ("two", ["joy"]), ("three", []), ("four", None)],
        test=[("five", []), ("six", ["anger"]), ("seven", None)],
    )
    assert report["rows"] == {"train": 26, "validation": 3, "test": 2}  # none of the labels is an answer, null is not
    assert report["labels"] == ["anger", "envy", "joy"]
    assert all(math.isfinite(threshold) for threshold in model.config.thresholds)
    assert math.isfinite(report["test"]["macro_f1"]["mean"])
    assert len(model.predict(["one", ""])) == 2


def test_texts_that_are_equal_as_far_as_they_are_read_give_constant_features_and_still_a_model(job):
    rows = [("the same " * 20 + str(i), [label]) for i, label in enumerate(("joy", "anger") * 15)]
    report, model = job(train=rows[:24], validation=rows[24:])
    features = model.encode([text for text, _ in rows])["small"]
    assert (features == features[0]).all()
    scores = model.predict([rows[0][0], "another one"], top_k=None)
    assert all(math.isfinite(entry["score"]) for row in scores for entry in row)
    assert report["labels"] == ["anger", "joy"]
