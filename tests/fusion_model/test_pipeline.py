"""`pipeline("text-classification", …)` takes what transformers' own takes, and says what it does not take."""

from collections import UserDict
from types import MappingProxyType

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from transformers import pipeline
from transformers.pipelines.pt_utils import KeyDataset

from fusion_model import FusionTextClassificationPipeline
from training.folder import write_model


@pytest.fixture(scope="module")
def model(make_model):
    return make_model(thresholds=[0.4, 0.55, 0.5, 0.61, 0.3])


@pytest.fixture(scope="module")
def classify(model, tmp_path_factory) -> FusionTextClassificationPipeline:
    folder = tmp_path_factory.mktemp("pipeline")
    write_model(model, folder, bundle_backbones=False)
    return pipeline("text-classification", model=str(folder), trust_remote_code=True, device="cpu")


def assert_same(found: list, expected: list) -> None:
    assert len(found) == len(expected)
    for first, second in zip(found, expected, strict=True):
        if isinstance(second, list):
            assert_same(first, second)
        else:
            assert first["label"] == second["label"]
            # A float16 feature may round the other way in another batch.
            assert first["score"] == pytest.approx(second["score"], abs=2e-5)


def test_a_text_gives_a_list_of_its_best_label_and_a_list_a_dict_for_each(classify, model, texts):
    best = [row[0] for row in model.predict(texts, top_k=1)]
    assert_same(classify(texts[0]), best[:1])
    assert_same(classify(texts), best)
    assert_same(classify(tuple(texts)), best)
    assert_same(classify([texts[0]]), best[:1])
    assert type(classify).__name__ == "FusionTextClassificationPipeline"


@pytest.mark.parametrize("batch_size", [1, 7, 64, None])
def test_the_batch_size_changes_no_answer(classify, model, texts, batch_size):
    many = texts * 8
    assert_same(classify(many, batch_size=batch_size, top_k=None), model.predict(many, top_k=None))


def test_columns_rows_and_arrays_are_lists_of_texts(classify, model, texts):
    best = [row[0] for row in model.predict(texts, top_k=1)]
    data = datasets.Dataset.from_dict({"text": texts, "labels": [[0]] * len(texts)})
    assert_same(classify(data["text"]), best)
    assert_same(list(classify(KeyDataset(data, "text"))), best)
    assert_same(list(classify(KeyDataset(data, "text"), batch_size=4)), best)
    assert_same(list(classify(data)), best)
    assert_same(list(classify(data.to_iterable_dataset())), best)
    assert_same(list(classify(np.array(texts))), best)
    assert_same(classify([{"text": text} for text in texts]), best)
    assert_same(classify({"text": texts[0]}), best[:1])
    assert_same(
        list(classify(map(str.upper, texts))), [row[0] for row in model.predict([t.upper() for t in texts], top_k=1)]
    )


class Rows:
    """A torch data set as transformers' documentation writes it: a length, and no error at its end."""

    def __init__(self, texts: list[str]):
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, row: int) -> str:
        return self.texts[row % len(self.texts)]


def test_a_row_of_a_table_is_one_text_whatever_holds_it(classify):
    best = classify("so happy")
    table = pd.DataFrame({"text": ["so happy"], "label": ["joy"]})
    for row in (UserDict(table.iloc[0]), MappingProxyType(dict(table.iloc[0])), table.iloc[0]):
        assert_same(classify(row), best)
        assert_same(classify([row]), best)
    assert_same(list(classify(table.itertuples(index=False))), best)
    data = datasets.Dataset.from_pandas(table)
    mapped = data.map(lambda row: {"score": classify(row)[0]["score"]}, load_from_cache_file=False)
    assert mapped["score"][:] == pytest.approx([best[0]["score"]], abs=2e-5)


def test_a_column_with_names_of_its_own_is_a_list_of_texts(classify, texts):
    column = pd.Series(texts, index=[f"id {number}" for number in range(len(texts))])
    assert_same(list(classify(column)), classify(texts))
    assert_same(classify(pa.chunked_array([texts])), classify(texts))
    assert_same(classify(np.array(texts[0])), classify(texts[:1]))


def test_a_batch_of_columns_is_refused_and_its_list_is_read(classify, texts):
    batch = datasets.Dataset.from_dict({"text": texts})[:]
    with pytest.raises(ValueError, match=r"dict of columns.*'text'"):
        classify(batch)
    assert_same(classify(batch["text"]), classify(texts))


def test_pandas_na_is_no_second_text(classify):
    table = pd.DataFrame({"text": ["fine"], "text_pair": pd.Series([None], dtype="string")})
    assert_same(classify(table), classify("fine"))


def test_predict_says_how_a_column_becomes_a_list(model, texts):
    for column in (pd.Series(texts), np.array(texts)):
        with pytest.raises(ValueError, match=r"list\(column\)"):
            model.predict(column)
        assert_same(model.predict(list(column)), model.predict(texts))
    with pytest.raises(ValueError, match="got bytes"):
        model.predict(b"fine")


def test_a_torch_data_set_ends_where_its_length_says(classify, model, texts):
    assert_same(list(classify(Rows(texts), batch_size=4)), [row[0] for row in model.predict(texts, top_k=1)])


def test_truncation_and_padding_change_nothing(classify, texts):
    assert_same(classify(texts, truncation=True, padding="max_length"), classify(texts))


def test_generators_are_read_as_far_as_they_are_needed(classify, model, texts):
    taken = []

    def endless():
        while True:
            taken.append(texts[len(taken) % len(texts)])
            yield taken[-1]

    answers = classify(endless(), batch_size=3)
    assert_same([next(answers) for _ in range(4)], [row[0] for row in model.predict(texts[:4], top_k=1)])
    assert len(taken) <= 6
    answers = classify((text for text in texts[:2]), batch_size=1, top_k=2)
    assert_same(list(answers), model.predict(texts[:2], top_k=2))
    assert list(classify(text for text in [])) == []


def test_top_k_and_threshold_mean_what_predict_means_by_them(classify, model, texts):
    assert_same(classify(texts, top_k=3), model.predict(texts, top_k=3))
    assert_same(classify(texts, top_k="predicted"), model.predict(texts))
    assert_same(classify(texts, threshold=0.5), model.predict(texts, top_k=None, threshold=0.5))
    assert_same(classify(texts, top_k=1, threshold=0.99), [[]] * len(texts))
    assert_same(classify(texts[0], top_k=None), model.predict(texts[:1], top_k=None)[0])
    assert_same(classify(texts[0], threshold=0.0), model.predict(texts[:1], top_k=None)[0])


def test_parameters_given_to_the_pipeline_hold_for_every_call_and_can_be_overridden(model, texts):
    classify = FusionTextClassificationPipeline(model=model, top_k=2, batch_size=3)
    assert_same(classify(texts), model.predict(texts, top_k=2))
    assert_same(classify(texts, top_k=None), model.predict(texts, top_k=None))


def test_no_texts_give_no_answers(classify):
    assert classify([]) == []
    assert classify(()) == []


@pytest.mark.parametrize("device", ["cpu", -1, torch.device("cpu")])
def test_a_device_can_be_named(model, texts, device):
    classify = pipeline(
        "text-classification", model=model, pipeline_class=FusionTextClassificationPipeline, device=device
    )
    assert classify.device == torch.device("cpu")
    assert_same(classify(texts), [row[0] for row in model.predict(texts, top_k=1)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"topk": 3}, r"Unknown parameter\(s\) \['topk'\]: expected top_k, threshold, batch_size"),
        ({"function_to_apply": "softmax"}, r"Unknown parameter\(s\) \['function_to_apply'\]"),
        ({"top_k": 0}, "top_k is 0: expected a number of labels from 1 on, None for all, or 'predicted'"),
        ({"top_k": True}, "top_k is True"),
        ({"top_k": "best"}, "top_k is 'best'"),
        ({"threshold": 1.5}, "threshold is 1.5: expected a probability from 0 to 1"),
        ({"threshold": "0.5"}, "threshold is '0.5'"),
        ({"batch_size": 0}, "batch_size is 0: expected a number of texts from 1 on"),
        ({"batch_size": -2}, "batch_size is -2"),
    ],
)
def test_a_parameter_that_is_unknown_or_out_of_range_is_refused_before_anything_is_read(classify, options, message):
    for inputs in ("text", ["text"], (text for text in ["text"]), []):
        with pytest.raises(ValueError, match=message):
            classify(inputs, **options)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["a", "b", None], "Input 2 is NoneType"),
        (3, "Input 0 is int"),
        (None, "Input 0 is NoneType"),
        (b"bytes", "Input 0 is bytes"),
        ([["a", "b"]], "Input 0 is list"),
        ({"sentence": "a"}, r"Input 0 is a dict with the keys \['sentence'\]: expected the key 'text'"),
        (["a", {"text": 5}], "Input 1 is int"),
    ],
)
def test_an_input_that_is_no_text_is_named(classify, inputs, message):
    with pytest.raises(ValueError, match=message):
        classify(inputs)
    with pytest.raises(ValueError, match="Input 5 is float"):
        list(classify(iter([*"abcde", 0.5]), batch_size=2))


@pytest.mark.parametrize("make", [pd.DataFrame, pa.table, datasets.Dataset.from_dict], ids=["pandas", "arrow", "rows"])
def test_a_table_is_read_by_its_column_text(classify, texts, make):
    table = make({"number": list(range(len(texts))), "text": texts})
    assert_same(list(classify(table)), classify(texts))


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"comment": ["fine"], "label": ["joy"]}),
        pd.DataFrame([["fine", "good"]], columns=["text", "text"]),
        pa.table({"comment": ["fine"]}),
        pd.DataFrame(),
    ],
    ids=["pandas", "twice", "arrow", "empty"],
)
def test_a_table_without_one_column_text_is_refused_by_its_columns_names(classify, table):
    with pytest.raises(ValueError, match=r"columns \[.*\].*'text'"):
        classify(table)
