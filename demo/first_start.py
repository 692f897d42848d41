"""First start without a model: one is trained on the sample, and a page at the demo's address says how far that is."""

import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
from collections import deque
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from . import show

logger = logging.getLogger(__name__)
# Where gradio looks for a free port, too.
FIRST_PORT = int(os.environ.get("GRADIO_SERVER_PORT", 7860))
PORTS = range(FIRST_PORT, FIRST_PORT + 100)
# What train.py prints when a stage begins, and what the page calls that stage.
STAGES = (
    (re.compile(r""), "Reading the sample"),
    (re.compile(r": [\d,]+ train, "), "Computing what the frozen backbone sees in each text"),
    (re.compile(r"^run \d"), "Training the head"),
    (re.compile(r" on sample: "), "Writing figures and card"),
    (re.compile(r"^The model is in "), "Starting the demo"),
)
EPOCH = re.compile(r"epoch (\d+) of (\d+)")


class Progress:
    """How far train.py is, as told by the lines that it prints."""

    def __init__(self) -> None:
        self.stage = 0
        self.within = 0.0
        self.lines: deque[str] = deque(maxlen=8)

    def add(self, line: str) -> None:
        """Take in one line."""
        if not line.strip():
            return
        self.lines.append(line.rstrip())
        for stage, (begins, _) in enumerate(STAGES):
            if stage > self.stage and begins.search(line):
                self.stage, self.within = stage, 0.0
        if found := EPOCH.search(line):
            self.within = int(found[1]) / int(found[2])

    def as_dict(self) -> dict:
        """For the page: number of the stage, share of it that is done, and the last lines."""
        return {"stage": self.stage, "within": self.within, "lines": list(self.lines)}


class Waiting:
    """Serves the page until the demo itself does, and keeps the port for it.

    Args:
        host: Address to listen on; None for the one that gradio would take.
        port: Port; None for the first free one, once the page is opened.
    """

    def __init__(self, host: str | None, port: int | None):
        self.host = host or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
        self.port = port
        self.progress = Progress()
        self._server: ThreadingHTTPServer | None = None

    def check_port(self) -> None:
        """Find out that a port is taken before a model is loaded, not after it.

        Raises:
            OSError: says so.
        """
        if self.port:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((self.host, self.port))
                except OSError as error:
                    raise OSError(
                        f"The demo cannot listen on {self.host}:{self.port} ({error.strerror}). Give another --port."
                    ) from None

    def open(self) -> None:
        """Begin to serve.

        Raises:
            OSError: the port is taken, or all of them are.
        """
        progress = self.progress

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.path.split("?")[0].rstrip("/").endswith("/progress")
                if asked:
                    status, kind, body = HTTPStatus.OK, "application/json", json.dumps(progress.as_dict())
                else:  # whoever waits for the demo by its status goes on waiting
                    status, kind = HTTPStatus.SERVICE_UNAVAILABLE, "text/html; charset=utf-8"
                    body = show.render_page("waiting", stages=[title for _, title in STAGES])
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """The terminal belongs to the training."""

        for port in [self.port] if self.port else PORTS:
            try:
                self._server = ThreadingHTTPServer((self.host, port), Handler)
                break
            except OSError:
                if port in (self.port, PORTS[-1]):
                    raise
        assert self._server is not None
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        logger.info("How far it is: http://%s:%d", self.host, self.port)

    def close(self) -> None:
        """Leave the port to the demo."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def train_on_sample(root: Path, target: Path, waiting: Waiting) -> None:
    """Train a model on the sample, with progress in the terminal and on the page.

    Args:
        root: Folder of train.py.
        target: Folder for the model.
        waiting: The page; it stays open, as the model is yet to be loaded.

    Raises:
        ValueError: training failed, or the port is taken.
    """
    logger.info("There is no model yet: training one on the shipped sample, which takes a few minutes.")
    try:
        waiting.open()
    except OSError as error:
        raise ValueError(f"Port {waiting.port or f'{PORTS[0]} to {PORTS[-1]}'} cannot be used: {error}.") from None
    command = [sys.executable, "-u", str(root / "train.py"), "--dataset", "sample", "--output_dir", str(target)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            waiting.progress.add(line)
    if run.returncode:
        raise ValueError("Training on the sample failed, see above. Name a model with --model FOLDER_OR_ID.")
