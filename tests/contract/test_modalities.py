"""One contract over every first-party modality."""

from __future__ import annotations

from pathlib import Path

import pytest

from genvae.host import default_host
from genvae.testing import modality_contract
from tests.conftest import TINY, own_lines

ITEMS = {"sentence": (own_lines(30), TINY)}


@pytest.mark.parametrize("modality", [part.id for part in default_host().parts("modality")])
def test_modality_keeps_the_contract(modality: str, tmp_path: Path) -> None:
    items, settings = ITEMS[modality]
    modality_contract(modality, items, tmp_path / "model", set=settings)
