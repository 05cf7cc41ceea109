"""Results that are kept as they come: a list of rows in one JSON file, each with its machine and versions."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
LIBRARIES = ("torch", "tokenizers", "datasets", "genvae")


def about() -> dict[str, Any]:
    """The machine and the versions."""
    return {
        "machine": _processor(), "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in LIBRARIES},
        "command": " ".join(["python", _program(), *sys.argv[1:]]),
    }  # fmt: skip


def _program() -> str:
    """The benchmark as it is given in a checkout, wherever that lies: as the module it was run as, or as its file."""
    spec = sys.modules["__main__"].__spec__
    if spec is not None:
        return f"-m {spec.name}"
    path = Path(sys.argv[0]).resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def _processor() -> str:
    torch = sys.modules.get("torch")  # where it is in use, what it computes on
    if torch is not None and torch.cuda.is_initialized():
        return str(torch.cuda.get_device_name())
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.is_file() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


class Kept:
    """The rows in a file. A row is known by its name and the settings it was measured with, so a finished one is
    never measured again, and another setting never replaces it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self) -> list[dict[str, Any]]:
        """All rows so far."""
        return json.loads(self.path.read_text(encoding="utf-8"))["rows"] if self.path.is_file() else []

    def find(self, name: str, settings: Any) -> dict[str, Any] | None:
        """The row of that name and those settings, if it is finished."""
        asked = json.loads(json.dumps(settings))
        return next((row for row in self.rows() if row["row"] == name and row["settings"] == asked), None)

    def add(self, name: str, settings: Any, figures: dict[str, Any]) -> dict[str, Any]:
        """Keep a row; the file is whole at any time."""
        row = {"row": name, "settings": settings, **figures, **about()}
        self._write([row])
        return row

    def take(self, other: Kept) -> None:
        """Keep the rows of another file that are not here."""
        self._write([row for row in other.rows() if self.find(row["row"], row["settings"]) is None])

    def _write(self, rows: list[dict[str, Any]]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        staged = self.path.with_name(f".{self.path.name}.staged")
        # read anew: another process may have finished another row meanwhile
        staged.write_text(json.dumps({"rows": [*self.rows(), *rows]}, indent=2) + "\n", encoding="utf-8")
        staged.replace(self.path)


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, its columns aligned."""
    cells = [list(heads), *(list(line) for line in lines)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    cells.insert(1, ["-" * width for width in widths])
    shown = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join(f"| {line} |" for line in shown)
