"""What objectives share that weigh the distortion against the rate: both of them measured, and terms beside them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.objectives.base import Objective, Terms
from genvae.core.randomness import Stream
from genvae.core.schedules import Schedule, within
from genvae.core.terms.base import Term, TermSettings
from genvae.core.vae import VAE
from genvae.errors import SettingError
from genvae.settings import build, setting


def _given(value: Any) -> Any:
    return None if value is None else within(0.0)(value)


@dataclass(frozen=True, kw_only=True)
class BlockWeight:
    """What the rate of one block costs: an information bottleneck of its own (Alemi et al., "Deep Variational
    Information Bottleneck", 2017)."""

    beta: Schedule | None = setting(None, help="weight of this block's rate; default: the objective's", convert=_given)
    free_bits: float | None = setting(None, help="nats of each of its dimensions that cost nothing; default: the "
                                      "objective's", ge=0.0)  # fmt: skip


def block_weights(value: Any) -> Any:
    """The setting ``{block: {beta: ..., free_bits: ...}, ...}``; a bare number or schedule is a block's beta."""
    if not isinstance(value, Mapping):
        raise SettingError(f"blocks = {value!r} must be a mapping of block names, like {{style: {{beta: 0.5}}}}")
    made: dict[str, BlockWeight] = {}
    for name, entry in value.items():
        if isinstance(entry, BlockWeight):
            made[str(name)] = entry
            continue
        values = entry if isinstance(entry, Mapping) else {"beta": entry}
        made[str(name)] = build(BlockWeight, values, where=f"block {name}")
    return made


class Weighed(Objective):
    """Measures distortion and rate, has ``weigh`` make a loss of them, and adds the terms by their weights.

    Where a prior gives no KL in closed form, a rate is log q - log p of the draw: right on average, and of a batch
    it may be below 0.
    """

    def __init__(self, terms: Sequence[TermSettings], model: VAE) -> None:
        super().__init__()
        self.terms = nn.ModuleList(term.build(model) for term in terms)
        self.labels = _labels([str(term.id) for term in self.terms])

    @abstractmethod
    def weigh(
        self,
        distortion: Float[Tensor, ""],
        rates: Mapping[Block, Float[Tensor, " columns"]],
        step: int | None,
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The loss before the terms, and figures beside "distortion" and "rate". ``rates`` are each block's nats per
        item, a number a dimension, or one for all dimensions together where there is no closed form."""

    def forward(self, model: VAE, batch: Batch, step: int | None, stream: Stream, player: str = "model") -> Terms:
        draw = model.infer(batch, stream.at("posterior"))
        distortion = model.distortion(draw.latents, batch).mean()
        # summed over rows and divided by items: a shared block counts once a group
        rates = {block: draw.rate(block).sum(0) / len(batch) for block in model.blocks if block.name in draw.posteriors}
        rate = sum((each.sum() for each in rates.values()), distortion.new_zeros(()))
        loss, figures = self.weigh(distortion, rates, step)
        named = {"elbo": -(distortion + rate), "distortion": distortion, "rate": rate}
        named |= {f"rate/{block.name}": each.sum() for block, each in rates.items()} | figures
        for number, (label, term) in enumerate(zip(self.labels, self.terms, strict=True)):
            assert isinstance(term, Term)
            value = term(model, batch, draw, step, stream.at("term").again(number))
            loss = loss + term.weight.at(step) * value
            named[label] = value
        return Terms(loss, {name: value.detach() for name, value in named.items()})


def _labels(ids: Sequence[str]) -> list[str]:
    """A name for each term: its id, and a number behind it from the second of its kind on."""
    earlier = [ids[:number].count(name) for number, name in enumerate(ids)]
    return [name if not before else f"{name}/{before + 1}" for name, before in zip(ids, earlier, strict=True)]
