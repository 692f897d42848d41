"""What users of comparable tools expect: each test is a public report's smallest input."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from standins import small_model, standin
from transformers import AutoTokenizer, TrainerCallback, pipeline

import app
import train
from common.atomic import DiskFullError, make_cache_folder, try_lock
from common.command import program
from common.memory import KERNELS
from demo.about import _headline
from hub_config.handler import EndpointHandler
from labelling.corpus import find_files
from training.arguments import parse
from training.finetune import HARDWARE
from training.watch import make_callbacks

ROOT = Path(train.__file__).parent
NOBODY = 65534


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other accounts can reach, which those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="shared-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("task", ["sentiment-analysis", "text-classification", None])
def test_the_pipeline_is_found_by_both_names_of_its_task_and_by_none(model, task):
    classify = pipeline(task, model=str(model), trust_remote_code=True)
    assert type(classify).__name__ == "FusionTextClassificationPipeline"
    assert set(classify("fine")[0]) == {"label", "score"}


def test_the_endpoint_takes_truncation_as_other_classifiers_do(model):
    handler = EndpointHandler(str(model))
    asked = {"inputs": "fine", "parameters": {"truncation": True, "padding": True, "top_k": 2}}
    assert len(handler(asked)) == 2
    assert handler(asked) == handler({"inputs": "fine", "parameters": {"top_k": 2}})


def test_a_lock_of_another_account_is_named_with_a_cure(open_folder):
    folder = open_folder
    (folder / "a.lock").touch(0o600)
    code = (
        "import os, sys; from common.atomic import try_lock\n"
        f"import fusion_model.file_modes; from pathlib import Path\nos.seteuid({NOBODY})\n"
        f"try:\n with try_lock(Path({str(folder / 'a.lock')!r})): pass\n"
        "except PermissionError as error: print(error)"
    )
    if os.geteuid() != 0:
        pytest.skip("only root can be another account")
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert str(folder / "a.lock") in said.stdout, said.stderr
    assert f"chmod -R a+rwX {folder}" in said.stdout
    subprocess.run(["chmod", "-R", "a+rwX", str(folder)], check=True)
    again = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (again.returncode, again.stdout) == (0, ""), again.stderr


def test_a_home_that_cannot_be_written_names_cache_dir(tmp_path):
    (tmp_path / "home").write_text("no folder")
    with pytest.raises(OSError, match=r"home.*--cache_dir"):
        make_cache_folder(tmp_path / "home" / "fusion_features")
    make_cache_folder(tmp_path / "mine")
    with try_lock(tmp_path / "mine" / "lock") as held:
        assert held


def test_a_logger_that_is_not_there_is_refused_before_any_work():
    with pytest.raises(ValueError, match="Did you mean 'tensorboard'"):
        parse(["--report_to", "tensorbord"])
    with pytest.raises(ValueError, match="pip install neptune"):
        parse(["--report_to", "neptune"])


def test_nothing_is_reported_unless_it_is_asked_for_and_logging_steps_means_steps():
    assert parse([]).training.report_to == []
    asked = parse(["--logging_steps", "5", "--run_name", "first"]).training
    assert (asked.logging_strategy, asked.logging_steps, asked.run_name) == ("steps", 5, "first")


def test_tensorboard_finds_loss_and_metrics_of_head_and_fine_tuned_backbone_where_asked(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed (requirements-tensorboard.txt)")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    recipe = {
        "backbones": [
            {"name": "tiny", "model_id": str(standin("bert", tmp_path / "bert")), "finetune": {"epochs": 1}},
            {"name": "frozen", "model_id": str(standin("distilbert", tmp_path / "distilbert"))},
        ],
        "head": {"fusion_dim": 8, "hidden_sizes": [8]},
        "training": {"num_train_epochs": 1, "min_steps": 0, "lexical": False},
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(recipe))
    flags = [
        "--recipe",
        str(tmp_path / "small.yaml"),
        "--dataset",
        "sample",
        "--max_rows",
        "60",
        "--logging_steps",
        "1",
    ]
    for logger in ("tensorboard", "none"):
        out = tmp_path / logger
        train.main([*flags, "--report_to", logger, "--output_dir", str(out), "--cache_dir", str(out / "cache")])
    assert not [*(tmp_path / "none").rglob("*tfevents*"), *(tmp_path / "none").rglob("runs")]
    files = list((tmp_path / "tensorboard" / "runs").rglob("events.out.tfevents.*"))
    tags = [set(EventAccumulator(str(file)).Reload().Tags()["scalars"]) for file in files]
    assert len(tags) == 2, "the head's, and the fine-tuned backbone's"
    assert all({"train/loss", "eval/loss", "eval/macro_f1"} <= found for found in tags), tags


def test_dropping_the_only_batch_is_refused_before_any_work(tmp_path):
    flags = ["--dataset", "sample", "--max_rows", "60", "--output_dir", str(tmp_path / "out")]
    with pytest.raises(ValueError, match=r"--dataloader_drop_last.*per_device_train_batch_size"):
        train.main([*flags, "--dataloader_drop_last", "true", "--per_device_train_batch_size", "64"])
    assert not (tmp_path / "out").exists()


def test_files_of_a_folder_that_are_not_read_are_counted(tmp_path, caplog):
    for name in ("a.csv", "b.jsonl", "c.txt", "d.pdf", "e.pdf"):
        (tmp_path / name).write_text("text\nfine\n")
    _, files = find_files(str(tmp_path))
    assert [file.name for file in files] == ["a.csv", "b.jsonl"]
    assert "3 file(s) are not read: 2 with .pdf, 1 with .txt" in caplog.text
    (named,) = re.findall(r"'(\S+/\*\.\w+)'", caplog.text)
    assert find_files(named)[1] == [tmp_path / "c.txt"]


def test_no_pattern_is_advised_for_files_that_nothing_reads(tmp_path, caplog):
    for name in ("a.csv", "b.pdf"):
        (tmp_path / name).write_text("text\nfine\n")
    find_files(str(tmp_path))
    assert "1 file(s) are not read: 1 with .pdf." in caplog.text
    assert "/*." not in caplog.text


@pytest.mark.parametrize("home", ["{tmp}/file", "/proc/nowhere"], ids=["a file", "unwritable"])
def test_a_hub_model_without_a_place_for_downloads_is_refused_by_the_variable(home, tmp_path):
    (tmp_path / "file").touch()
    code = (
        "import labelling.model as m, sys\n"
        "m.hub_is_reachable = lambda: True\n"
        "m.resolve_revision = lambda *_, **__: type('R', (), {'resolved': 'a' * 40})\n"
        "m.hf_hub_download = lambda *_, **__: m.Path(m.constants.HF_HUB_CACHE).mkdir(parents=True)\n"
        "try: m.find_model('user/name')\n"
        "except OSError as error: print(error)"
    )
    place = home.format(tmp=tmp_path)
    environment = {**os.environ, "HF_HOME": place}
    environment.pop("HF_HUB_CACHE", None)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert place in done.stdout, done.stderr
    assert "Set HF_HOME" in done.stdout


def test_a_hub_model_that_was_not_downloaded_before_is_refused_without_a_network(tmp_path):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    command = [
        sys.executable,
        "label.py",
        "--model",
        "user/name",
        "--input",
        "x.csv",
        "--output",
        str(tmp_path / "out"),
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "error: There is no folder 'user/name'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_local_model_labels_where_home_cannot_be_written(model, tmp_path):
    (tmp_path / "corpus.csv").write_text("text\nfine\n")
    environment = {name: value for name, value in os.environ.items() if name not in ("HF_HOME", "XDG_CACHE_HOME")}
    command = [sys.executable, ROOT / "label.py", "--model", model, "--input", "corpus.csv", "--output", "out"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**environment, "HOME": "/proc/x"}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "part-000000.parquet").is_file()


def test_both_caches_of_kernels_are_bounded_where_the_process_is_ours():
    assert set(KERNELS) <= set(os.environ), app.__name__
    code = "import os, sys, app; print(*(os.environ[name] for name in sys.argv[1:]))"
    clean = {name: value for name, value in os.environ.items() if name not in KERNELS}
    command = [sys.executable, "-c", code, *KERNELS]
    assert subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True).stdout.split() == ["128"] * 2


@pytest.mark.parametrize(("several", "title"), [(True, "exact match"), (False, "accuracy")])
def test_about_calls_accuracy_by_what_it_is(several, title):
    assert _headline(SimpleNamespace(multi_label=several))["accuracy"] == title


@pytest.mark.parametrize(("typed", "name"), [("/usr/bin/fusion-label", "fusion-label"), ("label.py", "python -m x")])
def test_help_names_the_command_that_was_typed(typed, name, monkeypatch):
    monkeypatch.setattr(sys, "argv", [typed])
    assert program("python -m x") == name


def test_an_export_on_a_full_disk_leaves_nothing_and_says_where(model, tmp_path, monkeypatch):
    from hub_config import export

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export.shutil, "copyfile", full)
    with pytest.raises(DiskFullError, match=rf"No room to write in {tmp_path / 'sub'}.*MB are free"):
        export.export(str(model), tmp_path / "sub" / "onnx")
    assert list((tmp_path / "sub").iterdir()) == []


def test_lines_reach_a_pipe_at_once_and_no_time_of_checkpoints_is_warned_of(tmp_path):
    quick = ["--dataset", "sample", "--max_rows", "60", "--num_train_epochs", "3", "--min_steps", "0"]
    flags = ["--output_dir", str(tmp_path / "out"), "--cache_dir", str(tmp_path / "cache"), "--num_members", "1"]
    done = subprocess.run(
        [sys.executable, "train.py", *quick, *flags],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "mtime" not in done.stdout
    # In the order in which it was said, though some lines are written by loggers and some are printed.
    assert done.stdout.index("one label per text" if "one label" in done.stdout else "several") < done.stdout.index(
        "epoch 1 of"
    )


def test_a_model_of_one_backbone_brings_the_tokenizer_that_reads_for_it(model):
    tokenizer = AutoTokenizer.from_pretrained(model)
    (backbone,) = pipeline("text-classification", model=str(model), trust_remote_code=True).model.config.backbones
    inside = AutoTokenizer.from_pretrained(model / "backbones" / backbone.name)
    assert tokenizer("so glad of it").input_ids == inside("so glad of it").input_ids


class Count(TrainerCallback):
    """Counts epochs of all trainings."""

    epochs = 0

    def on_epoch_end(self, args, state, control, **kwargs):
        Count.epochs += 1


def test_callbacks_are_named_by_module_and_class_and_watch_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(Count, "epochs", 0)
    few = ["--dataset", "sample", "--max_rows", "60", "--num_train_epochs", "2", "--min_steps", "0"]
    train.main([*few, "--output_dir", str(tmp_path / "model"), "--callbacks", f"{__name__}:Count"])
    assert Count.epochs == 2


@pytest.mark.parametrize("name", [f"{__name__}:NoSuch", f"{__name__}:ROOT", "no.such.module:Count", "Count"])
def test_a_callback_that_is_none_is_named(name):
    with pytest.raises(ValueError, match=f"callback '{name}'"):
        make_callbacks([name])
    assert isinstance(make_callbacks([f"{__name__}:Count"])[0], Count)


def test_a_backbone_that_is_fine_tuned_is_watched_as_heads_are():
    assert {"report_to", "run_name", "callbacks", "logging_strategy", "logging_steps"} <= {*HARDWARE}


def test_no_bar_of_loading_weights_stands_between_what_label_py_says(model, tmp_path):
    (tmp_path / "texts.csv").write_text("text\nso glad of it\nleave me alone\n")
    flags = ["--model", str(model), "--input", str(tmp_path / "texts.csv"), "--output", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "label.py", *flags], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "2 rows" in done.stdout
    assert "Loading weights" not in done.stderr + done.stdout
