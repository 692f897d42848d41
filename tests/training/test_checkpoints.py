"""Training that is interrupted goes on from its last whole checkpoint and ends where it would have ended."""

import logging

import numpy as np
import pytest
import torch
from torch import nn
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback, TrainingArguments

from fusion_model.modeling_fusion import FusionOutput
from training.checkpoints import ResumableTrainer, last_whole
from training.head import HeadTrainer

EPOCHS = 5


class Small(nn.Module):
    """Dropout makes the random state matter."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))

    def forward(self, x):
        return FusionOutput(logits=self.layers(x))


class StopAt(TrainerCallback):
    """Ctrl-C after an epoch's checkpoint, before the next one's."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_step_begin(self, args, state, control, **kwargs):
        if state.epoch is not None and state.epoch > self.epoch:
            raise KeyboardInterrupt


def train(folder, resume=False, stop_at=None, patience=10) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    model = Small()
    rng = np.random.default_rng(0)
    rows = [{"x": torch.from_numpy(rng.normal(size=6).astype("f4")), "labels": int(rng.integers(3))} for _ in range(64)]
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=8,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        metric_for_best_model="loss",
        load_best_model_at_end=True,
        use_cpu=True,
        disable_tqdm=True,
        label_names=["labels"],
        learning_rate=0.05,
        report_to=[],
    )
    trainer = HeadTrainer(
        model=model,
        args=arguments,
        train_dataset=rows[:48],
        eval_dataset=rows[48:],
        callbacks=[EarlyStoppingCallback(patience), *([StopAt(stop_at)] if stop_at else [])],
        loss="cross_entropy",
        loss_weight=None,
        label_smoothing=0.0,
        advice="",
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train_or_resume(resume)
    return model.state_dict()


def equal(left, right) -> bool:
    return all(torch.equal(value, right[name]) for name, value in left.items())


@pytest.fixture
def undisturbed(tmp_path):
    return train(tmp_path / "undisturbed")


@pytest.fixture
def interrupted(tmp_path):
    """A folder with the checkpoints of epochs 2 and 3 (6 batches each), perhaps with the best before them."""
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", stop_at=3.2)
    return tmp_path / "run"


def test_a_resumed_training_gives_the_weights_of_an_undisturbed_one(interrupted, undisturbed):
    assert last_whole(interrupted).name == "checkpoint-18"
    assert equal(train(interrupted, resume=True), undisturbed)


def test_without_resume_a_training_starts_anew(interrupted, undisturbed):
    assert equal(train(interrupted), undisturbed)


def test_a_checkpoint_holds_no_pickle_and_none_is_read(interrupted, undisturbed, monkeypatch):
    files = {file.name for file in last_whole(interrupted).iterdir()}
    assert {file.rpartition(".")[2] for file in files} == {"safetensors", "json"}
    monkeypatch.setattr(torch, "load", None)
    assert equal(train(interrupted, resume=True), undisturbed)


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "random-0.json", "trainer_state.json"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(interrupted, undisturbed, name, caplog):
    file = interrupted / "checkpoint-18" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    caplog.set_level(logging.INFO)
    assert equal(train(interrupted, resume=True), undisturbed)
    assert f"{file.parent} is not used: of its file {name}, its content is not what was written" in caplog.text
    assert "going on from epoch" in caplog.text


def test_a_checkpoint_that_was_being_written_is_not_used(interrupted, undisturbed, caplog):
    (interrupted / "checkpoint-18" / "manifest.json").unlink()
    assert equal(train(interrupted, resume=True), undisturbed)
    assert "checkpoint-18 is not used: it is unfinished" in caplog.text


def test_with_every_checkpoint_damaged_training_starts_anew(interrupted, undisturbed):
    for file in interrupted.glob("*/model.safetensors"):
        file.write_bytes(b"")
    assert equal(train(interrupted, resume=True), undisturbed)


def test_a_training_that_early_stopping_had_ended_does_not_go_on(tmp_path, monkeypatch):
    ended = train(tmp_path / "one", patience=1)
    with monkeypatch.context() as patch:

        def stop(self):
            raise KeyboardInterrupt

        patch.setattr(ResumableTrainer, "_load_best_model", stop)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "two", patience=1)
    steps = last_whole(tmp_path / "two").name
    assert equal(train(tmp_path / "two", resume=True, patience=1), ended)
    assert last_whole(tmp_path / "two").name == steps


def test_a_best_epoch_that_was_damaged_meanwhile_is_not_taken(tmp_path, monkeypatch):
    load = ResumableTrainer._load_best_model

    def damage_first(self):
        for file in (tmp_path / "run").glob("*/model.safetensors"):
            file.write_bytes(file.read_bytes()[:-1])
        load(self)

    monkeypatch.setattr(ResumableTrainer, "_load_best_model", damage_first)
    with pytest.raises(OSError, match=r"The best epoch's checkpoint .* is damaged"):
        train(tmp_path / "run")
