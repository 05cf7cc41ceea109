"""A network tries to read a label from a block, and the model is trained to make it fail (Ganin et al.,
"Domain-Adversarial Training of Neural Networks", 2016).

Their gradient reversal lets both learn in one step: the network goes down the gradient of its cross-entropy, and what
it reads goes up. So a block of a group or of an item is rid of what a label says already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.conditions import Categorical, unknown
from genvae.core.latents import block_named
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.terms.base import READS, Term, TermSettings, read
from genvae.core.vae import VAE, Draw
from genvae.errors import LacksCapability, SettingError
from genvae.settings import setting


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse(value: Tensor, strength: float) -> Tensor:
    """The value itself, whose gradient comes back with the other sign, times ``strength``."""
    found: Tensor = _Reversal.apply(value, strength)
    return found


class Adversary(Term):
    """What the network reads of the label: the cross-entropy of an even guess less its own, in nats per item. (Of a
    number it is that of N(0, 1) less the network's; of flags the sum over them.)

    0 is an even guess, log k all of an evenly spread label of k values; below 0 the network is worse than a guess. The
    model descends this figure, ``strength`` times; the network, by the reversed gradient, ascends it: it descends its
    cross-entropy. Where the strength is below 0 the figure is that cross-entropy, and both descend it. Items whose
    label is unknown (a row of zeros) are left out.
    """

    id = "adversary"

    def __init__(self, settings: AdversarySettings, model: VAE) -> None:
        super().__init__(settings.weight)
        label = block_named(model.blocks, settings.label, "term 'adversary'")
        names = [block.name for block in model.latent if block.shared and block != label]
        if settings.block is None and not names:
            raise SettingError("term 'adversary' needs the block to read, no block being shared: set its block")
        block = block_named(model.blocks, settings.block or names[0], "term 'adversary'")
        if block == label:
            raise SettingError(
                f"term 'adversary' cannot rid block {block.name!r} of itself: set another block or label"
            )
        self.block, self.label = block.name, label.name
        # how it is read: as a condition of its kind is, and one that has no kind as one of several values
        own = model.conditions.get(label.name) or Categorical(label.name, [str(n) for n in range(label.size)])
        if not own.outputs:
            raise LacksCapability(f"term 'adversary': a condition of kind {own.kind!r} ({label.name!r}) is not read")
        self.condition = own
        self.strength, self.reads = settings.strength, settings.reads
        self.network = nn.Sequential(
            nn.Linear(block.size, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, settings.hidden), nn.ReLU(),
            nn.Linear(settings.hidden, own.outputs),
        )  # fmt: skip

    def forward(self, model: VAE, batch: Batch, draw: Draw, step: int | None, stream: Stream) -> Float[Tensor, ""]:
        if self.label not in batch.conditions:
            raise LacksCapability(f"term 'adversary' needs labels: the batch has no condition {self.label!r}")
        label = batch.conditions[self.label]
        there = ~unknown(label)
        strength = self.strength.at(step)
        said = self.network(reverse(read(draw, self.block, self.reads), strength)).float()
        count = there.sum().clamp(min=1)
        nats = self.condition.nats(said, label).sum() / count
        if strength < 0:
            return nats
        guess = self.condition.nats(torch.zeros_like(said), label).sum() / count
        # the figure falls as the cross-entropy rises; its gradients are those of the cross-entropy
        return nats - 2.0 * nats.detach() + guess


@dataclass(frozen=True, kw_only=True)
class AdversarySettings(TermSettings):
    """A label must not be read from a block."""

    weight: Schedule = setting(Constant(value=1.0), help="its share of the loss, of the network's own, too",
                               convert=within(0.0))  # fmt: skip
    block: str | None = setting(None, help="the block that must not tell; default: the first shared one")
    label: str = setting("label", help="the condition block that must not be told")
    reads: str = setting("draw", help="what it reads: draws of the block, or the posterior's mean", choices=READS)
    hidden: int = setting(128, help="width of the network's two hidden layers", ge=1, le=8192)
    strength: Schedule = setting(
        Constant(value=1.0),
        help="how much of the reversed gradient the model gets; below 0 it helps the network",
        convert=within(-1e3),
    )

    def build(self, model: VAE) -> Adversary:
        return Adversary(self, model)
