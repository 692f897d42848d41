"""A model and its Space on the Hub: the Space is downloaded, started against that Hub, and asked.

FUSION_TEST_SPACE_PYTHON names the Python of a virtual environment with nothing but the Space's own requirements, to
start it as the Hub would; without it, the Space runs in the environment of the tests.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from hub.clients import answer, environment
from hub_server import HubServer

TEXT = "I am so happy that you came!"
DOWNLOAD = """
import json, sys
from huggingface_hub import snapshot_download
print(json.dumps(snapshot_download(sys.argv[1], repo_type="space", local_dir=sys.argv[2])))
"""
# What the folder that was published says of the text; the other process only knows the Hub.
SCORES = """
import json, sys
from transformers import pipeline
print(json.dumps(pipeline("text-classification", sys.argv[1], trust_remote_code=True)(sys.argv[2], top_k=None)))
"""


@pytest.fixture
def serve(hub: HubServer, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts app.py of a folder, with nothing of the project to import from, and gives its address."""
    started = []

    def run(folder: Path, **variables: str) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        shell = environment(tmp_path / "visitors-home", hub.app.url, None) | variables
        shell.pop("PYTHONPATH", None)
        log = tmp_path / "space.log"
        with log.open("w") as sink:
            python = os.environ.get("FUSION_TEST_SPACE_PYTHON", sys.executable)
            process = subprocess.Popen(
                [python, "app.py", "--port", str(port)], cwd=folder, env=shell, stdout=sink, stderr=sink
            )
        started.append(process)
        for _ in range(240):
            assert process.poll() is None, log.read_text()[-3000:]
            try:
                if httpx.get(f"http://127.0.0.1:{port}", timeout=5).status_code == 200:
                    return f"http://127.0.0.1:{port}"
            except httpx.TransportError:
                time.sleep(0.5)
        raise AssertionError(f"The Space did not answer in time: {log.read_text()[-3000:]}")

    yield run
    for process in started:
        process.terminate()
        process.wait(timeout=20)


@pytest.mark.slow
def test_a_published_space_is_downloaded_started_and_answers_with_the_published_model(
    hub, client, trained, serve, tmp_path
):
    ids = ["--repo_id", "alice/joy", "--space_id", "alice/joy-demo"]
    published = client(["-m", "hub_config.publish", str(trained["plain"]), *ids], token="alice-write")
    assert published.returncode == 0, published.stderr

    folder = tmp_path / "space"
    fetched = answer(client(["-c", DOWNLOAD, "alice/joy-demo", str(folder)], home="visitors-home", isolated=True))
    assert Path(fetched) == folder
    model_id = hub.app.store.repos["spaces", "alice/joy-demo"].variables["MODEL_ID"]["value"]

    visitor = Client(serve(folder, MODEL_ID=model_id), verbose=False)
    assert list((tmp_path / "visitors-home" / "hub" / "models--alice--joy" / "snapshots").glob("*/model.safetensors"))

    said = visitor.predict(TEXT, None, None, api_name="/classify")
    local = answer(client(["-c", SCORES, str(trained["plain"]), TEXT], isolated=True))
    scores = {emotion["label"]: emotion["score"] for emotion in said["emotions"]}
    assert scores == pytest.approx({item["label"]: item["score"] for item in local}, abs=1e-4)
    assert visitor.predict(TEXT, api_name="/explain")["emotion"] == said["emotions"][0]["label"]
    assert visitor.predict(api_name="/about")["model"] == model_id
    report = json.loads((trained["plain"] / "metrics.json").read_text(encoding="utf-8"))
    assert f"{report['test']['macro_f1']['mean']:.3f}" in visitor.predict(api_name="/about")["headline"].values()
