"""The demo in the environments that it is started in."""

from pathlib import Path

import httpx
import pytest
from standins import small_model

ROOT = Path(__file__).parents[2]
NOBODY_LISTENS = "127.0.0.1:9"


@pytest.mark.parametrize(
    "proxies",
    [
        {"http_proxy": f"http://{NOBODY_LISTENS}", "https_proxy": f"http://{NOBODY_LISTENS}"},
        {"ALL_PROXY": f"socks5://{NOBODY_LISTENS}", "all_proxy": f"socks5://{NOBODY_LISTENS}"},
        {"HTTP_PROXY": "socks4a://nonsense::1", "http_proxy": "socks4a://nonsense::1", "no_proxy": "example.org"},
    ],
    ids=["http", "socks", "malformed"],
)
def test_the_demo_reaches_its_own_host_without_a_proxy(proxies, tmp_path, start_app):
    running = start_app(ROOT, tmp_path / "log.txt", "--model", str(small_model(tmp_path / "model")), **proxies)
    try:
        page = httpx.Client(trust_env=False).get(running.url)
        assert page.status_code == 200
        assert "Traceback" not in running.log.read_text()
    finally:
        running.process.terminate()
        assert running.process.wait(timeout=20) == 143
