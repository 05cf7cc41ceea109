"""Pictures of letters as a drawing (SVG) and as a font that can be installed (TrueType).

Pictures are read by the convention of ``render``: square, one size, one scale, one baseline, ink 255 on 0. The
baseline is found from the letters that stand on it. A font's em is 28/32 of the pictures' side, or up to a seventh off
it, so that ``render_font`` draws the font at the pictures' own scale again. The same pictures and words give the same
file.
"""

from __future__ import annotations

import io
import math
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from genvae.errors import DataError
from genvae_image_style.fonts.outline import Contour, Outline
from genvae_image_style.fonts.render import FILLED, FINER, PROBED
from genvae_image_style.fonts.tracing import trace

EM = 1000  # units of a font's em
UNITS = EM / 28  # of a pixel of a picture of 32
BASELINE = 23.5  # row of 32, where no letter says it
STANDING = frozenset("ABDEFHIKLMNPRTXZhiklmnrxz1247")  # letters that stand flat on the baseline
SPACE = 0.28  # em
DATE = 3_818_534_400  # seconds from 1904 to 2025: no file depends on the day it is made
# Scan control for all sizes, a number pushed and popped. FreeType bends the stems of each font to whole pixels that
# has no program of its own, or one of 7 bytes and less.
PROGRAM = b"\xb8\x01\xff\x85\xb0\x04\x8d\xb0\x00\x21"


def to_svg(glyphs: Mapping[str, NDArray[Any]], columns: int = 13) -> str:
    """All pictures as paths of one drawing, in rows of ``columns``, a pixel a unit; the order is the mapping's.

    Raises DataError for no pictures, for what is none and for those without ink.
    """
    if columns < 1:
        raise DataError(f"a drawing of {columns} columns; at least 1 is needed")
    outlines, size = _outlines(glyphs)
    across = min(columns, len(outlines))
    down = -(-len(outlines) // across)
    paths = []
    for place, (letter, outline) in enumerate(outlines.items()):
        at = np.array([place % across, place // across]) * float(size)
        data = _path(outline, at)
        paths.append(f'<path id="u{ord(letter):04x}" d="{data}"><title>{escape(letter)}</title></path>')
    return _drawing(paths, float(across * size), float(down * size))


def letter_svg(image: NDArray[Any]) -> str:
    """One picture, (h, w), as a drawing. Raises DataError for what is none and for one without ink."""
    outline = trace(image)
    if not outline.contours:
        raise DataError("nothing is drawn in the picture: it has no outline")
    return _drawing([f'<path d="{_path(outline, np.zeros(2))}"/>'], outline.width, outline.height)


def to_font(
    glyphs: Mapping[str, NDArray[Any]],
    path: Path | str,
    family: str = "Genvae",
    *,
    version: str = "1.000",
    description: str = "",
    licence: str = "",
    bearing: float = 0.05,
) -> Path:
    """Write a TrueType font, style Regular, with the pictures' letters, a space and .notdef; returns its path.

    ``bearing`` is the white on either side of a letter, in em, on an average of both: which of them is wider is seen
    from where the ink stands in the picture. The file appears whole or not at all. Raises DataError
    for no pictures, for what is none, for letters without ink, for words that a font cannot hold, and for a path that
    cannot be written.
    """
    path = Path(path).expanduser()
    _check_words(family, version, description, licence)
    if not 0 <= bearing <= 1:
        raise DataError(f"a bearing of {bearing:g} em; it must be from 0 to 1")
    outlines, size = _outlines(glyphs)
    content = _font(outlines, size, bearing, _names(family, version, description, licence))
    with _written(path) as file:
        file.write(content)
    return path


def baseline_of(outlines: Mapping[str, Outline], size: int) -> float:
    """The row on which letters stand, on a half pixel of 32 as ``render`` has it: the median of the flat ones."""
    half = size / 64
    bottoms = [outline.box[3] for letter, outline in outlines.items() if letter in STANDING and outline.box]
    return float(round(float(np.median(bottoms)) / half) * half) if bottoms else BASELINE * size / 32


def _outlines(glyphs: Mapping[str, NDArray[Any]]) -> tuple[dict[str, Outline], int]:
    if not glyphs:
        raise DataError("no letters are given; at least one picture is needed")
    for letter in glyphs:
        drawn = isinstance(letter, str) and len(letter) == 1 and unicodedata.category(letter)[0] not in "CZ"
        if not drawn:
            raise DataError(f"{letter!r} is not one letter that can be seen")
    shapes = sorted({np.shape(image) for image in glyphs.values()})
    if len(shapes) > 1 or len(shapes[0]) != 2 or shapes[0][0] != shapes[0][1]:
        raise DataError(f"pictures of shape {', '.join(map(str, shapes))}; those of a font are square and of one size")
    outlines = {letter: trace(image) for letter, image in glyphs.items()}
    blank = [repr(letter) for letter, outline in outlines.items() if not outline.contours]
    if blank:
        raise DataError(f"nothing is drawn in the picture of {', '.join(blank)}")
    return outlines, int(shapes[0][0])


def _drawing(paths: list[str], width: float, height: float) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}">'
    return "\n".join([head, *paths, "</svg>"]) + "\n"


def _path(outline: Outline, at: NDArray[np.floating[Any]]) -> str:
    def text(*points: NDArray[np.floating[Any]]) -> str:
        return " ".join(f"{value:.2f}".rstrip("0").rstrip(".") for point in points for value in point + at)

    words = []
    for contour in outline.contours:
        words.append("M" + text(contour.curves[0, 0]))
        for curve, straight in zip(contour.curves, contour.straight, strict=True):
            words.append("L" + text(curve[3]) if straight else "C" + text(*curve[1:]))
        words.append("Z")
    return "".join(words)


def _font(outlines: Mapping[str, Outline], size: int, bearing: float, names: dict[str, str]) -> bytes:
    from fontTools.fontBuilder import FontBuilder
    from fontTools.ttLib import newTable
    from fontTools.ttLib.tables.ttProgram import Program

    letters = sorted(outlines)
    order = [".notdef", "space", *(_glyph_name(letter) for letter in letters)]
    baseline = baseline_of(outlines, size)
    placed = {letter: _placed(outline, size, bearing) for letter, outline in outlines.items()}
    units = _units(outlines, placed, baseline, size)
    ascent, descent = round(baseline * units), round((size - baseline) * units)
    drawn = {".notdef": _box_glyph(ascent), "space": _empty_glyph()}
    advances = {".notdef": round(0.5 * EM), "space": round(SPACE * EM)}
    for letter, name in zip(letters, order[2:], strict=True):
        origin, width = placed[letter]
        drawn[name] = _glyph(outlines[letter].contours, np.array([origin, baseline]), units)
        advances[name] = round(width * units)
    font = FontBuilder(EM, isTTF=True)
    font.setupGlyphOrder(order)
    known = dict(zip(map(ord, letters), order[2:], strict=True))
    font.setupCharacterMap({0x20: "space", 0xA0: "space", **known})
    font.setupGlyf(drawn)
    left = {name: getattr(drawn[name], "xMin", 0) for name in order}
    font.setupHorizontalMetrics({name: (advances[name], left[name]) for name in order})
    font.setupHorizontalHeader(ascent=ascent, descent=-descent, lineGap=0)
    font.setupNameTable(names)
    heights = {letter: round((baseline - outlines[letter].box[1]) * units) for letter in "Hx" if letter in outlines}  # type: ignore[index]
    font.setupOS2(
        version=4, sTypoAscender=ascent, sTypoDescender=-descent, sTypoLineGap=0,
        usWinAscent=ascent, usWinDescent=descent,
        sCapHeight=heights.get("H", round(0.7 * EM)), sxHeight=heights.get("x", round(0.5 * EM)),
        fsSelection=0x40 | 0x80, achVendID="GVAE", fsType=0,
        usFirstCharIndex=min(0x20, *known), usLastCharIndex=min(0xFFFF, max(0xA0, *known)),
    )  # fmt: skip
    font.setupPost(underlinePosition=-100, underlineThickness=50)
    font.font["head"].created = font.font["head"].modified = DATE
    font.font["head"].fontRevision = float(re.match(r"\d+(\.\d+)?", names["version"][8:])[0])  # type: ignore[index]
    font.font.recalcTimestamp = False
    font.font["prep"] = newTable("prep")
    font.font["prep"].program = Program()
    font.font["prep"].program.fromBytecode(PROGRAM)
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()


def _placed(outline: Outline, size: int, bearing: float) -> tuple[float, float]:
    """Where in its picture a letter's box begins, and how wide it is: in the middle and on half pixels of 32, as
    ``render`` has it, and no wider than that allows unless the ink is."""
    assert outline.box is not None
    half = size / 64
    left, _, right, _ = outline.box
    wide = min(right - left + 2 * bearing * EM / UNITS * size / 32, FILLED * size)
    least = 2 * np.ceil(max(size / 2 - left, right - size / 2) / half)
    steps = max(round(wide / half), int(least))
    return size / 2 - steps // 2 * half, steps * half


def _units(outlines: Mapping[str, Outline], placed: Mapping[str, tuple[float, float]], base: float, size: int) -> float:
    """Units of a pixel, with which ``render_font`` finds the pictures' scale, baseline and places again.

    It knows whole pixels only, of the em, the baseline and a letter's box, and a hundredth of a pixel more of ink may
    move its baseline by half of one. So the best of many is taken, each judged by the worse of what a little more and a
    little less ink would do."""
    boxes = [outline.box for outline in outlines.values() if outline.box]
    up, down = base - min(box[1] for box in boxes), max(box[3] for box in boxes) - base
    widths = np.array([width for _, width in placed.values()])
    return min(
        (max(_drift(up, down, widths, base, units / EM, size, slack) for slack in (-0.6, 0.6)), abs(near - 1), units)
        for near in np.linspace(6 / 7, 8 / 7, 401).tolist()
        for units in [near * UNITS * 32 / size]
    )[2]


def _drift(
    up: float, down: float, widths: NDArray[np.floating[Any]], base: float, scale: float, size: int, slack: float
) -> float:
    """How far edges are from their places, in sides of the canvas, when ``render_font`` draws a font whose em is
    ``1 / scale`` pixels, and whose ink reaches ``slack`` units higher and lower than it should."""
    side = FINER * size
    probed = round(PROBED * side)
    high, low = up * scale + slack / EM, down * scale + slack / EM
    extent = max(math.ceil(high * probed) + math.ceil(low * probed), round(float(widths.max()) * scale * probed), 1)
    pixels = math.floor(probed * FILLED * side / extent)
    grown = pixels * scale / FINER
    above, below = math.ceil(high * pixels), math.ceil(low * pixels)
    baseline = (side - above - below) // 2 + above
    # The middles of the boxes: their height is that of all letters together.
    upwards = abs(baseline - base * FINER - (grown - 1) * (up - down) / 2 * FINER)
    was, now = widths * FINER, np.rint(widths * scale * pixels)
    sideways = float(np.abs(was // 2 - now // 2 + (grown - 1) * was / 2).mean())
    return round((upwards + sideways) / side + abs(grown - 1) / 4, 4)


def _glyph(contours: tuple[Contour, ...], origin: NDArray[np.floating[Any]], units: float) -> Any:
    from fontTools.pens.cu2quPen import Cu2QuPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    glyph = TTGlyphPen(None)
    pen = Cu2QuPen(glyph, max_err=1.0)
    for contour in contours:
        curves = ((contour.curves - origin) * np.array([units, -units])).round(1).tolist()
        pen.moveTo(tuple(curves[0][0]))
        for curve, straight in zip(curves, contour.straight, strict=True):
            if straight:
                pen.lineTo(tuple(curve[3]))
            else:
                for part in _at_extremes(curve):
                    pen.curveTo(*part[1:])
        pen.closePath()
    return glyph.glyph()


def _at_extremes(curve: list[list[float]]) -> list[Any]:
    """A cubic cut where it is leftmost, rightmost, highest or lowest: programs take the control points for its box."""
    from fontTools.misc.bezierTools import calcCubicParameters, solveQuadratic, splitCubicAtT

    a, b, c, _ = calcCubicParameters(*curve)
    places = {t for axis in (0, 1) for t in solveQuadratic(3 * a[axis], 2 * b[axis], c[axis]) if 0.02 < t < 0.98}
    return list(splitCubicAtT(*curve, *sorted(places)))


def _empty_glyph() -> Any:
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    return TTGlyphPen(None).glyph()


def _box_glyph(height: int) -> Any:
    """A frame, as fonts show for what they lack."""
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    inner, right = 40, round(0.45 * EM)
    top = round(0.9 * height)
    for points in (
        ((50, 0), (50, top), (right, top), (right, 0)),
        ((50 + inner, inner), (right - inner, inner), (right - inner, top - inner), (50 + inner, top - inner)),
    ):
        pen.moveTo(points[0])
        for point in points[1:]:
            pen.lineTo(point)
        pen.closePath()
    return pen.glyph()


def _glyph_name(letter: str) -> str:
    from fontTools.agl import UV2AGL

    code = ord(letter)
    return UV2AGL.get(code) or (f"uni{code:04X}" if code <= 0xFFFF else f"u{code:05X}")


def _check_words(family: str, version: str, description: str, licence: str) -> None:
    if not re.search(r"[A-Za-z0-9]", family) or len(family) > 60 or not family.isprintable():
        raise DataError(f"{family!r} cannot name a font; a name has letters, and at most 60 characters")
    if not re.fullmatch(r"\d{1,4}(\.\d{1,3})?", version):
        raise DataError(f"{version!r} is not a font's version; it must be like 1.000")
    for words in (description, licence):
        if len(words) > 10_000:
            raise DataError(f"a description or licence of {len(words):,} characters; a font holds at most 10,000")


def _names(family: str, version: str, description: str, licence: str) -> dict[str, str]:
    plain = re.sub(r"[^A-Za-z0-9]", "", family)
    names = {
        "familyName": family, "styleName": "Regular", "uniqueFontIdentifier": f"{version};{plain}-Regular",
        "fullName": f"{family} Regular", "version": f"Version {version}", "psName": f"{plain}-Regular",
        "description": description, "licenseDescription": licence,
    }  # fmt: skip
    return {kind: words for kind, words in names.items() if words}


@contextmanager
def _written(path: Path) -> Iterator[Any]:
    """A file beside ``path`` to write into; it takes its place at the end, or is gone when anything fails."""
    if path.is_dir():
        raise DataError(f"cannot write {path}: it is a folder")
    part = path.with_name(f".{path.name[:100]}-{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise DataError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from None
    finally:
        with suppress(OSError, ValueError):
            part.unlink(missing_ok=True)
