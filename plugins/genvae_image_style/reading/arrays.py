"""Arrays of pictures in a table, without loss and without delay: each a netpbm file (PGM or PPM) in a binary column.

Such a file is a short header and the bare bytes, and says its own size; so a table of pictures holds one kind of thing
wherever they come from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def header(height: int, width: int, channels: int) -> bytes:
    """What stands before the bytes of a picture of 1 or 3 channels."""
    return f"P{6 if channels == 3 else 5} {width} {height} 255\n".encode()


def on_white(pictures: NDArray[Any]) -> Bytes:
    """(..., 4) laid on white: (..., 3)."""
    colour, share = pictures[..., :3].astype(np.float32), pictures[..., 3:].astype(np.float32) / 255.0
    return np.asarray((colour * share + 255.0 * (1.0 - share)).round(), dtype=np.uint8)


def column(pictures: Bytes) -> Any:
    """(n, h, w) or (n, h, w, 1 | 3 | 4) as an Arrow column of n netpbm files."""
    import pyarrow as pa

    if pictures.ndim == 4 and pictures.shape[3] == 4:
        pictures = on_white(pictures)
    count, height, width = pictures.shape[:3]
    start = np.frombuffer(header(height, width, pictures.shape[3] if pictures.ndim == 4 else 1), np.uint8)
    flat = pictures.reshape(count, -1)
    files = np.empty((count, len(start) + flat.shape[1]), dtype=np.uint8)
    files[:, : len(start)], files[:, len(start) :] = start, flat
    ends = np.arange(count + 1, dtype=np.int64) * files.shape[1]
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(files)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), count, buffers)


def encoded(picture: Bytes) -> bytes:
    """One picture, (h, w) or (h, w, 1 | 3 | 4), as a netpbm file."""
    if picture.ndim == 3 and picture.shape[2] == 4:
        picture = on_white(picture)
    channels = picture.shape[2] if picture.ndim == 3 else 1
    return header(picture.shape[0], picture.shape[1], channels) + np.ascontiguousarray(picture).tobytes()


def decoded(content: bytes) -> Bytes | None:
    """The picture of a file that ``column`` or ``encoded`` made, (h, w) or (h, w, 3); None for any other file."""
    if content[:3] not in (b"P5 ", b"P6 "):
        return None
    end = content.find(b"\n", 0, 40)
    try:
        width, height, most = map(int, content[3:end].split())
    except ValueError:
        return None
    shape = (height, width, 3) if content[:2] == b"P6" else (height, width)
    values = np.frombuffer(content, np.uint8, offset=end + 1)
    if most != 255 or end < 0 or values.size != int(np.prod(shape)) or not values.size:
        return None
    return values.reshape(shape)
