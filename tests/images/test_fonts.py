"""Fonts in and out: against geometry reckoned by hand, the training pictures where they are, and Pillow's drawing."""

import io
import math
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops, ImageDraw, ImageFont

from genvae.errors import DataError
from genvae_image_style.fonts import (
    LETTERS,
    as_ink,
    letter_svg,
    open_face,
    polarity,
    rasterise,
    render_font,
    to_font,
    to_svg,
    trace,
)  # fmt: skip
from genvae_image_style.fonts.export import PROGRAM
from genvae_image_style.fonts.fitting import fit_chain
from genvae_image_style.fonts.outline import Outline
from genvae_image_style.fonts.tracing import marching_squares

INSTALLED = Path("/usr/share/fonts/truetype/dejavu")
TRAINING = Path(__file__).parents[3] / "shared/data/image/fonts/glyphs32.npz"


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


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """Rectangles with parts above, on and below the baseline; their heights differ."""
    shapes = {letter: (100, 0, 400 + 5 * place, 700) for place, letter in enumerate(LETTERS)}
    shapes |= {"g": (100, -200, 500, 500), "x": (50, 0, 450, 500)}
    return built(tmp_path_factory.mktemp("fonts") / "boxes.ttf", shapes)


@pytest.fixture(scope="module")
def alphabet(boxes):
    """62 letters of a real font where one is installed."""
    real = INSTALLED / "DejaVuSerif.ttf"
    return render_font(real if real.exists() else boxes, LETTERS)


@pytest.fixture(scope="module")
def exported(alphabet, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "face.ttf"
    start = time.process_time()
    to_font(alphabet, path, "Test Face", version="1.250", description="Drawn.", licence="CC0")
    return path, time.process_time() - start


# ---- letters of a font ----


def test_scale_baseline_and_place_are_those_reckoned_by_hand(tmp_path):
    path = built(tmp_path / "a.ttf", {"A": (100, 0, 500, 700), "g": (100, -200, 500, 500)})
    # At 48 to the em the boxes reach 33.6 up and 9.6 down: 34 + 10. 48 * 58 / 44 = 63.3: 63 to the em. There they reach
    # 44.1 up and 12.6 down: 45 + 13, so the baseline is at 3 + 45 = 48 of 64; advances of 37.8 count 38, from 13 on.
    em = 63 / 2
    for letter, (low, high) in {"A": (0.0, 0.7), "g": (-0.2, 0.5)}.items():
        ink = render_font(path, "Ag")[letter] / 255.0
        assert ink.shape == (32, 32)
        assert ink.sum() == pytest.approx(0.4 * em * (high - low) * em, rel=0.01)
        rows, columns = ink.sum(1) / ink.max(0).sum(), ink.sum(0) / ink.max(1).sum()
        middle_y = (np.arange(32) + 0.5) @ rows / rows.sum()
        middle_x = (np.arange(32) + 0.5) @ columns / columns.sum()
        assert middle_y == pytest.approx(24 - (low + high) / 2 * em, abs=0.05)
        assert middle_x == pytest.approx(13 / 2 + 0.3 * em, abs=0.05)


@pytest.mark.parametrize("name", ["DejaVuSerif", "DejaVuSansMono-Bold", "DejaVuSerif-Bold", "DejaVuSansMono"])
def test_letters_are_the_training_pictures(name):
    path = INSTALLED / f"{name}.ttf"
    if not (path.exists() and TRAINING.exists()):
        pytest.skip("needs the training pictures and a font that is among them")
    with np.load(TRAINING) as data:
        place = [str(font).endswith(f"/{name}.ttf") for font in data["font"]].index(True)
        chars, images = [str(char) for char in data["chars"]], data["images"][place]
    drawn = render_font(path, chars)
    assert rmse(np.stack([drawn[char] for char in chars]), images) < 0.002


def test_the_scale_does_not_depend_on_what_is_asked_for(boxes):
    alone, among = render_font(boxes, "A")["A"], render_font(boxes, LETTERS)["A"]
    assert np.array_equal(alone, among)
    assert list(render_font(boxes, "gAg")) == ["g", "A"]


@pytest.mark.parametrize("size", [16, 28, 64, 128])
def test_other_sizes_show_the_same(boxes, size):
    large = render_font(boxes, "g", size)["g"]
    assert large.shape == (size, size)
    assert large.mean() == pytest.approx(render_font(boxes, "g", 32)["g"].mean(), rel=0.08)


def test_odd_metrics_draw_and_stay_within(tmp_path):
    letters = {"A": (-900, -3000, 4000, 200), "b": (0, 0, 10, 10), "c": (3000, 0, 3100, 900)}
    for ink in render_font(built(tmp_path / "odd.ttf", letters), "Ac").values():
        assert ink.any()
    huge = built(tmp_path / "huge.ttf", {"A": (0, -16000, 100, 16000)})
    with pytest.raises(DataError, match=r"too much in extent|cannot be drawn"):
        render_font(huge, "A", 16)


def test_a_variable_font_is_drawn_in_its_default_instance(tmp_path):
    shapes = {"A": (100, 0, 500, 700), "g": (100, -200, 500, 500)}
    plain, variable = built(tmp_path / "p.ttf", shapes), built(tmp_path / "v.ttf", shapes, axis=True)
    assert "gvar" in TTFont(variable)
    assert np.array_equal(render_font(plain, "A")["A"], render_font(variable, "A")["A"])


def refused(what, *said):
    with pytest.raises(DataError) as caught:
        what()
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400
    for words in said:
        assert words in text


def test_letters_that_cannot_be_drawn_are_named(tmp_path, boxes):
    refused(lambda: render_font(boxes, "AÄß"), "'Ä', 'ß'", "boxes.ttf")
    refused(lambda: render_font(boxes, ""), "at least one")
    refused(lambda: render_font(boxes, ["AB"]), "'AB' is not one letter")
    refused(lambda: render_font(boxes, "A", 4), "8 to 1024")
    blank = built(tmp_path / "blank.ttf", {"A": (100, 0, 500, 700), "B": (0, 0, 0, 0)})
    refused(lambda: render_font(blank, "AB"), "draws nothing for 'B'")
    mapped = built(tmp_path / "mapped.ttf", {"A": (100, 0, 500, 700)}, codes={65: "g65", 66: ".notdef"})
    refused(lambda: render_font(mapped, "AB"), "no 'B'")


def test_files_that_are_no_usable_fonts_are_refused(tmp_path, boxes):
    whole = boxes.read_bytes()

    def file(name, content):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    refused(lambda: render_font(file("t.ttf", b"hello, this is text" * 20), "A"), "not a TrueType or OpenType font")
    refused(lambda: render_font(file("e.ttf", b""), "A"), "empty file")
    refused(lambda: render_font(file("h.ttf", whole[: len(whole) // 3]), "A"), "h.ttf")
    refused(lambda: render_font(file("s.ttf", whole[:12]), "A"), "s.ttf")
    refused(lambda: render_font(tmp_path, "A"), "a folder")
    refused(lambda: render_font(tmp_path / "none.ttf", "A"), "no such file")
    refused(lambda: render_font("a\0b.ttf", "A"), "no such file")
    with (tmp_path / "big.ttf").open("wb") as big:
        big.truncate(70_000_000)
    refused(lambda: render_font(tmp_path / "big.ttf", "A"), "70,000,000 bytes")
    os.mkfifo(tmp_path / "pipe.ttf")
    refused(lambda: render_font(tmp_path / "pipe.ttf", "A"), "not a font file")
    symbols = built(tmp_path / "sym.ttf", {"A": (100, 0, 500, 700)}, codes={0xF041: "g65"}, encoding=(3, 0))
    refused(lambda: render_font(symbols, "A"), "font of symbols")
    roman = built(tmp_path / "mac.ttf", {"A": (100, 0, 500, 700)}, encoding=(1, 0))
    refused(lambda: render_font(roman, "A"), "without a Unicode table")
    bare = TTFont(boxes)
    del bare["glyf"], bare["loca"]
    bare.save(tmp_path / "bitmap.ttf")
    refused(lambda: open_face(tmp_path / "bitmap.ttf"), "bitmaps only")


def test_damage_anywhere_is_refused_or_harmless(tmp_path, boxes):
    whole = bytearray(boxes.read_bytes())
    random = np.random.default_rng(0)
    for _ in range(25):
        broken = bytearray(whole)
        for place in random.integers(12, len(broken), 40):
            broken[place] = random.integers(256)
        (tmp_path / "broken.ttf").write_bytes(broken)
        try:
            drawn = render_font(tmp_path / "broken.ttf", "AgX", 16)
        except DataError as error:
            assert "\n" not in str(error)
        else:
            assert {ink.shape for ink in drawn.values()} == {(16, 16)}


# ---- tracing ----


def test_marching_squares_finds_a_circle_to_a_hundredth():
    at = np.arange(40) + 0.5
    distance = np.hypot(at[None, :] - 20.3, at[:, None] - 19.1)
    (contour,) = marching_squares(np.clip(0.5 + (11.7 - distance) / 4, 0, 1))
    radii = np.hypot(contour[:, 0] - 20.3, contour[:, 1] - 19.1)
    assert np.abs(radii - 11.7).max() < 0.02


def test_contours_of_noise_are_closed_and_enclose_what_is_above():
    field = np.pad(np.random.default_rng(1).random((30, 30)), 1)
    contours = marching_squares(field)
    assert len(contours) > 30
    for contour in contours:  # every step stays in one square of the grid
        assert np.abs(contour - np.roll(contour, 1, 0)).max() <= 1 + 1e-9
    # The winding number of a point of the grid is 1 where the field is above the level, by all contours together.
    for row, column in np.random.default_rng(2).integers(1, 31, (60, 2)):
        winding = 0.0
        for contour in contours:
            around = (contour[:, 0] - column - 0.5) + 1j * (contour[:, 1] - row - 0.5)
            winding += float(np.angle(np.roll(around, -1) / around).sum()) / (2 * math.pi)
        assert winding == pytest.approx(float(field[row, column] >= 0.5), abs=1e-6)


def test_fitting_recovers_a_cubic_and_a_line():
    control = np.array([0, 3 + 4j, 7 + 5j, 10 + 1j])
    points = bezier(control, 80)
    (curve,), straight = fit_chain(points, 0.05)
    assert not straight.any()
    again = bezier(curve, 500)
    assert max(np.abs(again - point).min() for point in points) < 0.06
    pieces, straight = fit_chain(np.linspace(1 + 1j, 9 + 4j, 30), 0.02)
    assert straight.tolist() == [True] and pieces[0, 0] == 1 + 1j and pieces[0, 3] == 9 + 4j


def test_fitted_curves_are_near_every_point():
    angle = np.linspace(0, 2 * math.pi, 400)
    spiral = (3 + angle) * np.exp(2j * angle)
    pieces, straight = fit_chain(spiral, 0.05)
    assert not straight.all() and len(pieces) < 20
    drawn = np.concatenate([bezier(piece, 200) for piece in pieces])
    assert max(np.abs(drawn - point).min() for point in spiral) < 0.08
    assert np.allclose(pieces[1:, 0], pieces[:-1, 3])


@pytest.mark.parametrize("radius", [3.0, 7.5, 13.2])
def test_a_disc_keeps_its_area_and_a_ring_has_a_hole(radius):
    (contour,) = trace(disc(32, 15.7, 16.2, radius)).contours
    assert contour.area == pytest.approx(math.pi * radius**2, rel=0.02)
    assert not contour.straight.any()
    ring = disc(32, 16, 16, 13) - disc(32, 16, 16, radius / 2)
    outer, hole = sorted(trace(ring).contours, key=lambda part: -part.area)
    assert outer.area == pytest.approx(math.pi * 169, rel=0.02)
    assert hole.area == pytest.approx(-math.pi * radius**2 / 4, rel=0.06)


def test_a_rectangle_is_four_lines():
    ink = np.zeros((32, 32), dtype=np.uint8)
    ink[5:25, 8:20] = 255
    outline = trace(ink)
    assert outline.box == pytest.approx((8, 5, 20, 25), abs=0.1)
    (contour,) = outline.contours
    assert len(contour.straight) <= 8 and contour.straight.sum() >= 4
    assert contour.area == pytest.approx(240, rel=0.015)


def test_letters_are_drawn_back(alphabet):
    some = [alphabet[letter] for letter in "ABMQgji8"]
    off = [np.abs(rasterise(trace(ink), 32) / 255.0 - ink / 255.0).mean() for ink in some]
    assert max(off) < 0.02 and np.mean(off) < 0.01


def test_our_drawing_of_outlines_is_pillows():
    ring = disc(32, 16, 16, 13) - disc(32, 14, 17, 5)
    outline = trace(ring)
    assert np.abs(rasterise(outline, 48).astype(int) - by_pillow(outline, 48)).mean() / 255 < 0.01
    assert rasterise(outline, 32).sum() / 255 == pytest.approx(sum(part.area for part in outline.contours), rel=0.002)


def test_hairlines_thinner_than_a_pixel_survive():
    ink = np.zeros((32, 32), dtype=np.uint8)
    ink[14:16, 4:28] = 90  # 0.7 pixels of ink across two rows
    back = rasterise(trace(ink), 32)
    assert float(back.sum()) == pytest.approx(float(ink.sum()), rel=0.25)


def test_specks_and_empty_pictures_have_no_contours():
    ink = np.zeros((32, 32), dtype=np.uint8)
    assert trace(ink).contours == () and trace(ink).box is None
    ink[10, 10] = 60
    assert trace(ink).contours == ()
    assert not rasterise(Outline((), 32.0, 32.0), 16).any()


def test_larger_and_real_valued_pictures_are_traced():
    whole = trace(disc(128, 64, 64, 40))
    assert sum(part.area for part in whole.contours) == pytest.approx(math.pi * 1600, rel=0.01)
    assert np.array_equal(rasterise(trace(disc(32, 16, 16, 9) / 255.0), 32), rasterise(trace(disc(32, 16, 16, 9)), 32))
    edge = np.full((16, 16), 255, dtype=np.uint8)
    assert sum(part.area for part in trace(edge).contours) == pytest.approx(256, rel=0.02)
    for bad in (
        np.zeros((3, 3, 3), np.uint8),
        np.full((4, 4), np.nan),
        np.full((4, 4), 2.0),
        np.zeros((0, 4), np.uint8),
    ):
        refused(lambda bad=bad: trace(bad))


# ---- drawings and fonts ----


def test_a_font_gives_its_letters_back(alphabet, exported):
    path, seconds = exported
    assert seconds < 6  # about 1.2 on a core of its own
    back = render_font(path, LETTERS)
    assert rmse(np.stack(list(back.values())), np.stack(list(alphabet.values()))) < 0.06


def test_a_font_can_be_read_by_others(exported):
    font = TTFont(exported[0], lazy=False)
    assert font.getBestCmap().keys() == {ord(letter) for letter in LETTERS} | {0x20, 0xA0}
    names = font["name"]
    assert [names.getDebugName(number) for number in (1, 2, 4, 6)] == [
        "Test Face", "Regular", "Test Face Regular", "TestFace-Regular",
    ]  # fmt: skip
    assert names.getDebugName(5) == "Version 1.250"
    assert names.getDebugName(10) == "Drawn." and names.getDebugName(13) == "CC0"
    assert font["head"].unitsPerEm == 1000 and font.getGlyphOrder()[0] == ".notdef"
    assert font["hhea"].ascent == font["OS/2"].sTypoAscender > 0 > font["hhea"].descent
    assert font["head"].yMax <= font["OS/2"].usWinAscent and -font["head"].yMin <= font["OS/2"].usWinDescent
    for letter in "AgO":
        glyph = font["glyf"][font.getBestCmap()[ord(letter)]]
        advance, left = font["hmtx"][font.getBestCmap()[ord(letter)]]
        assert left == glyph.xMin and advance >= glyph.xMax > glyph.xMin >= 0
    pillow = ImageFont.truetype(str(exported[0]), 40)
    assert pillow.getname() == ("Test Face", "Regular")
    assert pillow.getlength("A b") > pillow.getlength("Ab") > 0


def test_outer_contours_run_clockwise_as_truetype_has_it(tmp_path):
    path = to_font({"O": disc(32, 16, 14, 10) - disc(32, 16, 14, 5)}, tmp_path / "o.ttf")
    coordinates, ends, _ = TTFont(path)["glyf"]["O"].getCoordinates(TTFont(path)["glyf"])
    areas, start = [], 0
    for end in ends:
        x, y = np.array(coordinates[start : end + 1], dtype=float).T
        areas.append(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)  # y upwards: clockwise is negative
        start = end + 1
    assert sorted(area < 0 for area in areas) == [False, True]
    assert min(areas) < 0 < max(areas) < -min(areas)


def test_a_letter_stands_on_the_fonts_baseline(tmp_path):
    ink = np.zeros((32, 32), dtype=np.uint8)
    ink[4:24, 10:20] = 255
    low = np.zeros((32, 32), dtype=np.uint8)
    low[10:30, 10:20] = 255
    font = TTFont(to_font({"H": ink, "g": low}, tmp_path / "h.ttf"))
    assert abs(font["glyf"]["H"].yMin) <= 4
    unit = font["glyf"]["H"].yMax / 20
    assert font["glyf"]["g"].yMin == pytest.approx(-6 * unit, abs=4)
    assert font["OS/2"].sCapHeight == pytest.approx(20 * unit, abs=2)


def test_a_font_is_the_same_file_each_time(tmp_path):
    glyphs = {"I": disc(32, 16, 16, 6)}
    one, other = to_font(glyphs, tmp_path / "1.ttf").read_bytes(), to_font(glyphs, tmp_path / "2.ttf").read_bytes()
    assert one == other


def test_a_font_may_hold_any_letter(tmp_path):
    glyphs = {letter: disc(32, 16, 16, 8) for letter in ("Ä", "ß", "&", "я", "𝔸")}
    path = to_font(glyphs, tmp_path / "any.ttf", "Å b")
    assert {ord(letter) for letter in glyphs} < TTFont(path).getBestCmap().keys()
    assert render_font(path, "𝔸Ä")["Ä"].any()


def test_a_font_that_cannot_be_written_leaves_nothing(tmp_path):
    glyphs = {"A": disc(32, 16, 16, 8)}
    (tmp_path / "file").write_text("kept")
    refused(lambda: to_font(glyphs, tmp_path / "none/a.ttf"), "cannot write", "a.ttf")
    refused(lambda: to_font(glyphs, tmp_path / "file/a.ttf"), "cannot write")
    refused(lambda: to_font(glyphs, tmp_path), "it is a folder")
    refused(lambda: to_font({}, tmp_path / "a.ttf"), "at least one")
    refused(lambda: to_font({"A": np.zeros((32, 32), np.uint8)}, tmp_path / "a.ttf"), "nothing is drawn", "'A'")
    refused(lambda: to_font({"AB": glyphs["A"]}, tmp_path / "a.ttf"), "'AB' is not one letter")
    refused(lambda: to_font({" ": glyphs["A"]}, tmp_path / "a.ttf"), "not one letter")
    refused(lambda: to_font({**glyphs, "B": disc(28, 14, 14, 8)}, tmp_path / "a.ttf"), "of one size")
    refused(lambda: to_font(glyphs, tmp_path / "a.ttf", ""), "cannot name a font")
    refused(lambda: to_font(glyphs, tmp_path / "a.ttf", version="new"), "version")
    refused(lambda: to_font(glyphs, tmp_path / "a.ttf", bearing=-1.0), "bearing")
    assert sorted(place.name for place in tmp_path.iterdir()) == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


def drawn_from_svg(text, size):
    """Paths of lines and cubics only, as a picture, by Pillow's polygons."""
    covered = Image.new("1", (size * 8, size * 8))
    for path in re.findall(r' d="([^"]*)"', text):
        for contour in path.split("Z")[:-1]:
            points, at = [], None
            for kind, numbers in re.findall(r"([MLC])([^MLC]*)", contour):
                values = np.array(numbers.split(), dtype=float).reshape(-1, 2)
                if kind == "C":
                    values = bezier(np.concatenate([[at], values]), 12)[1:]
                points.extend(values.tolist())
                at = np.array(points[-1])
            layer = Image.new("1", covered.size)
            ImageDraw.Draw(layer).polygon((np.array(points) * 8 - 0.5).ravel().tolist(), fill=1)
            covered = ImageChops.logical_xor(covered, layer)
    return np.asarray(covered.convert("L").reduce(8))


def test_a_drawing_shows_the_letters_in_rows():
    from xml.etree import ElementTree

    ring, small = disc(32, 16, 16, 13) - disc(32, 16, 16, 6), disc(32, 10, 20, 5)
    text = to_svg({"O": ring, "&": small, "<": ring}, columns=2)
    root = ElementTree.fromstring(text)
    assert root.attrib["viewBox"] == "0 0 64 64"
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["O", "&", "<"]
    sheet = drawn_from_svg(text, 64)
    expected = np.block([[ring, small], [ring, np.zeros_like(ring)]])
    assert np.abs(sheet / 255.0 - expected / 255.0).mean() < 0.02
    assert np.abs(drawn_from_svg(letter_svg(ring), 32) / 255.0 - ring / 255.0).mean() < 0.02


def test_drawings_of_nothing_are_refused():
    refused(lambda: to_svg({}), "at least one")
    refused(lambda: to_svg({"A": disc(32, 16, 16, 5)}, columns=0), "columns")
    refused(lambda: letter_svg(np.zeros((32, 32), np.uint8)), "nothing is drawn")


# ---- a user's picture of a letter ----


def drawn_letter(width, height, box):
    image = Image.new("L", (width, height), 255)
    ImageDraw.Draw(image).rectangle(box, fill=0)
    return image


def test_polarity_is_seen_from_the_border():
    ink = disc(32, 16, 16, 9)
    assert polarity(ink) and not polarity(255 - ink)
    assert polarity(Image.fromarray(ink)) and not polarity(Image.fromarray(255 - ink).convert("RGB"))
    touching = np.full((32, 32), 255, np.uint8)
    touching[:, 13:18] = 0  # ink that reaches two borders
    assert not polarity(touching)


def test_a_picture_of_the_size_is_kept(alphabet):
    for letter in "Ag1":
        ink = alphabet[letter]
        assert np.array_equal(as_ink(ink), ink)
        assert np.array_equal(as_ink(255 - ink), ink)
        assert np.array_equal(as_ink(Image.fromarray(255 - ink).convert("RGB")), ink)
        assert np.array_equal(as_ink((255 - ink) / 255.0), ink)


@pytest.mark.parametrize("kind", ["L", "1", "RGB", "RGBA", "LA", "P", "I;16", "F"])
def test_pictures_of_any_kind_are_read_alike(kind):
    image = drawn_letter(300, 200, (100, 40, 159, 159))
    plain = as_ink(image)
    if kind == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    elif kind == "F":
        image = Image.fromarray(np.asarray(image, dtype=np.float32) / 255)
    else:
        image = image.convert(kind)
    assert np.abs(as_ink(image).astype(int) - plain).max() <= 1


def test_a_larger_picture_is_brought_to_the_rows_of_a_capital():
    for invert in (False, True):
        image = drawn_letter(500, 400, (200, 100, 299, 299))  # 100 wide, 200 high
        ink = as_ink(ImageChops.invert(image) if invert else image) / 255.0
        assert ink.sum() == pytest.approx(20.5 * 10.25, rel=0.02)
        rows = np.flatnonzero(ink.max(1) > 0.02)
        assert (rows[0], rows[-1]) == (3, 23) and ink[23].max() == pytest.approx(0.5, abs=0.05)
        assert (np.arange(32) + 0.5) @ ink.sum(0) / ink.sum() == pytest.approx(16, abs=0.05)
    low = as_ink(image, letter="x") / 255.0
    assert np.flatnonzero(low.max(1) > 0.02)[[0, -1]].tolist() == [9, 23]
    deep = as_ink(image, letter="g") / 255.0
    assert np.flatnonzero(deep.max(1) > 0.5)[[0, -1]].tolist() == [9, 29]


def test_a_wide_letter_keeps_its_margin_and_its_baseline():
    ink = as_ink(drawn_letter(800, 200, (50, 80, 749, 119)), 64) / 255.0
    columns, rows = np.flatnonzero(ink.max(0) > 0.5), np.flatnonzero(ink.max(1) > 0.5)
    assert columns[0] >= 3 and columns[-1] <= 60 and rows[-1] == 46


def test_a_letter_at_the_very_edge_and_a_small_picture():
    assert as_ink(drawn_letter(100, 100, (0, 0, 30, 99))).any()
    small = as_ink(disc(20, 10, 10, 6), 32) / 255.0
    assert np.flatnonzero(small.max(1) > 0.5)[[0, -1]].tolist() == pytest.approx([3, 23], abs=1)


def test_what_is_opaque_is_ink_whatever_its_colour():
    for colour in ((0, 0, 0), (255, 255, 255), (200, 30, 30)):
        image = Image.new("RGBA", (200, 200), (*colour, 0))
        ImageDraw.Draw(image).rectangle((80, 50, 119, 149), fill=(*colour, 255))
        ink = as_ink(image) / 255.0
        assert ink.sum() == pytest.approx(20.5 * 8.2, rel=0.03)


def test_a_faint_picture_is_brought_to_full_contrast():
    faint = np.full((100, 100), 190, np.uint8)
    faint[20:80, 40:60] = 120
    assert as_ink(faint).max() == 255 and as_ink(faint)[0, 0] == 0


def test_pictures_that_are_none_are_refused():
    refused(lambda: as_ink(np.zeros((32, 32), np.uint8)), "nothing is drawn")
    refused(lambda: as_ink(np.full((90, 70), 255, np.uint8)), "nothing is drawn")
    refused(lambda: as_ink(np.zeros((2, 2, 2, 2))), "is no picture")
    refused(lambda: as_ink(np.full((9, 9), np.nan)), "is no picture")
    refused(lambda: as_ink(np.arange(81).reshape(9, 9)), "is no picture")
    refused(lambda: as_ink("A.png"), "is no picture")
    refused(lambda: as_ink(disc(32, 16, 16, 9), 4), "8 to 1024")
    unread = Image.open(io.BytesIO(b"P5 9000 9000 255\n"))  # a header alone: to decode it would fail otherwise
    refused(lambda: as_ink(unread), "9,000 x 9,000")
    refused(lambda: as_ink(np.broadcast_to(np.uint8(0), (40_000, 40_000))), "40,000 x 40,000")
