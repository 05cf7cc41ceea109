"""What spreading labels is asked for. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from genvae.asking import Response, model_setting
from genvae.settings import setting

SHOWN = 30  # values that are listed


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Tell items that have no label what those that are like them are: a table to train on."""

    model: str = model_setting()
    data: Any = setting(help="items of which some have a label: a file, a folder, a hub id, or a list")
    label: str = setting(help="the column of the label; empty where it is not known")
    sure: float = setting(
        0.95, help="of the items that each value reaches most, the share that is told it; the others stay unknown",
        gt=0.0, le=1.0,
    )  # fmt: skip
    neighbours: int = setting(10, help="the nearest items that each takes over from", ge=1, le=1_000)
    blocks: tuple[str, ...] = setting((), help="the latent blocks that say how near items are; default: all")
    output: str | None = setting(
        None, help="a .csv, .jsonl or .parquet file to write: all columns, that of the label filled"
    )


@dataclass(frozen=True)
class Filled(Response):
    """The label of each row, '' where it stays unknown; of each value how many items had it and how many were told
    it; how many stay unknown; the share of the known items of which one half is told rightly by the other (None where
    nothing reaches it); and the file they were written into, if any."""

    result = "labels"
    label: str
    labels: list[str]
    counts: dict[str, dict[str, int]]
    unknown: int
    right: float | None
    output: str = ""

    def to_config(self) -> dict[str, Any]:
        """Without the labels where they were written into a file."""
        told = {"items": len(self.labels), "counts": self.counts, "unknown": self.unknown, "right": self.right}
        return {**told, "output": self.output} if self.output else {**told, "labels": self.labels}

    def lines(self) -> list[str]:
        """A line a value."""
        made = [f"{self.label} = {v}: {n['known']:,} known, {n['told']:,} told" for v, n in self.counts.items()]
        if len(made) > SHOWN:
            made[SHOWN:] = [f"and {len(made) - SHOWN:,} values more"]
        made.append(f"not known: {self.unknown:,}")
        if self.right is not None:
            made.append(f"half of the known ones tell the other half rightly in {100 * self.right:.1f} %")
        return [*made, *([f"{self.output}: {len(self.labels):,} items"] if self.output else [])]
