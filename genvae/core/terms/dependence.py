"""The Hilbert-Schmidt independence criterion (Gretton, Bousquet, Smola and Schölkopf, "Measuring Statistical Dependence
with Hilbert-Schmidt Norms", 2005) between two blocks; as a penalty in autoencoders: Lopez, Regier, Jordan and Yosef,
"Information Constraints on Auto-Encoding Variational Bayes" (2018).

It needs no network: for n pairs (x_i, y_i), kernels K_ij = k(x_i, x_j) and L_ij = l(y_i, y_j), and H = I - 1/n,
HSIC = tr(K H L H) / (n - 1)^2. In the limit it is 0 if and only if x and y are independent.
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
from genvae.core.terms.base import READS, Term, TermSettings, read
from genvae.core.terms.mmd import kernel
from genvae.core.vae import VAE, Draw
from genvae.errors import LacksCapability, SettingError
from genvae.settings import setting


def hsic(k: Float[Tensor, "n n"], l: Float[Tensor, "n n"]) -> Float[Tensor, ""]:  # noqa: E741
    """The criterion of two symmetric kernel matrices; at least 0."""
    # H K H alone is enough: H is a projection, and the trace turns round
    centred = k - k.mean(0) - k.mean(1)[:, None] + k.mean()
    return (centred * l).sum() / (len(k) - 1) ** 2


class Dependence(Term):
    """HSIC of a batch's draws of two blocks, by Gaussian kernels exp(-|x - x'|^2 / (2 d width)), 2 d being the mean
    squared distance of two draws from N(0, I).

    It has no unit and is small: 0.05 to 0.007 where two blocks of 2 to 20 standard normal numbers are the same, and
    0.37 / n, its bias, where they are independent. So its weight is large where a rate's is 1, and batches must not
    be small; an accumulated one is not the large one. Two shared blocks are compared a row a group, any others a row
    an item. A block that is observed counts as any other.
    """

    id = "dependence"

    def __init__(self, settings: DependenceSettings, model: VAE) -> None:
        super().__init__(settings.weight)
        if len(model.blocks) < 2:
            raise LacksCapability(f"term 'dependence' needs two blocks; this model has {len(model.blocks)}")
        chosen = [block_named(model.blocks, name, "term 'dependence'").name for name in settings.blocks]
        if chosen and len(set(chosen)) != 2:
            raise SettingError(f"term 'dependence' compares two blocks; blocks = {', '.join(settings.blocks)}")
        self.blocks = chosen
        self.width, self.reads = settings.width, settings.reads

    def forward(self, model: VAE, batch: Batch, draw: Draw, step: int | None, stream: Stream) -> Float[Tensor, ""]:
        names = self.blocks or list(draw.posteriors)[:2]
        if len(names) < 2:
            raise LacksCapability("term 'dependence' needs two blocks, and all but one are observed: set its blocks")
        pair = [next(block for block in model.blocks if block.name == name) for name in names]
        values = [read(draw, block.name, self.reads).float() for block in pair]
        if all(block.shared for block in pair):
            values = [draw.groups.one(value) for value in values]
        if len(values[0]) < 2:
            return sum((0.0 * value.sum() for value in values), batch.cost.new_zeros(()))
        with torch.autocast(values[0].device.type, enabled=False):  # small differences
            k, l = (kernel("rbf", v, v, 2.0 * v.shape[1] * self.width) for v in values)  # noqa: E741
            return hsic(k, l)


@dataclass(frozen=True, kw_only=True)
class DependenceSettings(TermSettings):
    """Two blocks must be independent of each other."""

    weight: Schedule = setting(Constant(value=1000.0), help="its share of the loss; the criterion has no unit",
                               convert=within(0.0))  # fmt: skip
    blocks: tuple[str, ...] = setting((), help="the two blocks; default: the first two that are not observed")
    reads: str = setting(
        "draw", help="what is compared: draws of the blocks, or their posteriors' means", choices=READS
    )
    width: float = setting(1.0, help="of the kernels, in mean squared distances of two N(0, I) draws", gt=0.0, le=1e6)

    def build(self, model: VAE) -> Dependence:
        return Dependence(self, model)
