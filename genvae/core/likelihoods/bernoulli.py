"""The Bernoulli likelihood: elements in [0, 1] by their logits."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from genvae.core.likelihoods.base import FactorisedLikelihood


class Bernoulli(FactorisedLikelihood):
    """-log p(x|z) of binary elements. A target between 0 and 1 gives the cross-entropy, which is the
    expected nats of its dynamic binarisation."""

    def element_nats(
        self,
        parameters: Float[Tensor, "n ..."],
        target: Float[Tensor, "n ..."],
        mask: Bool[Tensor, "n ..."] | None = None,
    ) -> Float[Tensor, "n ..."]:
        return functional.binary_cross_entropy_with_logits(parameters, target, reduction="none")

    def mean(self, parameters: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        return parameters.sigmoid()

    def sample(self, parameters: Float[Tensor, "n ..."], uniform: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        return (uniform < parameters.sigmoid()).to(parameters.dtype)


@dataclass(frozen=True, kw_only=True)
class BernoulliSettings:
    """The Bernoulli likelihood has nothing to set."""

    def build(self) -> Bernoulli:
        return Bernoulli()
