"""Texts to features: data sets in, pooled hidden states of frozen backbones out, cached as Arrow."""

from .features import extract
from .sources import load_source

__all__ = ["extract", "load_source"]
