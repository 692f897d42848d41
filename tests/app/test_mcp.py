"""The demo's tools through the official MCP client, on loopback."""

import asyncio
import json
import subprocess
import sys
import tomllib
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from gradio_client import Client

from demo.tools import PINNED

ROOT = Path(__file__).parents[2]
Result = TypeVar("Result")
TEXT = "I am so happy that you came!"
# A proxy that nobody runs: the demo is to answer its tools without a request to itself.
PROXIES = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"), "http://127.0.0.1:9")


@pytest.fixture(scope="module")
def served(models, start_app, tmp_path_factory):
    pytest.importorskip("mcp", reason=f"the official client is needed: pip install {PINNED}")
    folder = tmp_path_factory.mktemp("mcp")
    running = start_app(ROOT, folder / "log.txt", "--model", str(models[0]), "--mcp", **PROXIES)
    yield running
    running.process.terminate()
    running.process.wait(timeout=20)


@asynccontextmanager
async def session(url: str):
    import httpx
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async with (
        httpx.AsyncClient(trust_env=False, timeout=60) as http,
        streamable_http_client(f"{url}/gradio_api/mcp/", http_client=http) as (read, write, _),
        ClientSession(read, write) as client,
    ):
        await client.initialize()
        yield client


def in_own_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine, whatever loop runs in this thread (Playwright's does)."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def ask(app, *calls: tuple[str, dict]) -> list:
    """The results of calls that are all sent at once."""

    async def run() -> list:
        async with session(app.url) as client:
            return await asyncio.gather(*(client.call_tool(name, arguments) for name, arguments in calls))

    return in_own_loop(run())


def refusal(result) -> str:
    assert result.isError
    return result.content[0].text


def test_three_tools_are_listed_and_each_argument_is_described(served):
    async def run():
        async with session(served.url) as client:
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in in_own_loop(run())}
    assert set(tools) == {"classify", "classify_many", "explain"}
    for tool in tools.values():
        assert "Returns: " in tool.description
        assert all(len(argument["description"]) > 20 for argument in tool.inputSchema["properties"].values())
    assert {name: tool.inputSchema["required"] for name, tool in tools.items()} == {
        "classify": ["text"],
        "classify_many": ["texts"],
        "explain": ["text"],
    }


def test_a_tool_answers_with_what_its_endpoint_answers_as_structure_and_as_json(served):
    client = Client(served.url, verbose=False, httpx_kwargs={"trust_env": False})
    calls = [
        ("classify", {"text": TEXT, "top_k": 2}),
        ("classify_many", {"texts": ["Où est-il ?", ""], "threshold": 0.1}),
        ("explain", {"text": TEXT, "emotion": "joy"}),
    ]
    one, many, why = ask(served, *calls)
    assert one.structuredContent["predicted"] == client.predict(TEXT, None, 2, api_name="/classify")["predicted"]
    assert [emotion["label"] for emotion in one.structuredContent["emotions"]] == [
        emotion["label"] for emotion in client.predict(TEXT, None, 2, api_name="/classify")["emotions"]
    ]
    assert [answer["text"] for answer in many.structuredContent["result"]] == ["Où est-il ?", ""]
    assert "Où" in many.content[0].text
    assert why.structuredContent["words"][3]["text"] == "happy"
    for result in (one, many, why):
        assert not result.isError
        assert json.loads(result.content[0].text) == result.structuredContent


def test_what_a_tool_does_not_take_is_an_error_with_a_sentence(served):
    calls = [
        ("classify", {"text": "  "}),
        ("classify", {"text": "x" * 5_001}),
        ("classify", {}),
        ("classify", {"text": TEXT, "threshold": 2}),
        ("classify_many", {"texts": ["a"] * 10_001}),
        ("explain", {"text": TEXT, "emotion": "bliss"}),
        ("models", {}),
    ]
    empty, long, missing, threshold, many, emotion, unknown = map(refusal, ask(served, *calls))
    assert empty == "There is nothing to read yet: write a sentence first."
    facts = [
        (long, ["5,001", "5,000", "Split it"]),
        (missing, ["'text'", "required"]),
        (threshold, ["threshold is 2"]),
        (many, ["10,000"]),
        (emotion, ["'bliss'", "joy"]),
        (unknown, ["'models'", "classify_many"]),
    ]
    for said, expected in facts:
        assert [fact for fact in expected if fact not in said] == []
    (after,) = ask(served, ("classify", {"text": TEXT}))
    assert not after.isError


def test_64_calls_at_once_are_answered_each_for_its_own_text(served):
    texts = [f"{TEXT} {number}" for number in range(64)]
    results = ask(served, *(("classify", {"text": text, "top_k": 1}) for text in texts))
    assert [result.structuredContent["text"] for result in results] == texts
    assert not any(result.isError for result in results)


def test_without_the_package_the_start_is_refused_with_the_command_that_installs_it(models):
    code = (
        "import importlib.metadata as metadata, sys\n"
        "known = metadata.version\n"
        "def version(name):\n"
        "    if name == 'mcp': raise metadata.PackageNotFoundError(name)\n"
        "    return known(name)\n"
        "metadata.version = version\n"
        f"import app; sys.exit(app.main(['--mcp', '--model', {str(models[0])!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"error: --mcp needs the package mcp: `pip install {PINNED}`."


def test_the_version_that_the_sentence_names_is_the_extras():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["optional-dependencies"]["mcp"] == [PINNED]
