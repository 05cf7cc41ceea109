"""Letters of a font, against geometry reckoned by hand and the training pictures where they are; users' pictures."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops, ImageDraw

from genvae.errors import DataError
from genvae_image_style.fonts import LETTERS, as_ink, open_face, polarity, render_font
from tests.images.drawn import built, disc, rectangles, refused, rmse

INSTALLED = Path("/usr/share/fonts/truetype/dejavu")
TRAINING = Path(__file__).parents[3] / "shared/data/image/fonts/glyphs32.npz"


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    return rectangles(tmp_path_factory.mktemp("fonts") / "boxes.ttf")


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


def test_a_picture_of_the_size_is_kept(boxes):
    for ink in render_font(boxes, "Ag1").values():
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
