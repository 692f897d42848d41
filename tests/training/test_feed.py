"""Features from the memory map: the right rows, without copies, and moments that are NumPy's."""

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, List, Value, concatenate_datasets
from transformers import Trainer, TrainingArguments

from training.feed import FeatureColumn, FeatureDataset, ready_batch


def arrow(array: np.ndarray, folder, chunks: int = 1, name: str = "minilm") -> Dataset:
    """A data set on disk, of so many chunks."""
    kind = Features({name: List(Value("float16"), length=array.shape[1])})
    parts = []
    for number, part in enumerate(np.array_split(array, chunks)):
        path = folder / f"{name}-{number}"
        Dataset.from_dict({name: list(part)}, features=kind).save_to_disk(path)
        parts.append(Dataset.load_from_disk(path))
    return concatenate_datasets(parts)


@pytest.fixture
def array() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(101, 7)).astype(np.float16)


@pytest.mark.parametrize("chunks", [1, 4])
def test_take_is_fancy_indexing_in_any_order_and_with_repeats(array, tmp_path, chunks):
    column = FeatureColumn(arrow(array, tmp_path, chunks))
    assert len(column) == 101
    random = np.random.default_rng(1)
    orders = [np.arange(101), np.arange(101)[::-1], random.permutation(101), random.integers(0, 101, 500)]
    for rows in [*orders, np.array([0]), np.array([100]), np.array([], dtype=int)]:
        taken = column.take(rows)
        assert taken.dtype == np.float16
        np.testing.assert_array_equal(taken, array[rows])


def test_joined_columns_have_the_rows_of_one_after_those_of_the_other(array, tmp_path):
    parts = [FeatureColumn(arrow(array[:60], tmp_path / "a", 3)), FeatureColumn(arrow(array[60:], tmp_path / "b"))]
    column = FeatureColumn.joined(parts)
    assert (len(column), column.width) == (101, 7)
    np.testing.assert_array_equal(column.take(np.array([100, 0, 59, 60])), array[[100, 0, 59, 60]])
    np.testing.assert_allclose(column.moments()[0], array.astype(np.float64).mean(axis=0), atol=1e-12)


def test_chunks_are_views_of_the_memory_map(array, tmp_path):
    features = arrow(array, tmp_path, 3)
    column = FeatureColumn(features)
    assert len(column.chunks) == 3
    for view, chunk in zip(column.chunks, features.data.column("minilm").chunks, strict=True):
        assert view.__array_interface__["data"][0] == chunk.flatten().buffers()[1].address
        assert not view.flags.owndata
        assert not view.flags.writeable


def test_a_batch_is_a_copy_that_may_be_written_to(array, tmp_path):
    column = FeatureColumn(arrow(array, tmp_path))
    column.take(np.array([3]))[:] = 0
    np.testing.assert_array_equal(column.take(np.array([3]))[0], array[3])


@pytest.mark.parametrize("row", [101, 5000, -1])
def test_rows_that_do_not_exist_are_refused(array, tmp_path, row):
    with pytest.raises(IndexError):
        FeatureColumn(arrow(array, tmp_path, 2)).take(np.array([0, row]))


@pytest.mark.parametrize("offset", [0.0, 100.0, 4000.0])
@pytest.mark.parametrize("rows", [1, 3, 2500])
def test_moments_are_numpys_in_float64(tmp_path, offset, rows):
    array = (np.random.default_rng(2).normal(size=(rows, 5)) * [0.001, 1, 1, 30, 0] + offset).astype(np.float16)
    mean, deviation = FeatureColumn(arrow(array, tmp_path, min(2, rows))).moments()
    wide = array.astype(np.float64)
    assert mean.dtype == deviation.dtype == np.float64
    np.testing.assert_allclose(mean, wide.mean(axis=0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(deviation, wide.std(axis=0), rtol=1e-5, atol=1e-9)


def test_moments_hold_at_the_ends_of_float16(tmp_path):
    ends = np.finfo(np.float16)
    column = np.array([ends.max, -ends.max, ends.smallest_subnormal, 0, ends.max, 1e-3], dtype=np.float16)
    array = np.stack([column, column[::-1], np.full(6, ends.max), np.full(6, ends.smallest_subnormal)], axis=1)
    mean, deviation = FeatureColumn(arrow(array, tmp_path)).moments()
    wide = array.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(deviation, wide.std(axis=0), rtol=1e-6, atol=1e-12)


def test_features_of_another_type_are_refused(array):
    wrong = Dataset.from_dict({"minilm": array.astype(np.float32)})
    with pytest.raises(ValueError, match=r"expected one column of `List\(Value\('float16'\), length=n\)`"):
        FeatureColumn(wrong)


def test_reordered_features_are_refused_because_the_memory_map_is_not_reordered(array, tmp_path):
    features = arrow(array, tmp_path).select([5, 3, 1])
    with pytest.raises(ValueError, match="call `flatten_indices\\(\\)`"):
        FeatureColumn(features)
    np.testing.assert_array_equal(FeatureColumn(features.flatten_indices()).take(np.arange(3)), array[[5, 3, 1]])


def test_lengths_must_agree(array, tmp_path):
    column = FeatureColumn(arrow(array, tmp_path))
    with pytest.raises(ValueError, match=r"equally many rows, but have \{'a': 101, 'labels': 100\}"):
        FeatureDataset({"a": column}, np.zeros(100))
    with pytest.raises(ValueError, match="'lexical_logits': 3"):
        FeatureDataset({"a": column}, np.zeros(101), np.zeros((3, 2)))


def test_a_batch_has_features_of_every_backbone_labels_and_lexical_logits(array, tmp_path):
    other = (array[:, :3] * 2).astype(np.float16)
    columns = {
        "a": FeatureColumn(arrow(array, tmp_path, name="a")),
        "b": FeatureColumn(arrow(other, tmp_path, name="b")),
    }
    labels, lexical = np.arange(101), np.random.default_rng(3).random((101, 2)).astype(np.float32)
    batch = FeatureDataset(columns, labels, lexical).__getitems__([7, 7, 2])
    np.testing.assert_array_equal(batch["features"]["a"], array[[7, 7, 2]])
    np.testing.assert_array_equal(batch["features"]["b"], other[[7, 7, 2]])
    np.testing.assert_array_equal(batch["labels"], [7, 7, 2])
    np.testing.assert_array_equal(batch["lexical_logits"], lexical[[7, 7, 2]])
    assert "lexical_logits" not in FeatureDataset(columns, labels).__getitems__([0])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_trainers_dataloader_gives_the_batches_as_they_are(array, tmp_path, workers):
    data = FeatureDataset({"a": FeatureColumn(arrow(array, tmp_path, 2, "a"))}, np.arange(101))
    options = TrainingArguments(
        output_dir=str(tmp_path / "out"),
        per_device_train_batch_size=16,
        remove_unused_columns=False,
        use_cpu=True,
        dataloader_num_workers=workers,
    )
    trainer = Trainer(torch.nn.Linear(1, 1), options, data_collator=ready_batch, train_dataset=data)
    seen = []
    for batch in trainer.get_train_dataloader():
        rows = batch["labels"].numpy()
        np.testing.assert_array_equal(batch["features"]["a"], array[rows])
        seen += rows.tolist()
    assert seen != sorted(seen)
    assert sorted(seen) == list(range(101))
