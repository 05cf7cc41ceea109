"""What the networks of pictures share: their likelihood, their sides, their encoders' form, their output."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.likelihoods import Bernoulli, FactorisedLikelihood, Gaussian, Likelihood
from genvae.core.likelihoods.bernoulli import BernoulliSettings
from genvae.core.likelihoods.gaussian import GaussianSettings
from genvae.core.posteriors.base import Features
from genvae.errors import SettingError
from genvae.settings import setting

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu, "leaky-relu": functional.leaky_relu, "elu": functional.elu,
    "silu": functional.silu, "gelu": functional.gelu, "tanh": torch.tanh,
}  # fmt: skip

SMALLEST_SIDE = 4  # of a map: under this a convolution sees little but padding


@runtime_checkable
class Pictures(Protocol):
    """What an architecture asks of its modality."""

    @property
    def size(self) -> int:
        """The side of a picture."""

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""

    @property
    def contents(self) -> tuple[str, ...]:
        """The values of the content column."""

    @property
    def labels(self) -> bool:
        """Whether the content is given as the block "label"."""


def sides(size: int) -> list[int]:
    """The sides of the maps of strided networks: the picture's, then each half of the one before, rounded up, down to
    4, 5 or 6. A picture of 8 has one step, one of 256 six."""
    found = [size]
    while (found[-1] + 1) // 2 >= SMALLEST_SIDE:
        found.append((found[-1] + 1) // 2)
    return found


def given(modality: Pictures) -> tuple[str, ...]:
    """The names of the blocks that pictures bring with them (rows of zeros where a label is unknown): a posterior has
    nothing to say of them."""
    return ("label",) if modality.labels else ()


def label_block(modality: Pictures, *, shared: bool = False) -> list[Block]:
    """The observed block "label" where the modality gives one: first of all, so that priors see it."""
    if not modality.labels:
        return []
    if not modality.contents:
        raise SettingError("labels = true needs pictures whose content is known; name their content_column")
    return [Block(name="label", shape=(len(modality.contents),), shared=shared)]


def joined(latents: Mapping[str, Tensor], names: Sequence[str]) -> Float[Tensor, "n z"]:
    """Blocks side by side as one vector an item."""
    return torch.cat([latents[name].flatten(1) for name in names], 1)


def positive(name: str, values: Sequence[int]) -> None:
    """Raise SettingError for a list of widths that is empty or holds a number below 1."""
    if not values or min(values) < 1:
        raise SettingError(f"{name} = {list(values)} must be one or more whole numbers from 1 up")


class Chain(nn.Module):
    """Linear layers, an activation behind each."""

    def __init__(self, widths: Sequence[int], activation: str) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Float[Tensor, "n a"]) -> Float[Tensor, "n b"]:
        for layer in self.layers:
            x = self.activation(layer(x))
        return x


class PictureEncoder(nn.Module, ABC):
    """Reads the view "input". Pseudo-inputs (Tomczak and Welling, "VAE with a VampPrior", 2018) are pictures."""

    def __init__(self, modality: Pictures) -> None:
        super().__init__()
        self.shape = (modality.channels, modality.size, modality.size)

    def forward(self, batch: Batch) -> Features:
        return self.features(batch.views["input"])

    @abstractmethod
    def features(self, pictures: Float[Tensor, "n c h w"]) -> Features:
        """What the posterior is made from: "summary", or features of blocks' own."""

    def pseudo(self, count: int) -> Float[Tensor, "k c h w"]:
        """Pictures of noise, mostly dark, drawn by torch's generator."""
        return 0.5 * torch.rand(count, *self.shape)

    def read(self, pseudo: Float[Tensor, "k c h w"]) -> Features:
        """The features of pseudo-inputs, brought to [0, 1]."""
        return self.features(pseudo.clamp(0.0, 1.0))


class Output:
    """The last layer: ``width`` values a place, the likelihood's parameters of each channel side by side."""

    def __init__(self, modality: Pictures, likelihood: Likelihood, brightness: float) -> None:
        numbers = likelihood.per_element if isinstance(likelihood, FactorisedLikelihood) else 1
        self.width = modality.channels * numbers
        self.shape = (modality.channels, numbers)
        self.first: float | None = None  # where the first of an element's numbers begins
        if isinstance(likelihood, Bernoulli):
            dark = min(max(brightness, 1e-3), 1 - 1e-3)
            self.first = math.log(dark / (1 - dark))
        elif isinstance(likelihood, Gaussian):
            self.first = brightness

    def start(self, layer: nn.Linear | nn.Conv2d) -> None:
        """Set the last layer's bias so that the first pictures are as bright as the data, about."""
        if self.first is not None and layer.bias is not None:
            with torch.no_grad():
                layer.bias.zero_().reshape(*self.shape, -1)[:, 0] = self.first


@dataclass(frozen=True, kw_only=True)
class PictureSettings:
    """What every architecture of pictures has."""

    likelihood: Any = setting(
        None, help="p(x|z): an id or {likelihood: ID, ...}; default: bernoulli for grey, gaussian for colour",
        parts="likelihood",
    )  # fmt: skip
    activation: str = setting("silu", help="between the layers", choices=tuple(ACTIVATIONS))
    brightness: float | None = setting(
        None, help="mean of the pictures where training begins; default: 0.15 for grey, 0.5 for colour", ge=0.0, le=1.0
    )

    def scored(self, modality: Pictures) -> tuple[Likelihood, Output]:
        """The likelihood, and what shapes its parameters."""
        grey = modality.channels == 1
        chosen = self.likelihood
        if chosen is None:
            chosen = BernoulliSettings() if grey else GaussianSettings()
        likelihood = chosen.build()
        if not isinstance(likelihood, Likelihood):
            raise SettingError(f"{type(chosen).__name__} makes no likelihood")
        bright = self.brightness if self.brightness is not None else (0.15 if grey else 0.5)
        return likelihood, Output(modality, likelihood, bright)
