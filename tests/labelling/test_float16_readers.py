"""What readers of Parquet make of float16 lists, as docs/labelling.md says: a row of its table, a test."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

# 65504 is the largest number of float16, the last one its smallest.
VALUES = np.array([[1, 2.5, -3], [0.5, 65504, 2**-24]], dtype=np.float16)
NAME = "features_tiny"


@pytest.fixture
def file(tmp_path) -> Path:
    """Two rows of features, written as `label.py --features_only` and feature datasets hold them."""
    column = pa.FixedSizeListArray.from_arrays(pa.array(VALUES.reshape(-1)), 3)
    pq.write_table(pa.table({"id": [0, 1], NAME: column}), tmp_path / "part-000000.parquet")
    return tmp_path / "part-000000.parquet"


def reader(package: str):
    return pytest.importorskip(package, reason=f"{package} is not installed")


def test_duckdb_reads_float32_lists_of_any_length_from_a_file(file):
    duckdb = reader("duckdb")
    read = duckdb.sql(f"SELECT {NAME}, list_sum({NAME}) FROM '{file}'")
    assert str(read.types[0]) == "FLOAT[]"
    rows = read.fetchall()
    assert [row[0] for row in rows] == VALUES.tolist()
    assert rows[0][1] == 0.5
    assert duckdb.sql(f"SELECT array_cosine_similarity({NAME}::FLOAT[3], {NAME}::FLOAT[3]) FROM '{file}'").fetchall()
    features = pq.read_table(file)  # noqa: F841, found by its name
    with pytest.raises(duckdb.NotImplementedException, match="Unsupported Internal Arrow Type"):
        duckdb.sql("SELECT * FROM features").fetchall()


def test_polars_reads_float16_arrays_and_sums_them_in_float16(file):
    polars = reader("polars")
    column = polars.read_parquet(file)[NAME]
    assert column.dtype == polars.Array(polars.Float16, 3)
    assert (column.to_numpy() == VALUES).all()
    assert column.to_numpy().dtype == np.float16
    assert column.arr.sum().to_list() == [0.5, 65504.0]  # 65504.5 in float32


@pytest.mark.filterwarnings("ignore")
def test_pandas_reads_a_float16_array_a_row(file):
    pandas = reader("pandas")
    column = pandas.read_parquet(file, engine="pyarrow")[NAME]
    assert column.dtype == object
    assert np.stack(column).dtype == np.float16
    assert (np.stack(column) == VALUES).all()


def test_fastparquet_reads_raw_bytes(file):
    fastparquet = reader("fastparquet")
    first, second = fastparquet.ParquetFile(file).to_pandas()[NAME]
    assert [bytes(value) for value in first] == [b"\x00<", b"\x00A", b"\x00\xc2"]
    assert bytes(second[2]) == b"\x01", "of two bytes, a last one of zero is lost"


def test_pyarrow_computes_with_them_once_they_are_cast(file):
    column = pq.read_table(file)[NAME]
    flat = column.combine_chunks().flatten()
    for compute in (pc.sum, pc.mean, pc.min_max, pc.sort_indices):
        with pytest.raises(pa.ArrowNotImplementedError, match="no kernel matching input types"):
            compute(flat)
    for compute in (pc.add, pc.equal, pc.greater):
        with pytest.raises(pa.ArrowNotImplementedError, match="no kernel matching input types"):
            compute(flat, flat)
    assert pc.sum(column.cast(pa.list_(pa.float32(), 3)).combine_chunks().flatten()).as_py() == 65505 + 2**-24
    assert (flat.to_numpy().reshape(-1, 3) == VALUES).all()


def test_datasets_keeps_the_type_and_hands_numpy_float32_unless_told(file, tmp_path):
    datasets = reader("datasets")
    data = datasets.load_dataset("parquet", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    assert data.features[NAME] == datasets.List(datasets.Value("float16"), length=3)
    assert data.with_format("numpy")[:][NAME].dtype == np.float32
    halves = data.with_format("numpy", dtype=np.float16)[:][NAME]
    assert halves.dtype == np.float16
    assert (halves == VALUES).all()


def test_ray_gives_an_array_of_arrays_and_takes_numpy_batches_back_without_their_length(file, tmp_path):
    reader("ray")
    from ray.data.block import BlockAccessor

    kept = BlockAccessor.for_block(pq.read_table(file)).to_batch_format("pyarrow")
    for block in (kept, BlockAccessor.batch_to_block(kept)):
        assert block.schema.field(NAME).type == pa.list_(pa.float16(), 3)
    batch = BlockAccessor.for_block(pq.read_table(file)).to_batch_format("numpy")
    assert batch[NAME].dtype == object
    assert np.stack(batch[NAME]).dtype == np.float16
    assert (np.stack(batch[NAME]) == VALUES).all()
    pq.write_table(BlockAccessor.batch_to_block({NAME: np.stack(batch[NAME])}), tmp_path / "after.parquet")
    show = "import sys, pyarrow.parquet as pq; print(pq.read_schema(sys.argv[1]).types[0])"
    command = [sys.executable, "-c", show, str(tmp_path / "after.parquet")]
    read_without_ray = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert read_without_ray == "large_list<element: halffloat>"
