"""A mixture of logistic distributions on a grid (Salimans, Karpathy, Chen and Kingma, "Discretized Logistic Mixture
Likelihood and Other Modifications", 2017; with one component: Kingma et al., "Improved Variational Inference with
Inverse Autoregressive Flow", 2016).

A value of the grid has the probability that the mixture gives to what lies nearer to it than to any other value; the
two at the ends have all that lies beyond them, too. Elements are independent given z: none sees another.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from genvae.core.likelihoods.base import FactorisedLikelihood
from genvae.settings import setting

FEW = 32  # levels up to which the mean is summed over the grid
INSIDE = 1e-15  # how near to 0 and 1 a share may come whose logit is taken
WIDEST = 5.0  # log scale: a component that wide has nearly all of its share at the two ends


class DiscretisedLogisticMixture(FactorisedLikelihood):
    """-log p(x|z) of elements on the grid of ``levels`` values from 0 to 1; a value between counts as the nearest.

    Each element has three numbers a component: mean, log scale and weight; one component has no weight. The means
    and scales are on the line from -1 to 1 that the grid is stretched to. The components' means start apart, in the
    middles of as many equal parts of that line.
    """

    centres: Tensor

    def __init__(self, levels: int, components: int, floor: float) -> None:
        super().__init__()
        self.levels = levels
        self.components = components
        self.floor = floor
        self.per_element = 3 * components if components > 1 else 2
        place = (2.0 * torch.arange(components) + 1.0) / components - 1.0
        self.register_buffer("centres", place, persistent=False)

    def mixture(self, parameters: Float[Tensor, "n ..."]) -> tuple[Tensor, Tensor, Tensor]:
        """Log weights, means and log scales of the components, each (n, c, ..., k)."""
        apart = self.split(parameters).movedim(2, -1)
        k = self.components
        log_weights = apart[..., 2 * k :].log_softmax(-1) if k > 1 else torch.zeros_like(apart[..., :1])
        log_scales = apart[..., k : 2 * k].clamp(min=self.floor, max=WIDEST)
        return log_weights, apart[..., :k] + self.centres, log_scales

    def element_nats(
        self,
        parameters: Float[Tensor, "n ..."],
        target: Float[Tensor, "n ..."],
        mask: Bool[Tensor, "n ..."] | None = None,
    ) -> Float[Tensor, "n ..."]:
        log_weights, means, log_scales = self.mixture(parameters)
        last = self.levels - 1
        level = (target * last).round().clamp(0, last)[..., None]
        rate = (-log_scales).exp()
        gap = (2.0 * level / last - 1.0 - means) * rate
        below, above = gap - rate / last, gap + rate / last  # the edges of a level, as the component sees them
        # s(b) - s(a) = s(b) s(-a) (1 - exp(a - b)) for the logistic function s: no digits are lost in the tails
        under, over = functional.logsigmoid(above), functional.logsigmoid(-below)
        within = under + over + torch.log(-torch.expm1(-2.0 * rate / last))
        nats = torch.where(level == 0, under, torch.where(level == last, over, within))
        return -(log_weights + nats).logsumexp(-1)

    def mean(self, parameters: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        """The mean of each element, differentiable: summed over a grid of at most ``FEW`` levels; on a finer grid
        that of the mixture held to [0, 1], less than half a step from it."""
        log_weights, means, log_scales = self.mixture(parameters)
        rate = (-log_scales).exp()
        if self.levels <= FEW:
            edges = (2.0 * torch.arange(1, self.levels).to(means) - 1.0) / (self.levels - 1) - 1.0
            each = ((means[..., None] - edges) * rate[..., None]).sigmoid().mean(-1)
        else:  # the integral of the share above, from -1 to 1
            ends = functional.softplus((means + 1.0) * rate) - functional.softplus((means - 1.0) * rate)
            each = 0.5 * ends / rate
        return (log_weights.exp() * each).sum(-1)

    def sample(self, parameters: Float[Tensor, "n ..."], uniform: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        """Values of the grid. The uniform number chooses a component, and where it lies in that one's share is the
        number that the component is drawn by."""
        log_weights, means, log_scales = (part.double() for part in self.mixture(parameters))
        weights, place = log_weights.exp(), uniform.double()[..., None]
        ends = weights.cumsum(-1)
        chosen = (place >= ends[..., :-1]).sum(-1, keepdim=True)
        share, end, mean, log_scale = (part.gather(-1, chosen) for part in (weights, ends, means, log_scales))
        inside = ((place - (end - share)) / share).clamp(INSIDE, 1.0 - INSIDE)
        value = (mean + log_scale.exp() * torch.logit(inside))[..., 0]
        last = self.levels - 1
        return (((value + 1.0) / 2.0 * last).round().clamp(0, last) / last).to(parameters.dtype)


@dataclass(frozen=True, kw_only=True)
class DiscretisedLogisticMixtureSettings:
    """Elements on a grid, by a mixture of logistic distributions."""

    levels: int = setting(256, help="values of the grid from 0 to 1", ge=2, le=65_536)
    components: int = setting(5, help="logistic distributions in the mixture of each element", ge=1, le=100)
    log_scale_floor: float = setting(
        -7.0, help="smallest log scale of a component, the grid stretched to [-1, 1]", ge=-14.0, le=0.0
    )

    def build(self) -> DiscretisedLogisticMixture:
        return DiscretisedLogisticMixture(self.levels, self.components, self.log_scale_floor)
