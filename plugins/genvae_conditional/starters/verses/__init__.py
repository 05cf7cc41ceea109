"""The starter model ``verses``: verses of the Bible in six versions, as styles."""

from __future__ import annotations

from pathlib import Path


def verses() -> Path:
    """The folder of the starter model ``verses``."""
    return Path(__file__).parent / "model"
