"""One door to every source."""

from __future__ import annotations

import math
import re
import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genvae.errors import DataError
from genvae.host import Host, SourcePart

if TYPE_CHECKING:
    from datasets import Dataset

_HUB = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?")

#: What data may be given as: a path, a hub id, or the items themselves.
Location = str | Path | Sequence[Any]

_FOLDERS: weakref.WeakKeyDictionary[Dataset, Path] = weakref.WeakKeyDictionary()
_NOTES: weakref.WeakKeyDictionary[Dataset, str] = weakref.WeakKeyDictionary()


def read(location: Location, host: Host) -> Dataset:
    """Read a file, a folder, a hub data set or a list into a Dataset; raises DataError in one line."""
    if not isinstance(location, str | Path):
        return _in_memory(location)
    path = Path(location).expanduser()
    if path.is_dir():
        return _placed(_folder(path, host), path)
    source = _claimed(path, host)
    if path.is_file():
        if source is None:
            known = ", ".join(ending for part in _sources(host) for ending in part.endings)
            raise DataError(f"{path}: no source reads this kind of file; known endings: {known}")
        return _placed(_read_file(source, path), path.parent)
    if path.exists():
        raise DataError(f"{path} is neither a file nor a folder")
    if source is None and _HUB.fullmatch(str(location)):
        data: Dataset = host.load("source", "hub")(str(location))
        return data
    raise DataError(f"no such file: {path}")


def folder_of(data: Dataset) -> Path | None:
    """The folder that a table was read from: what its file names are relative to. None where it is from no file,
    and for a table that was made from the one that ``read`` gave."""
    return _FOLDERS.get(data)


def noted(data: Dataset, note: str) -> Dataset:
    """The table, of which a source has to say what it left out or did not use, in one line."""
    _NOTES[data] = note
    return data


def note_of(data: Dataset) -> str:
    """What the source said of a table that ``read`` gave; "" where it had nothing to say."""
    return _NOTES.get(data, "")


def numbered(data: Dataset, column: str) -> Dataset:
    """The table with its rows' numbers, from 0, in a column more; it is from the same folder."""
    made: Dataset = data.add_column(column, list(range(len(data))))
    folder = folder_of(data)
    return made if folder is None else _placed(made, folder)


def texts(data: Dataset, column: str) -> list[str]:
    """A column as text: names of classes, numbers as they are written, "" where there is nothing."""
    feature = data.features[column]
    values = data.select_columns([column]).with_format("arrow")[:][column].to_pylist()
    if any(isinstance(value, bytes | list | dict) for value in values[:1]):
        raise DataError(f"the column {column!r} does not hold text or numbers")
    if hasattr(feature, "int2str"):
        return ["" if value is None or value < 0 else str(feature.int2str(value)) for value in values]
    whole = all(value is None or (isinstance(value, float) and value.is_integer()) for value in values)
    if values and whole:  # a gap makes whole numbers real ones
        values = [None if value is None else int(value) for value in values]
    return ["" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value) for value in values]


def _placed(data: Dataset, folder: Path) -> Dataset:
    _FOLDERS[data] = folder.absolute()
    return data


def _sources(host: Host) -> list[SourcePart]:
    return [part for part in host.parts("source") if isinstance(part, SourcePart)]


def _claimed(path: Path, host: Host) -> SourcePart | None:
    name = path.name.lower().removesuffix(".gz")
    return next((p for p in _sources(host) if any(name.endswith(ending) for ending in p.endings)), None)


def _read_file(source: SourcePart, path: Path) -> Dataset:
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty")
    data: Dataset = source.load()(path)
    return data


def _folder(folder: Path, host: Host) -> Dataset:
    """What a folder holds, hidden files apart.

    The source that claims the most files reads the folder in one call if it can, and the files of other sources are
    left alone; otherwise every claimed file is read, in the order of their names.
    """
    from datasets import concatenate_datasets

    files = [path for path in sorted(folder.rglob("*")) if _visible(path.relative_to(folder)) and path.is_file()]
    found = [(path, source) for path in files if (source := _claimed(path, host)) is not None]
    if not found:
        raise DataError(f"{folder} holds no file that a source can read")
    claims = Counter(source.id for _, source in found)
    most = max((source for _, source in found), key=lambda source: (claims[source.id], source.folder))
    if most.folder:
        whole: Dataset = most.load()(folder)
        return whole
    parts = [_read_file(source, path) for path, source in found]
    columns = set(parts[0].column_names)
    for (path, _), part in zip(found, parts, strict=True):
        if set(part.column_names) != columns:
            raise DataError(
                f"the files in {folder} do not have the same columns: {found[0][0].name} has "
                f"{', '.join(parts[0].column_names)}; {path.name} has {', '.join(part.column_names)}"
            )
    try:
        return concatenate_datasets([part.select_columns(parts[0].column_names) for part in parts])
    except ValueError as error:  # one column, two types
        raise DataError(f"the files in {folder} do not fit together ({' '.join(str(error).split())[:160]})") from None


def _visible(path: Path) -> bool:
    return not any(part.startswith(".") for part in path.parts)


def _in_memory(items: Sequence[Any]) -> Dataset:
    """Text in the column "text", mappings with their own columns, other objects in the column "item"."""
    from datasets import Dataset, DatasetDict

    from genvae.data.sources.files import from_rows, table

    if isinstance(items, Dataset):
        return items
    if isinstance(items, DatasetDict):
        names = [str(name) for name in items]
        raise DataError(f"the data are in splits, {', '.join(names)}; give one of them, as in data[{names[0]!r}]")
    rows: list[Any] = [str(row) if isinstance(row, Path) else row for row in items]
    if all(isinstance(row, str) for row in rows):
        return table({"text": rows}, "the list of items")
    if all(isinstance(row, Mapping) for row in rows):
        return from_rows(rows, "the list of items")
    if not any(row is None or isinstance(row, str | bytes | int | float | Mapping) for row in rows):
        return table({"item": rows}, "the list of items")
    raise DataError("items in memory must be all text or all mappings from column to value")
