"""Maximum mean discrepancy (Zhao, Song and Ermon, "InfoVAE: Balancing Learning and Inference in Variational
Autoencoders", 2019): how far the latents of all items together lie from the prior.

InfoVAE's loss is ``distortion + (1 - alpha) * rate + (alpha + lambda - 1) * MMD``, so its two numbers are written as

    objective: {objective: elbo, beta: 1 - alpha, terms: [{term: mmd, weight: alpha + lambda - 1}]}

alpha = 1 (beta 0) is their MMD-VAE and the Wasserstein autoencoder of Tolstikhin et al. 2018; alpha = 0 and
lambda = 1 is the plain VAE.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.terms.base import Term, TermSettings
from genvae.core.vae import VAE, Draw
from genvae.errors import LacksCapability, SettingError
from genvae.settings import setting

KERNELS = ("imq", "rbf")


def kernel(name: str, one: Float[Tensor, "n d"], two: Float[Tensor, "m d"], width: float) -> Float[Tensor, "n m"]:
    """k of every pair, with s the squared distance: width / (width + s) for "imq", exp(-s / width) for "rbf"."""
    # not torch.cdist: its gradient at distance 0 is not a number
    squared = (one.square().sum(1)[:, None] + two.square().sum(1) - 2 * one @ two.T).clamp(min=0.0)
    return width / (width + squared) if name == "imq" else (-squared / width).exp()


def mmd(name: str, one: Float[Tensor, "n d"], two: Float[Tensor, "n d"], width: float) -> Float[Tensor, ""]:
    """The squared discrepancy of two samples of one size, by the unbiased estimator (Gretton et al. 2012, their
    lemma 6): pairs of a draw with itself are left out, so it may be a little below 0."""
    count = len(one)
    own = sum(
        (pairs.sum() - pairs.diagonal().sum() for pairs in (kernel(name, x, x, width) for x in (one, two))),
        one.new_zeros(()),
    )
    return own / (count * (count - 1)) - 2 * kernel(name, one, two, width).mean()


class MMD(Term):
    """The squared discrepancy between a batch's latents, all blocks side by side, and as many draws of the prior.

    It has no unit and lies between 0 and 2, so its weight is large where a rate's is 1. It is an estimate of
    batches, so an accumulated batch is not the large one; of a single item there is nothing to say, and it is 0.
    """

    id = "mmd"

    def __init__(self, settings: MMDSettings, model: VAE) -> None:
        super().__init__(settings.weight)
        if not model.latent_dim:
            raise SettingError("term 'mmd' needs a latent; this model has none")
        shared = [block.name for block in model.latent if block.shared]
        if shared:
            raise LacksCapability(f"term 'mmd' compares items, and block {shared[0]!r} is shared by a group")
        self.kernel = settings.kernel
        #: twice the number of dimensions is the mean squared distance of two draws from N(0, I)
        self.width = 2.0 * sum(block.size for block in model.blocks) * settings.width

    def forward(self, model: VAE, batch: Batch, draw: Draw, step: int | None, stream: Stream) -> Float[Tensor, ""]:
        drawn = self._joined(model, draw.latents)
        if len(drawn) < 2:
            return 0.0 * drawn.sum()
        asked = self._joined(model, model.sample_prior(batch.items, stream.at("prior"), observed=batch.conditions))
        with torch.autocast(drawn.device.type, enabled=False):  # small differences of squares
            return mmd(self.kernel, drawn, asked, self.width)

    @staticmethod
    def _joined(model: VAE, latents: dict[str, Tensor]) -> Float[Tensor, "n d"]:
        return torch.cat([latents[block.name].float().flatten(1) for block in model.blocks], 1)


@dataclass(frozen=True, kw_only=True)
class MMDSettings(TermSettings):
    """Maximum mean discrepancy between the latents of all items and the prior."""

    weight: Schedule = setting(Constant(value=10.0), help="its share: InfoVAE's alpha + lambda - 1, beta being "
                               "1 - alpha", convert=within(0.0))  # fmt: skip
    kernel: str = setting("imq", help="inverse multiquadratic (imq) or Gaussian (rbf)", choices=KERNELS)
    width: float = setting(1.0, help="of the kernel, in mean squared distances of two N(0, I) draws", gt=0.0, le=1e6)

    def build(self, model: VAE) -> MMD:
        return MMD(self, model)
