"""The running average of the weights: what it is, that it only stands in when scored, and that it is what is kept."""

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from transformers import AutoModel

from extraction.features import pin
from fusion_model.backbones import check_backbones
from tests.standins import standin
from training.arguments import parse
from training.end_to_end import EndToEnd
from training.finetune import Task, finetune
from training.finetune_options import Finetune

TEXTS = ["so happy", "so sad", "so what"]
DECAY = 0.9


@pytest.fixture
def backbone(tmp_path):
    folder = standin("bert", tmp_path / "bert", layers=2)
    (backbone,) = check_backbones([{"name": "small", "model_id": str(folder), "tuned": True}])
    return pin(backbone)


@pytest.fixture
def model(backbone):
    model = EndToEnd(AutoModel.from_pretrained(backbone.model_id), backbone, 3)
    model.start_average(DECAY)
    return model


@pytest.fixture
def batch():
    return {"input_ids": torch.tensor([[2, 5, 6, 3]]), "attention_mask": torch.ones(1, 4, dtype=torch.long)}


def test_an_average_is_an_exponential_one_that_forgets_the_beginning(model):
    rng = torch.Generator().manual_seed(0)
    expected = [weight.detach().clone() for weight in model.trained_parameters()]
    for step in range(1, 200):
        stays = min(DECAY, step / (step + 9))
        for weight, average in zip(model.trained_parameters(), expected, strict=True):
            weight.data = torch.randn(weight.shape, generator=rng)
            average.mul_(stays).add_(weight.detach(), alpha=1 - stays)
        model.average.update(model.trained_parameters())
    model.take_average()
    for weight, average in zip(model.trained_parameters(), expected, strict=True):
        torch.testing.assert_close(weight.detach(), average)


def test_in_evaluation_the_average_answers_and_the_weights_stay_as_they_are(model, batch):
    with torch.no_grad():
        before = model.eval()(**batch).logits
        for weight in model.trained_parameters():
            weight.add_(0.1)
        kept = [weight.clone() for weight in model.trained_parameters()]
        assert torch.equal(model(**batch).logits, before)  # no step was taken into the average yet
        assert all(torch.equal(a, b) for a, b in zip(kept, model.trained_parameters(), strict=True))
        model.average = None
        assert not torch.allclose(model(**batch).logits, before)


def stop(self, args, state, control, **kwargs):
    """Ctrl-C in the middle of the second epoch."""
    if state.epoch is not None and state.epoch > 1.5:
        raise KeyboardInterrupt


def run(backbone, folder, resume=False, **block):
    data = DatasetDict({name: Dataset.from_dict({"text": TEXTS * 8}) for name in ("train", "validation")})
    labels = {name: np.array([0, 1, 2] * 8) for name in data}
    options = parse(["--bf16", "false", *(["--resume"] if resume else [])]).training
    block = Finetune(epochs=3, learning_rate=1e-3, batch_size=4, **block)
    tuned, head = finetune(backbone, block, Task(data, labels, 3, options, folder), seed=1)
    return AutoModel.from_pretrained(tuned.model_id).state_dict() | head


def same(left, right) -> bool:
    return all(torch.equal(value, right[name]) for name, value in left.items())


@pytest.mark.parametrize("block", [{}, {"top_layers": 1}], ids=["all layers", "last layer"])
def test_the_average_is_what_is_kept_and_a_run_without_it_gives_the_last_weights(backbone, tmp_path, block):
    averaged = run(backbone, tmp_path / "averaged", ema_decay=DECAY, **block)
    plain = run(backbone, tmp_path / "plain", **block)
    nothing = run(backbone, tmp_path / "nothing", ema_decay=0, **block)
    assert not same(averaged, plain)
    assert same(nothing, plain)  # training itself does not see the average


def test_a_killed_run_goes_on_with_its_average(backbone, tmp_path, monkeypatch):
    whole = run(backbone, tmp_path / "whole", ema_decay=DECAY)
    with monkeypatch.context() as patch:
        patch.setattr("training.finetune.UpdateAverage.on_step_begin", stop)
        with pytest.raises(KeyboardInterrupt):
            run(backbone, tmp_path / "killed", ema_decay=DECAY)
    assert same(run(backbone, tmp_path / "killed", resume=True, ema_decay=DECAY), whole)
