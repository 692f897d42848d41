"""The demo's parts without a server."""

import io
import re
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from types import SimpleNamespace

import httpx2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo import show
from demo.answers import answer
from demo.batching import SharedBatches
from demo.explain import MAX_PASSES, Explanation, explain, leave_out, spans_of
from demo.find import comparable, local_models, main_model
from demo.first_start import Waiting
from demo.limits import RefusalError
from demo.reader import Reader, Shelf, names_of, split_source
from demo.tables import read_table
from demo.uploads import JustUploaded


def wait_until(condition: Callable[[], bool]) -> None:
    """Give threads the time that they need on a busy machine."""
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_requests_that_wait_together_are_read_together_and_get_their_own_rows():
    sizes = []

    def read(texts: list[str]) -> np.ndarray:
        sizes.append(len(texts))
        time.sleep(0.02)
        return np.array([[float(text)] for text in texts])

    shared = SharedBatches(read)
    answers: dict[int, list] = {}

    def ask(number: int) -> None:
        answers[number] = shared([str(number), str(number + 1000)]).tolist()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert answers == {number: [[number], [number + 1000]] for number in range(100)}
    assert sum(sizes) == 200
    assert len(sizes) < 50
    assert max(sizes) <= 256


def test_a_reader_that_fails_fails_for_those_who_wait_and_goes_on():
    def read(texts: list[str]) -> np.ndarray:
        if "bad" in texts:
            raise ValueError("no")
        return np.zeros((len(texts), 1))

    shared = SharedBatches(read)
    with pytest.raises(ValueError, match="no"):
        shared(["bad"])
    assert shared(["good"]).shape == (1, 1)


def test_one_visitors_refusal_is_not_anothers():
    """As where a GPU is lent by the request: a batch that fails is read again, each text in its own caller's name."""
    name: ContextVar[str] = ContextVar("name")
    sizes, go_on = [], threading.Event()

    def read(texts: list[str]) -> np.ndarray:
        sizes.append(len(texts))
        go_on.wait(timeout=20)
        if len(texts) > 1 or name.get() == "no quota":
            raise ValueError("no quota")
        return np.zeros((len(texts), 1))

    shared = SharedBatches(read)
    outcomes: dict[str, object] = {}

    def ask(who: str) -> None:
        name.set(who)
        try:
            outcomes[who] = shared([who]).shape
        except ValueError as error:
            outcomes[who] = str(error)

    threads = [threading.Thread(target=ask, args=(who,)) for who in ("a", "no quota", "b", "c")]
    threads[0].start()
    wait_until(lambda: sizes == [1])
    for thread in threads[1:]:
        thread.start()
    wait_until(lambda: len(shared.waiting) == 3)
    go_on.set()
    for thread in threads:
        thread.join(timeout=20)
    assert outcomes == {"no quota": "no quota", "a": (1, 1), "b": (1, 1), "c": (1, 1)}
    assert sizes == [1, 3, 1, 1, 1]


def test_two_visitors_with_the_same_file_both_have_it_and_it_is_gone_from_the_disk(tmp_path):
    file = tmp_path / "same.csv"
    file.write_text("text\nhello")
    uploads = JustUploaded(seconds=2)
    assert uploads.take(file) == uploads.take(file) == b"text\nhello"
    assert not file.exists()
    wait_until(lambda: not uploads._kept)
    with pytest.raises(FileNotFoundError):
        uploads.take(file)


def test_models_of_one_name_are_told_apart_by_their_folders(tmp_path):
    folders = [tmp_path / name for name in ("main/model", "a/model", "b/model", "b/other")]
    for folder in folders:
        folder.mkdir(parents=True)
    names = names_of([*map(str, folders[1:]), "user/model@v1"], {"model"})
    assert list(names) == ["a/model", "b/model", "other", "user/model@v1"]
    assert list(names.values()) == [*map(str, folders[1:]), "user/model@v1"]


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.csv", b"\xef\xbb\xbf", "'a.csv' holds only blank"),
        ("a.tsv", b"\xef\xbb\xbf \n", "'a.tsv' holds only blank"),
        ("a.jsonl", b'{"\\ud800": "x"}', {"\ufffd": ["x"]}),
    ],
)
def test_odd_tables_are_read_or_refused_in_a_sentence(name, data, expected):
    if isinstance(expected, dict):
        assert read_table(name, data).columns == expected
    else:
        with pytest.raises(RefusalError, match=expected):
            read_table(name, data)


def test_texts_in_arrows_newer_string_type_are_read():
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array(["so glad", None], pa.string_view())}), buffer)
    assert read_table("a.parquet", buffer.getvalue()).columns == {"text": ["so glad", ""]}


def test_without_the_hub_there_is_nothing_to_compare_with_and_no_traceback(monkeypatch):
    def down(*_, **__):
        raise httpx2.ConnectError("refused")

    monkeypatch.setattr("demo.find.list_repo_refs", down)
    assert comparable("user/model", []) == []


def test_spans_leave_words_signs_and_emoji_out_one_by_one():
    text = "Don't  stop, über 😂😂 हिन्दी!"
    spans, size = spans_of(text)
    assert [text[start:end] for start, end in spans] == ["Don't", "stop", ",", "über", "😂😂", "हिन्दी", "!"]
    assert size == 1
    assert leave_out("so very sad", 3, 7) == "so sad"
    assert leave_out("so sad", 0, 2) == "sad"
    assert leave_out("sad!", 3, 4) == "sad"


def test_a_long_text_is_explained_in_a_bounded_number_of_passes(reader):
    text = "I am glad and sad. " * 250
    explanation = explain(reader, text)
    assert "".join(piece.text for piece in explanation.pieces) == text
    assert len([piece for piece in explanation.pieces if piece.effects is not None]) <= MAX_PASSES
    assert explanation.words_a_piece == -(-1500 // MAX_PASSES)  # the full stops are words here


def test_what_a_part_adds_is_told_by_the_models_own_scores(reader):
    text = "I am so proud of you"
    assert reader.parts == ["minilm", "lexical"]
    without = explain(reader, text).without
    model_scores = reader.scores([text])[0]
    for scores in without.values():
        assert scores.shape == model_scores.shape
        assert np.abs(scores - model_scores).max() > 1e-3
    assert np.abs(without["minilm"] - reader.scores_without("minilm", "Another text")).max() > 1e-4


def test_parts_of_one_model_are_told_apart_by_their_names():
    backbones = {"minilm": "a/MiniLM", "minilm_tuned": "a/MiniLM", "mpnet": "b/mpnet-base"}
    reader = SimpleNamespace(labels=["joy"], thresholds=None, backbones=backbones)
    without = dict.fromkeys([*backbones, "lexical"], np.array([0.5]))
    page = show.parts(Explanation("", np.array([0.6]), [], 1, without), reader, "joy")
    names = re.findall(r'class="label">([^<]+)<', page)
    assert names == [
        "everything", "without minilm", "without minilm_tuned", "without mpnet-base", "without the TF-IDF branch"
    ]  # fmt: skip


def test_a_text_that_is_longer_than_the_model_reads_is_said_to_be_so(reader):
    text = "so glad that you came " * 26
    read = {length: reader.tokens_read(" ".join(text.split()[:length])) for length in (1, 120, 126, 127)}
    assert read == {1: None, 120: None, 126: None, 127: 128}  # and two tokens that every text has
    emotions = answer(reader, reader.scores([text])[0])
    assert "saw the first 128 tokens" in show.bars(emotions, 3, tokens_read=reader.tokens_read(text))
    assert "tokens" not in show.bars(emotions, 3)


def test_bars_name_the_nearest_emotion_where_none_reaches_its_threshold(reader):
    scores = reader.scores(["Hello."])[0]
    page = show.bars(answer(reader, scores, 1.0), 5)
    assert "No emotion reaches its threshold" in page
    assert page.count('class="bar ') == 5


def test_labels_and_texts_are_escaped_for_html_and_for_the_pages_own_templating():
    page = show.notice("<b>${x}{{y}}</b>")
    assert "&lt;b&gt;&#36;&#123;x&#125;&#123;&#123;y&#125;&#125;&lt;/b&gt;" in page


def test_a_csv_of_semicolons_and_a_json_line_of_nested_values_are_read():
    table = read_table("a.csv", "id;text\n1;so, so\n".encode("utf-8-sig"))
    assert table.columns == {"id": ["1"], "text": ["so, so"]}
    table = read_table("a.jsonl", b'{"text": "a", "tags": [1]}\n\n{"text": null}\n"plain"\n')
    assert table.columns == {"text": ["a", "", "plain"]}
    assert table.likely_column() == "text"


def test_the_newest_local_model_is_shown_and_others_can_be_compared(models, tmp_path):
    outputs = models[0].parent
    found = local_models(outputs)
    assert set(found) == {str(folder) for folder in models}
    assert main_model(None, Waiting(None, None), outputs) == found[0]
    assert main_model("user/x", Waiting(None, None), outputs) == "user/x"
    assert comparable(found[0], [], outputs) == found[1:]
    assert comparable(found[0], ["user/y@v1"], outputs) == ["user/y@v1"]
    assert split_source("user/y@v1") == ("user/y", "v1")


def test_a_model_that_is_not_there_is_refused_in_a_sentence(tmp_path, models):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="cannot be loaded"):
        Reader(str(tmp_path))
    shelf = Shelf(str(models[0]), [str(tmp_path)])
    with pytest.raises(RefusalError, match="cannot be loaded at the moment"):
        shelf.take(tmp_path.name)
    with pytest.raises(RefusalError, match="There is no model 'x' here"):
        shelf.take("x")


def test_what_gradio_remembers_of_callers_is_bounded(reader, models, tmp_path):
    from app import CALLERS, build_page

    remembered = build_page(Shelf(str(models[0])), tmp_path)._queue.pending_event_ids_session
    for number in range(CALLERS + 50):
        remembered[str(number)] = set()
    assert len(remembered) == CALLERS
    assert str(CALLERS + 49) in remembered
