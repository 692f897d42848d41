"""A few dozen made-up inputs for each surface; `python -m tests.campaigns.fuzz` runs as many as wanted."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.limits import RefusalError, check_top_k
from demo.reader import Shelf
from demo.tables import read_table
from fusion_model import FusionConfig
from tests.campaigns.fuzz import campaign
from tests.campaigns.fuzzing import Surface, surfaces
from tests.standins import small_model

NAMES = ["sources", "recipes", "predict", "pipeline", "configuration", "uploads"]
NAMES += ["/classify", "/classify_many", "/explain", "/compare"]


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory) -> Path:
    return small_model(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def every(model_folder, tmp_path_factory) -> dict[str, Surface]:
    return surfaces(tmp_path_factory.mktemp("fuzz"), model_folder)


def test_these_are_all_surfaces(every):
    assert sorted(every) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_input_is_answered_or_refused_in_a_sentence(every, name):
    # The same inputs each time: a suite must not fail by chance. The command takes a seed.
    @settings(max_examples=30, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(every[name].inputs)
    def attempt(value):
        every[name].take(value)

    attempt()


def test_the_campaign_counts_what_is_not_handled():
    def answer(value: object) -> None:
        raise KeyError(value) if isinstance(value, str) else ValueError

    tried, unhandled, samples = campaign(Surface(st.text() | st.integers(), answer, (ValueError,)), 50, 0)
    assert tried == 50
    assert 0 < unhandled.total() < 50
    assert all(key.startswith("KeyError at test_surfaces.py:") for key in samples)


def test_an_input_that_hangs_is_interrupted(monkeypatch):
    monkeypatch.setattr("tests.campaigns.fuzzing.PATIENCE", 0.05)

    def hang(_: object) -> None:
        while True:
            pass

    with pytest.raises(TimeoutError, match="no answer after"):
        Surface(st.none(), hang, ()).take(None)


# What the campaign found.


@pytest.mark.parametrize(
    "fields", [{"id2label": [1]}, {"dtype": "float99"}, {"id2label": {"x": "joy"}}], ids=json.dumps
)
def test_a_configuration_field_of_a_wrong_kind_is_refused_in_a_sentence(fields):
    with pytest.raises(ValueError, match=r"wrong kind|invalid literal|dtype is|id2label is"):
        FusionConfig(**fields)


@pytest.mark.parametrize("name", [{}, [], None, 5])
def test_a_model_that_is_no_name_is_refused(model_folder, name):
    with pytest.raises(RefusalError, match="There is no model"):
        Shelf(str(model_folder)).take(name)


@pytest.mark.parametrize("top_k", [float("nan"), float("inf"), 1e300, 0, True, "1"])
def test_a_number_of_labels_that_is_none_is_refused(top_k):
    with pytest.raises(RefusalError, match="expected a number of labels from 1 on"):
        check_top_k(top_k)


def test_a_parquet_file_with_a_column_twice_is_refused():
    packed = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), packed)
    with pytest.raises(RefusalError, match=r"\['text'\] more than once"):
        read_table("a.parquet", packed.getvalue())
