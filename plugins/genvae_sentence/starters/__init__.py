"""Starter models that ship with the plugin."""

from __future__ import annotations

from pathlib import Path


def sentences_en() -> Path:
    """The folder of the starter model ``sentences-en``."""
    return Path(__file__).parent / "sentences-en"
