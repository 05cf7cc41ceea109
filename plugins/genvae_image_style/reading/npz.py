"""NPZ files of numpy.

``images`` is uint8, (n, h, w), (n, h, w, 3) or (n, 3, h, w); ``content`` and ``style``, if there, have n entries, of
numbers, text or bytes of UTF-8. Pictures may have several leading axes, (fonts, letters, h, w), say: an array as long
as one of them becomes a column of its name, and an axis that has none the column ``axis_0`` or ``axis_1`` of its
numbers. Nothing is unpickled.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genvae.errors import DataError
from genvae_image_style.reading import arrays

if TYPE_CHECKING:
    from datasets import Dataset

LARGEST = 8 << 30  # bytes of all arrays
NAMES = ("images", "image", "pictures")


def read_npz(path: Path) -> Dataset:
    """One row a picture: the column "image", and one for each array beside it."""
    from datasets import Dataset
    from pyarrow import array, table

    found = _arrays(path)
    name = _pictures(path, found)
    pictures = found.pop(name)
    if pictures.dtype != np.uint8:
        raise DataError(f"{path}: {name!r} is of {pictures.dtype}; save the pictures as uint8, 0 to 255")
    if _channels_first(pictures, found):
        pictures = np.moveaxis(pictures, -3, -1)
    coloured = pictures.ndim >= 4 and pictures.shape[-1] in (1, 3, 4)
    leading = pictures.shape[: -3 if coloured else -2]
    if pictures.ndim < 3 or not pictures.size:
        raise DataError(f"{path}: {name!r} has the shape {pictures.shape}; pictures are (n, h, w) or (n, h, w, 3)")
    columns = {"image": arrays.column(pictures.reshape(-1, *pictures.shape[len(leading) :]))}
    named = set()
    for key, values in found.items():
        if values.shape == leading and len(leading) > 1:
            columns[key] = array(values.reshape(-1).tolist())
            continue
        axes = [axis for axis, size in enumerate(leading) if values.shape == (size,)]
        if len(axes) > 1:
            raise DataError(f"{path}: {key!r} is as long as two axes of {name!r}, {leading}; it cannot be told which")
        if axes:
            columns[key] = array(_along(values, axes[0], leading).tolist())
            named.add(axes[0])
        elif key in ("content", "style"):
            raise DataError(f"{path}: {key!r} has the shape {values.shape}, and there are {leading} pictures")
    for axis in range(len(leading)) if len(leading) > 1 else ():
        if axis not in named:
            columns[f"axis_{axis}"] = array(_along(np.arange(leading[axis]), axis, leading).tolist())
    return Dataset(table(columns))


def _channels_first(pictures: NDArray[Any], beside: Mapping[str, NDArray[Any]]) -> bool:
    """Whether pictures are (..., 1 | 3, h, w): that axis is of channels, unless the last is, or text or whole numbers
    beside the pictures name what lies along it (three letters of each font)."""
    if pictures.ndim < 4 or pictures.shape[-3] not in (1, 3) or pictures.shape[-1] in (1, 3, 4):
        return False
    leading = pictures.shape[:-2]
    return not any(v.shape in (leading, leading[-1:]) and v.dtype.kind in "iuU" for v in beside.values())


def _along(values: NDArray[Any], axis: int, leading: tuple[int, ...]) -> NDArray[Any]:
    shape = [1] * len(leading)
    shape[axis] = -1
    return np.broadcast_to(values.reshape(shape), leading).reshape(-1)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Every array of plain values; raises DataError for a damaged file."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > LARGEST:
            raise DataError(f"{path} holds {size:,} bytes unpacked; at most {LARGEST:,} are read")
        found = {}
        with np.load(path, allow_pickle=False) as file:
            for key in file.files:
                if key in found:
                    raise DataError(f"{path}: two arrays are named {key!r}")
                found[key] = file[key]
    except (OSError, ValueError, EOFError, KeyError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"{path}: not a readable NPZ file ({' '.join(str(error).split())[:120]})") from None
    if not all(isinstance(values, np.ndarray) for values in found.values()):
        raise DataError(f"{path}: not a readable NPZ file (it holds something that is no array)")
    plain = {key: _text(path, key, values) if values.dtype.kind == "S" else values for key, values in found.items()}
    return {key: values for key, values in plain.items() if values.dtype.kind in "biufU"}


def _text(path: Path, key: str, values: NDArray[Any]) -> NDArray[Any]:
    """Text of what numpy holds as bytes."""
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {key!r} holds bytes that are not UTF-8 ({error.reason})") from None


def _pictures(path: Path, found: dict[str, NDArray[Any]]) -> str:
    """The name of the array of pictures: a usual one, or that of the only uint8 array with enough axes."""
    for name in NAMES:
        if name in found:
            return name
    likely = [key for key, values in found.items() if values.dtype == np.uint8 and values.ndim >= 3]
    if len(likely) == 1:
        return likely[0]
    listed = ", ".join(f"{key} {values.shape} {values.dtype}" for key, values in found.items()) or "none"
    raise DataError(
        f"{path}: name the array of pictures 'images' (uint8, (n, h, w) or (n, h, w, 3)); there are: {listed}"
    )
