"""Residual networks of pictures, activations before convolutions (He, Zhang, Ren and Sun, "Identity Mappings in Deep
Residual Networks", 2016), squeeze and excitation by setting (Hu, Shen and Sun, "Squeeze-and-Excitation Networks",
2018).

There are no normalisations: as in Child, "Very Deep VAEs Generalize Autoregressive Models" (2021), the last
convolution of each block begins smaller by the root of how many blocks there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.latents import Block
from genvae.core.vae import Networks
from genvae.settings import setting
from genvae_image_style.architectures.base import (
    ACTIVATIONS,
    Output,
    Pictures,
    PictureSettings,
    given,
    label_block,
    sides,
)
from genvae_image_style.architectures.conv import ConvUp, Doubled, MapDecoder, MapEncoder, laid_out, widths


class Residual(nn.Module):
    """x + f(x), f two 3 x 3 convolutions. With ``squeeze`` each channel of f(x) has a gate that has seen the means
    of all."""

    def __init__(self, channels: int, activation: str, share: float, squeeze: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.activation = ACTIVATIONS[activation]
        self.gate = None
        if squeeze:
            inner = max(channels // 8, 4)
            self.gate = nn.Sequential(nn.Linear(channels, inner), nn.SiLU(), nn.Linear(inner, channels), nn.Sigmoid())
        with torch.no_grad():
            self.second.weight *= share

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        more = self.second(self.activation(self.first(self.activation(x))))
        if self.gate is not None:
            more = more * self.gate(more.mean((2, 3)))[..., None, None]
        return x + more


def blocks_of(count: int, channels: int, activation: str, steps: int, squeeze: bool) -> list[nn.Module]:
    """The residual blocks of one resolution, of ``steps`` resolutions alike."""
    return [Residual(channels, activation, (count * steps) ** -0.5, squeeze) for _ in range(count)]


class ResidualTrunk(nn.Module):
    """At each step a strided convolution and residual blocks: from a picture to a map of 4 to 6 places a side."""

    def __init__(self, modality: Pictures, width: int, blocks: int, activation: str, squeeze: bool) -> None:
        super().__init__()
        steps = sides(modality.size)
        self.side = steps[-1]
        wide = [modality.channels, *widths(width, len(steps) - 1)]
        self.channels = wide[-1]
        self.steps = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, stride=2, padding=1),
                *blocks_of(blocks, after, activation, len(steps) - 1, squeeze),
            )
            for before, after in itertools.pairwise(wide)
        )
        self.activation = ACTIVATIONS[activation]

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d s s"]:
        maps = laid_out(pictures)
        for step in self.steps:
            maps = step(maps)
        return self.activation(maps)


class ResidualUp(ConvUp):
    """The reverse of ``ResidualTrunk``: residual blocks, then a map of twice the side. At full size, where a block
    costs most, there are none."""

    def __init__(
        self, modality: Pictures, width: int, blocks: int, activation: str, squeeze: bool, output: Output
    ) -> None:
        self.make = (blocks, activation, len(sides(modality.size)) - 1, squeeze)
        super().__init__(modality, width, activation, output)

    def step(self, channels: int, after: int, side: int) -> nn.Module:
        count, activation, steps, squeeze = self.make
        return nn.Sequential(*blocks_of(count, channels, activation, steps, squeeze), Doubled(channels, after, side))

    def forward(self, maps: Float[Tensor, "n c s s"]) -> Float[Tensor, "n d h w"]:
        for step in self.steps:
            maps = step(maps)
        return self.last(self.activation(maps))


@dataclass(frozen=True, kw_only=True)
class ResidualSettings(PictureSettings):
    """Residual blocks at each resolution below the picture's own."""

    width: int = setting(
        32, help="channels after the first convolution; doubled with each, up to 4 times", ge=1, le=1024
    )
    blocks: int = setting(1, help="residual blocks at each resolution", ge=1, le=32)
    squeeze: bool = setting(False, help="squeeze and excitation in each block")
    hidden_dim: int = setting(256, help="width of the layer beside the map", ge=1, le=8192)
    latent_dim: int = setting(32, help="numbers in z", ge=1, le=4096)

    def build(self, modality: Pictures, conditions: Sequence[Block] = ()) -> Networks:
        """The networks for a size of pictures."""
        blocks = [*label_block(modality), Block(name="z", shape=(self.latent_dim,)), *conditions]
        likelihood, output = self.scored(modality)
        trunk = ResidualTrunk(modality, self.width, self.blocks, self.activation, self.squeeze)
        up = ResidualUp(modality, self.width, self.blocks, self.activation, self.squeeze, output)
        return Networks(
            blocks=blocks, encoder=MapEncoder(modality, trunk, self.hidden_dim, self.activation),
            features=self.hidden_dim, likelihood=likelihood, observed=given(modality),
            decoder=MapDecoder(blocks, self.hidden_dim, self.activation, up),
        )  # fmt: skip
