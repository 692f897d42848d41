"""train.py that is interrupted, resumed, run twice at once, and run by torchrun."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import train
from common.atomic import try_lock
from tests.standins import standin
from training.trainer import ClassifierTrainer

REPO = Path(train.__file__).parent
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPO)}


@pytest.fixture
def flags(tmp_path) -> list[str]:
    """A small data set and backbone, three epochs, two seeds."""
    rows = [{"text": f"{word} number {i}", "label": word} for word in ("happy", "sad", "cold") for i in range(16)]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    backbone = standin("bert", tmp_path / "bert")
    recipe = {
        "description": "A small one.",
        "backbones": [{"name": "small", "model_id": str(backbone), "layers": [1, 2], "max_length": 16}],
        "head": {"fusion_dim": 8, "hidden_sizes": [16], "standardise": True},
        "training": {"num_train_epochs": 3, "per_device_train_batch_size": 8, "num_runs": 2, "use_cpu": True},
    }
    (tmp_path / "small.yaml").write_text(json.dumps(recipe))
    return [
        "--dataset", str(tmp_path / "data.jsonl"), "--recipe", str(tmp_path / "small.yaml"),
        "--cache_dir", str(tmp_path / "cache"), "--output_dir",
    ]  # fmt: skip


def outcome(folder: Path) -> tuple[dict, dict]:
    report = json.loads((folder / "metrics.json").read_text())
    return load_file(folder / "model.safetensors"), {"runs": report["runs"], "seed": report["saved_seed"]}


def assert_equal(left: Path, right: Path) -> None:
    (weights, figures), (other_weights, other_figures) = outcome(left), outcome(right)
    assert figures == other_figures
    assert all(torch.equal(value, other_weights[name]) for name, value in weights.items())


@pytest.fixture
def interrupt_second_run(monkeypatch):
    """Ctrl-C in the second seed's second epoch."""
    steps = {"taken": 0}
    step = ClassifierTrainer.compute_loss

    def stop(self, model, *args, **kwargs):
        steps["taken"] += model.training
        if steps["taken"] == 27:  # 6 batches an epoch, 18 a run
            raise KeyboardInterrupt
        return step(self, model, *args, **kwargs)

    monkeypatch.setattr(ClassifierTrainer, "compute_loss", stop)


def test_a_resumed_job_trains_no_finished_run_again_and_ends_as_an_undisturbed_one(
    flags, tmp_path, interrupt_second_run, caplog, capsys, monkeypatch
):
    assert train.run([*flags, str(tmp_path / "b")]) == 130
    assert "--resume" in capsys.readouterr().err
    monkeypatch.undo()
    with caplog.at_level(logging.INFO):
        train.main([*flags, str(tmp_path / "b"), "--resume"])
    assert sum("trained before the interruption" in message for message in caplog.messages) == 1
    assert sum("epoch 1 of 3" in message for message in caplog.messages) == 1, "the second seed alone begins again"
    train.main([*flags, str(tmp_path / "a")])
    assert_equal(tmp_path / "a", tmp_path / "b")
    assert not (tmp_path / "b" / "checkpoints").exists()


def test_a_job_is_resumed_with_the_arguments_and_data_that_it_had(flags, tmp_path, interrupt_second_run, capsys):
    assert train.run([*flags, str(tmp_path / "a")]) == 130
    assert train.run([*flags, str(tmp_path / "a"), "--resume", "--learning_rate", "0.5"]) == 1
    error = capsys.readouterr().err
    assert "is another one: learning_rate was 5e-05, now 0.5" in error
    assert "leave --resume out to start anew" in error
    with (tmp_path / "data.jsonl").open("a") as file:
        file.write('\n{"text": "one more", "label": "cold"}')
    assert train.run([*flags, str(tmp_path / "a"), "--resume"]) == 1
    assert "texts and labels was" in capsys.readouterr().err


def test_two_trainings_into_one_folder_are_refused(flags, tmp_path, capsys):
    (tmp_path / "a" / "checkpoints").mkdir(parents=True)
    with try_lock(tmp_path / "a" / "checkpoints" / "lock"):
        assert train.run([*flags, str(tmp_path / "a")]) == 1
    assert "Another process is training into" in capsys.readouterr().err


def test_a_folder_with_somebody_elses_files_is_left_alone(flags, tmp_path, capsys):
    mine = [tmp_path / "a" / name for name in ("checkpoints/1/w.bin", "figures/paper.png", "README.md")]
    for file in mine:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("mine")
    assert train.run([*flags, str(tmp_path / "a")]) == 1
    assert "holds files that are not of a model trained here, such as '" in capsys.readouterr().err
    assert [file.read_text() for file in mine] == ["mine"] * 3
    assert not (tmp_path / "cache").exists(), "told before anything is computed"


def test_without_evaluation_the_last_epoch_is_kept(flags, tmp_path):
    options = ["--eval_strategy", "no", "--save_strategy", "no", "--load_best_model_at_end", "false", "--num_runs", "1"]
    assert train.run([*flags, str(tmp_path / "a"), *options]) == 0
    assert (tmp_path / "a" / "config.json").exists()


def test_a_loss_that_diverges_stops_with_advice(flags, tmp_path, capsys):
    assert train.run([*flags, str(tmp_path / "a"), "--learning_rate", "1e6"]) == 1
    error = capsys.readouterr().err
    assert "The training diverges: the loss began at " in error
    assert "Lower --learning_rate (1e+06), or set --standardise true." in error


@pytest.mark.slow
def test_two_processes_extract_what_one_does_and_print_it_once(flags, tmp_path):
    arguments = [flag for flag in flags if flag != "--output_dir"]
    arguments[arguments.index("--cache_dir") + 1] = str(tmp_path / "two")
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "extraction", "--use_cpu"]
    environment = ENVIRONMENT | {"FUSION_SHARD_ROWS": "8"}
    done = subprocess.run([*launch, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("train, small") == 1
    arguments[arguments.index("--cache_dir") + 1] = str(tmp_path / "one")
    alone = [sys.executable, "-m", "extraction", "--use_cpu", *arguments]
    subprocess.run(alone, env=environment, cwd=tmp_path, check=True, capture_output=True)
    files = sorted((tmp_path / "one").glob("*/*.arrow"))
    assert len(files) > 4
    for file in files:
        assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()


@pytest.mark.slow
def test_two_processes_train_one_model(flags, tmp_path):
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", str(REPO / "train.py")]
    done = subprocess.run(
        [*launch, *flags, str(tmp_path / "a")], env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run 1 of 2, seed 42") == 1
    assert done.stdout.count("epoch 3 of 3") == 2  # seeds
    weights, figures = outcome(tmp_path / "a")
    assert all(value.isfinite().all() for value in weights.values() if value.is_floating_point())
    assert [run["seed"] for run in figures["runs"]] == [42, 43]
    assert not (tmp_path / "a" / "checkpoints").exists()


@pytest.mark.slow
def test_the_campaign_of_faults_loses_nothing():
    few = [f"--{kind}=2" for kind in ("kills", "corruptions", "full_disks", "pairs")]  # each kind of fault once
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.faults", *few],
        env=ENVIRONMENT,
        cwd=REPO,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
