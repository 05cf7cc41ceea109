"""The starter model ``fashion``: pictures of clothes, shoes and bags by name."""

from __future__ import annotations

from pathlib import Path


def fashion() -> Path:
    """The folder of the starter model ``fashion``."""
    return Path(__file__).parent / "model"
