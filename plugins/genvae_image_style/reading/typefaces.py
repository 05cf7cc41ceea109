"""Font files: each letter is a picture, its content the letter, its style the name of the file.

A row names file and letter, "fonts/some.ttf#A"; they are drawn when the rows are prepared, at the size that is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from genvae.data.read import noted
from genvae.errors import DataError
from genvae_image_style.fonts.render import LETTERS, open_face, render_font

if TYPE_CHECKING:
    from datasets import Dataset

ENDINGS = (".ttf", ".otf")
TRIED = 32  # pixels a side of the letters that a font is tried by
NAMED = 3  # fonts left out that are named


def parted(reference: str) -> tuple[str, str] | None:
    """File and letter of a reference; None for what is none."""
    place, mark, letter = reference.rpartition("#")
    return (place, letter) if mark and len(letter) == 1 and place.lower().endswith(ENDINGS) else None


def read_fonts(path: Path) -> Dataset:
    """The letters A-Z, a-z and 0-9 of a font file, or of every one under a folder, and the name of its family.

    Of a folder, a font that cannot be drawn is left out and noted; raises DataError where none is left.
    """
    from datasets import Dataset

    places, left_out = [path] if path.is_file() else _fonts(path), dict[str, str]()
    columns: dict[str, list[str]] = {"image": [], "content": [], "style": [], "family": []}
    for place in places:
        try:
            letters, family = _tried(place)
        except DataError as error:
            if path.is_file():
                raise
            left_out[str(place.relative_to(path))] = str(error).removeprefix(f"{place}: ")
            continue
        style = place.stem if path.is_file() else str(place.relative_to(path).with_suffix(""))
        for letter in letters:
            row = (f"{place.absolute()}#{letter}", letter, style, family)
            for column, value in zip(columns, row, strict=True):
                columns[column].append(value)
    note = _note(left_out, len(places)) if left_out else ""
    if not columns["image"]:
        raise DataError(f"{path}: {note or 'no font is in it'}")
    return noted(Dataset.from_dict(columns), note)


def _fonts(folder: Path) -> list[Path]:
    found = sorted(place for place in folder.rglob("*") if place.suffix.lower() in ENDINGS)
    return [place for place in found if not place.name.startswith(".") and place.is_file()]


def _tried(place: Path) -> tuple[str, str]:
    """Which of the letters a font file has, and its family; raises DataError where one of them cannot be drawn."""
    face = open_face(place)
    letters = "".join(letter for letter in LETTERS if letter in face.known)
    if not letters:
        raise DataError(f"{place}: none of the letters A-Z, a-z, 0-9 is in it")
    render_font(face, letters, TRIED)
    return letters, face.family


def _note(left_out: Mapping[str, str], count: int) -> str:
    named = ", ".join(f"{name} ({why})" for name, why in list(left_out.items())[:NAMED])
    more = f" and {len(left_out) - NAMED:,} more" if len(left_out) > NAMED else ""
    return f"{len(left_out):,} of {count:,} fonts left out: {named}{more}"
