"""A backbone that was fine-tuned on pairs of texts scores them afterwards as it did while it was trained."""

import csv

import numpy as np
import pytest
import torch

from extraction.sources import load_source
from extraction.splits import texts_of
from fusion_model.backbones import check_backbones
from fusion_model.encoder import BackboneEncoder
from fusion_model.head import FineTunedHead
from tests.standins import CORPUS, standin
from training import finetune as finetuning
from training.arguments import parse
from training.finetune_options import Finetune


@pytest.mark.parametrize(("kind", "width"), [("bert", 24), ("roberta", 16), ("llama", 32)])
def test_a_backbone_fine_tuned_on_pairs_scores_validation_as_the_trainer_did(tmp_path, monkeypatch, kind, width):
    seconds = ["nobody came", "that you came to see me today", ""]
    rows = [[" ".join([CORPUS[n % 3]] * (n + 1)), seconds[n // 3 % 3], "yes" if n % 2 else "no"] for n in range(40)]
    with (tmp_path / "pairs.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["premise", "hypothesis", "gold"], *rows])
    data = load_source(str(tmp_path / "pairs.csv"), text_column="premise,hypothesis")
    texts = texts_of(data["validation"])
    assert {type(text) for text in texts} == {str, tuple}
    score, seen = finetuning.quick_score, []
    monkeypatch.setattr(finetuning, "quick_score", lambda logits, *rest: seen.append(logits) or score(logits, *rest))
    spec = {"name": "tiny", "model_id": str(standin(kind, tmp_path / kind)), "dtype": "float32", "tuned": True}
    (backbone,) = check_backbones([spec | {"hidden_size": width, "max_length": 24, "pooling": ["mean", "last"]}])
    labels = {name: np.asarray(split["labels"]) for name, split in data.items()}
    options = parse(["--recipe", "minilm_tuned", "--bf16", "false"]).training
    task = finetuning.Task(data, labels, 2, options, tmp_path / "cache")
    tuned, weights = finetuning.finetune(backbone, Finetune(epochs=1, batch_size=8, learning_rate=5e-3), task, seed=1)
    head = FineTunedHead(backbone.width, 2).eval()
    head.load_state_dict(weights)
    with torch.no_grad():
        logits = head(BackboneEncoder(tuned).encode(texts).float())
    # The Trainer reads validation in an order of its own, by length.
    trained = torch.as_tensor(seen[-1])
    torch.testing.assert_close(logits.sort(dim=0).values, trained.sort(dim=0).values, atol=1e-3, rtol=1e-3)
    assert logits[:, 0].std() > 5e-3
