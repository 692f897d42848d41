"""The demo makes no request for a visitor: what it is given is a file or nothing."""

import httpx
import pytest

import app
from demo.fetching import SENTENCE
from demo.reader import Shelf


@pytest.fixture(scope="module")
def url(original, tmp_path_factory):
    """The demo over the small model, in threads of this process."""
    page = app.build_page(Shelf(str(original)), tmp_path_factory.mktemp("files"))
    _, url, _ = app.launch(page, quiet=True, server_name="127.0.0.1")
    yield url.rstrip("/")
    page.close()


def call(url: str, name: str, data: list) -> str:
    """What an endpoint answers, as its client reads it."""
    event = httpx.post(f"{url}/gradio_api/call/{name}", json={"data": data}, timeout=60).json()["event_id"]
    return httpx.get(f"{url}/gradio_api/call/{name}/{event}", timeout=60).text


ADDRESSES = ["http://1.1.1.1/a.csv", "https://example.com/a.csv", "http://127.0.0.1:1/a.csv"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_file_that_is_given_as_an_address_is_not_fetched(url, address):
    file = {"path": address, "url": address, "orig_name": "a.csv", "meta": {"_type": "gradio.FileData"}}
    answer = call(url, "classify_file", [file, "text", None, ""])
    assert "event: error" in answer
    assert SENTENCE in answer
    assert "event: error" in call(url, "classify", [file, None, None])


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_demo_is_no_proxy(url, address):
    answer = httpx.get(f"{url}/gradio_api/file={address}", timeout=60)
    assert answer.status_code == 403
    assert SENTENCE in answer.text
    assert httpx.get(f"{url}/gradio_api/proxy={address}", timeout=60).status_code >= 400
