"""The Gaussian likelihood with one standard deviation, fixed, learned or analytically optimal, or one an element.

The optimal one is that of Rybkin, Daniilidis and Levine, "Simple and Effective VAE Training with
Calibrated Decoders" (2021): the maximum-likelihood variance is the mean squared error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from genvae.core.likelihoods.base import FactorisedLikelihood
from genvae.core.randomness import standard_normal
from genvae.settings import setting


class Gaussian(FactorisedLikelihood):
    """-log N(x; mean, sigma^2) of each element.

    "optimal" takes each training batch's own mean squared error for the variance (the gradient is
    that of the maximised likelihood) and keeps a running mean of it, which evaluation uses: a
    likelihood that saw what it scores would be no likelihood.

    "element" has the decoder give each element's own: its mean and its log variance beside 2 log ``value`` (Kingma
    and Welling 2014). Where elements are hardly uncertain its nats fall without end, down to the floor.
    """

    MOMENTUM = 0.01
    log_variance: Tensor
    seen: Tensor

    def __init__(self, sigma: str, value: float, floor: float) -> None:
        super().__init__()
        self.sigma = sigma
        self.per_element = 2 if sigma == "element" else 1
        self.floor = 2.0 * math.log(floor)
        start = torch.tensor(2.0 * math.log(value))
        if sigma == "learned":
            self.log_variance = nn.Parameter(start)
        else:
            self.register_buffer("log_variance", start)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def element_nats(
        self,
        parameters: Float[Tensor, "n ..."],
        target: Float[Tensor, "n ..."],
        mask: Bool[Tensor, "n ..."] | None = None,
    ) -> Float[Tensor, "n ..."]:
        mean, log_variance = self._moments(parameters)
        square = (target - mean).square()
        if self.sigma == "optimal" and self.training:
            there = square.detach() if mask is None else square.detach()[mask.expand_as(square)]
            if there.numel():
                log_variance = there.mean().log().clamp(min=self.floor)
                self._remember(log_variance)
        return 0.5 * (square * (-log_variance).exp() + log_variance + math.log(2 * math.pi))

    def _moments(self, parameters: Float[Tensor, "n ..."]) -> tuple[Float[Tensor, "n ..."], Tensor]:
        """Mean and log variance of each element; one log variance for all where the decoder gives none."""
        if self.sigma != "element":
            return parameters, self.log_variance.clamp(min=self.floor)
        mean, more = self.split(parameters).unbind(2)
        return mean, (self.log_variance + more).clamp(min=self.floor)

    def _remember(self, log_variance: Tensor) -> None:
        share = 1.0 if int(self.seen) == 0 else self.MOMENTUM
        variance = torch.lerp(self.log_variance.exp(), log_variance.exp(), share)
        self.log_variance.copy_(variance.log())
        self.seen += 1

    def mean(self, parameters: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        return self._moments(parameters)[0]

    def sample(self, parameters: Float[Tensor, "n ..."], uniform: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        mean, log_variance = self._moments(parameters)
        return mean + (0.5 * log_variance).exp() * standard_normal(uniform).to(mean.dtype)


@dataclass(frozen=True, kw_only=True)
class GaussianSettings:
    """The Gaussian likelihood."""

    sigma: str = setting(
        "optimal", help="how the standard deviation is found: one for all elements, or each element's own by the "
        "decoder (element)", choices=("fixed", "learned", "optimal", "element"),
    )  # fmt: skip
    value: float = setting(1.0, help="the standard deviation, or where one that is found starts", gt=0.0)
    floor: float = setting(1e-3, help="smallest standard deviation", gt=0.0)

    def build(self) -> Gaussian:
        return Gaussian(self.sigma, self.value, self.floor)
