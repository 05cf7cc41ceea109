"""What a user asks of items, as rows of the model's conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from genvae.core.conditions import UNKNOWN, Condition
from genvae.core.latents import Latents
from genvae.errors import LacksCapability, SettingError
from genvae.latent.tools import Tools


def condition(tools: Tools, name: str) -> Condition:
    """The condition that a user calls so; raises SettingError that names those there are."""
    known = tools.vae.conditions
    called = {tools.context.bundle.modality.called(own): own for own in known}
    return known.named(called.get(name, name) if name not in known else name)


def asked(tools: Tools, conditions: Mapping[str, Any], rows: int) -> Latents:
    """The rows of what is asked for, ``rows`` alike of each; raises SettingError for a condition that the model does
    not have and for what is no value of it."""
    found: Latents = {}
    for name, value in conditions.items():
        own = condition(tools, str(name))
        if own.name in found:
            raise SettingError(f"the condition {own.name!r} is asked for twice")
        row = _row(tools, own, value)
        found[own.name] = row.expand(rows, *row.shape)
    return found


def _row(tools: Tools, own: Condition, value: Any) -> torch.Tensor:
    if value is None or (value == UNKNOWN and UNKNOWN not in own.values()):
        if not tools.context.bundle.meets_unknown:
            raise LacksCapability(
                f"this model was never trained on an unknown {own.name}: leave {own.name} out, and it is drawn; or "
                "train with condition_dropout"
            )
        return torch.zeros(own.block.shape)
    return own.ask(value)


def said(tools: Tools, latents: Latents, names: Sequence[str] | None = None) -> dict[str, list[str]]:
    """What the rows of conditions stand for, in words, '' where nothing is known."""
    known = tools.vae.conditions
    return {name: [known[name].said(row) for row in latents[name]] for name in (names or known)}
