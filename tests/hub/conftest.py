"""One Hub and one small trained model for all Hub tests; clients are real ones in processes of their own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hub.clients import environment
from hub_server import HubServer

ROOT = Path(__file__).parents[2]

TRAIN = """
import sys, train
common = ["--dataset", "sample", "--max_rows", "120", "--num_train_epochs", "1", "--min_steps", "0",
          "--cache_dir", sys.argv[1] + "/cache"]
train.main([*common, "--output_dir", sys.argv[1] + "/plain"])
train.main([*common, "--output_dir", sys.argv[1] + "/bundled", "--bundle_backbones"])
"""


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.hub)


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """A folder that all workers of one test run see."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "hub-shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def trained(shared: Path) -> dict[str, Path]:
    """Folders of one small model, `plain` and with its backbone `bundled`; trained once a test run."""
    with FileLock(shared / "train.lock"):
        if not (shared / "done").exists():
            run = subprocess.run(
                [sys.executable, "-c", TRAIN, str(shared)],
                cwd=ROOT,
                env=environment(shared / "home", "http://127.0.0.1:1", None),
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert run.returncode == 0, run.stderr[-3000:]
            (shared / "done").touch()
    return {name: shared / name for name in ("plain", "bundled")}


Client = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="session")
def session_hub(tmp_path_factory) -> Iterator[HubServer]:
    server = HubServer(tmp_path_factory.mktemp("hub")).start()
    yield server
    server.stop()


@pytest.fixture
def hub(session_hub: HubServer) -> Iterator[HubServer]:
    """The Hub, with an empty log and no faults; no token may have reached its storage when the test is over."""
    session_hub.app.log.clear()
    yield session_hub
    session_hub.app.faults.clear()
    assert session_hub.app.leaks == []
    if not session_hub.thread.is_alive():
        session_hub.start()


@pytest.fixture
def client(hub: HubServer, tmp_path: Path) -> Client:
    """Runs a client process: `client([arguments of python], token=…, home=…, isolated=…)`."""

    def run(arguments: list[str], token: str | None = None, home: str = "home", isolated: bool = False, **extra: str):
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, *(["-I"] if isolated else []), *arguments],
            cwd=work if isolated else ROOT,
            env=environment(tmp_path / home, hub.app.url, token) | extra,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run
