"""Fonts and shapes made for tests, and drawings of outlines that share no code with ours."""

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image, ImageChops, ImageDraw

from genvae.errors import DataError
from genvae_image_style.fonts import LETTERS
from genvae_image_style.fonts.export import PROGRAM


def rmse(one, other):
    return float(np.sqrt(np.mean((one / 255.0 - other / 255.0) ** 2)))


def built(path, boxes, *, codes=None, encoding=(3, 1), axis=False, unicode=True):
    """A font of rectangles: letter -> (left, bottom, right, top) in units of 1/1000 em; advance: right + left."""
    names = {letter: f"g{ord(letter)}" for letter in boxes}
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", *names.values()])
    font.setupCharacterMap(codes if codes is not None else {ord(c): name for c, name in names.items()})
    glyphs = {".notdef": TTGlyphPen(None).glyph()}
    metrics = {".notdef": (500, 0)}
    for letter, name in names.items():
        left, bottom, right, top = boxes[letter]
        pen = TTGlyphPen(None)
        if right > left:
            pen.moveTo((left, bottom))
            for corner in ((left, top), (right, top), (right, bottom)):
                pen.lineTo(corner)
            pen.closePath()
        glyphs[name] = pen.glyph()
        metrics[name] = (left + right, left)
    font.setupGlyf(glyphs)
    font.setupHorizontalMetrics(metrics)
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Boxes", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    if axis:
        font.setupFvar([("wght", 100, 400, 900, "Weight")], [])
        from fontTools.ttLib.tables.TupleVariation import TupleVariation

        wider = [(200, 0)] * 4 + [(0, 0)] * 4  # all corners and the four phantom points
        font.setupGvar({name: [TupleVariation({"wght": (0, 1, 1)}, list(wider))] for name in names.values()})
    for table in font.font["cmap"].tables:
        table.platformID, table.platEncID = encoding
    if len(font.font["cmap"].tables) > 1:
        font.font["cmap"].tables = font.font["cmap"].tables[:1]
    from fontTools.ttLib import newTable
    from fontTools.ttLib.tables.ttProgram import Program

    font.font["prep"] = newTable("prep")
    font.font["prep"].program = Program()
    font.font["prep"].program.fromBytecode(PROGRAM)  # keeps FreeType from moving the edges
    font.save(path)
    return path


def bezier(control, steps):
    """De Casteljau's construction, one t after the other."""
    points = []
    for t in np.linspace(0, 1, steps):
        left = control
        while len(left) > 1:
            left = left[:-1] * (1 - t) + left[1:] * t
        points.append(left[0])
    return np.array(points)


def disc(size, x, y, radius, finer=16):
    at = (np.arange(size * finer) + 0.5) / finer
    inside = (at[None, :] - x) ** 2 + (at[:, None] - y) ** 2 <= radius**2
    return np.asarray((inside.reshape(size, finer, size, finer).mean((1, 3)) * 255).round(), dtype=np.uint8)


def by_pillow(outline, size, finer=16):
    """Another drawing of the same contours: even-odd, by Pillow's polygons."""
    covered = Image.new("1", (size * finer, size * finer))
    for contour in outline.contours:
        layer = Image.new("1", covered.size)
        corners = (contour.points(32) * size * finer / outline.width - 0.5).ravel().tolist()
        ImageDraw.Draw(layer).polygon(corners, fill=1)
        covered = ImageChops.logical_xor(covered, layer)
    return np.asarray(covered.convert("L").reduce(finer))


def rectangles(path):
    """62 rectangles, with parts above, on and below the baseline; they differ in width."""
    shapes = {letter: (100, 0, 400 + 5 * place, 700) for place, letter in enumerate(LETTERS)}
    shapes |= {"g": (100, -200, 500, 500), "x": (50, 0, 450, 500)}
    return built(path, shapes)


def refused(what, *said):
    with pytest.raises(DataError) as caught:
        what()
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400
    for words in said:
        assert words in text
