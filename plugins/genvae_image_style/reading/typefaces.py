"""Font files: each letter is a picture, its content the letter, its style the name of the file.

A row names file and letter, "fonts/some.ttf#A"; they are drawn when the rows are prepared, at the size that is wanted.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genvae.errors import DataError
from genvae_image_style.fonts.render import LETTERS, open_face

if TYPE_CHECKING:
    from datasets import Dataset

ENDINGS = (".ttf", ".otf")


def parted(reference: str) -> tuple[str, str] | None:
    """File and letter of a reference; None for what is none."""
    place, mark, letter = reference.rpartition("#")
    return (place, letter) if mark and len(letter) == 1 and place.lower().endswith(ENDINGS) else None


def read_fonts(path: Path) -> Dataset:
    """The letters A-Z, a-z and 0-9 of a font file, or of every one under a folder, and the name of its family."""
    from datasets import Dataset

    places = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix.lower() in ENDINGS)
    columns: dict[str, list[str]] = {"image": [], "content": [], "style": [], "family": []}
    for place in places:
        if place.name.startswith(".") or not place.is_file():
            continue
        face = open_face(place)
        style = place.stem if path.is_file() else str(place.relative_to(path).with_suffix(""))
        for letter in LETTERS:
            if letter in face.known:
                row = (f"{place.absolute()}#{letter}", letter, style, face.family)
                for column, value in zip(columns, row, strict=True):
                    columns[column].append(value)
    if not columns["image"]:
        raise DataError(f"{path}: none of the letters A-Z, a-z, 0-9 is in it")
    return Dataset.from_dict(columns)
