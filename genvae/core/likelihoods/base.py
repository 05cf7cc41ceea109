"""What a likelihood is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from jaxtyping import Bool, Float
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.errors import GenvaeError


class Likelihood(nn.Module, ABC):
    """p(x|z). The decoder gives its parameters; the sum over an item's elements is its nats."""

    @abstractmethod
    def nats(self, decoder: nn.Module, latents: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, " n"]:
        """-log p(x|z) of each item of the view "target", in nats."""


class FactorisedLikelihood(Likelihood):
    """Independent elements given z, so missing elements are simply left out (mask of "target"),
    whatever number stands in their place.

    A likelihood of ``per_element`` numbers an element needs them of the decoder along the first axis behind the
    items: for a target (n, c, ...) it gives (n, c * per_element, ...), the numbers of one element side by side (see
    ``split``). An architecture reads ``per_element`` when it builds the decoder, and knows nothing else of it.
    """

    #: how many numbers the decoder gives for each element; a likelihood may set its own when it is made
    per_element: int = 1

    def split(self, parameters: Float[Tensor, "n cp ..."]) -> Float[Tensor, "n c p ..."]:
        """The decoder's numbers, those of one element along an axis of their own."""
        return parameters.unflatten(1, (-1, self.per_element))

    @abstractmethod
    def element_nats(
        self,
        parameters: Float[Tensor, "n ..."],
        target: Float[Tensor, "n ..."],
        mask: Bool[Tensor, "n ..."] | None = None,
    ) -> Float[Tensor, "n ..."]:
        """-log p of each element in nats (a density's nats may be negative). A likelihood that learns from
        the elements it scores learns from those in ``mask`` alone; the others' nats mean nothing."""

    @abstractmethod
    def mean(self, parameters: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        """The mean of each element."""

    @abstractmethod
    def sample(self, parameters: Float[Tensor, "n ..."], uniform: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        """Each element drawn, from one uniform number in [0, 1) an element."""

    def nats(self, decoder: nn.Module, latents: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, " n"]:
        parameters, target = decoder(latents, batch).float(), batch.views["target"]
        mask = batch.masks.get("target")
        if mask is not None:
            target = target.masked_fill(~mask, 0.0)  # before the arithmetic: the gradient of a NaN is NaN
        wanted = (len(target), target.shape[1] * self.per_element, *target.shape[2:])
        if parameters.shape != wanted:  # some others would be broadcast, and scored
            raise GenvaeError(
                f"the decoder gives {tuple(parameters.shape)} for a target of {tuple(target.shape)}; with "
                f"{self.per_element} to an element that is {wanted}"
            )
        nats = self.element_nats(parameters, target, mask)
        if mask is not None:
            nats = nats.masked_fill(~mask, 0.0)
        return nats.flatten(1).sum(1)
