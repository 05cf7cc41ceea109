"""The record of a run: a JSON lines file, and TensorBoard when it is installed."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any


class Metrics:
    """Appends figures to ``metrics.jsonl``; a resumed run first cuts off what came after its checkpoint."""

    def __init__(self, folder: Path, keep_bytes: int) -> None:
        self.path = folder / "metrics.jsonl"
        self._file = self.path.open("ab")
        self._file.truncate(min(keep_bytes, self.path.stat().st_size))
        self._file.seek(0, os.SEEK_END)
        self._board: Any = None
        if importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"))

    @property
    def bytes(self) -> int:
        """How long the file is; a checkpoint remembers it."""
        return self._file.tell()

    def write(self, kind: str, step: int, figures: dict[str, Any]) -> None:
        """One line: what kind of figures, at which step."""
        self._file.write((json.dumps({"kind": kind, "step": step, **figures}) + "\n").encode())
        self._file.flush()
        if self._board is not None:
            for name, value in figures.items():
                if isinstance(value, int | float):
                    self._board.add_scalar(f"{kind}/{name}", value, step)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._board is not None:
            self._board.close()
