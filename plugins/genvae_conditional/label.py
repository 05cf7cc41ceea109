"""The operation ``label``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from genvae.context import Context
from genvae.data.read import read
from genvae.errors import DataError, SettingError, nearest
from genvae_conditional import tables
from genvae_conditional.labelling import Label, Labelled

if TYPE_CHECKING:
    from datasets import Dataset

#: a labeller: an item's labels by their names, '' where it does not know
Labeller = Callable[[Any], Mapping[str, str]]


def label(context: Context, request: Label) -> Labelled:
    """Every item's labels, and the table with them where a file is named."""
    labeller: Labeller = context.host.load("labeller", request.labeller)
    place = tables.place(request.output)
    table = read(request.data, context.host)
    column = _column(table, request.column)
    items = table[column][:]
    for number, item in enumerate(items, 1):
        if not isinstance(item, str):
            raise DataError(f"row {number} of the column {column!r} is {type(item).__name__}, not text")
    rows = [{request.prefix + name: value for name, value in labeller(item).items()} for item in items]
    names = list(rows[0])
    taken = [name for name in names if name in table.column_names]
    if taken:
        raise SettingError(
            f"there is a column {taken[0]!r} already; name the new ones otherwise, with prefix = rule_, say"
        )
    counts = {name: dict(Counter(row[name] for row in rows).most_common()) for name in names}
    if place is not None:
        tables.write(place, table, {name: [row[name] for row in rows] for name in names})
    return Labelled(rows, counts, str(place) if place else "")


def _column(table: Dataset, asked: str | None) -> str:
    """The column of the items: the one asked for, "text", or the only one of text."""
    names = table.column_names
    if asked is not None and asked not in names:
        raise DataError(f"there is no column {asked!r}; {nearest(asked, names)}")
    texts = [name for name in names if getattr(table.features[name], "dtype", "") in ("string", "large_string")]
    found = asked or ("text" if "text" in names else texts[0] if len(texts) == 1 else None)
    if found is None:
        raise DataError(f"which column is to be labelled? Set column to one of: {', '.join(names)}")
    return found
