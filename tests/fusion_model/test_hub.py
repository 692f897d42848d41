"""`hub_is_reachable` answers quickly, whatever the network does."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

FUSION_MODEL = Path(__file__).parents[2] / "fusion_model"
# DNS that hangs cannot be had from the network, so this one function of the standard library is replaced.
HANGING_DNS = "import socket, time; socket.getaddrinfo = lambda *args, **kwargs: time.sleep(60)\n"
# The module alone, so that neither torch nor transformers has to start.
ASK = """
import importlib, sys, time, types
package = types.ModuleType("fusion_model")
package.__path__ = [sys.argv[1]]
backbones, trust = types.ModuleType("fusion_model.backbones"), types.ModuleType("fusion_model.trust")
for name in ("Backbone", "is_gguf", "package_folder", "repository_of"):
    setattr(backbones, name, None)
trust.check_origin = None
sys.modules |= {module.__name__: module for module in (package, backbones, trust)}
hub_is_reachable = importlib.import_module("fusion_model.hub").hub_is_reachable
started = time.perf_counter()
print(hub_is_reachable(), time.perf_counter() - started)
"""


def ask(endpoint: str, before: str = "", **variables: str) -> tuple[bool, float]:
    """What a fresh process with this HF_ENDPOINT says, and the seconds that it took."""
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and k != "HF_HUB_OFFLINE"}
    environment |= {"HF_ENDPOINT": endpoint, **variables}
    command = [sys.executable, "-c", before + ASK, str(FUSION_MODEL)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr[-2000:]
    answer, seconds = result.stdout.split()
    return answer == "True", float(seconds)


@contextmanager
def server(status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """A listening HTTP server on loopback: its address, and the request lines that it saw."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            seen.append(self.requestline)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}", seen
        running.shutdown()


@contextmanager
def port(listening: bool) -> Iterator[str]:
    """A loopback address that refuses, or accepts and never says a word."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if listening:
            taken.listen()
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("status", [200, 501])
def test_any_answer_means_reachable(status):
    with server(status) as (address, seen):
        reachable, seconds = ask(address)
    assert reachable
    assert seconds < 4
    assert seen[-1].startswith("HEAD ")


def test_a_closed_port_and_a_silent_one_mean_unreachable_within_the_time():
    with port(listening=False) as address:
        assert ask(address)[0] is False
    with port(listening=True) as address:
        reachable, seconds = ask(address)
    assert not reachable
    assert seconds < 4


def test_a_name_that_is_not_found_or_never_answered_is_not_waited_for():
    reachable, seconds = ask("https://hub.invalid", HANGING_DNS)
    assert not reachable
    assert seconds < 4
    assert ask("https://hub.invalid")[0] is False
    assert ask("not an address")[0] is False


def test_a_proxy_is_asked_in_place_of_the_hub():
    with server() as (proxy, seen):
        assert ask("http://hub.invalid", HTTP_PROXY=proxy, http_proxy=proxy)[0] is True
    assert "HEAD http://hub.invalid/" in seen[-1]


def test_offline_mode_asks_nobody():
    with server() as (address, seen):
        reachable, seconds = ask(address, HF_HUB_OFFLINE="1")
    assert not reachable
    assert seconds < 0.5
    assert seen == []
