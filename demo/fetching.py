"""What a visitor's URL points to is not fetched: gradio would, for a file that is given as a URL and under `/file=`."""

from typing import NoReturn

import gradio as gr
from fastapi import HTTPException
from gradio import processing_utils, routes

SENTENCE = "Nothing is fetched from an address here: send the file itself, please."


async def _refuse_file(url: str, cache_dir: str) -> NoReturn:
    raise gr.Error(SENTENCE, print_exception=False)


async def _refuse_address(url: str, request: object) -> NoReturn:
    raise HTTPException(403, SENTENCE)


def forbid_fetching() -> None:
    """Put a refusal in the place of the two functions by which gradio makes requests on a visitor's behalf.

    It guards them against addresses of the own network; through them the demo would still be a proxy to all others.
    """
    processing_utils.async_ssrf_protected_download = _refuse_file
    routes.secure_url_stream_response = _refuse_address
