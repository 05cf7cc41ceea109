"""Models that ship with the plugin."""

from __future__ import annotations

from pathlib import Path


def typefaces() -> Path:
    """The folder of the starter model ``typefaces``."""
    return Path(__file__).parent / "typefaces"
