"""A pair of texts gets the same scores in predict, pipeline, label.py, export and the demo's upload."""

import csv
import json
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from datasets import Dataset
from transformers import AutoModel, AutoTokenizer, pipeline

import label
import train
from demo.answers import predicted_labels
from demo.downloads import results_frame
from demo.many_texts import in_chunks
from demo.reader import Reader
from demo.tables import read_table, texts_of
from extraction.cache import cache_key
from extraction.splits import texts_of as texts_of_split
from fusion_model import Backbone, BackboneEncoder, FusionConfig, FusionForSequenceClassification
from fusion_model.texts import check_texts, joined
from hub_config.handler import EndpointHandler
from labelling.corpus import open_corpus
from labelling.model import find_model
from labelling.output import Layout, part_file
from labelling.worker import Job, PartLabeller
from tests.standins import standin

PREMISES = ["I am so happy today", "Why did nobody tell me?", "it is cold", "you came to see me", "I hate this"]
HYPOTHESES = ["that you came", "nobody came to see me " * 9, "isn't it", "", "I am happy"]
PAIRS = list(zip(PREMISES, HYPOTHESES, strict=True))
READ = [pair if pair[1] else pair[0] for pair in PAIRS]
COLUMNS = ["premise", "hypothesis"]
MAX_LENGTH = 24


def write(file: Path, rows: list[list]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([[*COLUMNS, "gold"], *rows])
    return file


@pytest.fixture(scope="module", params=["bert", "roberta"])
def trained(request, tmp_path_factory) -> Path:
    """A folder with pairs.csv and a model that was trained on it."""
    root = tmp_path_factory.mktemp(request.param)
    # A quarter of the labels is wrong, so that no probability is 0 or 1 and would stay so whatever the features.
    rows = [
        [f"{first} {row}", second and f"{second} {number}", "yes" if (row % 4 > 0) == (number % 2 > 0) else "no"]
        for row in range(12)
        for number, (first, second) in enumerate(PAIRS)
    ]
    spec = {"name": "tiny", "model_id": str(standin(request.param, root / "backbone")), "dtype": "float32"}
    spec |= {"layers": [1, 2], "pooling": ["mean", "cls"], "max_length": MAX_LENGTH}
    recipe = {"description": "Tiny.", "backbones": [spec], "head": {"linear_skip": True}}
    (root / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    train.main(
        f"--recipe {root}/recipe.yaml --dataset {write(root / 'pairs.csv', rows)} --text_column premise,hypothesis "
        f"--num_train_epochs 6 --learning_rate 0.002 --per_device_train_batch_size 8 "
        f"--cache_dir {root}/cache --output_dir {root}/model".split()
    )
    return root


@pytest.fixture(scope="module")
def model(trained) -> FusionForSequenceClassification:
    return FusionForSequenceClassification.from_pretrained(trained / "model")


@pytest.fixture(scope="module")
def expected(model) -> np.ndarray:
    """Probabilities `(pairs, labels)` by `logits`: none is near 0 or 1, and they differ."""
    found = torch.softmax(model.logits(READ), dim=1).numpy()
    assert ((found > 0.02) & (found < 0.98)).all(), found
    assert np.diff(np.sort(found[:, 0])).min() > 1e-4, found
    assert np.ptp(found[:, 0]) > 0.02, found
    return found


def as_array(answers: list[list[dict]], names: dict[int, str]) -> np.ndarray:
    scores = [{one["label"]: one["score"] for one in row} for row in answers]
    return np.array([[row[names[number]] for number in sorted(names)] for row in scores])


def test_features_are_those_of_a_plain_padded_forward_on_text_and_text_pair(trained):
    spec = {"layers": [1, -1], "pooling": ["mean", "cls"], "dtype": "float32", "max_length": MAX_LENGTH}
    folder = str(trained / "backbone")
    encoder = BackboneEncoder(Backbone.from_dict({"name": "tiny", "model_id": folder, **spec}))
    tokenizer, plain = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).float().eval()
    pairs = [text for text in READ if isinstance(text, tuple)]
    options = {"truncation": True, "max_length": MAX_LENGTH, "padding": True, "return_tensors": "pt"}
    inputs = tokenizer([a for a, _ in pairs], [b for _, b in pairs], **options)
    if plain.config.model_type == "roberta":
        del inputs["token_type_ids"]
    else:
        assert inputs["token_type_ids"].any()
    assert inputs["attention_mask"].sum(dim=1).max() == MAX_LENGTH
    states = plain(**inputs, output_hidden_states=True).hidden_states
    mask = inputs["attention_mask"][:, :, None]
    wanted = torch.cat(
        [part for i in (1, -1) for part in ((states[i] * mask).sum(1) / mask.sum(1), states[i][:, 0])], dim=1
    )
    found = encoder.encode(READ)[[isinstance(text, tuple) for text in READ]]
    assert torch.allclose(found.float(), wanted, atol=1e-3, rtol=1e-3)
    assert [len(ids) for ids in encoder.tokenize(pairs)] == inputs["attention_mask"].sum(dim=1).tolist()
    # The longer text is cut: what is left of the second of these is more than nothing, and the first is whole.
    alone = encoder.encode([text if isinstance(text, str) else text[0] for text in READ])
    assert torch.allclose(alone[3], encoder.encode(READ)[3], atol=1e-3)
    assert not torch.allclose(alone[0].float(), encoder.encode(READ)[0].float(), atol=1e-2)


def test_the_model_records_its_columns_and_what_was_read_is_said(trained, model):
    assert model.config.text_columns == COLUMNS
    report = json.loads((trained / "model" / "metrics.json").read_text())
    assert report["reading"]["texts"] == "'premise' and 'hypothesis'"
    assert "'premise' and 'hypothesis'" in (trained / "model" / "README.md").read_text()
    assert report["reading"]["unused"] == []
    assert report["parity"]["max_difference"] <= 1e-3


def test_the_card_and_trainings_last_lines_show_a_pair_that_the_model_reads(trained, model, capsys):
    card = (trained / "model" / "README.md").read_text()
    code = card.split("```python\n")[1].split("```")[0].replace('model="model"', f'model="{trained}/model"')
    train.say_how_to_try(trained / "model", model.config)
    for lines in (code, textwrap.dedent(capsys.readouterr().out.split("Try it:")[1])):
        assert "text_pair" in lines
        *before, last = lines.strip().splitlines()
        scope: dict = {}
        exec("\n".join([*before, f"answer = {last}"]), scope)
        (pair,) = check_texts([eval(last.removeprefix("classify(").rpartition(", top_k")[0])])
        assert isinstance(pair, tuple)
        assert np.allclose(
            as_array([scope["answer"]], model.config.id2label), model.logits([pair]).softmax(1), atol=1e-5
        )
    assert "--text_column premise,hypothesis" in card


def test_predict_takes_tuples_and_dicts_and_a_pair_is_not_its_parts(model, expected):
    names = model.config.id2label
    rows = [dict(zip(("text", "text_pair"), pair, strict=True)) for pair in PAIRS]
    named = [dict(zip(COLUMNS, pair, strict=True)) for pair in PAIRS]
    for form in (PAIRS, rows, named):
        assert np.allclose(as_array(model.predict(form, top_k=None), names), expected, atol=1e-5)
    alone = as_array(model.predict(PREMISES, top_k=None), names)
    assert np.allclose(alone[3], expected[3], atol=1e-5)
    assert (model.logits(PREMISES) - model.logits(READ)).abs().max() > 1e-2


def test_the_pipeline_takes_a_pair_as_transformers_does_rows_and_tables(trained, expected):
    classify = pipeline("text-classification", model=str(trained / "model"), trust_remote_code=True, device="cpu")
    names = classify.model.config.id2label
    one = classify({"text": PREMISES[0], "text_pair": HYPOTHESES[0]}, top_k=None)
    assert np.allclose(as_array([one], names), expected[:1], atol=1e-5)
    seconds = [second or None for second in HYPOTHESES]
    tables = [pd.DataFrame({one: PREMISES, other: seconds}) for one, other in (("text", "text_pair"), COLUMNS)]
    for table in (*tables, tables[1].to_dict("records")):
        assert np.allclose(as_array(classify(table, top_k=None), names), expected, atol=1e-5)
    with pytest.raises(ValueError, match=r"\['utterance'\].*'premise' and 'hypothesis'"):
        classify(pd.DataFrame({"utterance": PREMISES}))
    handler = EndpointHandler(str(trained / "model"))
    answer = handler({"inputs": {"text": PREMISES[0], "text_pair": HYPOTHESES[0]}, "parameters": {"top_k": None}})
    assert np.allclose(as_array([answer], names), expected[:1], atol=1e-5)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".csv.gz"])
def test_label_py_finds_the_models_columns_and_gives_the_same_scores(trained, expected, tmp_path, suffix):
    file, facts = tmp_path / f"corpus{suffix}", find_model(str(trained / "model"))
    frame = pd.DataFrame(dict(zip(COLUMNS, (PREMISES, HYPOTHESES), strict=True))).replace({"": None})
    frame.loc[len(frame)] = [None, "without a first text"]
    if suffix == ".parquet":
        frame.to_parquet(file)
    elif suffix == ".jsonl":
        file.write_text("\n".join(map(json.dumps, frame.to_dict("records"))))
    else:
        frame.to_csv(file, index=False)
    assert label.parse(["--model", "m", "--input", "i", "--output", "o"]).text_column is None
    corpus = open_corpus(str(file), ",".join(facts.text_columns), None, 100, tmp_path / "copies")
    layout = Layout(corpus.id_type, facts.labels, None, True, {}, corpus.has_pairs)
    job = Job(facts, layout, tmp_path, "", None, top_k=1, threshold=None, threads=1, device="cpu")
    told = PartLabeller(job)({"task": np.array([corpus.task(0)])})
    assert (told["error"], told["rows"], told["without_text"]) == ([""], [6], [1])
    rows = pq.read_table(part_file(tmp_path, 0)).to_pylist()
    assert np.allclose([row["scores"] for row in rows[:5]], expected, atol=1e-5)
    assert [(row["text"], row["text_pair"] or "") for row in rows[:5]] == PAIRS
    assert rows[5]["scores"] is None
    with pytest.raises(ValueError, match=r"'hypotesis'.*Did you mean 'hypothesis'"):
        open_corpus(str(file), "premise,hypotesis", None, 100, tmp_path / "others")


def test_an_upload_with_both_columns_gets_the_same_scores_and_both_are_in_the_downloads(trained, expected):
    reader = Reader(str(trained / "model"))
    lines = [",".join(["id", *COLUMNS]), *(f'{row},"{a}","{b}"' for row, (a, b) in enumerate(PAIRS)), "9,,alone"]
    table = read_table("pairs.csv", "\n".join(lines).encode())
    assert table.likely_column(reader.text_columns) == "premise,hypothesis" == table.choices(reader.text_columns)[0]
    assert table.likely_column() in COLUMNS
    texts = texts_of(table, "premise,hypothesis")
    *_, (done, scores) = in_chunks(reader, texts)
    assert done == 6
    assert np.allclose(scores[:5], expected, atol=1e-5)
    assert np.isnan(scores[5]).all()
    frame = results_frame(reader, texts, scores, predicted_labels(reader, scores))
    assert list(zip(frame["text"], frame["text_pair"], strict=True)) == [*PAIRS, ("", "alone")]
    with pytest.raises(ValueError, match=r"'hypotesis'.*Did you mean 'hypothesis'"):
        texts_of(table, "premise,hypotesis")


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("int8", 0.05)])
def test_an_export_of_a_model_of_pairs_gives_the_same_scores(trained, expected, tmp_path, dtype, tolerance):
    pytest.importorskip("onnxscript", reason="onnxscript is not installed (requirements-export.txt)")
    from hub_config.export import export, exported

    export(str(trained / "model"), tmp_path / "onnx", dtype)
    with exported(tmp_path / "onnx", threads=1) as classifier:
        inputs = [one.name for one in classifier.session.get_inputs()]
        assert ("tiny_token_type_ids" in inputs) == trained.name.startswith("bert")
        assert np.abs(classifier.probabilities(PAIRS) - expected).max() < tolerance
        rows = [dict(zip(COLUMNS, pair, strict=True)) for pair in PAIRS]
        assert np.allclose(classifier.probabilities(rows), classifier.probabilities(PAIRS), atol=1e-6)


def test_a_pair_without_its_first_text_is_refused_and_its_second_alone_is_read():
    for pair in [("", "alone"), (None, "alone"), {"text": " ", "text_pair": "alone"}]:
        with pytest.raises(ValueError, match=r"Input 4 is a pair whose first text is empty.*'alone'"):
            check_texts([pair], first=4)
    with pytest.raises(ValueError, match=r"second text of input 0 is int \('5'\)"):
        check_texts([("a", 5)])
    assert check_texts(["alone", ("a", None), ("a", float("nan")), ("a", "b"), ("a", " ")]) == [
        "alone", "a", "a", ("a", "b"), "a"
    ]  # fmt: skip


def test_the_cache_key_knows_a_pair_from_every_other_way_to_write_its_texts(tmp_path):
    backbone = Backbone.from_dict({"name": "t", "model_id": str(standin("bert", tmp_path / "b")), "hidden_size": 24})
    ways = [[("a", "b")], ["a", "b"], ["ab"], [("b", "a")], [joined(("a", "b"))], [("a", "b"), "a"], ["a", ("a", "b")]]
    assert len({cache_key(texts, backbone, torch.device("cpu")) for texts in ways}) == len(ways)
    # Single texts have one key, in whatever form they come.
    columns = Dataset.from_dict({"text": ["a", "b"], "text_pair": ["", None]})
    forms = [
        ["a", "b"],
        texts_of_split(columns),
        texts_of_split(columns.select_columns("text")),
        check_texts(["a", "b"]),
    ]
    assert len({cache_key(texts, backbone, torch.device("cpu")) for texts in forms}) == 1


def test_a_model_of_single_texts_has_no_word_of_pairs_in_its_config(tmp_path):
    FusionConfig().save_pretrained(tmp_path)
    single = json.loads((tmp_path / "config.json").read_text())
    FusionConfig(text_columns=COLUMNS).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()) == single | {"text_columns": COLUMNS}
    with pytest.raises(ValueError, match="text_columns"):
        FusionConfig(text_columns=["premise"])
