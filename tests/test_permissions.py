"""What is written can be read by whom the umask lets read it, and a file that may not be read is said to be that."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from standins import CORPUS, NAMES, small_model, standin

from common.atomic import seal, write_json
from extraction.features import extract, pin
from fusion_model import Backbone, FusionForSequenceClassification
from hub_config.checks import check_files, files_of
from labelling.output import begin, finished
from training.finetune import Task, finetune
from training.finetune_options import Finetune
from training.job import Job, check_output_dir

NOBODY = 65534


def private_files(folder: Path) -> list[str]:
    """Files that others may not read, folders that they may not enter."""
    found = [
        path
        for path in folder.rglob("*")
        if stat.S_IMODE(path.stat().st_mode) & 0o055 != (0o055 if path.is_dir() else 0o044)
    ]
    return [f"{path.relative_to(folder)} {path.stat().st_mode:o}" for path in found]


@pytest.fixture(autouse=True)
def usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other accounts can reach, which those of pytest are not."""
    folder = Path(tempfile.mkdtemp(prefix="shared-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def another_account(*files: Path) -> Iterator[None]:
    """As another account (of one's own if this is not root's), from which `files` are withheld."""
    for file in files:
        file.chmod(0o600 if os.geteuid() == 0 else 0)
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_model_folder_with_its_bundled_backbones_can_be_read_by_others(tmp_path):
    folder = small_model(tmp_path)
    assert (folder / "backbones" / "tiny" / "model.safetensors").is_file()
    assert private_files(folder) == []


def test_a_model_saved_again_can_be_read_by_others(tmp_path):
    model = FusionForSequenceClassification.from_pretrained(small_model(tmp_path))
    model.save_pretrained(tmp_path / "copy")
    assert (tmp_path / "copy" / "backbones" / "tiny" / "model.safetensors").is_file()
    assert private_files(tmp_path / "copy") == []


def test_the_umask_is_followed_where_it_is_stricter(tmp_path):
    model = FusionForSequenceClassification.from_pretrained(small_model(tmp_path))
    os.umask(0o077)
    model.save_pretrained(tmp_path / "copy")
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "copy").rglob("*") if file.is_file()}
    assert modes == {0o600}


def test_a_feature_cache_can_be_read_by_others(tmp_path):
    backbone = pin(Backbone(name="tiny", model_id=str(standin("bert", tmp_path / "bert")), max_length=16))
    extract(Dataset.from_dict({"text": CORPUS}), backbone, cache_dir=tmp_path / "cache")
    assert list((tmp_path / "cache").rglob("*.arrow"))
    assert list((tmp_path / "cache").rglob("*.json"))
    assert private_files(tmp_path / "cache") == []


def test_sealed_folders_and_json_records_can_be_read_by_others(tmp_path):
    aside = tmp_path / "aside"
    aside.mkdir()
    with tempfile.NamedTemporaryFile(dir=tmp_path, delete=False) as stream:
        stream.write(b"private")
    seal(tmp_path)
    write_json(tmp_path / "record.json", {}, aside=aside)
    assert private_files(tmp_path) == []


def test_a_run_kept_for_a_resumed_job_can_be_read_by_others(tmp_path):
    Job(tmp_path, resume=False, main=True).finish(torch.nn.Linear(2, 2), seed=3)
    assert (tmp_path / "checkpoints" / "3" / "finished" / "model.safetensors").is_file()
    assert private_files(tmp_path) == []


def test_a_fine_tuned_backbone_in_the_cache_can_be_read_by_others(tmp_path, monkeypatch):
    from training.arguments import parse

    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    options = parse(["--output_dir", str(tmp_path / "out"), "--use_cpu", "true"]).training
    data = DatasetDict({name: Dataset.from_dict({"text": CORPUS * 4}) for name in ("train", "validation")})
    labels = {name: np.arange(len(CORPUS) * 4) % len(NAMES) for name in data}
    backbone = pin(Backbone(name="tiny", model_id=str(standin("bert", tmp_path / "bert")), max_length=16, tuned=True))
    task = Task(data, labels, len(NAMES), options, tmp_path / "cache")
    tuned, _ = finetune(backbone, Finetune(epochs=1), task, seed=0)
    assert (Path(tuned.model_id) / "tuned_head.safetensors").is_file()
    assert private_files(Path(tuned.model_id)) == []


@pytest.mark.parametrize("name", ["model.safetensors", "backbones/tiny/model.safetensors"])
def test_weights_that_may_not_be_read_are_not_called_damaged_or_missing(open_folder, name):
    folder = small_model(open_folder)
    with another_account(folder / name), pytest.raises(PermissionError, match=rf"{name}.*permission denied.*chmod"):
        FusionForSequenceClassification.from_pretrained(folder).predict(["fine"])


def test_features_that_may_not_be_read_are_not_called_damaged(open_folder):
    backbone = pin(Backbone(name="tiny", model_id=str(standin("bert", open_folder / "bert")), max_length=16))
    texts = Dataset.from_dict({"text": CORPUS})
    extract(texts, backbone, cache_dir=open_folder / "cache")
    (shard,) = (open_folder / "cache").rglob("*.arrow")
    with another_account(shard), pytest.raises(PermissionError, match=rf"{shard.name}.*permission denied"):
        extract(texts, backbone, cache_dir=open_folder / "cache")


def test_a_model_that_may_not_be_read_is_neither_overwritten_nor_published(open_folder):
    folder = small_model(open_folder)
    with another_account(folder / "config.json"), pytest.raises(PermissionError, match=r"config.json.*denied"):
        check_output_dir(folder)
    for name in ("README.md", "metrics.json"):
        (folder / name).write_text("---\nlicense: mit\n---\n")
    with another_account(folder / "model.safetensors"), pytest.raises(PermissionError, match="permission denied"):
        check_files(folder, [file for file in files_of(folder) if file.suffix == ".safetensors"])


def test_parts_that_may_not_be_read_are_not_labelled_again(open_folder):
    begin(open_folder, {"input": {}, "model": {}, "output": {}})
    part = open_folder / "part-000000.parquet"
    part.write_bytes(b"PAR1")
    with another_account(part), pytest.raises(PermissionError, match=r"part-000000.parquet.*permission denied"):
        finished(open_folder, [1])
