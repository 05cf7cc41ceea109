"""Items written into a file, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genvae.asking import listed
from genvae.data.modality import Modality
from genvae.errors import SettingError
from genvae.store.whole import check_place, write_whole

TEXT = (".txt", ".csv", ".json")


class Output:
    """A file that items go into. What would keep them from it is said at once, before there is any work."""

    def __init__(self, modality: Modality, name: str | None) -> None:
        self.modality = modality
        self.path = Path(name).expanduser() if name is not None else None
        if self.path is None:
            return
        known = (*modality.endings, *TEXT)
        if self.path.suffix.lower() not in known:
            raise SettingError(f"output = {name!r} must end in one of: {', '.join(known)}")
        check_place(self.path, "output")

    def write(self, items: Sequence[Any], columns: int | None = None) -> str:
        """Write items, a table of ``columns``; a square one where there is none. Gives the file's name, or ''."""
        if self.path is None:
            return ""
        columns = columns or max(1, math.ceil(math.sqrt(len(items))))
        ending = self.path.suffix.lower()
        made = self.modality.file if ending in self.modality.endings else as_text
        write_whole(self.path, made(items, columns, ending), "output")
        return str(self.path)


def as_text(items: Sequence[Any], columns: int, ending: str) -> bytes:
    """Items as lines, as a table, or as one JSON list."""
    if ending == ".json":
        text = json.dumps([listed(item) for item in items], ensure_ascii=False, indent=1) + "\n"
    elif ending == ".csv":
        table = io.StringIO()
        cells = [_cell(listed(item)) for item in items]
        rows = [cells[start : start + columns] for start in range(0, len(items), columns)]
        csv.writer(table).writerows(rows)
        text = table.getvalue()
    else:
        text = "".join(f"{item}\n" for item in items)
    return text.encode()


def _cell(value: Any) -> Any:
    """Plain data in one cell of a table: an object as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
