"""Two small trained models, the demo over them as a process of its own, and a browser."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")


@dataclass
class App:
    """The demo while it runs."""

    url: str
    process: subprocess.Popen
    files: Path
    log: Path

    def memory(self) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> tuple[Path, Path]:
    """A model trained on a few sentences, and the same one with other thresholds."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    first, second = base / "app-models" / "tiny", base / "app-models" / "strict"
    with FileLock(base / "app-models.lock"):
        if not second.exists():
            command = ["train.py", "--dataset", "sample", "--max_rows", "400", "--num_train_epochs", "3"]
            command += ["--num_members", "1", "--min_steps", "30"]
            command += ["--output_dir", str(first), "--cache_dir", str(base / "app-features")]
            first.parent.mkdir(exist_ok=True)
            with (first.parent / "train.log").open("w", encoding="utf-8") as said:
                variables = {**os.environ, "OMP_NUM_THREADS": "1"}
                subprocess.run([sys.executable, *command], cwd=ROOT, check=True, env=variables, stdout=said)
            shutil.copytree(first, second)
            config = json.loads((second / "config.json").read_text(encoding="utf-8"))
            config["thresholds"] = [0.999] * len(config["thresholds"])
            (second / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return first, second


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder: Path, log: Path, *arguments: str, **variables: str) -> App:
    """Start app.py of a folder with nothing else to import from, and wait until it answers."""
    port = free_port()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(log.parent), **variables}
    environment.pop("PYTHONPATH", None)
    with log.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port), *arguments],
            cwd=folder,
            env=environment,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    for _ in range(240):
        if process.poll() is not None:
            raise RuntimeError(log.read_text())
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.5)
    else:
        process.kill()
        raise RuntimeError(f"The demo did not answer in time: {log.read_text()}")
    return App(url, process, log.parent, log)


@pytest.fixture(scope="session")
def app(models, tmp_path_factory):
    """The demo over the first model, with the second to compare."""
    folder = tmp_path_factory.mktemp("app")
    running = start(ROOT, folder / "log.txt", "--model", str(models[0]), "--compare", str(models[1]))
    yield running
    running.process.terminate()
    running.process.wait(timeout=20)


@pytest.fixture(scope="session")
def start_app():
    """`start`, for a test that wants a demo of its own."""
    return start


@pytest.fixture(scope="session")
def reader(models):
    """The first model without a server."""
    from demo.reader import Reader

    return Reader(str(models[0]))


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium without a window."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=[{}], ids=[""])
def page(request, chromium, app):
    """A page that was opened and answered; it fails the test on a console error or a request to another machine."""
    context = chromium.new_context(
        **{"viewport": {"width": 1280, "height": 900}, "accept_downloads": True, **request.param}
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    errors, outside = [], []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on(
        "request",
        lambda sent: outside.append(sent.url) if not sent.url.startswith((app.url, "data:", "blob:")) else None,
    )
    opened.on("dialog", lambda dialog: errors.append(f"dialog: {dialog.message}"))
    opened.set_default_timeout(30_000)
    opened.goto(app.url)
    opened.wait_for_selector("#words .word")
    yield opened
    context.close()
    assert errors == []
    assert outside == []
