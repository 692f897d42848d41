"""An output folder belongs to one job, and a part is there whole or not at all."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import label
from labelling.corpus import open_corpus
from labelling.model import find_model
from labelling.output import Layout, ResumeError, attempts, begin, finished, part_file, write_part

SCHEMA = pa.schema([("id", pa.int64())])


def manifest_of(corpus, model_folder, *flags):
    options = label.parse(["--model", str(model_folder), "--input", str(corpus), "--output", "out", *flags])
    opened = open_corpus(options.input, options.text_column, options.id_column, options.part_rows, options.output)
    return label.manifest(options, find_model(options.model), opened)


def other_weights(model_folder, folder):
    shutil.copytree(model_folder, folder)
    with (folder / "model.safetensors").open("ab") as stream:
        stream.write(b"\0")
    return folder


def test_the_same_job_goes_on_wherever_the_corpus_lies(tmp_path, corpus_folder, model_folder):
    out = tmp_path / "out"
    out.mkdir()
    begin(out, manifest_of(corpus_folder, model_folder))
    corpus_folder.rename(tmp_path / "moved")
    begin(out, manifest_of(tmp_path / "moved", model_folder))


def test_another_job_is_refused(tmp_path, corpus_folder, model_folder):
    out = tmp_path / "out"
    out.mkdir()
    first = manifest_of(corpus_folder, model_folder)
    begin(out, first)
    for flags, message in (
        (["--threshold", "0.3"], "threshold = None, and this is threshold = 0.3"),
        (["--features_only"], "features_only = False"),
        (["--part_rows", "9"], "part_rows = 8192, and this is part_rows = 9"),
        (["--id_column", "key"], "id_column = None"),
    ):
        with pytest.raises(ResumeError, match=message):
            begin(out, manifest_of(corpus_folder, model_folder, *flags))
    with pytest.raises(ResumeError, match=r"the model model \(\w{12}\), and this is other \(\w{12}\)"):
        begin(out, manifest_of(corpus_folder, other_weights(model_folder, tmp_path / "other")))
    (corpus_folder / "b.jsonl").write_text('{"text": "other"}')
    with pytest.raises(ResumeError, match=r"'b.jsonl' has other content"):
        begin(out, manifest_of(corpus_folder, model_folder))
    (corpus_folder / "b.jsonl").unlink()
    with pytest.raises(ResumeError, match=r"other files: \['b.jsonl'\]"):
        begin(out, manifest_of(corpus_folder, model_folder))


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.docx").write_text("")
    with pytest.raises(ResumeError, match="expected an empty or new folder"):
        begin(tmp_path, {})


def test_a_part_that_fails_leaves_nothing_and_a_damaged_one_is_written_again(tmp_path, caplog):
    def rows(fail):
        yield pa.record_batch([pa.array([1, 2])], schema=SCHEMA)
        if fail:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write_part(tmp_path, 0, SCHEMA, rows(fail=True))
    assert list(tmp_path.iterdir()) == []
    assert write_part(tmp_path, 0, SCHEMA, rows(fail=False)) == 2
    assert write_part(tmp_path, 1, SCHEMA, rows(fail=False)) == 2
    part_file(tmp_path, 1).write_bytes(b"PAR1")
    assert finished(tmp_path, [2, 2]) == {0}
    assert "'part-000001.parquet' is damaged" in caplog.text


def test_what_killed_workers_leave_counts_as_attempts_until_the_next_run(tmp_path):
    (tmp_path / "_unfinished-000003-abc").write_text("")
    assert (attempts(tmp_path, 3), attempts(tmp_path, 4)) == (1, 0)
    (tmp_path / "_manifest.json").write_text("{}")
    begin(tmp_path, {})
    assert attempts(tmp_path, 3) == 0


def test_label_names_travel_in_the_schema(tmp_path):
    layout = Layout(pa.string(), ["joy", "fear"], None, True, {"labels": '["joy", "fear"]'})
    write_part(tmp_path, 0, layout.schema, [])
    schema = pq.read_schema(part_file(tmp_path, 0))
    assert schema.names == ["id", "text", "labels", "scores"]
    assert schema.field("scores").type == pa.list_(pa.float32(), 2)
    assert schema.metadata[b"labels"] == b'["joy", "fear"]'
