"""What this plugin registers."""

from __future__ import annotations

from genvae.host import OperationPart, Part, hookimpl

genvae_api = "1.0"

CONDITIONS: list[Part] = []

OBJECTIVES: list[Part] = []

MEASURES: list[Part] = []

OPERATIONS: list[OperationPart] = []


@hookimpl
def genvae_parts() -> list[Part]:
    """Kinds of condition, and the objectives, measures and operations that need one."""
    return [*CONDITIONS, *OBJECTIVES, *MEASURES, *OPERATIONS]
