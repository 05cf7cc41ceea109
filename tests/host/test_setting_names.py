"""What no setting of a part may be called."""

from __future__ import annotations

import dataclasses

from genvae import settings
from genvae.host import default_host
from genvae.host.specs import KINDS

INSIDE = ("term", "schedule", "likelihood", "corruption", "prior", "posterior", "objective")  # stand inside others


def test_no_setting_is_named_as_a_kind_of_part() -> None:
    """An entry that names two kinds, {term: swap, measure: density}, is read as an entry of neither where it stands
    inside another."""
    host = default_host()
    wrong = []
    for kind in INSIDE:
        for part in host.parts(kind):
            factory = part.load()
            if isinstance(factory, type) and dataclasses.is_dataclass(factory):
                wrong += [f"{kind} {part.id}: {name}" for name in settings.names(factory) if name in KINDS]
    assert not wrong
