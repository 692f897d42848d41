"""What app.py is made of. It knows a model through `pipeline(…)` only, and travels to a Space as it is."""

from .own_host import without_proxies

# gradio makes a client as it is imported, which fails on a SOCKS proxy; nothing is asked of anybody yet.
with without_proxies():
    import gradio  # noqa: F401
