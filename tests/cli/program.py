"""A command that has ended, and what is asked of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: settings under which a run takes a second
QUICK = [
    entry
    for text in ("tokenizer=char", "embedding_dim=8", "hidden_dim=12", "latent_dim=3", "batch_size=16", "max_steps=14",
                 "evaluate_every=7")
    for entry in ("--set", text)
]  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """Exit code and what was printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The object on the last line of standard output."""
        assert self.code == 0, self.err
        return json.loads(self.out.splitlines()[-1])

    def refused(self, *words: str) -> str:
        """Ended as bad input ends: exit code 2, one line on standard error, nothing on standard output."""
        assert self.code == 2, (self.code, self.err)
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("genvae: ") and self.out == ""
        for word in words:
            assert word in lines[0], f"{word!r} is not in {lines[0]!r}"
        return lines[0]


Cli = Callable[..., Ended]


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Everything that lies in a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
