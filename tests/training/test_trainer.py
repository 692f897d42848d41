"""What the Trainer minimises is what the model's forward gives."""

import pytest
import torch
from torch import nn

from fusion_model import FusionConfig, FusionForSequenceClassification
from training.arguments import parse
from training.head import trainer_arguments
from training.losses import Asymmetric, BinaryCrossEntropy
from training.trainer import ClassifierTrainer

LOSSES = [BinaryCrossEntropy(), Asymmetric(torch.tensor([1.0, 2.0, 0.5]), clip=0.1)]


@pytest.fixture
def make(tmp_path):
    """A trainer of an ensemble of three without dropout."""

    def make(loss) -> ClassifierTrainer:
        torch.manual_seed(0)
        config = FusionConfig(
            backbones=[{"name": "a", "model_id": "user/a", "layers": [0, 1], "hidden_size": 4}],
            fusion_dim=4, hidden_sizes=[8], dropout=0.0, num_members=3, temperature=2.0, num_labels=3,
            problem_type="multi_label_classification",
        )  # fmt: skip
        unwatched = ["--eval_strategy", "no", "--save_strategy", "no", "--load_best_model_at_end", "false"]
        options = trainer_arguments(parse(["--output_dir", str(tmp_path), "--use_cpu", *unwatched]).training)
        return ClassifierTrainer(model=FusionForSequenceClassification(config), args=options, loss=loss, advice="")

    return make


BATCH = {"features": {"a": torch.randn(6, 8)}, "labels": torch.tensor([[1, 0, 1], [0, 0, 1]] * 3)}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_in_training_each_head_of_the_ensemble_is_trained_as_if_it_were_alone(make, loss):
    trainer = make(loss)
    model = trainer.model.train()
    outputs = model(**BATCH)
    alone = torch.stack([loss(member, BATCH["labels"]) for member in outputs.member_logits])
    torch.testing.assert_close(outputs.loss, alone.mean())
    torch.testing.assert_close(trainer.compute_loss(model, BATCH), alone.sum())


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_in_evaluation_the_loss_is_that_of_the_logits_that_are_given(make, loss):
    trainer = make(loss)
    model = trainer.model.eval()
    found, outputs = trainer.compute_loss(model, BATCH, return_outputs=True)
    torch.testing.assert_close(found, loss(outputs["logits"], BATCH["labels"]))
    torch.testing.assert_close(found, model(**BATCH).loss)


def test_a_model_that_is_not_in_training_gives_plain_cross_entropy(make):
    torch.manual_seed(0)
    model = FusionForSequenceClassification(make(LOSSES[1]).model.config).eval()
    outputs = model(**BATCH)
    torch.testing.assert_close(outputs.loss, nn.BCEWithLogitsLoss()(outputs.logits, BATCH["labels"].float()))
