"""One picture, whatever it comes as, brought to a size: what is refused, and how the rest is turned.

Transparent parts are white. Where a picture moves, its first frame counts. 16-bit pictures lose their low byte; EXIF
orientation is heeded. A picture keeps its proportions unless it is asked to be stretched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from genvae.errors import DataError
from genvae_image_style.fonts.ink import as_ink
from genvae_image_style.reading.arrays import Bytes, decoded
from genvae_image_style.reading.opening import check_size, checked_array, flat, opened, said


@dataclass(frozen=True)
class Frame:
    """What every picture is brought to: ``size`` by ``size``, 1 or 3 channels."""

    size: int
    channels: int
    framing: str = "pad"  # pad, crop, stretch, letter
    polarity: str = "keep"  # keep, ink

    @property
    def ink(self) -> bool:
        """Whether what is drawn is bright, whatever the picture was."""
        return self.polarity == "ink" or self.framing == "letter"

    def of(self, source: Any, name: str = "the picture", letter: str | None = None) -> Bytes:
        """A path, the bytes of a file, a PIL image or a uint8 array as planes, (channels, size, size); ``letter`` is
        what it shows, where that is known.

        Raises DataError, in one line that begins with ``name``, for what is no picture, damaged or too large.
        """
        if isinstance(source, bytes):
            plain = decoded(source)
            source = source if plain is None else plain
        if isinstance(source, np.ndarray):
            checked = checked_array(source, name)
            right = checked.shape == (self.size, self.size, 3)[: 2 if self.channels == 1 else 3]
            if right and self.framing != "letter":
                return self._polarised(checked.reshape(self.size, self.size, self.channels).transpose(2, 0, 1))
            source = Image.fromarray(checked)
        elif not isinstance(source, Image.Image):
            source = opened(source, name)
        if self.framing == "letter":
            return self._as_letter(source, name, letter)
        return self._polarised(self._brought(source, name))

    def _brought(self, image: Image.Image, name: str) -> Bytes:
        check_size(image, name)
        try:
            image.draft(None, (2 * self.size, 2 * self.size))  # a JPEG is decoded no larger than it need be
            image = flat(ImageOps.exif_transpose(image), self.channels)
            return self._framed(image)
        except DataError as error:
            raise DataError(f"{name}: {error}") from None
        except Exception as error:  # Pillow's readers raise many kinds for a damaged file
            raise DataError(f"{name}: a damaged picture ({said(error)})") from None

    def _as_letter(self, image: Image.Image, name: str, letter: str | None) -> Bytes:
        """Ink at the scale and on the baseline of letters (``fonts.ink``), the same in each channel."""
        try:
            ink = as_ink(image, self.size, letter)
        except DataError as error:
            raise DataError(f"{name}: {error}") from None
        return np.ascontiguousarray(np.broadcast_to(ink, (self.channels, *ink.shape)))

    def _framed(self, image: Image.Image) -> Bytes:
        width, height = image.size
        side = self.size
        if self.framing == "crop":
            short = min(width, height)
            left, top = (width - short) // 2, (height - short) // 2
            image = image.crop((left, top, left + short, top + short))
        elif self.framing == "pad":
            long = max(width, height)
            image = resized(image, max(1, round(width * side / long)), max(1, round(height * side / long)))
            if image.size != (side, side):
                ground = Image.fromarray(np.broadcast_to(border(image), (side, side, self.channels)).squeeze())
                ground.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
                image = ground
        values = np.asarray(resized(image, side, side)).reshape(side, side, self.channels)
        return np.ascontiguousarray(values.transpose(2, 0, 1))

    def _polarised(self, planes: Bytes) -> Bytes:
        """As it is, or with what is drawn brighter than what it is drawn on."""
        if self.polarity == "keep":
            return np.ascontiguousarray(planes)
        edge = np.concatenate([planes[:, 0], planes[:, -1], planes[:, :, 0], planes[:, :, -1]], 1)
        return 255 - planes if float(np.median(edge)) > 127.5 else np.ascontiguousarray(planes)


def resized(image: Image.Image, width: int, height: int) -> Image.Image:
    """Another size, averaged where it gets smaller; the picture itself where it does not change."""
    if image.size == (width, height):
        return image
    return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)


def border(image: Image.Image) -> Bytes:
    """The median of the outermost pixels, a number a channel."""
    values = np.asarray(image).reshape(image.height, image.width, -1)
    edge = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    return np.median(edge, axis=0).astype(np.uint8)
