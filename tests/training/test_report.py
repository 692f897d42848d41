"""metrics.json and the table on the terminal."""

import io
import json
import subprocess

import numpy as np
import pytest
from rich.console import Console

from training.report import commit, show_results, summarise, versions, write_metrics


def scores(macro_f1: float, threshold: float | None = 0.5) -> dict:
    """The figures of one run."""
    row = {"precision": macro_f1, "recall": 0.5, "f1": macro_f1, "support": 7, "threshold": threshold}
    return {"loss": 1.0, "macro_f1": macro_f1, "accuracy": 0.25, "per_label": {"joy": row}}


def report(test: bool = True, runs: int = 2, dataset: str = "sample") -> dict:
    every = [scores(0.4 + 0.2 * number) for number in range(runs)]
    return {
        "dataset": dataset,
        "recipe": "minilm",
        "rows": {"train": 3000, "validation": 1234, **({"test": 55} if test else {})},
        "runs": [{"seed": n, "validation": run, "test": run if test else None} for n, run in enumerate(every)],
        "validation": summarise(every),
        "test": summarise(every if test else [None] * runs),
    }


def shown(content: dict) -> str:
    stream = io.StringIO()
    show_results(content, Console(file=stream, width=120))
    return stream.getvalue()


def test_runs_are_summed_up_as_mean_and_population_deviation():
    found = summarise([scores(0.4), scores(0.6), scores(0.5)])
    assert found is not None
    assert found["macro_f1"] == pytest.approx({"mean": 0.5, "std": np.std([0.4, 0.6, 0.5])})
    assert found["loss"] == {"mean": 1.0, "std": 0.0}
    assert found["per_label"]["joy"]["f1"]["mean"] == pytest.approx(0.5)
    assert found["per_label"]["joy"]["support"] == 7


def test_a_threshold_that_does_not_exist_is_left_out():
    found = summarise([scores(0.4, threshold=None)])
    assert found is not None
    assert "threshold" not in found["per_label"]["joy"]


def test_a_split_that_does_not_exist_stays_null(tmp_path):
    write_metrics(tmp_path, report(test=False))
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["test"] is None


def test_metrics_are_json_in_utf_8(tmp_path):
    content = report(dataset="données 😂")
    write_metrics(tmp_path, content)
    text = (tmp_path / "metrics.json").read_text(encoding="utf-8")
    assert json.loads(text) == content
    assert "😂" in text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("nan")])
def test_a_figure_that_is_no_number_is_refused_by_name_and_nothing_is_written(tmp_path, value):
    content = report()
    content["runs"][1]["test"]["per_label"]["joy"]["f1"] = value
    with pytest.raises(ValueError, match=r"not numbers: runs\.1\.[a-z_.]*joy\.f1"):
        write_metrics(tmp_path, content)
    assert not (tmp_path / "metrics.json").exists()


def test_the_commit_is_none_outside_a_repository(tmp_path):
    assert commit(tmp_path) is None


def test_the_commit_says_when_files_differ_from_it(tmp_path):
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True)

    git("init", "--quiet")
    file = tmp_path / "file"
    file.write_text("1")
    git("add", "file")
    git("commit", "--quiet", "-m", "first")
    clean = commit(tmp_path)
    assert clean is not None
    assert len(clean) == 12
    file.write_text("2")
    assert commit(tmp_path) == f"{clean}-dirty"


def test_versions_name_what_a_figure_depends_on():
    assert {"python", "torch", "transformers", "datasets"} <= set(versions())


def test_the_table_has_a_column_a_split():
    text = shown(report())
    assert "minilm on sample: 2 runs" in text
    assert "validation (1,234 rows)" in text
    assert "test (55 rows)" in text
    assert "0.5000 ± 0.1000" in text
    assert "There is no test split" not in text


def test_one_run_has_no_deviation():
    text = shown(report(runs=1))
    assert "1 run" in text
    assert "±" not in text


def test_without_a_test_split_the_table_says_what_its_figures_are():
    text = shown(report(test=False))
    assert "There is no test split: the metrics above are validation's, on which thresholds were fitted." in text
    assert "test (" not in text


def test_brackets_in_a_name_are_no_markup():
    assert "minilm on [red]data[/x].csv" in shown(report(dataset="[red]data[/x].csv"))
