"""What the tests of the host share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host.strangers import Stranger, writer


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stranger:
    """Writes a plugin and gives its entry point."""
    return writer(tmp_path, monkeypatch)
