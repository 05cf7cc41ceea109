"""A rate or a distortion held at a target by a learned multiplier (Rezende and Viola, "Taming VAEs", 2018).

The rate at a target that may rise with the step is the controlled capacity of Burgess et al. 2018 with the constraint
met instead of penalised; that each target is a point of the curve of rate against distortion: Alemi et al. 2018.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.latents import Block, block_named
from genvae.core.objectives.weighed import Weighed
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.terms.base import TermSettings
from genvae.core.vae import VAE
from genvae.errors import SettingError
from genvae.settings import setting

HELD = ("rate", "distortion")
LARGEST = math.log(1e6)  # of the multiplier, either way: it stays finite where a target cannot be met


class TargetRate(Weighed):
    """free + multiplier * (held - target), in nats per item: one of rate and distortion is held, the other free.

    With a ``block``, its rate alone is held, and the other blocks' rates are free beside the distortion.

    The multiplier climbs while what is held is above its target and falls while it is below. It moves after each
    step, on its logarithm, by ``speed`` times the gap's share of the target (or of one nat, if that is more), from
    the mean over all items of the step; so an accumulated batch is the large one.

    At ``step`` None, for validation, the loss has no multiplier, which would move from one validation to the next:
    it is the free one, and a nat for each nat that the held one is above its target.
    """

    log_multiplier: Tensor

    def __init__(self, settings: TargetRateSettings, model: VAE) -> None:
        super().__init__(settings.terms, model)
        self.settings = settings
        start = torch.tensor(math.log(settings.multiplier), dtype=torch.float64)
        self.register_buffer("log_multiplier", start)

    def weigh(
        self,
        distortion: Float[Tensor, ""],
        rates: Mapping[Block, Float[Tensor, " columns"]],
        step: int | None,
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        rate = sum((each.sum() for each in rates.values()), distortion.new_zeros(()))
        held, free = (rate, distortion) if self.settings.hold == "rate" else (distortion, rate)
        if self.settings.block is not None:
            own = [each.sum() for block, each in rates.items() if block.name == self.settings.block]
            held = sum(own, distortion.new_zeros(()))  # nothing where it is observed
            free = distortion + rate - held
        above = held - self.settings.target.at(step)
        multiplier = self.log_multiplier.exp().to(distortion.dtype)
        loss = free + (above.clamp(min=0.0) if step is None else multiplier * above)
        return loss, {"multiplier": multiplier}

    def learn(self, named: Mapping[str, float], step: int) -> None:
        target = self.settings.target.at(step)
        block = self.settings.block
        held = named[self.settings.hold] if block is None else named.get(f"rate/{block}", 0.0)
        gap = (held - target) / max(abs(target), 1.0)
        # a step's gap counts as at most one target, so that one bad batch cannot undo many good ones
        moved = self.log_multiplier + self.settings.speed * max(-1.0, min(1.0, gap))
        self.log_multiplier.copy_(moved.clamp(-LARGEST, LARGEST))


@dataclass(frozen=True, kw_only=True)
class TargetRateSettings:
    """Rate or distortion held at a target, the other minimised."""

    hold: str = setting("rate", help="which is held; the other is minimised", choices=HELD)
    block: str | None = setting(None, help="hold the rate of this block alone; default: of the whole latent")
    target: Schedule = setting(
        Constant(value=10.0), help="what it is held at, nats per item", convert=within(-math.inf)
    )
    multiplier: float = setting(1.0, help="the multiplier at the start", gt=0.0, le=1e4)
    speed: float = setting(0.01, help="most change of the multiplier's logarithm in a step", gt=0.0, le=1.0)
    terms: tuple[TermSettings, ...] = setting(
        (), help="additions to the loss, each an id or {term: ID, weight: W, ...}", parts="term"
    )

    def build(self, model: VAE) -> TargetRate:
        lowest = min(self.target.at(0), self.target.at(None))
        if self.hold == "rate" and lowest < 0:
            raise SettingError(f"target = {lowest:g} nats cannot be held: a rate is at least 0")
        if not model.latent_dim:
            raise SettingError("objective 'target-rate' needs a latent; this model has none")
        if self.block is not None:
            block_named(model.blocks, self.block, "objective 'target-rate'")
            if self.hold != "rate":
                raise SettingError("objective 'target-rate' holds a block's rate, not its distortion: set hold to rate")
        return TargetRate(self, model)
