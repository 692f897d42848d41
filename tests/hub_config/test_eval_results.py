"""`.eval_results/`: for which datasets it is written, and what it says."""

import os
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries

from hub_config.eval_results import eval_results_files
from tests.hub_config.test_card import write


def written(folder: Path, **options) -> dict[str, bytes]:
    write(folder, **options)
    metrics = folder / "metrics.json"
    metrics.touch()
    os.utime(metrics, (1_700_000_000, 1_700_000_000))
    return eval_results_files(ModelCard.load(folder / "my_model" / "README.md"), metrics, "alice/emotions")


def test_a_dataset_of_the_hub_gets_its_macro_f1_on_test_with_date_and_source(tmp_path):
    files = written(tmp_path, dataset="go_emotions", seeds=5)
    assert list(files) == [".eval_results/go_emotions.yaml"]
    (entry,) = parse_eval_result_entries(yaml.safe_load(files[".eval_results/go_emotions.yaml"]))
    assert (entry.dataset_id, entry.task_id) == ("google-research-datasets/go_emotions", "text-classification")
    assert (entry.value, entry.date) == (0.5, "2023-11-14T22:13:20Z")
    assert entry.source_url == "https://huggingface.co/alice/emotions/blob/main/metrics.json"
    assert "5 seeds" in entry.notes


def test_any_dataset_of_the_hub_is_named_by_its_id(tmp_path):
    assert list(written(tmp_path, dataset="someone/feelings")) == [".eval_results/feelings.yaml"]


@pytest.mark.parametrize(
    "options", [{"dataset": "sample"}, {"dataset": "mine.csv"}, {"dataset": "go_emotions", "test": False}]
)
def test_without_a_dataset_of_the_hub_or_a_test_split_there_is_no_such_file(tmp_path, options):
    assert written(tmp_path, **options) == {}
