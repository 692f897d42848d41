"""The page that is there while a first model is trained."""

import socket

import httpx
import pytest

from demo.first_start import STAGES, Progress, Waiting, train_on_sample


def test_what_train_py_really_prints_moves_the_page_through_every_stage(models):
    progress = Progress()
    seen = []
    for line in (models[0].parent / "train.log").read_text(encoding="utf-8").splitlines():
        progress.add(line)
        seen.append((progress.stage, progress.within))
    assert seen == sorted(seen)
    assert {stage for stage, _ in seen} == set(range(1, len(STAGES)))
    # Training may stop before its last epoch, when no further one is better.
    assert max(within for stage, within in seen if stage == 2) > 0, "epochs move the bar of their stage"
    assert len(progress.as_dict()["lines"]) == 8


def test_the_page_says_how_far_it_is_and_leaves_the_port_to_the_demo():
    waiting = Waiting("127.0.0.1", None)
    waiting.open()
    try:
        url = f"http://127.0.0.1:{waiting.port}"
        page = httpx.get(url)
        assert page.status_code == 503, "who waits for the demo by its status goes on waiting"
        assert all(title in page.text for _, title in STAGES)
        assert "http" not in page.text, "the page asks no other machine for anything"
        waiting.progress.add("  epoch 3 of 4: <b>loss</b>")
        assert httpx.get(f"{url}/progress").json() == {
            "stage": 0,
            "within": 0.75,
            "lines": ["  epoch 3 of 4: <b>loss</b>"],
        }
    finally:
        waiting.close()
    with socket.socket() as demo:
        demo.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        demo.bind(("127.0.0.1", waiting.port))


def test_a_port_that_is_taken_and_a_training_that_fails_are_sentences(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ValueError, match=f"Port {port} cannot be used"):
            train_on_sample(tmp_path, tmp_path / "model", Waiting("127.0.0.1", port))
    waiting = Waiting("127.0.0.1", None)
    with pytest.raises(ValueError, match="Training on the sample failed"):
        train_on_sample(tmp_path, tmp_path / "model", waiting)  # there is no train.py
    waiting.close()
