"""One door to every source."""

from __future__ import annotations

import re
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


def read(location: Location, host: Host) -> Dataset:
    """Read a file, a folder, a hub data set or a list into a Dataset; raises DataError in one line."""
    if not isinstance(location, str | Path):
        return _in_memory(location)
    path = Path(location).expanduser()
    if path.is_dir():
        return _folder(path, host)
    source = _claimed(path, host)
    if path.is_file():
        if source is None:
            known = ", ".join(ending for part in _sources(host) for ending in part.endings)
            raise DataError(f"{path}: no source reads this kind of file; known endings: {known}")
        return _read_file(source, path)
    if path.exists():
        raise DataError(f"{path} is neither a file nor a folder")
    if source is None and _HUB.fullmatch(str(location)):
        data: Dataset = host.load("source", "hub")(str(location))
        return data
    raise DataError(f"no such file: {path}")


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
    """Every file of the folder that a source claims, in the order of their names."""
    from datasets import concatenate_datasets

    found = [(path, _claimed(path, host)) for path in sorted(folder.rglob("*")) if path.is_file()]
    parts = [_read_file(source, path) for path, source in found if source is not None]
    if not parts:
        raise DataError(f"{folder} holds no file that a source can read")
    columns = set(parts[0].column_names)
    if any(set(part.column_names) != columns for part in parts):
        raise DataError(f"the files in {folder} do not have the same columns")
    try:
        return concatenate_datasets([part.select_columns(parts[0].column_names) for part in parts])
    except ValueError as error:  # one column, two types
        raise DataError(f"the files in {folder} do not fit together ({' '.join(str(error).split())[:160]})") from None


def _in_memory(items: Sequence[Any]) -> Dataset:
    from genvae.data.sources.files import from_rows, table

    rows = list(items)
    if all(isinstance(row, str) for row in rows):
        return table({"text": rows}, "the list of items")
    if all(isinstance(row, Mapping) for row in rows):
        return from_rows(rows, "the list of items")
    raise DataError("items in memory must be all text or all mappings from column to value")
