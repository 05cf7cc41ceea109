"""Back-translation (Sennrich, Haddow and Birch, "Improving Neural Machine Translation Models with Monolingual Data",
2016; without any pair: Lample et al., "Unsupervised Machine Translation Using Monolingual Corpora Only", 2018).

An item is rewritten under another value of a condition by the model as it is, and from what that says the item itself
must be said again under its own value:

    -log p(x | z, c),  z ~ q(z | y),  y the decoder's of q(z | x) and c'.

What it learns is to rewrite from c' to c, with targets that are real, from sources as its own rewriting makes them; no
gradient passes through y. It bounds the likelihood as any distribution over z does. A model that says x whatever c' is
has nothing to learn here, so what it begins with must listen to conditions: train it as a denoiser first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.decoding.options import Decoding
from genvae.core.decoding.sampling import sample
from genvae.core.latents import block_named
from genvae.core.likelihoods import CategoricalSequence, SequenceDecoder
from genvae.core.likelihoods.base import FactorisedLikelihood
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.symbols import Symbols
from genvae.core.terms.base import Term, TermSettings
from genvae.core.vae import VAE, Draw
from genvae.errors import LacksCapability
from genvae.settings import setting
from genvae_conditional.rewriting.between import OWN, between

LONGER = 1.5  # what is said is no longer than this many times the longest item of the batch


def unspoilt(batch: Batch) -> Batch:
    """Sequences read as they are: what corruptions made of "input" is as the target has it, the end apart."""
    target, there = batch.views["target"], batch.masks["target"][:, 1:]
    read = target[:, :-1].masked_fill(~there, Symbols.PAD)
    return replace(batch.viewing(input=read), masks={**batch.masks, "input": there})


class Cycle(Term):
    """-log p(x | z of x rewritten, own condition), in nats for each item whose condition is known."""

    id = "cycle"

    def __init__(self, settings: CycleSettings, model: VAE) -> None:
        super().__init__(settings.weight)
        self.label = block_named(model.blocks, settings.label, "term 'cycle'").name
        values = model.conditions[self.label].values() if self.label in model.conditions else {}
        if len(values) < 2:
            raise LacksCapability(f"term 'cycle' needs a condition with values to go between; {self.label!r} has none")
        if not isinstance(model.likelihood, CategoricalSequence | FactorisedLikelihood):
            raise LacksCapability(f"term 'cycle' reads what is said, and a {type(model.likelihood).__name__} says none")
        self.register_buffer("rows", torch.stack(list(values.values())), persistent=False)
        self.settings = settings

    rows: Tensor

    def forward(self, model: VAE, batch: Batch, draw: Draw, step: int | None, stream: Stream) -> Float[Tensor, ""]:
        if self.label not in batch.conditions:
            raise LacksCapability(f"term 'cycle' needs labels: the batch has no condition {self.label!r}")
        known = batch.conditions[self.label].any(1).nonzero()[:, 0]
        if not len(known):
            return batch.cost.new_zeros(())
        own = replace(batch.take(known), group=None)
        given = own.conditions[self.label]
        away = self._other(given, own, stream.at("other"))
        read = self._rewritten(model, own, away).knowing(**{self.label: away})
        found = model.infer(read, stream.at("again")).latents
        return model.distortion({**found, self.label: given}, own).mean()

    def _other(self, given: Float[Tensor, "n d"], batch: Batch, stream: Stream) -> Float[Tensor, "n d"]:
        """Another value for each item, each as likely."""
        count = len(self.rows)
        step = 1 + (stream.uniform(batch.items, 1)[:, 0] * (count - 1)).long()
        other: Tensor = self.rows[((given @ self.rows.T).argmax(1) + step) % count]
        return other

    @torch.no_grad()
    def _rewritten(self, model: VAE, batch: Batch, away: Float[Tensor, "n d"]) -> Batch:
        """The items as the model says them under ``away``, as what an encoder reads."""
        training, likelihood = model.training, model.likelihood
        model.eval()
        try:
            latents = model.infer(unspoilt(batch) if isinstance(likelihood, CategoricalSequence) else batch).latents
            both = {**latents, self.label: away, OWN + self.label: latents[self.label]}
            told = between(model, self.settings.strength)
            if isinstance(likelihood, FactorisedLikelihood):
                return batch.viewing(input=likelihood.mean(told.decoder(both, batch).float()))
            assert isinstance(likelihood, CategoricalSequence) and isinstance(told.decoder, SequenceDecoder)
            longest = int(LONGER * batch.views["input"].shape[1]) + 1
            greedy = Decoding(temperature=0.0)
            said = sample(likelihood.stepper(told.decoder), both, batch.items, greedy, Stream(0, "cycle"), longest)
        finally:
            model.train(training)
        there = said != Symbols.PAD
        width = max(1, int(there.sum(1).max()))
        return replace(batch.viewing(input=said[:, :width]), masks={**batch.masks, "input": there[:, :width]})


@dataclass(frozen=True, kw_only=True)
class CycleSettings(TermSettings):
    """An item must be said again from what it becomes under another value of a condition."""

    weight: Schedule = setting(Constant(value=1.0), help="its share of the loss", convert=within(0.0))
    label: str = setting("label", help="the condition, one of several values")
    strength: float = setting(
        1.0, help="how far items are rewritten: 1 is what is asked for, more goes on in that direction", ge=0.0, le=20.0
    )

    def build(self, model: VAE) -> Cycle:
        return Cycle(self, model)
