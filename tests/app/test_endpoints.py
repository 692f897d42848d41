"""Every named endpoint through gradio_client and through plain HTTP, as curl would."""

import json
import statistics
import time
from pathlib import Path

import httpx
import pandas as pd
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

NAMES = {"/classify", "/classify_many", "/explain", "/compare", "/models", "/about", "/classify_file"}
TEXT = "I am so happy that you came!"


@pytest.fixture(scope="module")
def client(app):
    return Client(app.url, verbose=False)


def call(url: str, name: str, data: list) -> list:
    """POST, then read the event stream: `curl -X POST …/call/NAME -d …` and `curl -N …/call/NAME/ID`."""
    event = httpx.post(f"{url}/gradio_api/call/{name}", json={"data": data}, timeout=60)
    assert event.status_code == 200, event.text
    stream = httpx.get(f"{url}/gradio_api/call/{name}/{event.json()['event_id']}", timeout=120).text
    kind, payload = stream.strip().split("\n\n")[-1].split("\n", 1)
    answer = json.loads(payload.removeprefix("data: "))
    if kind != "event: complete":
        raise AppError(answer if isinstance(answer, str) else json.dumps(answer))
    return answer


def alike(answer, other) -> bool:
    """Whether two answers are the same but for the last digits of their numbers, which depend on who was read along."""
    if isinstance(answer, float):
        return answer == pytest.approx(other, abs=2e-5)
    if isinstance(answer, dict):
        return answer.keys() == other.keys() and all(alike(answer[key], other[key]) for key in answer)
    if isinstance(answer, list):
        return len(answer) == len(other) and all(map(alike, answer, other))
    return answer == other


def test_exactly_the_documented_endpoints_are_named(client):
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == NAMES


def test_classify_ranks_labels_and_names_those_over_their_threshold(client, app, reader):
    answer = client.predict(TEXT, api_name="/classify")
    assert alike(call(app.url, "classify", [TEXT, None, None]), [answer])
    scores = [emotion["score"] for emotion in answer["emotions"]]
    assert len(scores) == len(reader.labels)
    assert scores == sorted(scores, reverse=True)
    limits = dict(zip(reader.labels, reader.thresholds, strict=True))
    assert answer["predicted"] == [e["label"] for e in answer["emotions"] if e["score"] >= limits[e["label"]]]
    expected = reader.scores([TEXT])[0]
    for emotion in answer["emotions"]:
        assert emotion["score"] == pytest.approx(float(expected[reader.labels.index(emotion["label"])]), abs=1e-5)


def test_classify_takes_one_threshold_and_a_number_of_labels(client):
    answer = client.predict(TEXT, 0.0, 3, api_name="/classify")
    assert len(answer["emotions"]) == 3
    assert len(answer["predicted"]) > 20
    assert all(emotion["threshold"] == 0.0 for emotion in answer["emotions"])


def test_classify_many_keeps_the_order_and_leaves_empty_texts_without_emotions(client, app):
    texts = [TEXT, "", "What a disaster."]
    answers = client.predict(texts, None, 2, api_name="/classify_many")
    assert [answer["text"] for answer in answers] == texts
    assert answers[1] == {"text": "", "predicted": [], "emotions": []}
    assert alike(answers[0], client.predict(TEXT, None, 2, api_name="/classify"))
    assert alike(call(app.url, "classify_many", [texts, None, 2]), [answers])


def test_explain_gives_the_change_that_leaving_a_word_out_makes(client, app, reader):
    answer = client.predict(TEXT, "joy", api_name="/explain")
    assert alike(call(app.url, "explain", [TEXT, "joy"]), [answer])
    assert [word["text"] for word in answer["words"]] == ["I", "am", "so", "happy", "that", "you", "came", "!"]
    place = reader.labels.index("joy")
    lesser = float(reader.scores(["I am so that you came!"])[0][place])
    happy = next(word for word in answer["words"] if word["text"] == "happy")
    assert happy["effect"] == pytest.approx(answer["score"] - lesser, abs=1e-5)
    assert set(answer["without"]) == {"minilm", "lexical"}
    assert any(abs(score - answer["score"]) > 1e-3 for score in answer["without"].values())


def test_explain_without_an_emotion_takes_the_best_one(client):
    best = client.predict(TEXT, None, 1, api_name="/classify")["emotions"][0]["label"]
    assert client.predict(TEXT, api_name="/explain")["emotion"] == best


def test_compare_answers_for_both_models_and_loads_no_other(client, app):
    assert client.predict(api_name="/models") == ["tiny", "strict"] == call(app.url, "models", [])[0]
    answer = client.predict(TEXT, "tiny", "strict", api_name="/compare")
    assert alike(call(app.url, "compare", [TEXT, "tiny", "strict", None]), [answer])
    assert [e["score"] for e in answer["first"]] == pytest.approx([e["score"] for e in answer["second"]], abs=1e-5)
    assert {emotion["threshold"] for emotion in answer["second"]} == {0.999}
    for stranger in ("someone/else", "../strict", "/etc/passwd", ""):
        with pytest.raises(AppError, match="There is no model"):
            client.predict(TEXT, "tiny", stranger, api_name="/compare")


def test_about_tells_figures_of_the_models_own_metrics(client, app, models):
    answer = client.predict(api_name="/about")
    assert call(app.url, "about", []) == [answer]
    report = json.loads((models[0] / "metrics.json").read_text(encoding="utf-8"))
    assert answer["split"] == "test"
    assert answer["headline"]["macro F1"] == f"{report['test']['macro_f1']['mean']:.3f}"
    assert len(answer["by_label"]) == len(answer["labels"])
    assert answer["licence"] == "apache-2.0"
    assert "Not to be used to judge people" in answer["limits"]
    assert str(models[0].parent) not in json.dumps(answer)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_classify_file_gives_every_row_back_with_its_scores(client, reader, tmp_path, kind):
    texts = ["I love it, really.", 'He said "no" to me.', "", "A line\nbreak.", "Ünïcödé 😂"]
    frame = pd.DataFrame({"id": range(5), "text": texts})
    source = tmp_path / f"texts.{kind}"
    {
        "csv": lambda: frame.to_csv(source, index=False),
        "tsv": lambda: frame.to_csv(source, index=False, sep="\t"),
        "jsonl": lambda: frame.to_json(source, orient="records", lines=True),
        "parquet": lambda: frame.to_parquet(source),
    }[kind]()
    summary, table, packed = client.predict(handle_file(source), "", None, api_name="/classify_file")
    assert (summary["rows"], summary["column"]) == (5, "text")
    from_csv = pd.read_csv(table, keep_default_na=False)
    from_parquet = pd.read_parquet(packed)
    for result in (from_csv, from_parquet):
        assert result["text"].tolist() == texts
        assert result["row"].tolist() == [1, 2, 3, 4, 5]
    expected = reader.scores([texts[1]])[0]
    assert from_parquet.loc[1, reader.labels].astype(float).tolist() == pytest.approx(expected.tolist(), abs=1e-4)
    assert from_parquet.loc[2, reader.labels].isna().all()


def test_classify_file_over_plain_http(app):
    """`curl -F files=@…` to upload, then a call with the path that it answered."""
    upload = httpx.post(f"{app.url}/gradio_api/upload", files={"files": ("a.csv", b"text\nwhat a joy\n")}).json()
    data = [{"path": upload[0], "meta": {"_type": "gradio.FileData"}}, "text", None, ""]
    summary, table, _ = call(app.url, "classify_file", data)
    assert summary["rows"] == 1
    assert b"what a joy" in httpx.get(table["url"]).content


def test_a_file_without_a_header_is_classified_by_the_names_that_are_given(client, tmp_path):
    source = tmp_path / "train.txt"
    source.write_text("so glad you came;joy\nnobody called again;sadness\nso glad we met;joy\n", encoding="utf-8")
    summary, _, packed = client.predict(handle_file(source), "said", None, "said, emotion", api_name="/classify_file")
    assert (summary["rows"], summary["column"]) == (3, "said")
    assert pd.read_parquet(packed)["text"].tolist()[0] == "so glad you came"
    with pytest.raises(AppError, match=r"2 column\(s\).*3 name\(s\)"):
        client.predict(handle_file(source), "said", None, "a, said, b", api_name="/classify_file")


def test_an_upload_is_gone_from_the_disk_once_it_was_read(app, client, tmp_path):
    source = tmp_path / "secret.csv"
    source.write_text("text\nnobody shall keep this sentence\n", encoding="utf-8")
    client.predict(handle_file(source), "", None, api_name="/classify_file")
    assert not [file for file in app.files.rglob("secret.csv") if file.is_file()]


def test_files_of_the_machine_cannot_be_asked_for(app):
    for path in ("/etc/passwd", str(Path(__file__).resolve())):
        data = [{"path": path, "meta": {"_type": "gradio.FileData"}}, "text", None, ""]
        with pytest.raises(AppError):
            call(app.url, "classify_file", data)
        assert httpx.get(f"{app.url}/gradio_api/file={path}").status_code in (403, 404)


def test_a_sentence_is_answered_in_200_ms_and_explained_within_a_second(client):
    def median(name: str, sentences: list[str]) -> float:
        seconds = []
        for sentence in sentences:
            started = time.perf_counter()
            client.predict(sentence, api_name=name)
            seconds.append(time.perf_counter() - started)
        return statistics.median(seconds)

    sentences = [f"I really did not expect that you would come number {i} times, thank you so much!" for i in range(7)]
    # The machine may be busy with other things: what is promised for an idle one, twice.
    assert median("/classify", sentences) < 0.4
    assert median("/explain", sentences) < 2
