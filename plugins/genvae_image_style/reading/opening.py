"""A picture file as a picture: what is refused before it is decoded, and what transparency, 16 bits and palettes come
to."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from genvae.errors import DataError
from genvae_image_style.reading.arrays import Bytes, on_white

MOST = 64_000_000  # pixels of a picture that is decoded
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
KINDS = "PNG, JPEG, WebP, BMP, GIF or TIFF"


def opened(source: Path | str | bytes, name: str) -> Image.Image:
    """A picture file whose header has been read, and nothing more."""
    content: Path | io.BytesIO
    if isinstance(source, bytes):
        content, start = io.BytesIO(source), source[:256]
    else:
        content = path = Path(source).expanduser()
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
    if not start:
        raise DataError(f"{name}: an empty file, not a picture")
    try:
        with warnings.catch_warnings():  # what Pillow warns of is refused by its size
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(content, formats=FORMATS)
    except Image.DecompressionBombError:
        raise too_large(*_size(content, start), name) from None
    except Image.UnidentifiedImageError:
        raise DataError(f"{name}: {_unknown(start)}") from None
    except Exception as error:  # a header that promises something else
        raise DataError(f"{name}: a damaged picture ({said(error)})") from None
    check_size(image, name)
    return image


def check_size(image: Image.Image, name: str) -> None:
    """Refuse a picture by what its header says, before it is decoded."""
    if image.width * image.height > MOST:
        raise too_large(image.width, image.height, name)
    if not image.width * image.height:
        raise DataError(f"{name}: a picture without pixels")


def too_large(width: int, height: int, name: str) -> DataError:
    """What is said of a picture that has more than MOST pixels."""
    return DataError(f"{name}: {width:,} x {height:,} pixels; at most {MOST:,} in all are read")


def _size(content: Path | io.BytesIO, start: bytes) -> tuple[int, int]:
    """Width and height by the header, of a picture whose format Pillow knows and which it refuses to open."""
    readers = (Image.OPEN[kind] for kind in FORMATS)
    reader = next(reader for reader, accepts in readers if accepts is None or accepts(start))
    with content.open("rb") if isinstance(content, Path) else io.BytesIO(content.getvalue()) as file:
        size: tuple[int, int] = reader(file, "").size
    return size


def _unknown(start: bytes) -> str:
    text = start.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if b"<svg" in start.lower() or text.startswith(b"<?xml"):
        return f"a drawing (SVG), not a picture; save it as one: {KINDS}"
    return f"not a picture that can be read; it must be {KINDS}"


def said(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def checked_array(values: NDArray[Any], name: str) -> Bytes:
    """A user's array as (h, w) or (h, w, 3)."""
    if values.dtype == bool:
        values = values.astype(np.uint8) * 255
    if values.dtype != np.uint8:
        raise DataError(f"{name}: an array of {values.dtype}; pictures are uint8, 0 to 255")
    channels = values.shape[2] if values.ndim == 3 else 1
    if values.ndim not in (2, 3) or channels not in (1, 3, 4) or not values.size:
        raise DataError(f"{name}: an array of shape {values.shape}; pictures are (h, w) or (h, w, 3)")
    if values.shape[0] * values.shape[1] > MOST:
        raise too_large(values.shape[1], values.shape[0], name)
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
