"""A small Hugging Face Hub for tests: accounts, repositories, uploads, downloads, and faults on request.

Only what this project's flows ask of a Hub, spoken as the real one speaks it, so that unmodified clients work with
`HF_ENDPOINT` set to it (and `HF_HUB_DISABLE_XET=1`). Large files live on an origin of their own (`localhost` beside
`127.0.0.1`), which refuses a request that carries a token: tokens are for the Hub alone.

By hand: `python tests/hub_server.py --root FOLDER --port 8765`.
"""

import argparse
import sys
import threading
import time
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

sys.path.insert(0, str(Path(__file__).parent))

from hub.core import CONNECTIONS, TOKENS, Fault
from hub.downloads import Downloads
from hub.repositories import Repositories
from hub.spaces import Spaces
from hub.store import Store
from hub.uploads import Uploads

__all__ = ["Fault", "Hub", "HubServer"]


class Hub(Repositories, Uploads, Downloads, Spaces):
    """The whole Hub."""


class _Protocol(H11Protocol):
    def connection_made(self, transport):
        super().connection_made(transport)
        CONNECTIONS[transport.get_extra_info("peername")[:2]] = transport


class HubServer:
    """Runs a Hub on a loopback port in a thread; it can be stopped and started again on the same port.

    Args:
        root: Folder of the store.
        port: 0 for a free one.
    """

    def __init__(self, root: Path, port: int = 0):
        self.app = Hub(Store(root))
        self.app.stop = self.signal_stop
        self.port = port

    def start(self) -> "HubServer":
        """Serve; returns when connections are accepted."""
        config = uvicorn.Config(
            self.app,
            "127.0.0.1",
            self.port,
            http=_Protocol,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            if not self.thread.is_alive():
                raise RuntimeError(f"The test Hub did not start on port {self.port}.")
            time.sleep(0.01)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        self.app.url, self.app.storage = f"http://127.0.0.1:{self.port}", f"http://localhost:{self.port}"
        return self

    def signal_stop(self) -> None:
        """Accept nothing more, from within a request."""
        for listener in self.server.servers:
            listener.close()
        self.server.should_exit = True

    def stop(self) -> None:
        """Shut down and wait until the port is closed."""
        self.server.should_exit = True
        self.thread.join(timeout=10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serves a small Hugging Face Hub on loopback until interrupted.")
    parser.add_argument("--root", type=Path, required=True, help="Folder that keeps the repositories.")
    parser.add_argument("--port", type=int, default=0, help="Port; a free one if left out.")
    options = parser.parse_args()
    running = HubServer(options.root, options.port).start()
    sys.stdout.write(f"HF_ENDPOINT={running.app.url}  tokens: {', '.join(TOKENS)}\n")
    sys.stdout.flush()
    try:
        running.thread.join()
    except KeyboardInterrupt:
        running.stop()
