"""What the studio registers."""

from __future__ import annotations

from genvae.host import Part, hookimpl

genvae_api = "1.0"


@hookimpl
def genvae_parts() -> list[Part]:
    """The studio itself and its pages."""
    return []
