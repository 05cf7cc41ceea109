"""framing = letter: whatever a letter's picture is like, it is read as ink at the scale and baseline of letters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from genvae.errors import DataError
from genvae.host import default_host
from genvae_image_style.fonts import render_font
from genvae_image_style.fonts.ink import as_ink
from genvae_image_style.modality import Image
from genvae_image_style.reading.decoding import Frame
from tests.images.drawn import built, rmse
from tests.images.test_reading import bomb, png

SIZE = 32
READS = Image(Frame(SIZE, 1, "letter"), contents=("H", "x"), labels=True)


@pytest.fixture(scope="module")
def font(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("fonts") / "a.ttf", {"H": (100, 0, 500, 700), "x": (50, 0, 450, 500)})


def read(item: object) -> np.ndarray:
    return np.asarray(READS.item(READS.example(item)))


def test_dark_ink_anywhere_on_paper_is_the_letter(font: Path, tmp_path: Path) -> None:
    large = render_font(font, "H", 128)["H"]
    paper = np.full((200, 300), 240, np.uint8)
    paper[40:168, 90:218] -= (large * (220 / 255)).astype(np.uint8)
    wanted = as_ink(paper, SIZE, "H")
    (tmp_path / "h.png").write_bytes(png(paper))
    for picture in (paper, np.dstack([paper] * 3), Pillow.fromarray(paper), str(tmp_path / "h.png")):
        assert np.array_equal(read({"image": picture, "content": "H"}), wanted)
    assert np.array_equal(read(f"H={tmp_path / 'h.png'}"), wanted)
    assert rmse(read({"image": 255 - paper, "content": "H"}), wanted) < 0.02
    moved = np.roll(paper, (-20, 60), (0, 1))
    assert rmse(read({"image": moved, "content": "H"}), wanted) < 0.02
    assert wanted.max() > 250 and wanted[0].max() == 0  # bright ink, with a margin


def test_a_picture_of_the_size_stays_where_it_is(font: Path) -> None:
    letter = render_font(font, "x", SIZE)["x"]
    assert np.array_equal(read(letter), letter) and np.array_equal(read(255 - letter), letter)
    assert np.array_equal(read(f"{font}#x"), letter)
    colour = Image(Frame(SIZE, 3, "letter"))
    assert np.array_equal(np.asarray(colour.item(colour.example(letter)))[..., 1], letter)


def test_a_letter_that_is_named_stands_as_it_usually_does(font: Path) -> None:
    large = render_font(font, "x", 100)["x"]
    cut = large[large.any(1)][:, large.any(0)]
    framed = np.pad(cut, 10)
    low, high = (read({"image": framed, "content": letter}) for letter in ("x", "H"))
    assert low.any(1).sum() < high.any(1).sum() - 4  # an x is lower than a capital


def test_training_reads_letters_so_too(tmp_path: Path, font: Path) -> None:
    paper = 255 - np.pad(render_font(font, "H", 64)["H"], 8)
    settings = default_host().make("modality", {"modality": "image", "size": SIZE, "framing": "letter"})
    made = settings.restore(_saved(tmp_path))
    rows = made.prepare({"image": [png(paper)], "file": ["a.png"], "content": ["H"]})
    assert rows["pixels"] == [as_ink(paper, SIZE, "H").tobytes()]


def _saved(folder: Path) -> Path:
    READS.save(folder)
    return folder


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (np.full((40, 40), 255, np.uint8), "the picture: nothing is drawn in the picture"),
        (bomb(40_000, 40_000), "40,000 x 40,000 pixels"),
        (b"words", "not a picture that can be read"),
    ],
)
def test_what_is_no_letter_is_one_line(item: object, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        READS.example(item)
    assert "\n" not in str(caught.value)
