"""What became of each plugin that was found."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from genvae.host.specs import Part


class Status(enum.StrEnum):
    LOADED = "loaded"
    DISABLED = "disabled"  # restricted by the environment
    BROKEN = "broken"  # raised or ended on import, or gave something that is no part
    INCOMPATIBLE = "incompatible"  # written for another interface version
    DUPLICATE = "duplicate"  # claims a name or an id that an earlier plugin holds
    MISSPELT = "misspelt"  # implements a hook that does not exist


@dataclass(frozen=True, kw_only=True)
class Record:
    """One plugin: its entry point, where it came from, and how it went."""

    name: str
    module: str
    distribution: str
    version: str
    status: Status
    reason: str = ""
    parts: tuple[Part, ...] = ()

    def to_config(self) -> dict[str, object]:
        """As plain data, for ``genvae plugins --json``."""
        return {
            "name": self.name, "module": self.module, "distribution": self.distribution,
            "version": self.version, "status": str(self.status), "reason": self.reason,
            "parts": [{"kind": p.kind, "id": p.id, "version": p.version, "summary": p.summary} for p in self.parts],
        }  # fmt: skip
