"""A model or pipeline works in every copy that data sets, workers and users make of it."""

import copy
import multiprocessing
import pickle
import subprocess
import sys
from pathlib import Path

import dill
import pytest
import torch
from transformers import AutoModelForSequenceClassification, pipeline

from training.folder import write_model

TEXTS = ["I am so happy that you came", "ok"]


@pytest.fixture(scope="module")
def folder(make_model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "model"
    write_model(make_model(), folder, bundle_backbones=True)
    return folder


@pytest.fixture(scope="module")
def published(folder):
    """With the folder's own code, as users have it."""
    return pipeline("text-classification", model=str(folder), trust_remote_code=True, top_k=None)


def in_another_process(connection, model) -> None:
    connection.send(model.predict(TEXTS, top_k=None))


def assert_same(found: list, expected: list) -> None:
    for mine, theirs in zip(found, expected, strict=True):
        assert {one["label"]: one["score"] for one in mine} == pytest.approx(
            {one["label"]: one["score"] for one in theirs}, abs=1e-5
        )


MAP = """
import sys
from datasets import Dataset
from transformers import pipeline

texts = Dataset.from_dict({"text": ["I am so happy", "ok", "no", "thank you"]})


def held_in_a_function():
    classify = pipeline("text-classification", model=sys.argv[1], trust_remote_code=True)

    def add_label(batch):
        return {"label": [answer["label"] for answer in classify(batch["text"])]}

    return add_label


if __name__ == "__main__":
    # Not called in this process first: torch's threads do not survive a fork, whatever the model.
    function = held_in_a_function()
    mapped = texts.map(function, batched=True, batch_size=2, num_proc=2, load_from_cache_file=False)
    expected = function(texts[:])["label"]
    assert mapped["label"][:] == expected, mapped["label"][:]
"""


def test_a_script_maps_a_data_set_in_several_processes_over_a_pipeline_held_in_a_function(folder, tmp_path):
    (tmp_path / "script.py").write_text(MAP)
    command = [sys.executable, "script.py", str(folder)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("pickler", [pickle, dill])
def test_a_pickled_model_and_pipeline_give_the_same_scores(published, pickler):
    expected = published(TEXTS)
    assert_same(pickler.loads(pickler.dumps(published.model)).predict(TEXTS, top_k=None), expected)
    assert_same(pickler.loads(pickler.dumps(published))(TEXTS), expected)


def test_a_deep_copied_model_and_pipeline_give_the_same_scores(published):
    expected = published(TEXTS)
    assert_same(copy.deepcopy(published.model).predict(TEXTS, top_k=None), expected)
    assert_same(copy.deepcopy(published)(TEXTS), expected)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_model_handed_to_another_process_gives_the_same_scores(published, folder, method):
    # A spawned process imports the class anew, so that the class must be one that it can import.
    from fusion_model import FusionForSequenceClassification

    model = published.model if method == "fork" else FusionForSequenceClassification.from_pretrained(folder)
    context = multiprocessing.get_context(method)
    here, there = context.Pipe()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # with more, they do not survive a fork
    process = context.Process(target=in_another_process, args=(there, model))
    process.start()
    try:
        assert here.poll(120)
        assert_same(here.recv(), published(TEXTS))
    finally:
        torch.set_num_threads(threads)
        process.join(10)
        process.kill()


def test_a_pickle_is_read_by_a_process_that_has_loaded_published_code_before(folder, tmp_path):
    """As in a plain model with code of its own: the module is found once a model of that folder was loaded."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    (tmp_path / "texts.pkl").write_bytes(pickle.dumps((TEXTS, model.predict(TEXTS, top_k=None))))
    script = (
        "import pickle, sys\nfrom transformers import AutoModelForSequenceClassification as A\n"
        "A.from_pretrained(sys.argv[1], trust_remote_code=True)\n"
        "texts, expected = pickle.load(open(sys.argv[3], 'rb'))\n"
        "found = pickle.load(open(sys.argv[2], 'rb')).predict(texts, top_k=None)\n"
        "assert [[x['label'] for x in y] for y in found] == [[x['label'] for x in y] for y in expected]\n"
    )
    command = [sys.executable, "-c", script, str(folder), str(tmp_path / "model.pkl"), str(tmp_path / "texts.pkl")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:]
