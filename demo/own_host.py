"""The demo asks itself whether it is up: at its own address, which no proxy leads to."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = ("no_proxy", "NO_PROXY")


@contextmanager
def without_proxies() -> Iterator[None]:
    """Let no request go through a proxy for a while, whatever the environment and the system say.

    The star is understood by gradio's client, which otherwise fails on a SOCKS proxy as soon as it is made.
    """
    before = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update(dict.fromkeys(VARIABLES, "*"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


__all__ = ["without_proxies"]
