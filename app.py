"""The demo over any published or local model.

python app.py --model FOLDER_OR_ID
python app.py                          # MODEL_ID, else the newest local model, else one trained on the sample
python app.py --mcp                    # also a server of tools for language models (GRADIO_MCP_SERVER=True in a Space)
"""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# Memory that stays level under load. Arrow's own allocator keeps pages for each thread that ever used it; a batch of
# each size and length has kernels of its own, of which oneDNN, and torch's wrapper of it, would each keep 1,024;
# gradio keeps a record of each call.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")
os.environ.setdefault("LRU_CACHE_CAPACITY", "128")
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "100")

import argparse
import contextlib
import ctypes
import io
import logging
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from demo import about_tab  # isort: skip (first: gradio is imported where no proxy disturbs it)
import gradio as gr
from gradio.utils import LRUCache
from transformers.utils.logging import disable_progress_bar

from demo.compare import Compare
from demo.endpoints import add_endpoints
from demo.fetching import forbid_fetching
from demo.find import comparable, main_model
from demo.first_start import Waiting
from demo.limits import MAX_MEGABYTES
from demo.many_texts import ManyTexts
from demo.one_text import OneText
from demo.own_host import without_proxies
from demo.reader import Shelf
from demo.tools import check_package, serve_tools

STYLE = Path(__file__).parent / "demo" / "style.css"
# Requests that are worked on at a time; those that wait together are read together.
AT_A_TIME = 32
MOST_WAITING = 512
# Visitors whose last answer is remembered; a call of an endpoint is one, too.
SESSIONS = 256
# Callers whose events gradio remembers; each call of an endpoint is one, and would be remembered for ever.
CALLERS = 10_000
M_ARENA_MAX = -8  # as in malloc.h
# Every so many seconds, files that are older than so many are deleted.
KEEP = (60, 1200)
PRIVACY = "Nothing that you type or upload is flagged or kept; results wait twenty minutes for their download."
TOGGLE_DARK = "() => { document.body.classList.toggle('dark'); }"


def theme() -> gr.themes.Base:
    """Colours for light and dark; only fonts that the reader's machine has."""
    return gr.themes.Soft(
        primary_hue="violet",
        secondary_hue="violet",
        neutral_hue="slate",
        radius_size="lg",
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
    ).set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_radius="*radius_xl",
        block_border_width="1px",
        block_border_color="*border_color_primary",
        block_title_background_fill="none",
        block_title_background_fill_dark="none",
        block_title_text_color="*body_text_color_subdued",
        block_title_text_color_dark="*body_text_color_subdued",
        block_title_padding="0",
        block_label_background_fill="none",
        block_label_background_fill_dark="none",
        block_label_text_color="*body_text_color_subdued",
        block_label_text_color_dark="*body_text_color_subdued",
    )


def build_page(shelf: Shelf, files: Path) -> gr.Blocks:
    """The whole page.

    Args:
        shelf: The models.
        files: Folder that gradio keeps its files in.

    Returns:
        Blocks with a queue, not launched.
    """
    with gr.Blocks(title="Emotions in a text", analytics_enabled=False, delete_cache=KEEP) as page:
        add_endpoints(shelf)  # first: a name that a function of the page has, too, goes to the endpoint
        with gr.Row(elem_id="top"):
            gr.Markdown(f"# Emotions in a text\nread by **{shelf.main.name}**", elem_id="title")
            dark = gr.Button("◐", elem_id="dark", scale=0, min_width=48, size="sm")
        with gr.Accordion("Thresholds and number of bars", open=False, elem_id="controls"), gr.Row():
            own = gr.Checkbox(True, label="Each label's own threshold", elem_id="own", min_width=200)
            threshold = gr.Slider(
                0, 1, 0.5, step=0.01, label="One threshold for all", interactive=False, elem_id="threshold"
            )
            top_k = gr.Slider(
                1, len(shelf.main.labels), min(8, len(shelf.main.labels)), step=1, label="Bars", elem_id="top-k"
            )
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        own.change(lambda use: gr.update(interactive=not use), own, threshold, **quiet)
        with gr.Tabs():
            with gr.Tab("One text", id="one"):
                OneText(shelf.main).build(page, (own, threshold, top_k))
            with gr.Tab("Many texts", id="many"):
                ManyTexts(shelf.main, files).build(own, threshold)
            with gr.Tab("Compare", id="compare"):
                Compare(shelf).build((own, threshold, top_k))
            with gr.Tab("About", id="about"):
                about_tab.build(shelf.main)
        gr.Markdown(PRIVACY, elem_id="privacy")
        dark.click(None, js=TOGGLE_DARK, api_visibility="private")
    page.queue(default_concurrency_limit=AT_A_TIME, max_size=MOST_WAITING)
    page._queue.pending_event_ids_session = LRUCache(CALLERS)
    return page


def launch(page: gr.Blocks, **options) -> tuple:
    """Serve the page.

    Args:
        page: From `build_page`.
        options: Passed on to gradio's `launch`.
    """
    forbid_fetching()
    with without_proxies():
        return page.launch(
            theme=theme(),
            css_paths=STYLE,
            max_file_size=MAX_MEGABYTES * 2**20,
            footer_links=["api", "settings"],
            ssr_mode=False,
            state_session_capacity=SESSIONS,
            show_error=True,
            prevent_thread_lock=True,
            **options,
        )


def share_memory() -> None:
    """Let all threads share two of the C library's stores, in place of one a thread that each keep what is freed."""
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, 2)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line; a Space has variables in its place."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", default=os.environ.get("MODEL_ID"), help="Folder or Hub id, with @revision if wanted."
    )
    parser.add_argument(
        "--compare",
        nargs="*",
        default=os.environ.get("COMPARE_MODELS", "").split(),
        help="Models that can be compared with it: folders or Hub ids, with @revision if wanted.",
    )
    parser.add_argument(
        "--mcp",
        action="store_true",
        default=os.environ.get("GRADIO_MCP_SERVER", "").lower() == "true",
        help="Also serve classify, classify_many and explain as tools of language models (MCP).",
    )
    parser.add_argument("--host", default=None, help="Address to listen on (127.0.0.1; a Space sets its own).")
    parser.add_argument("--port", type=int, default=None, help="Port to listen on (the first free one from 7860 on).")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Start the demo and serve until it is stopped; the process's exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for quiet in ("httpx", "mcp"):  # a line for each request
        logging.getLogger(quiet).setLevel(logging.WARNING)
    disable_progress_bar()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a line is seen at once, in a file or a pipe, too
            stream.reconfigure(line_buffering=True)
    options = parse(sys.argv[1:] if arguments is None else arguments)
    share_memory()
    waiting = Waiting(options.host, options.port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what is temporary is removed
    try:
        waiting.check_port()
        if options.mcp:
            check_package()
        model = main_model(options.model, waiting)
        shelf = Shelf(model, comparable(model, options.compare))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        waiting.close()
    with tempfile.TemporaryDirectory(prefix="emotions-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # uploads and results go when the demo goes
        page = build_page(shelf, Path(folder))
        launch(page, server_name=options.host, server_port=waiting.port, mcp_server=options.mcp)
        if options.mcp:
            serve_tools(page, AT_A_TIME, MOST_WAITING)
        page.block_thread()
    return 0


if __name__ == "__main__":
    sys.exit(main())
