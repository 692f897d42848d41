"""An export agrees with the model that it was made from, in a process that cannot import torch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("onnxscript", reason="onnxscript is not installed (requirements-export.txt)")

from fusion_model import FusionConfig, FusionForSequenceClassification
from hub_config.export import export, exported, main
from tests.standins import standin
from training.folder import write_model
from training.tfidf import fit_tfidf

LABELS = ["joy", "anger", "fear"]
TEXTS = [
    "I am so happy that you came to see me today!",
    "Why did nobody tell me? I hate this.",
    "it is cold, isn't it",
    "",
    " \n",
    "ok",
    "çüß 😂 \ud83d",
    "you came to see me " * 90,
    "zzz qqq",
]
BLOCKED = """
import json, sys

class Refuse:
    def find_spec(self, name, *rest):
        if name.split(".")[0] in ("torch", "transformers", "fusion_model", "huggingface_hub"):
            raise ImportError(f"{name} is not to be imported")

sys.meta_path.insert(0, Refuse())
sys.path.insert(0, sys.argv[1])
from predict import Classifier

texts = json.loads(sys.stdin.read())
classifier = Classifier(threads=1)
print(json.dumps({"scores": classifier.probabilities(texts).tolist(), "predicted": classifier.predict(texts)}))
"""


def make_model(folder: Path, kinds: dict[str, str], lexical: bool = True, **options) -> Path:
    """A model folder over tiny random backbones, its features standardised as training would."""
    backbones = []
    for name, kind in kinds.items():
        spec = {"name": name, "model_id": str(standin(kind, folder / kind)), "dtype": "float32", "max_length": 48}
        spec["tuned"] = name == "tuned"
        size = {"bert": 24, "roberta": 16, "distilbert": 24}[kind]
        backbones.append(spec | {"hidden_size": size, "layers": [0, 1, -1], "pooling": ["mean", "max", "cls", "last"]})
    channel = None
    if lexical:
        labels = np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1, 2]]
        channel = fit_tfidf([*TEXTS[:3], "so happy", "I hate", "cold", *TEXTS[:3]], labels, 3, 10.0)
        options |= {"lexical_terms": len(channel.idf), "lexical_bytes": len(channel.vocabulary), "lexical_weight": 0.8}
    torch.manual_seed(5)
    config = FusionConfig(
        **{
            "backbones": backbones,
            "fusion_dim": 8,
            "hidden_sizes": [16],
            "slot_skip": True,
            "linear_skip": True,
            "standardise": True,
            "num_members": 2,
            "temperature": 1.3,
            "problem_type": "multi_label_classification",
            "thresholds": [0.4, 0.5, 0.6],
            "id2label": dict(enumerate(LABELS)),
            "label2id": {name: number for number, name in enumerate(LABELS)},
        }
        | options
    )
    model = FusionForSequenceClassification(config).eval()
    if channel is not None:
        model.lexical.load_state_dict(channel.state_dict())
    for layer in model.standardise.values():
        layer.mean.normal_(0, 0.1)
        layer.scale.uniform_(0.5, 2)
    write_model(model, folder / "model", bundle_backbones=True)
    return folder / "model"


def scores_without_torch(folder: Path) -> dict:
    """What the export says of TEXTS in a process where torch and transformers cannot be imported."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", BLOCKED, str(folder)],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("export"), {"bert": "bert"})


def assert_survives_pickling(folder: Path) -> None:
    """As `Dataset.map(num_proc=2)` and worker pools need it, from another working directory too."""
    code = (
        "import os, pickle, sys; sys.path.insert(0, sys.argv[1]); from predict import Classifier\n"
        "os.chdir(sys.argv[1]); model = Classifier('.', threads=1); packed = pickle.dumps(model); os.chdir('/')\n"
        "assert pickle.loads(packed).predict(['fine'], top_k=None) == model.predict(['fine'], top_k=None)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_float32_agrees_with_the_model_without_torch(model_folder, tmp_path):
    export(str(model_folder), tmp_path / "onnx", "float32")
    assert_survives_pickling(tmp_path / "onnx")
    answers = scores_without_torch(tmp_path / "onnx")
    model = FusionForSequenceClassification.from_pretrained(model_folder).eval()
    expected = model.logits(TEXTS).sigmoid().numpy()
    # The model itself passes features on in float16.
    np.testing.assert_allclose(answers["scores"], expected, atol=3e-3)
    for mine, theirs in zip(answers["predicted"], model.predict(TEXTS), strict=True):
        assert [one["label"] for one in mine] == [one["label"] for one in theirs]
    import onnx

    # onnxruntime 1.31 adds from several threads into one place without waiting: sums over 30,000 terms came out wrong.
    nodes = onnx.load(tmp_path / "onnx" / "model.onnx").graph.node
    adding = {"ScatterND", "ScatterElements"}
    assert not [node.op_type for node in nodes if node.op_type in adding and "reduction" in str(node.attribute)]


@pytest.mark.slow
def test_int8_is_close_smaller_and_gives_a_text_the_same_score_in_any_company(model_folder, tmp_path):
    export(str(model_folder), tmp_path / "onnx")
    model = FusionForSequenceClassification.from_pretrained(model_folder).eval()
    with exported(tmp_path / "onnx", threads=1) as classifier:
        together = classifier.probabilities(TEXTS)
        alone = np.concatenate([classifier.probabilities([text]) for text in TEXTS])
    np.testing.assert_allclose(together, model.logits(TEXTS).sigmoid().numpy(), atol=0.05)
    np.testing.assert_allclose(alone, together, atol=1e-5)
    import onnx

    kinds = {node.op_type for node in onnx.load(tmp_path / "onnx" / "model.onnx").graph.node}
    assert {"MatMulNBits", "DequantizeLinear"} <= kinds


@pytest.mark.slow
def test_two_backbones_one_of_them_tuned_and_one_label_a_text(tmp_path):
    folder = make_model(
        tmp_path, {"roberta": "roberta", "tuned": "distilbert"}, lexical=False,
        problem_type="single_label_classification", thresholds=None,
    )  # fmt: skip
    export(str(folder), tmp_path / "onnx", "float32")
    model = FusionForSequenceClassification.from_pretrained(folder).eval()
    answers = scores_without_torch(tmp_path / "onnx")
    np.testing.assert_allclose(answers["scores"], model.logits(TEXTS).softmax(dim=1).numpy(), atol=3e-3)
    assert [len(one) for one in answers["predicted"]] == [1] * len(TEXTS)


@pytest.mark.slow
def test_an_export_of_a_model_of_single_texts_refuses_pairs_and_reads_the_two_as_one(model_folder, tmp_path):
    export(str(model_folder), tmp_path / "onnx", "float32")
    model = FusionForSequenceClassification.from_pretrained(model_folder).eval()
    pair = ("it is cold", "I hate this")
    with exported(tmp_path / "onnx", threads=1) as classifier:
        assert not [one.name for one in classifier.session.get_inputs() if "token_type_ids" in one.name]
        for form in (pair, {"text": pair[0], "text_pair": pair[1]}):
            with pytest.raises(
                ValueError, match=r"Input 1 is a pair.*'model' was trained on.*Give the two as one text"
            ):
                classifier.predict(["ok", form])
        # Done as it says.
        as_one = classifier.probabilities(["ok", "\n".join(pair)])
    np.testing.assert_allclose(as_one, model.logits(["ok", "\n".join(pair)]).sigmoid().numpy(), atol=3e-3)


def test_a_decoder_is_refused(tmp_path):
    config = FusionConfig(
        backbones=[
            {
                "name": "llama",
                "model_id": str(standin("llama", tmp_path / "llama")),
                "hidden_size": 32,
                "dtype": "float32",
            }
        ],
        id2label=dict(enumerate(LABELS)),
        label2id={name: number for number, name in enumerate(LABELS)},
    )
    write_model(FusionForSequenceClassification(config), tmp_path / "model", bundle_backbones=True)
    with pytest.raises(ValueError, match="'llama' is of the type 'llama': expected one of"):
        export(str(tmp_path / "model"), tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()
    assert list(tmp_path.glob("unfinished-*")) == []


def test_a_folder_with_other_things_is_not_replaced(model_folder, tmp_path):
    (tmp_path / "thesis.docx").write_text("")
    with pytest.raises(ValueError, match="is no earlier export"):
        main([str(model_folder), "--format", "onnx", "--output", str(tmp_path)])
    assert (tmp_path / "thesis.docx").exists()
