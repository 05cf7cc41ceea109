"""Learning from items of which a condition is known of some alone (Kingma, Mohamed, Rezende and Welling,
"Semi-supervised Learning with Deep Generative Models", 2014: M2).

Of an item whose condition is known the bound is L(x, c), as everywhere else, and what p(c) costs. Of any other it is

    U(x) = sum over c of q(c|x) L(x, c)  -  H(q(c|x)),

every value tried, with one noise for all (or the few that q finds likeliest: q is then a distribution over these, and
the bound still one). Labelled items also teach q(c|x) by its cross-entropy, which the bound would
not. Beside that q may be asked to say the same of an item and of changed copies of it (Sohn et al., "FixMatch", 2020):
a label that it is sure of is the copies', too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from genvae.core.batch import Batch
from genvae.core.corruption import Corruption
from genvae.core.latents import Block, block_named
from genvae.core.objectives.base import Objective, Terms
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.vae import VAE, Draw
from genvae.errors import LacksCapability, SettingError
from genvae.settings import setting
from genvae_conditional.objectives.classifier import Recogniser


def condition_of(model: VAE, asked: str | None, who: str) -> Block:
    """The observed block that is asked for, or the first with values that can be told one by one."""
    names = [n for n in model.observed if n not in model.conditions or model.conditions[n].values()]
    if asked is None and not names:
        raise LacksCapability(f"{who} needs a model with a condition that has values; this one has none")
    block = block_named(model.blocks, asked or names[0], who)
    if block.name not in names:
        there = ", ".join(names) or "none"
        raise SettingError(f"{who}: {block.name!r} is no condition with values; there are: {there}")
    if len(block.shape) != 1:
        raise LacksCapability(f"{who} tries each value of a condition, and {block.name!r} has rows of {block.shape}")
    return block


def largest(rows: Float[Tensor, "n k"]) -> Bool[Tensor, "n k"]:
    """The place of each row's largest number, the first of several."""
    found: Tensor = functional.one_hot(rows.argmax(1), rows.shape[1]).bool()
    return found


class SemiSupervised(Objective):
    """Bounds of items with and without a value of the condition, and what teaches q(c|x)."""

    log_prior: Tensor

    def __init__(self, settings: SemiSupervisedSettings, model: VAE) -> None:
        super().__init__()
        self.settings = settings
        self.block = condition_of(model, settings.label, "objective 'semi-supervised'")
        shared = [block.name for block in model.blocks if block.shared]
        if shared:
            raise LacksCapability(
                f"objective 'semi-supervised' looks at items one by one, and the block {shared[0]!r} is a group's"
            )
        known = model.conditions[self.block.name].log_shares if self.block.name in model.conditions else None
        even = torch.full((self.block.size,), 1.0 / self.block.size).log()
        self.register_buffer("log_prior", even if known is None or settings.even else known.float(), persistent=False)
        self.recogniser = Recogniser(
            model, self.block, own=settings.encoder == "own", hidden=settings.hidden, dropout=settings.dropout
        )
        self.changes = [change.build(model) for change in settings.changes]

    # -- the parts ---------------------------------------------------------------------------------

    def logits(self, model: VAE, batch: Batch) -> Float[Tensor, "n k"]:
        """log q(c|x) of each item, but for a constant."""
        found: Tensor = self.recogniser(model, batch)
        return found

    def given(self, batch: Batch) -> Float[Tensor, "n k"]:
        """The rows of the condition, zeros where it is not known."""
        row = batch.conditions.get(self.block.name)
        return torch.zeros(len(batch), self.block.size, device=batch.items.device) if row is None else row

    def forward(self, model: VAE, batch: Batch, step: int | None, stream: Stream, player: str = "model") -> Terms:
        given = self.given(batch)
        known = (given != 0).any(1)
        log_q = self.logits(model, batch).log_softmax(1)
        beta = self.settings.beta.at(step)
        tried = torch.where(known[:, None], largest(given), self._likeliest(log_q))
        among = log_q.masked_fill(~tried, -torch.inf).log_softmax(1)  # q among the values that are tried
        distortion, rate = self._tried(model, batch, given, known, tried, stream)
        q = self._weights(among, given, known, step)
        told = (q * distortion).sum(1)
        # of a known value q is that value: no entropy, and p(c) costs what it is worth
        entropy = -(q * among.masked_fill(~tried | known[:, None], 0.0)).sum(1)
        label = -(q * self.log_prior).sum(1) - entropy
        paid = (q * rate).sum(1)
        bound = told + beta * (paid + label)
        missed = -(given * log_q).sum(1)  # 0 where it is not known
        loss = bound.mean() * self.settings.generative.at(step) + self.settings.weight.at(step) * missed.mean()
        named = {
            "elbo": -(told + paid + label).mean(), "distortion": told.mean(), "rate": (paid + label).mean(),
            f"rate/{self.block.name}": label.mean(), "classification": missed.sum() / known.sum().clamp(min=1),
            "error": self._error(log_q, given, known),
            "confidence": log_q.exp().amax(1).mean(),
        }  # fmt: skip
        consistency = self.settings.consistency.at(step)
        if consistency and self.changes and self.training and step is not None:
            said, sure = self._consistency(model, batch, log_q, given, known, step, stream)
            loss = loss + consistency * said
            named |= {"consistency": said, "sure": sure}
        return Terms(loss, {name: value.detach() for name, value in named.items()})

    def _likeliest(self, log_q: Float[Tensor, "n k"]) -> Bool[Tensor, "n k"]:
        """The values that are tried on an item: all, or so many of those that q finds likeliest."""
        most = min(self.settings.tried or self.block.size, self.block.size)
        return torch.zeros_like(log_q, dtype=torch.bool).scatter(1, log_q.topk(most, 1).indices, True)

    def _tried(
        self, model: VAE, batch: Batch, given: Tensor, known: Bool[Tensor, " n"], tried: Bool[Tensor, "n k"],
        stream: Stream,
    ) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:  # fmt: skip
        """Distortion and rate of every item under each value that is tried, in nats; 0 elsewhere, not worked out."""
        count = self.block.size
        values = torch.eye(count, device=given.device, dtype=given.dtype)
        item, value = tried.nonzero(as_tuple=True)
        rows = torch.where(known[item, None], given[item], values[value])
        wide = batch.take(item).knowing(**{self.block.name: rows})
        draw = self._draw(model, batch, wide, item, stream.at("posterior"))
        distortion, rate = (
            nats.new_zeros(len(batch), count).index_put((item, value), nats)
            for nats in (model.distortion(draw.latents, wide).float(), self._rate(model, draw, len(wide)).float())
        )
        return distortion, rate

    def _draw(self, model: VAE, batch: Batch, wide: Batch, item: Int[Tensor, " m"], stream: Stream) -> Draw:
        """A draw of every latent block for items under values; the encoder runs once an item where it is not told."""
        if self.settings.posterior_told:
            return model.infer(wide, stream)
        features = {name: feature[item] for name, feature in model.encode(batch).items()}
        return model.draw(wide, features, stream)

    @staticmethod
    def _rate(model: VAE, draw: Draw, rows: int) -> Float[Tensor, " m"]:
        nats = [draw.rate(block).sum(1) for block in model.blocks if block.name in draw.posteriors]
        return torch.stack(nats).sum(0) if nats else torch.zeros(rows, device=model.device)

    def _weights(
        self, among: Float[Tensor, "n k"], given: Tensor, known: Bool[Tensor, " n"], step: int | None
    ) -> Float[Tensor, "n k"]:
        """How much each value of an item counts: q(c|x), or the value that is known. ``heard`` scales the gradient that
        reaches q this way."""
        q = among.exp()
        heard = self.settings.heard.at(step)
        q = q if heard == 1.0 else q.detach() + heard * (q - q.detach())
        return torch.where(known[:, None], largest(given).to(q.dtype), q)

    @staticmethod
    def _error(log_q: Float[Tensor, "n k"], given: Tensor, known: Bool[Tensor, " n"]) -> Float[Tensor, ""]:
        """The share of items with a known value that q takes for another; 0 where there are none."""
        wrong = (log_q.argmax(1) != given.argmax(1)) & known
        return wrong.sum() / known.sum().clamp(min=1)

    def _consistency(
        self, model: VAE, batch: Batch, log_q: Tensor, given: Tensor, known: Bool[Tensor, " n"], step: int,
        stream: Stream,
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:  # fmt: skip
        """Cross-entropy of changed copies, in nats per item, against the known value or the one that q is sure of; and
        the share of items whose value is known so."""
        changed = batch
        for number, change in enumerate(self.changes):
            changed = change(changed, step, stream.at("changes").again(number))
        q = log_q.detach().exp()
        best, value = q.max(1)
        wanted = torch.where(known, given.argmax(1), value)
        taught = known | (best >= self.settings.sure)
        nats = functional.cross_entropy(self.logits(model, changed), wanted, reduction="none")
        return (nats * taught).mean(), taught.float().mean()


@dataclass(frozen=True, kw_only=True)
class SemiSupervisedSettings:
    """Items of which a condition is known of some alone."""

    label: str | None = setting(None, help="the condition; default: the first that has values")
    beta: Schedule = setting(Constant(value=1.0), help="weight of the rate, p(c)'s included", convert=within(0.0))
    weight: Schedule = setting(
        Constant(value=1.0), help="of -log q(c|x) of an item whose value is known, in nats", convert=within(0.0)
    )
    generative: Schedule = setting(Constant(value=1.0), help="weight of the bounds", convert=within(0.0))
    heard: Schedule = setting(
        Constant(value=1.0), help="how much of the bound's gradient q(c|x) hears: 1 is Kingma et al.'s; less, where "
        "bounds of many nats drown what few labels say", convert=within(0.0, 1.0),
    )  # fmt: skip
    tried: int | None = setting(
        None, help="values that are tried on an item, the likeliest by q(c|x), a distribution over these then: "
        "still a bound, at less cost; default: all", ge=1,
    )  # fmt: skip
    even: bool = setting(False, help="p(c) is even, whatever shares the labelled items have")
    encoder: str = setting(
        "own", help="what q(c|x) reads: an encoder of its own, a copy of the model's at first; or the model's",
        choices=("own", "shared"),
    )  # fmt: skip
    hidden: int = setting(128, help="width of its hidden layer", ge=1, le=8192)
    dropout: float = setting(0.0, help="of that layer", ge=0.0, lt=1.0)
    posterior_told: bool = setting(
        True, help="q(z|x, c) sees the value; where the encoder does not read it, false runs it once an item"
    )
    consistency: Schedule = setting(
        Constant(value=0.0), help="weight of what q says of changed copies of the items", convert=within(0.0)
    )
    changes: tuple[Corruption, ...] = setting(
        (), help="how copies are changed, each an id or {corruption: ID, ...}", parts="corruption"
    )
    sure: float = setting(0.95, help="from what q(c|x) on a value is taught to the copies", ge=0.0, le=1.0)

    def build(self, model: VAE) -> SemiSupervised:
        if self.consistency.at(None) and not self.changes:
            raise SettingError("consistency needs changes: a list of {corruption: ID, ...}")
        return SemiSupervised(self, model)
