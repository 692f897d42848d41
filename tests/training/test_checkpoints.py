"""Fine-tuning that is interrupted goes on from its last whole checkpoint and ends where it would have ended."""

import logging

import numpy as np
import pytest
import torch
from torch import nn
from transformers import TrainerCallback, TrainingArguments

from fusion_model.modeling_fusion import FusionOutput
from training.checkpoints import SealCheckpoints, last_whole, train_or_resume
from training.losses import CrossEntropy
from training.trainer import ClassifierTrainer

EPOCHS = 5


class Small(nn.Module):
    """Dropout makes the random state matter."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))

    def forward(self, x, labels):
        logits = self.layers(x)
        return FusionOutput(loss=self.loss_function(logits, labels), logits=logits)


class StopAt(TrainerCallback):
    """Ctrl-C after an epoch's checkpoint, before the next one's."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_step_begin(self, args, state, control, **kwargs):
        if state.epoch is not None and state.epoch > self.epoch:
            raise KeyboardInterrupt


def train(folder, resume=False, stop_at=None) -> dict[str, torch.Tensor]:
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
        save_total_limit=3,
        metric_for_best_model="loss",
        load_best_model_at_end=True,
        use_cpu=True,
        disable_tqdm=True,
        label_names=["labels"],
        learning_rate=0.05,
        report_to=[],
    )
    trainer = ClassifierTrainer(
        model=model,
        args=arguments,
        train_dataset=rows[:48],
        eval_dataset=rows[48:],
        callbacks=[StopAt(stop_at)] if stop_at else [],
        loss=CrossEntropy(),
        advice="",
    )
    trainer.add_callback(SealCheckpoints(trainer))
    train_or_resume(trainer, resume)
    return model.state_dict()


def equal(left, right) -> bool:
    return all(torch.equal(value, right[name]) for name, value in left.items())


@pytest.fixture
def undisturbed(tmp_path):
    return train(tmp_path / "undisturbed")


@pytest.fixture
def interrupted(tmp_path):
    """A folder with the checkpoint of epoch 3 (6 batches each) and the one before it, or the best."""
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", stop_at=3.2)
    return tmp_path / "run"


def test_a_resumed_training_gives_the_weights_of_an_undisturbed_one(interrupted, undisturbed):
    assert last_whole(interrupted).name == "checkpoint-18"
    assert equal(train(interrupted, resume=True), undisturbed)


def test_without_resume_a_training_starts_anew(interrupted, undisturbed):
    assert equal(train(interrupted), undisturbed)


def test_what_is_read_of_a_checkpoint_can_run_no_code(interrupted, undisturbed, monkeypatch):
    """The Trainer keeps optimizer and random state as pickles; torch's restricted unpickler reads them."""
    load, read = torch.load, []

    def watched(file, *args, **kwargs):
        read.append(kwargs["weights_only"])
        return load(file, *args, **kwargs)

    monkeypatch.setattr(torch, "load", watched)
    assert equal(train(interrupted, resume=True), undisturbed)
    assert read
    assert all(read)


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "rng_state.pth", "trainer_state.json"])
def test_a_damaged_checkpoint_is_said_and_the_one_before_it_used(interrupted, undisturbed, name, caplog):
    file = interrupted / "checkpoint-18" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    caplog.set_level(logging.INFO)
    assert equal(train(interrupted, resume=True), undisturbed)
    assert f"{file.parent} is not used: of its file {name}, its content is not what was written" in caplog.text
    assert "going on from step" in caplog.text


def test_a_checkpoint_that_was_being_written_is_not_used(interrupted, undisturbed, caplog):
    (interrupted / "checkpoint-18" / "manifest.json").unlink()
    assert equal(train(interrupted, resume=True), undisturbed)
    assert "checkpoint-18 is not used: it is unfinished" in caplog.text


def test_with_every_checkpoint_damaged_training_starts_anew(interrupted, undisturbed):
    for file in interrupted.glob("*/model.safetensors"):
        file.write_bytes(b"")
    assert last_whole(interrupted) is None
    assert equal(train(interrupted, resume=True), undisturbed)


def test_a_checkpoint_whose_best_epoch_is_damaged_is_not_used(tmp_path, caplog):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", stop_at=2.2)
    best, last = (tmp_path / "run" / name for name in ("checkpoint-6", "checkpoint-12"))
    assert last_whole(tmp_path / "run") == last
    assert str(best) in (last / "trainer_state.json").read_text(), "the best epoch is another than the last"
    (best / "model.safetensors").write_bytes(b"")
    assert last_whole(tmp_path / "run") is None
    assert f"{last} is not used: of its best epoch, {best}" in caplog.text


def test_a_training_that_was_finished_but_not_put_in_place_keeps_its_best_epoch(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:

        def stop(self):
            raise KeyboardInterrupt

        patch.setattr(ClassifierTrainer, "_load_best_model", stop)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "two")
    assert equal(train(tmp_path / "two", resume=True), train(tmp_path / "one"))
