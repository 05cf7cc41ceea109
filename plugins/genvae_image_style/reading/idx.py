"""IDX files, as MNIST and its kin come: train-images-idx3-ubyte, train-labels-idx1-ubyte and the t10k pair."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genvae.errors import DataError
from genvae_image_style.reading import arrays

if TYPE_CHECKING:
    from datasets import Dataset

LARGEST = 8 << 30  # bytes of a file that is read
BYTES = 0x08  # the code of unsigned bytes


def read_idx(path: Path) -> Dataset:
    """The pictures of a file in the column "image", and in "content" the labels of the file beside it, where there is
    one by the usual name. A folder stands for its training pair."""
    from datasets import Dataset
    from pyarrow import array, table

    path = _training(path) if path.is_dir() else path
    if _kind(path) == 1:
        raise DataError(f"{path} holds labels; give the file of the pictures (…idx3-ubyte), the labels are found by it")
    pictures = read_array(path)
    if pictures.ndim not in (3, 4) or (pictures.ndim == 4 and pictures.shape[3] not in (1, 3)) or not pictures.size:
        raise DataError(f"{path} holds an array of shape {pictures.shape}, not pictures (n, h, w)")
    columns = {"image": arrays.column(pictures)}
    beside = _labels(path)
    if beside is not None:
        labels = read_array(beside)
        if labels.shape != (len(pictures),):
            raise DataError(f"{beside} has {len(labels):,} labels; {path.name} has {len(pictures):,} pictures")
        columns["content"] = array([str(label) for label in labels.tolist()])
    return Dataset(table(columns))


def _kind(path: Path) -> int:
    """1 for a file of labels, 3 for one of pictures."""
    return 1 if "idx1" in path.name.lower() else 3


def _training(folder: Path) -> Path:
    found = [path for path in sorted(folder.rglob("*idx3-ubyte*")) if path.is_file() and not path.name.startswith(".")]
    training = [path for path in found if "train" in path.name.lower()]
    for names in (training, found):
        plain = {path.name.removesuffix(".gz"): path for path in names}  # packed and unpacked: one of them
        if len(plain) == 1:
            return next(iter(plain.values()))
    listed = ", ".join(path.name for path in found) or "none"
    raise DataError(f"{folder}: which file of pictures (idx3-ubyte) is meant? Give its path; there are: {listed}")


def _labels(path: Path) -> Path | None:
    """The file of labels beside one of pictures, packed or not."""
    name = path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    found = [path.with_name(name + ending) for ending in ("", ".gz")]
    return next((place for place in found if place.is_file() and place.name != path.name), None)


def read_array(path: Path) -> NDArray[Any]:
    """The array of an IDX file of bytes; raises DataError when it is not one, is cut off or goes on."""
    opener: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            start = file.read(4)
            if len(start) < 4 or start[:2] != b"\0\0" or not 1 <= start[3] <= 8:
                raise DataError(f"{path}: not an IDX file")
            if start[2] != BYTES:
                raise DataError(f"{path}: an IDX file of another type than bytes (code {start[2]:#04x})")
            sizes = file.read(4 * start[3])
            if len(sizes) < 4 * start[3]:
                raise DataError(f"{path}: a damaged IDX file: its header is cut off")
            shape = struct.unpack(f">{start[3]}I", sizes)
            count = math.prod(shape)
            if count > LARGEST:
                raise DataError(f"{path}: its header promises {count:,} bytes; at most {LARGEST:,} are read")
            content = file.read(count + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip file ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    if len(content) != count:
        more = "more" if len(content) > count else f"{len(content):,}"
        raise DataError(f"{path}: a damaged IDX file: its header promises {count:,} bytes, there are {more}")
    return np.frombuffer(content, np.uint8).reshape(shape)
