"""A user's picture of a letter as the model reads letters: ink 255 on 0, at the scale and baseline of ``render``.

What a picture alone cannot say is the font's scale: whether a low letter is an x of a large font or an X of a small
one. So a picture of exactly the wanted size is taken as it is, and any other one is fitted: its ink is brought to the
height at which such a letter usually stands. Usual are capitals, from 3 to 23.5 pixels of 32, or, where the letter is
named, its own rows (medians of the 1,018 fonts of the training pictures). Wide letters are made smaller, standing on
the same row, so that a margin of 1.5 pixels of 32 remains.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image, ImageOps

from genvae.errors import DataError
from genvae_image_style.fonts.render import FILLED, SIZES
from genvae_image_style.fonts.tracing import covered_box
from genvae_image_style.reading.opening import MOST, check_size, flat, too_large

Grey = NDArray[np.floating[Any]]

CAPITAL = (3.0, 23.5)  # rows of 32 from which and to which ink stands
ROWS = {
    (9.0, 23.5): "mnrvwxz", (9.0, 23.8): "aceosu", (2.5, 23.5): "hikl", (2.5, 23.8): "bd", (2.1, 23.8): "f",
    (5.3, 23.7): "t", (9.0, 29.6): "gpqy", (3.3, 29.6): "j", (3.0, 23.8): "CGOSU0689", (3.0, 24.2): "J35",
    (3.0, 27.1): "Q",
}  # fmt: skip
ROWS_OF = {letter: rows for rows, letters in ROWS.items() for letter in letters}
LEAST_CONTRAST = 0.08  # between ground and ink; less is an empty picture
PLAIN = 0.1  # deviation of the grey of visible parts: below it, what is drawn is the transparency


def polarity(image: Any) -> bool:
    """Whether a picture is bright ink on a dark ground, as models read it; False for dark ink on a bright one.

    The ground is what most of the border shows; where that is neither dark nor bright, what most of the picture shows.
    """
    return _bright_ink(_grey(image))


def as_ink(image: Any, size: int = 32, letter: str | None = None) -> UInt8[np.ndarray, "size size"]:
    """A PIL image or an array of any size, mode and polarity as (size, size), ink 255 on 0, by the rules above.

    Arrays are (h, w), (h, w, 3) or (h, w, 4), uint8, uint16, boolean, or numbers from 0 to 1. Of a transparent ground
    with one colour on it, the opacity is the ink; other transparent pictures lie on white. Raises DataError in one line
    for what is no such picture, for one that is too large and for one in which nothing is drawn.
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise DataError(f"a size of {size}; letters are read at {SIZES[0]} to {SIZES[1]} pixels")
    grey = _grey(image)
    if float(np.ptp(grey)) < LEAST_CONTRAST:
        raise DataError("nothing is drawn in the picture: it is of one shade")
    ink = grey if _bright_ink(grey) else 1 - grey
    if ink.shape != (size, size):
        ink = _fitted(ink, size, ROWS_OF.get(letter or "", CAPITAL))
    return np.asarray((ink * 255).round(), dtype=np.uint8)


def _bright_ink(grey: Grey) -> bool:
    low, high = float(grey.min()), float(grey.max())
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ground = (float(np.median(edge)) - low) / max(high - low, 1e-9)
    if 0.25 < ground < 0.75:
        ground = (float(np.median(grey)) - low) / max(high - low, 1e-9)
    return ground < 0.5


def _fitted(ink: Grey, size: int, rows: tuple[float, float]) -> Grey:
    """The part with ink, stretched to full contrast, on the given rows of 32 and in the middle of the width."""
    ground = float(np.median(np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])))
    ground = min(ground, float(ink.max()) - LEAST_CONTRAST)
    ink = np.clip((ink - ground) / (float(ink.max()) - ground), 0, 1)
    left, top, right, bottom = covered_box(ink)
    unit = size / 32
    scale = min((rows[1] - rows[0]) * unit / (bottom - top), FILLED * size / (right - left))
    # The square of the source that becomes the picture: the ink's lowest row at rows[1], its middle in the middle.
    side = size / scale
    x, y = (left + right) / 2 - side / 2, bottom - rows[1] * unit / scale
    margin = int(np.ceil(max(0, -x, -y, x + side - ink.shape[1], y + side - ink.shape[0]))) + 1
    padded = Image.fromarray(np.pad(ink, margin).astype(np.float32))
    way = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    place = (x + margin, y + margin, x + margin + side, y + margin + side)
    return np.clip(np.asarray(padded.resize((size, size), way, box=place)), 0, 1)


def _grey(image: Any) -> Grey:
    """A picture as numbers from 0 (black) to 1 (white), (h, w); ink is bright where it is the opacity."""
    if isinstance(image, Image.Image):
        return _of_image(image)
    values = np.asarray(image)
    channels = values.shape[2] if values.ndim == 3 else 1
    if values.ndim not in (2, 3) or channels not in (1, 3, 4) or not values.size:
        raise DataError(f"an array of shape {values.shape} is no picture; pictures are (h, w) or (h, w, 3)")
    if values.shape[0] * values.shape[1] > MOST:
        raise too_large(values.shape[1], values.shape[0], "the picture")
    if values.dtype in (np.bool_, np.uint8):
        values = values.astype(np.uint8) * (255 if values.dtype == bool else 1)
    elif values.dtype == np.uint16:
        values = (values >> 8).astype(np.uint8)
    elif values.dtype.kind == "f" and np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1:
        if channels == 1:
            return values.reshape(values.shape[:2]).astype(float)
        values = (values * 255).round().astype(np.uint8)
    else:
        raise DataError(f"an array of {values.dtype} that is not uint8, uint16 or numbers from 0 to 1 is no picture")
    return _of_image(Image.fromarray(values[..., 0] if values.ndim == 3 and channels == 1 else values))


def _of_image(image: Image.Image) -> Grey:
    check_size(image, "the picture")
    try:
        image = ImageOps.exif_transpose(image)
        if image.has_transparency_data and not image.mode.startswith(("I", "F")):
            layers = np.asarray(image.convert("RGBA").convert("LA"), dtype=float) / 255
            shade, opacity = layers[..., 0], layers[..., 1]
            visible = shade[opacity > 0.5]
            if float(np.ptp(opacity)) > 0.5 and visible.size and float(visible.std()) < PLAIN:
                return opacity if _bright_ink(opacity) else 1 - opacity
        return np.asarray(flat(image, 1), dtype=float) / 255
    except DataError as error:
        raise DataError(f"the picture: {error}") from None
    except Exception as error:  # Pillow's readers raise many kinds for a damaged file
        said = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(f"the picture is damaged ({said})") from None
