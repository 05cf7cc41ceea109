"""One picture, whatever it comes as, brought to a size: what is refused, and how the rest is turned.

Transparent parts are white. Where a picture moves, its first frame counts. 16-bit pictures lose their low byte; EXIF
orientation is heeded. A picture keeps its proportions unless it is asked to be stretched.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from genvae.errors import DataError
from genvae_image_style.reading.arrays import Bytes, decoded, on_white

MOST = 64_000_000  # pixels of a picture that is decoded
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
KINDS = "PNG, JPEG, WebP, BMP, GIF or TIFF"


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
            checked = _array(source, name)
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
            raise DataError(f"{name}: a damaged picture ({_said(error)})") from None

    def _as_letter(self, image: Image.Image, name: str, letter: str | None) -> Bytes:
        """Ink at the scale and on the baseline of letters (``fonts.ink``), the same in each channel."""
        from genvae_image_style.fonts.ink import as_ink

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


def opened(source: Path | str | bytes, name: str) -> Image.Image:
    """A picture file whose header has been read, and nothing more."""
    if isinstance(source, bytes):
        content, start = io.BytesIO(source), source[:256]
    else:
        path = Path(source).expanduser()
        try:
            if path.is_dir():
                raise DataError(f"{name}: a folder, not a picture")
            with path.open("rb") as file:
                start = file.read(256)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            raise DataError(f"{name}: no such file" if missing else f"{name}: {error.strerror or error}") from None
        except ValueError as error:  # a zero byte in the name
            raise DataError(f"{name!r}: no file name ({error})") from None
        content = path  # type: ignore[assignment]
    if not start:
        raise DataError(f"{name}: an empty file, not a picture")
    try:
        with warnings.catch_warnings():  # what Pillow warns of is refused by its size
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(content, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise DataError(f"{name}: too large a picture ({_said(error)}); at most {MOST:,} pixels") from None
    except Image.UnidentifiedImageError:
        raise DataError(f"{name}: {_unknown(start)}") from None
    except Exception as error:  # a header that promises something else
        raise DataError(f"{name}: a damaged picture ({_said(error)})") from None
    check_size(image, name)
    return image


def check_size(image: Image.Image, name: str) -> None:
    """Refuse a picture by what its header says, before it is decoded."""
    if image.width * image.height > MOST:
        raise DataError(f"{name}: {image.width:,} x {image.height:,} pixels; at most {MOST:,} in all are read")
    if not image.width * image.height:
        raise DataError(f"{name}: a picture without pixels")


def _unknown(start: bytes) -> str:
    text = start.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if b"<svg" in start.lower() or text.startswith(b"<?xml"):
        return f"a drawing (SVG), not a picture; save it as one: {KINDS}"
    return f"not a picture that can be read; it must be {KINDS}"


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def _array(values: NDArray[Any], name: str) -> Bytes:
    """A user's array as (h, w) or (h, w, 3)."""
    if values.dtype == bool:
        values = values.astype(np.uint8) * 255
    if values.dtype != np.uint8:
        raise DataError(f"{name}: an array of {values.dtype}; pictures are uint8, 0 to 255")
    channels = values.shape[2] if values.ndim == 3 else 1
    if values.ndim not in (2, 3) or channels not in (1, 3, 4) or not values.size:
        raise DataError(f"{name}: an array of shape {values.shape}; pictures are (h, w) or (h, w, 3)")
    if values.shape[0] * values.shape[1] > MOST:
        raise DataError(f"{name}: {values.shape[1]:,} x {values.shape[0]:,} pixels; at most {MOST:,} in all are read")
    return on_white(values) if channels == 4 else np.asarray(values[..., 0] if values.shape[2:] == (1,) else values)


def flat(image: Image.Image, channels: int) -> Image.Image:
    """A picture of any mode in mode L or RGB."""
    if image.mode.startswith(("I", "F")):
        image = Image.fromarray(_bytes(np.asarray(image)))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        if image.mode in ("La", "RGBa"):
            image = image.convert(image.mode.upper())
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("L" if channels == 1 else "RGB")


def _bytes(values: NDArray[Any]) -> Bytes:
    """16-bit, 32-bit and real grey values as 0 to 255."""
    if not np.isfinite(values).all():
        raise DataError("a picture with values that are not finite")
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and high <= 1.0:
        scale = 255.0
    elif values.dtype.itemsize == 2 or high > 255:  # Pillow opens some 16-bit pictures as 32-bit ones
        scale = 1 / 257
    else:
        scale = 1.0
    if low < 0 or high * scale > 255.0:
        raise DataError(f"a picture with values from {low:g} to {high:g}; at most 16 bits are read")
    return np.asarray((values * scale).round(), dtype=np.uint8)
