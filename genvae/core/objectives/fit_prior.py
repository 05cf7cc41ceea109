"""A prior fitted to the latents of a model that is trained already: two stages, as in "Diagnosing and Enhancing VAE
Models" (Dai and Wipf 2019) and in latent diffusion (Vahdat, Kreis and Kautz 2021)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.distributions import DiagonalGaussian
from genvae.core.latents import Block, Latents
from genvae.core.objectives.base import Objective, Terms
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.errors import LacksCapability, SettingError
from genvae.settings import setting


def as_views(block: Block, posterior: DiagonalGaussian) -> dict[str, Tensor]:
    """A block's posterior as views of a batch, one row an item."""
    return {f"{block.name}/mean": posterior.mean, f"{block.name}/log_variance": posterior.log_variance}


def drawn(blocks: tuple[Block, ...], batch: Batch, stream: Stream, noise: float = 1.0) -> Latents:
    """The latents of a batch of posteriors, by the noise with which the model would draw them itself, times
    ``noise``."""
    latents: Latents = {}
    for block in blocks:
        if block.name in batch.conditions:
            latents[block.name] = batch.conditions[block.name]
            continue
        if f"{block.name}/mean" not in batch.views:
            raise LacksCapability(f"fit-prior needs batches of latents, block {block.name!r} is missing: data: latents")
        posterior = DiagonalGaussian(batch.views[f"{block.name}/mean"], batch.views[f"{block.name}/log_variance"])
        latents[block.name] = posterior.push(noise * stream.at(block.name).normal(batch.items, *block.shape))
    return latents


class FitPrior(Objective):
    """The prior's own loss on draws from the items' posteriors, in nats per item where the prior has a density.

    Only the prior moves. The posteriors come with the batch, so nothing is encoded.
    """

    data = "latents"

    def __init__(self, noise: float) -> None:
        super().__init__()
        self.noise = noise

    def begin(self, model: VAE, whole: Batch, stream: Stream) -> None:
        """The prior's first look at the latents, one draw an item; it is in use from here on."""
        values = drawn(model.blocks, whole, stream.at("posterior"), self.noise)
        before: Latents = {}
        for block in model.blocks:
            if block.name not in whole.conditions:
                model.prior.initialise(values[block.name], block, before)
            before[block.name] = values[block.name]
        model.prior.mark_fitted()

    def forward(self, model: VAE, batch: Batch, step: int | None, stream: Stream, player: str = "model") -> Terms:
        latents = drawn(model.blocks, batch, stream.at("posterior"), self.noise)
        before: Latents = {}
        named: dict[str, Tensor] = {}
        loss = batch.cost.new_zeros(())
        for block in model.blocks:
            if block.name not in batch.conditions:
                own = stream.at("prior").at(block.name)
                nats = model.prior.loss(block, latents[block.name], before, own, batch.items).mean()
                named[f"prior/{block.name}"] = nats.detach()
                loss = loss + nats
            before[block.name] = latents[block.name]
        return Terms(loss, named)

    def parameters_of(self, player: str, model: VAE) -> Iterator[nn.Parameter]:
        yield from model.prior.parameters()


@dataclass(frozen=True, kw_only=True)
class FitPriorSettings:
    """The prior is fitted to the posteriors of the training items."""

    noise: float = setting(1.0, help="share of the posterior's noise in what it is fitted to (0: the means)", ge=0.0,
                           le=1.0)  # fmt: skip

    def build(self, model: VAE) -> FitPrior:
        if not any(True for _ in model.prior.parameters()):
            raise SettingError(
                f"objective 'fit-prior' needs a prior that learns; {type(model.prior).__name__} does not"
            )
        return FitPrior(self.noise)
