"""Slots that drown beside others are named, with what helps."""

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset, Features, List, Value

from fusion_model.backbones import Backbone
from training.feature_sizes import warn_of_small_slots
from training.feed import FeatureColumn


def column(*slots: float) -> FeatureColumn:
    """Forty texts' features of 8 numbers a slot, of the given root mean squares."""
    signs = np.random.default_rng(0).choice([-1, 1], size=(40, len(slots), 8))
    values = (signs * np.array(slots)[None, :, None]).astype(np.float16).reshape(40, -1)
    width = values.shape[1]
    table = pa.table({"x": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), width)})
    return FeatureColumn(Dataset(table, fingerprint="x").cast(Features({"x": List(Value("float16"), length=width)})))


def test_states_before_the_final_norm_are_named_beside_those_after_it(caplog):
    llama = Backbone(name="llama", model_id="x", layers=(-2, -1), pooling=("mean", "last"))
    bert = Backbone(name="bert", model_id="y", layers=(0,), pooling=("cls",))
    warn_of_small_slots([llama, bert], {"llama": column(0.05, 0.06, 1, 2), "bert": column(0.3)})
    (said,) = caplog.messages
    assert "2 of 5 slots" in said
    assert "beside llama -1 last (2, " in said
    assert "llama -2 mean (0.05), llama -2 last (0.06)." in said
    assert "--standardise true" in said


@pytest.mark.parametrize("sizes", [(1, 2, 3, 9.5), (0.05, 0.06, 0.05, 0.1)])
def test_slots_of_like_size_are_not_spoken_of(sizes, caplog):
    backbone = Backbone(name="bert", model_id="x", layers=(0, -1), pooling=("mean", "last"))
    warn_of_small_slots([backbone], {"bert": column(*sizes)})
    assert not caplog.messages
