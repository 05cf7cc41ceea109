"""Tables that are written with more columns than were read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genvae.errors import SettingError
from genvae.store.whole import check_place, write_whole

if TYPE_CHECKING:
    from datasets import Dataset

ENDINGS = (".csv", ".jsonl", ".parquet")


def place(output: str | None) -> Path | None:
    """Where a table goes; refused before any work where it cannot."""
    if output is None:
        return None
    found = Path(output).expanduser()
    if found.suffix.lower() not in ENDINGS:
        raise SettingError(f"output = {output!r} must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
    check_place(found, "output")
    return found


def write(path: Path, table: Dataset, columns: Mapping[str, Sequence[Any]]) -> None:
    """A table with some columns new, whole or not at all; raises SettingError where it cannot be written so."""
    order = list(dict.fromkeys([*table.column_names, *columns]))
    table = table.remove_columns([name for name in columns if name in table.column_names])
    for name, values in columns.items():
        table = table.add_column(name, list(values))
    table = table.select_columns(order)
    write_whole(path, _content(table, path.suffix.lower()), "output")


def _content(table: Dataset, ending: str) -> bytes:
    if ending == ".parquet":
        whole = io.BytesIO()
        table.to_parquet(whole)
        return whole.getvalue()
    rows = [dict(row) for row in table]
    strange_kinds = (bytes, Mapping, list) if ending == ".csv" else (bytes, Mapping)
    strange = next((name for name, value in rows[0].items() if isinstance(value, strange_kinds)), None)
    if strange is not None:
        raise SettingError(f"the column {strange!r} is no text: give an output that ends in .parquet")
    found = io.StringIO()
    if ending == ".csv":
        writer = csv.DictWriter(found, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        found.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return found.getvalue().encode()
