"""What labelling is asked for. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from genvae.asking import Response
from genvae.settings import setting

SHOWN = 10  # values of a label that are listed


@dataclass(frozen=True, kw_only=True)
class Label:
    """Have rules say of each item what they know: columns that conditions can be declared from."""

    data: Any = setting(help="a file, a folder, a hub id, or a list of items", argument=True)
    labeller: str = setting("english", help="whose rules: the id of a labeller")
    column: str | None = setting(None, help="the column of the items; default: text, or the only one of text")
    prefix: str = setting("", help="before the names of the new columns")
    output: str | None = setting(
        None, help="a .csv, .jsonl or .parquet file to write: all columns, and the labels beside them"
    )


@dataclass(frozen=True)
class Labelled(Response):
    """The labels of each item in their order, '' where the rules do not know; how many items have each value; and the
    file they were written into, if any."""

    result = "rows"
    rows: list[dict[str, str]]
    counts: dict[str, dict[str, int]]
    output: str = ""

    def to_config(self) -> dict[str, Any]:
        """Without the rows where they were written into a file."""
        told = {"items": len(self.rows), "counts": self.counts}
        return {**told, "output": self.output} if self.output else {**told, "rows": self.rows}

    def lines(self) -> list[str]:
        """A line a label, its values by how often they are there; with no file, a line an item before them."""
        made = [] if self.output else ["  ".join(f"{n}={v or '?'}" for n, v in row.items()) for row in self.rows]
        total = max(len(self.rows), 1)
        for name, counts in self.counts.items():
            shares = [f"{value or 'not known'} {100 * count / total:.1f} %" for value, count in counts.items()]
            more = f", and {len(shares) - SHOWN:,} more" if len(shares) > SHOWN else ""
            made.append(f"{name}: {', '.join(shares[:SHOWN])}{more}")
        return [*made, *([f"{self.output}: {len(self.rows):,} items"] if self.output else [])]
