#!/usr/bin/env bash
# What: gradio 6.31 with `launch(mcp_server=True)` starts without any tool where the newest `mcp` (2.3.0) is installed: one
#   printed line, no exception, and the address of the tools answers 404.
# Why it matters: a demo of a text classifier that is deployed as a tool of language models looks up and healthy, and
#   `pip install gradio mcp` gives just this pair of versions. Only the extra, gradio[mcp], keeps mcp below 2.
# Instead: install gradio[mcp], or pin mcp below 2, and after launch make sure that `mcp_server_obj` is not None.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gradio==6.31.0 mcp==2.3.0
GRADIO_ANALYTICS_ENABLED=False NO_PROXY='*' "$folder/venv/bin/python" - <<'PY'
from importlib.metadata import version

import gradio as gr
import httpx


def classify(text: str) -> str:
    """The emotion of a text."""
    return "joy" if "happy" in text else "neutral"


with gr.Blocks() as page:
    gr.api(classify, api_name="classify")
page.launch(mcp_server=True, prevent_thread_lock=True, quiet=True)
found = httpx.get(f"{page.local_url}gradio_api/mcp/schema").status_code
print(f"gradio {version('gradio')}, mcp {version('mcp')}")
print("expected: one tool, or an exception that names the version that is needed")
print(f"seen: launch returned, server {page.mcp_server_obj}, status of the tools' schema {found}, said: {page.mcp_error}")
assert page.mcp_server_obj is None and found == 404, "the tools are served now: this finding is out of date"
page.close()
PY
