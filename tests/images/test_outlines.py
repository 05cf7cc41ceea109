"""Outlines, drawings and font files of pictures: against closed forms, Pillow's own drawing and what readers find."""

import math
import re
import time
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops, ImageDraw, ImageFont

from genvae_image_style.fonts import LETTERS, letter_svg, rasterise, render_font, to_font, to_svg, trace
from genvae_image_style.fonts.fitting import fit_chain
from genvae_image_style.fonts.outline import Outline
from genvae_image_style.fonts.tracing import marching_squares
from tests.images.drawn import bezier, by_pillow, disc, rectangles, refused, rmse

INSTALLED = Path("/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf")


@pytest.fixture(scope="module")
def alphabet(tmp_path_factory):
    """62 letters of a real font where one is installed."""
    path = INSTALLED if INSTALLED.exists() else rectangles(tmp_path_factory.mktemp("fonts") / "boxes.ttf")
    return render_font(path, LETTERS)


@pytest.fixture(scope="module")
def exported(alphabet, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "face.ttf"
    start = time.process_time()
    to_font(alphabet, path, "Test Face", version="1.250", description="Drawn.", licence="CC0")
    return path, time.process_time() - start


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
