"""The demo as tools of language models: three of its endpoints over gradio's MCP server, with JSON answers."""

import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import gradio as gr
from anyio import CapacityLimiter
from gradio.state_holder import SessionState

# The endpoints that are tools; in a Space gradio puts the Space's name before theirs.
TOOLS = ("classify", "classify_many", "explain")
PINNED = "mcp==1.30.0"


def check_package() -> None:
    """Make sure of the package that gradio's MCP server needs: without it the demo would start with no tools.

    Raises:
        ValueError: names the command that installs it.
    """
    try:
        found = version("mcp")
    except PackageNotFoundError:
        raise ValueError(f"--mcp needs the package mcp: `pip install {PINNED}`.") from None
    if not found.startswith("1."):
        raise ValueError(f"--mcp needs version 1 of the package mcp, found {found}: `pip install {PINNED}`.")


def serve_tools(page: gr.Blocks, at_a_time: int, most_waiting: int) -> None:
    """Leave three tools on the MCP server of a page, answered without a request of the demo to itself.

    gradio would make a tool of every endpoint, write its answer as Python does, and reach queued ones through HTTP,
    which a proxy in the environment breaks.

    Args:
        page: Launched with `mcp_server=True`.
        at_a_time: Calls of a tool that are worked on at a time, where its endpoint has no number of its own.
        most_waiting: Calls of a tool that may wait for their turn.

    Raises:
        ValueError: gradio did not start its server.
    """
    from mcp import types

    served = page.mcp_server_obj
    if served is None:
        raise ValueError(f"The MCP server did not start: {page.mcp_error}. `pip install {PINNED}`.")
    served.tool_to_endpoint = {
        tool: endpoint for tool, endpoint in served.tool_to_endpoint.items() if endpoint.lstrip("/") in TOOLS
    }
    functions: dict[str, Any] = {
        tool: served.get_block_fn_from_endpoint_name(endpoint) for tool, endpoint in served.tool_to_endpoint.items()
    }
    turns = {
        tool: CapacityLimiter(own if isinstance(own := function.concurrency_limit, int) else at_a_time)
        for tool, function in functions.items()
    }

    @served.mcp_server.call_tool()
    async def call(name: str, arguments: dict[str, Any]) -> tuple[list[types.TextContent], dict[str, Any]]:
        if name not in functions:
            raise ValueError(f"There is no tool '{name[:100]}': expected one of {', '.join(functions)}.")
        if turns[name].statistics().tasks_waiting >= most_waiting:
            raise ValueError(f"{most_waiting} calls of {name} are waiting already: try again in a minute.")
        parameters = served.api_info["named_endpoints"][served.tool_to_endpoint[name]]["parameters"]
        inputs = [arguments.get(one["parameter_name"], one["parameter_default"]) for one in parameters]
        async with turns[name]:
            try:
                answer = await page.process_api(
                    functions[name], inputs, SessionState(page), served.mcp_server.request_context.request
                )
            except gr.Error as refusal:  # as a string it would stand in quotes
                raise ValueError(refusal.message) from None
        found = answer["data"][0]
        structured = found if isinstance(found, dict) else {"result": found}
        return [types.TextContent(type="text", text=json.dumps(structured, ensure_ascii=False))], structured
