#!/usr/bin/env bash
# What: a tool of gradio's MCP server whose function returns a dict answers with Python's str() of it (single quotes, None,
#   True), while the endpoint of the same function answers with JSON; `structured_output=True` wraps that same string. The
#   tool is also named after the Python function, whatever `api_name` says.
# Why it matters: an agent that parses the scores of a text classifier with a JSON parser fails on the first answer, and
#   looks for the tool by the name that the endpoint has.
# Instead: return json.dumps(…) from the function, and name the function as the tool is to be called.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gradio==6.31.0 mcp==1.30.0
GRADIO_ANALYTICS_ENABLED=False NO_PROXY='*' "$folder/venv/bin/python" - <<'PY'
import asyncio
import json
from importlib.metadata import version

import gradio as gr
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client


def classify_one(text: str) -> dict:
    """The emotion of a text."""
    return {"label": "joy", "named": True, "threshold": None}


gr.mcp.tool(structured_output=True)(classify_one)
with gr.Blocks() as page:
    gr.api(classify_one, api_name="classify")
page.launch(mcp_server=True, prevent_thread_lock=True, quiet=True)


async def ask():
    address = f"{page.local_url}gradio_api/mcp/"
    async with streamable_http_client(address) as (read, write, _), ClientSession(read, write) as client:
        await client.initialize()
        names = [tool.name for tool in (await client.list_tools()).tools]
        return names, await client.call_tool(names[0], {"text": "I am so happy"})


names, answer = asyncio.run(ask())
said = answer.content[0].text
print(f"gradio {version('gradio')}, mcp {version('mcp')}")
print("expected: a tool called classify, whose answer is JSON")
print(f"seen: {names}, {said!r}, structured {answer.structuredContent}")
try:
    json.loads(said)
except ValueError:
    pass
else:
    raise AssertionError("the answer is JSON now: this finding is out of date")
assert names == ["classify_one"], "the tool has the endpoint's name now: this finding is out of date"
page.close()
PY
