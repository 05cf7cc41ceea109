"""What a model says of an item under each value of a condition must tell the value that it has.

By Bayes' rule any conditional model is a classifier, p(c|x) in proportion to p(x|c). Trained for x alone it is a
middling one, for the few symbols that tell c are a small part of x. So it is trained for c, too, as in Krause et al.
("GeDi: Generative Discriminator Guided Sequence Generation", 2020). Items are blank here: what their latents could
tell of c, they do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.latents import block_named
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.sequences import blank
from genvae.core.symbols import vocabulary
from genvae.core.terms.base import Term, TermSettings
from genvae.core.vae import VAE, Draw
from genvae.errors import LacksCapability
from genvae.settings import setting


def under_each(model: VAE, batch: Batch, name: str, rows: Float[Tensor, "k d"]) -> Float[Tensor, "n k"]:
    """-log p(x | z of its blanks, c) in nats, of each item under each of a condition's rows."""
    latents = model.infer(blank(batch)).latents
    item = torch.arange(len(batch), device=rows.device).repeat_interleave(len(rows))
    wide = {key: value[item] for key, value in latents.items()}
    wide[name] = rows.repeat(len(batch), 1)
    return model.distortion(wide, batch.take(item)).reshape(len(batch), len(rows))


class Telling(Term):
    """-log p(c|x), all values equally likely beforehand, in nats per item; items whose value is unknown apart."""

    id = "telling"

    def __init__(self, settings: TellingSettings, model: VAE) -> None:
        super().__init__(settings.weight)
        self.label = block_named(model.blocks, settings.label, "term 'telling'").name
        values = model.conditions[self.label].values() if self.label in model.conditions else {}
        vocabulary(model.likelihood, "term 'telling'")
        if len(values) < 2:
            raise LacksCapability(
                f"term 'telling' needs a condition with values to tell apart; {self.label!r} has none"
            )
        self.register_buffer("rows", torch.stack(list(values.values())), persistent=False)
        self.share = settings.share

    rows: Tensor

    def forward(self, model: VAE, batch: Batch, draw: Draw, step: int | None, stream: Stream) -> Float[Tensor, ""]:
        if self.label not in batch.conditions:
            raise LacksCapability(f"term 'telling' needs labels: the batch has no condition {self.label!r}")
        given = batch.conditions[self.label]
        chosen = stream.uniform(batch.items, 1)[:, 0] < self.share
        some = (given.any(1) & chosen).nonzero()[:, 0]
        if not len(some):
            return batch.cost.new_zeros(())
        nats = under_each(model, batch.take(some), self.label, self.rows)
        own = (given[some] @ self.rows.T).argmax(1, keepdim=True)
        return -(-nats).log_softmax(1).gather(1, own).mean()


@dataclass(frozen=True, kw_only=True)
class TellingSettings(TermSettings):
    """What is said of an item under each value of a condition must tell its own."""

    weight: Schedule = setting(Constant(value=1.0), help="its share of the loss", convert=within(0.0))
    label: str = setting("label", help="the condition, one of several values")
    share: float = setting(1.0, help="share of the items that are looked at, each under every value", gt=0.0, le=1.0)

    def build(self, model: VAE) -> Telling:
        return Telling(self, model)
