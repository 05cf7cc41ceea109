"""A column of pictures, whatever it holds, as one that ``decoding`` reads.

A table of pictures has the column "image", the bytes of a picture's file, and where there are files "file", their
names. Files that are too much to be held in memory stay where they are: "file" is then their whole path, and "stamp"
says which file it was, so that a changed one is read anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genvae.errors import DataError
from genvae_image_style.reading import arrays
from genvae_image_style.reading.typefaces import parted

if TYPE_CHECKING:
    from datasets import Dataset

HELD = 512 << 20  # bytes of files that are read into a table


def holds_pictures(kind: Any) -> bool:
    """Whether a column of an Arrow type may be one of pictures; text may be, too, and is not counted."""
    import pyarrow as pa

    if isinstance(kind, pa.ExtensionType):
        kind = kind.storage_type
    if pa.types.is_struct(kind):
        return {"bytes", "path"} <= {field.name for field in kind}
    depth = 0
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind, depth = kind.value_type, depth + 1
    return (depth in (2, 3) and pa.types.is_integer(kind)) or (_is_binary(kind) and not depth)


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def pictures(data: Dataset, column: str, folder: Path | None) -> tuple[dict[str, Any], list[int]]:
    """The columns of pictures, and the numbers of the rows that have one.

    Relative paths are relative to ``folder``. Raises DataError for a column of something else, and for a file that
    is not there.
    """
    import pyarrow as pa

    values = data.select_columns([column]).with_format("arrow")[:][column]
    kind = values.type
    if isinstance(kind, pa.ExtensionType):
        values = pa.chunked_array([chunk.storage for chunk in values.chunks], kind.storage_type)
        kind = kind.storage_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _files([(value, None) for value in values.to_pylist()], folder)
    if not holds_pictures(kind):
        raise DataError(
            f"the column {column!r} holds {kind}, not pictures: files' names, uint8 arrays or encoded files"
        )
    if pa.types.is_struct(kind):
        rows = values.to_pylist()
        return _files([(row["path"], row["bytes"]) if row else (None, None) for row in rows], folder)
    if _is_binary(kind):
        if values.null_count:
            return _files([(None, value) for value in values.to_pylist()], folder)
        names = {} if _all_plain(values) else {"file": [f"row {number + 1:,}" for number in range(len(values))]}
        return {"image": values.cast(pa.large_binary()), **names}, list(range(len(values)))
    made = [_encoded(chunk[row], column) for chunk in values.chunks for row in range(len(chunk))]
    kept = [number for number, value in enumerate(made) if value is not None]
    return {"image": pa.array([made[number] for number in kept], pa.large_binary())}, kept


def _all_plain(values: Any) -> bool:
    """Whether the files are our own, of arrays: such a one has no name and needs none."""
    return all(chunk[row].as_py()[:3] in (b"P5 ", b"P6 ") for chunk in values.chunks for row in (0, -1) if len(chunk))


def _encoded(value: Any, column: str) -> bytes | None:
    """A row of lists of numbers as a file."""
    if not value.is_valid:
        return None
    inner = value.values
    while hasattr(inner.type, "value_type"):
        inner = inner.flatten()
    numbers = inner.to_numpy(zero_copy_only=False)
    try:
        picture = numbers.reshape(_shape(value))
    except ValueError:
        raise DataError(f"the column {column!r} holds a picture whose rows are not equally long") from None
    if picture.size and (picture.min() < 0 or picture.max() > 255):
        raise DataError(f"the column {column!r} holds numbers outside 0 to 255")
    return arrays.encoded(picture.astype(np.uint8)) if picture.size else None


def _shape(value: Any) -> tuple[int, ...]:
    """(h, w) or (h, w, c) of a nested list, from its first entries."""
    shape = [len(value)]
    while hasattr(value[0], "values") and value[0].is_valid and len(value[0]):
        value = value[0]
        shape.append(len(value))
    return tuple(shape)


def _files(rows: list[tuple[str | None, bytes | None]], folder: Path | None) -> tuple[dict[str, Any], list[int]]:
    """Rows of (path, bytes): the bytes where there are, else the file."""
    import pyarrow as pa

    kept = [number for number, (path, content) in enumerate(rows) if content or path]
    places: dict[int, tuple[Path, str]] = {}
    stats: dict[Path, os.stat_result] = {}
    for number in kept:
        path, content = rows[number]
        if content or path is None:
            continue
        font = parted(path)
        place = Path(font[0] if font else path).expanduser()
        place = folder / place if folder is not None and not place.is_absolute() else place
        try:
            stats[place] = stats.get(place) or place.stat()
        except (OSError, ValueError) as error:
            missing = isinstance(error, FileNotFoundError | ValueError)
            why = "no such file" if missing else error.strerror  # type: ignore[union-attr]
            raise DataError(f"row {number + 1:,}: {why}: {place}") from None
        places[number] = place, font[1] if font else ""
    read_in = sum(stats[place].st_size for place, letter in places.values() if not letter) <= HELD
    images, files, stamps = [], [], []
    for number in kept:
        path, content = rows[number]
        if number not in places:
            images.append(content)
            files.append(path or f"row {number + 1:,}")
            stamps.append("")
            continue
        place, letter = places[number]
        held = read_in and not letter
        images.append(_read(place) if held else None)
        files.append(_named(place, folder) if held else f"{place.absolute()}{'#' + letter if letter else ''}")
        stamps.append("" if held else f"{stats[place].st_size} {stats[place].st_mtime_ns}")
    columns = {"image": pa.array(images, pa.large_binary()), "file": pa.array(files, pa.string())}
    return {**columns, "stamp": pa.array(stamps, pa.string())} if any(stamps) else columns, kept


def _named(place: Path, folder: Path | None) -> str:
    """A file's name as far as it does not depend on where the data lie."""
    return os.path.relpath(place, folder) if folder is not None and place.is_relative_to(folder) else str(place)


def _read(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except OSError as error:
        raise DataError(f"{place}: cannot be read ({error.strerror or error})") from None
