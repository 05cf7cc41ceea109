"""The one hook a plugin implements."""

from __future__ import annotations

import pluggy

from genvae.host.specs import Part

PROJECT = "genvae"

#: (major, minor) of the plugin interface. A plugin states the version it was written for as
#: ``genvae_api = "1.0"``: another major or a later minor is refused with a reason.
API_VERSION = (1, 0)

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def genvae_parts() -> list[Part]:  # type: ignore[empty-body]
    """The parts this plugin registers: light specs, importing nothing heavy."""
