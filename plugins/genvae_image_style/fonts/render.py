"""Letters of a font file as pictures, to one scale and one baseline.

The convention is that of the pictures that the starter model `typefaces` is trained on, and is kept exactly:

- A letter is drawn on a canvas of twice the size and halved by averaging, so edges fall on half pixels.
- A letter's box is as wide as its advance, or as its ink where that juts out, and as high as its ink.
- One whole number of pixels to the em serves all letters of a font: the largest with which the boxes of A-Z, a-z and
  0-9 together are at most 29/32 of the side high, and none is wider. It is reckoned from the boxes with 3/4 of the
  canvas to the em, so a pixel more may remain.
- The baseline is where all boxes together stand in the middle of the height; each stands in the middle of the width.
"""

from __future__ import annotations

import logging
import math
import string
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from genvae.errors import DataError

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont
    from PIL.ImageFont import FreeTypeFont

LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits
MOST_BYTES = 64_000_000  # of a font file; the largest fonts of all of Chinese have half of it
FINER = 2  # the canvas is so many times finer than the picture
FILLED = 29 / 32  # of the side, by the largest box
PROBED = 3 / 4  # of the canvas: pixels to the em with which the extent is measured
LEAST = 4  # pixels to the em of the canvas below which nothing can be recognised
SIZES = (8, 1024)
OUTLINES = ("glyf", "CFF ", "CFF2")

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Face:
    """A font file that has been looked through: what it can draw."""

    path: Path
    known: frozenset[str]  # the characters that it has

    @cached_property
    def family(self) -> str:
        """The name of its family, the file's where it says none; raises DataError. Read only when asked for: what
        reads names takes as long to import as a typeface to complete."""
        with _opened(self.path) as font:
            return (font["name"].getBestFamilyName() if "name" in font else None) or self.path.stem

    def sized(self, pixels: int) -> FreeTypeFont:
        """The font with so many pixels to the em."""
        from PIL import ImageFont

        try:
            return ImageFont.truetype(str(self.path), pixels, layout_engine=ImageFont.Layout.BASIC)
        except Exception as error:  # FreeType's own words, as OSError or ValueError
            raise _damaged(self.path, error) from None


def open_face(path: Path | str) -> Face:
    """Look a font file through; raises DataError in one line that names the file and what is wrong with it.

    The first font of a collection counts; of a variable font, its default instance.
    """
    path = _checked(Path(path).expanduser())
    with _opened(path) as font:
        if font.sfntVersion not in ("\x00\x01\x00\x00", "OTTO", "true"):
            raise DataError(f"{path}: not a TrueType or OpenType font")
        if not any(table in font for table in OUTLINES):
            raise DataError(f"{path}: a font of bitmaps only; one with outlines is needed")
        return Face(path, _characters(font, path))


def render_font(
    font: Path | str | Face, letters: Iterable[str], size: int = 32
) -> dict[str, UInt8[np.ndarray, "size size"]]:
    """Pictures of letters of a font, (size, size), ink 255 on 0, by the convention above.

    The scale is that of all of A-Z, a-z and 0-9 that the font has (and of ``letters``, should others be among them),
    whichever are asked for. Raises DataError in one line: no letters, letters that the font lacks or that draw nothing,
    and all that ``open_face`` refuses.
    """
    wanted = list(dict.fromkeys(letters))
    _check(wanted, size)
    face = font if isinstance(font, Face) else open_face(font)
    missing = [letter for letter in wanted if letter not in face.known]
    if missing:
        raise DataError(f"{face.path}: the font has no {_listed(missing)}")
    together = [letter for letter in LETTERS if letter in face.known]
    together += [letter for letter in wanted if letter not in LETTERS]
    try:
        return _drawn(face, wanted, together, size)
    except DataError:
        raise
    except Exception as error:  # FreeType refuses a glyph only when it is asked to draw it
        said = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(f"{face.path}: its letters cannot be drawn ({said})") from None


def _drawn(face: Face, wanted: list[str], together: list[str], size: int) -> dict[str, NDArray[np.uint8]]:
    from PIL import Image, ImageDraw

    side = FINER * size
    font, boxes = _scaled(face, together, side)
    blank = [letter for letter in wanted if letter not in boxes]
    if blank:
        raise DataError(f"{face.path}: the font draws nothing for {_listed(blank)}")
    top, bottom = min(box[1] for box in boxes.values()), max(box[3] for box in boxes.values())
    baseline = (side - (bottom - top)) // 2 - top
    pictures = {}
    for letter in wanted:
        left, _, right, _ = boxes[letter]
        canvas = Image.new("L", (side, side))
        start = side // 2 - (right - left) // 2 - left
        ImageDraw.Draw(canvas).text((start, baseline), letter, fill=255, font=font, anchor="ls")
        pictures[letter] = np.asarray(canvas.reduce(FINER), dtype=np.uint8).copy()
    return pictures


def _scaled(face: Face, letters: list[str], side: int) -> tuple[FreeTypeFont, dict[str, Box]]:
    """The font at the one scale of all letters, and the box of each that has ink."""
    probed = round(PROBED * side)
    boxes = _boxes(face.sized(probed), letters)
    if not boxes:
        raise DataError(f"{face.path}: the font draws nothing for any of its letters")
    pixels = math.floor(probed * FILLED * side / _extent(boxes))
    while pixels >= LEAST:
        font = face.sized(pixels)
        boxes = _boxes(font, letters)
        if boxes and _extent(boxes) <= side:  # hinting may have made it larger than promised
            return font, boxes
        pixels -= 1
    raise DataError(f"{face.path}: its letters differ too much in extent to be drawn at one scale of {side // FINER}")


def _boxes(font: FreeTypeFont, letters: list[str]) -> dict[str, Box]:
    """Left, top, right, bottom of each letter's box in whole pixels, from its origin on the baseline, y downwards."""
    boxes = {}
    for letter in letters:
        left, top, right, bottom = (round(side) for side in font.getbbox(letter, anchor="ls"))
        if right > left and bottom > top and font.getmask(letter).getbbox() is not None:
            boxes[letter] = (left, top, right, bottom)
    return boxes


def _extent(boxes: dict[str, Box]) -> int:
    height = max(box[3] for box in boxes.values()) - min(box[1] for box in boxes.values())
    return max(height, *(box[2] - box[0] for box in boxes.values()))


def _check(letters: list[str], size: int) -> None:
    if not letters:
        raise DataError("no letters are asked for; name at least one")
    several = [letter for letter in letters if not isinstance(letter, str) or len(letter) != 1]
    if several:
        raise DataError(f"{several[0]!r} is not one letter")
    if not SIZES[0] <= size <= SIZES[1]:
        raise DataError(f"a size of {size}; letters are drawn at {SIZES[0]} to {SIZES[1]} pixels")


def _checked(path: Path) -> Path:
    try:
        if path.is_dir():
            raise DataError(f"{path}: a folder, not a font file")
        if not path.exists():
            raise DataError(f"{path}: no such file")
        if not path.is_file():
            raise DataError(f"{path}: not a font file")
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    if not size:
        raise DataError(f"{path}: an empty file, not a font")
    if size > MOST_BYTES:
        raise DataError(f"{path}: {size:,} bytes; fonts of at most {MOST_BYTES:,} are read")
    return path


@contextmanager
def _opened(path: Path) -> Iterator[TTFont]:
    """A font file's tables, as they are asked for; raises DataError where they are damaged."""
    logging.getLogger("fontTools").addHandler(logging.NullHandler())  # what it has to say of a font is no one's concern
    from fontTools.ttLib import TTFont

    try:
        with warnings.catch_warnings(), TTFont(path, fontNumber=0, lazy=True) as font:
            warnings.simplefilter("ignore")
            yield font
    except DataError:
        raise
    except Exception as error:  # fontTools raises many kinds for a damaged file
        raise _damaged(path, error) from None


def _characters(font: TTFont, path: Path) -> frozenset[str]:
    """What the font has a glyph for; a character that is mapped to .notdef is none."""
    known: dict[int, Any] | None = font.getBestCmap()
    if known is None:
        symbols = any((table.platformID, table.platEncID) == (3, 0) for table in font["cmap"].tables)
        why = "a font of symbols: its codes stand for no letters" if symbols else "a font without a Unicode table"
        raise DataError(f"{path}: {why}")
    return frozenset(chr(code) for code, glyph in known.items() if glyph != ".notdef")


def _damaged(path: Path, error: Exception) -> DataError:
    from fontTools.ttLib import TTLibError

    said = " ".join(str(error).split())[:120] or type(error).__name__
    if isinstance(error, TTLibError) and "Not a TrueType" in said:
        return DataError(f"{path}: not a TrueType or OpenType font")
    return DataError(f"{path}: a damaged font ({said})")


def _listed(letters: list[str]) -> str:
    shown = ", ".join(repr(letter) for letter in letters[:12])
    return shown + (f" and {len(letters) - 12} more" if len(letters) > 12 else "")
