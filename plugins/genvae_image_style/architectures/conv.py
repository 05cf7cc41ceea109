"""Convolutional networks of pictures (Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep
Convolutional Generative Adversarial Networks", 2016), without their batch normalisation: a row must not depend on
its batch."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.posteriors.base import Features
from genvae.core.vae import Networks
from genvae.settings import setting
from genvae_image_style.architectures.base import (
    ACTIVATIONS,
    Chain,
    Output,
    PictureEncoder,
    Pictures,
    PictureSettings,
    given,
    joined,
    label_block,
    sides,
)

WIDEST = 4  # maps grow no wider than this times the first


def widths(width: int, steps: int) -> list[int]:
    """Channels after each step: doubled, up to four times the first."""
    return [width * min(2**step, WIDEST) for step in range(steps)]


def laid_out(maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Channels last in memory: convolutions take a fifth to a third less time on a CPU so."""
    return maps.contiguous(memory_format=torch.channels_last)


#: a 3 x 3 kernel behind nearest upsampling is this 4 x 4 kernel of a transposed convolution, on each axis
_FOLD = ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))


class Doubled(nn.ConvTranspose2d):
    """A map of twice the side, cropped where ``side`` is odd.

    A transposed convolution of stride 2 and kernel 4 lays the same number of taps on every place, so no chessboard
    comes of it (Odena, Dumoulin and Olah, "Deconvolution and Checkerboard Artifacts", 2016); its first weights are
    those of nearest upsampling and a 3 x 3 convolution, at less than half the multiplications.
    """

    def __init__(self, channels: int, width: int, side: int) -> None:
        super().__init__(channels, width, 4, stride=2, padding=1)
        self.side = side
        like = nn.Conv2d(channels, width, 3)
        fold = torch.tensor(_FOLD)
        with torch.no_grad():
            self.weight.copy_((fold @ like.weight @ fold.T).transpose(0, 1))
            assert self.bias is not None and like.bias is not None
            self.bias.copy_(like.bias)

    def forward(self, x: Float[Tensor, "n c h w"], output_size: list[int] | None = None) -> Float[Tensor, "n d s s"]:
        return super().forward(x)[..., : self.side, : self.side]


class ConvTrunk(nn.Module):
    """Strided convolutions from a picture to a map of 4 to 6 places a side, ``channels`` wide."""

    def __init__(self, modality: Pictures, width: int, activation: str) -> None:
        super().__init__()
        steps = sides(modality.size)
        self.side = steps[-1]
        wide = [modality.channels, *widths(width, len(steps) - 1)]
        self.channels = wide[-1]
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(wide))
        self.activation = ACTIVATIONS[activation]

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d s s"]:
        maps = laid_out(pictures)
        for layer in self.layers:
            maps = self.activation(layer(maps))
        return maps


class MapEncoder(PictureEncoder):
    """A trunk, and for each feature it is to give a hidden layer on the trunk's last map."""

    def __init__(
        self, modality: Pictures, trunk: nn.Module, hidden: int, activation: str, names: Sequence[str] = ("summary",)
    ) -> None:
        super().__init__(modality)
        self.trunk = trunk
        size = trunk.channels * trunk.side**2  # type: ignore[operator]
        assert isinstance(size, int)
        self.hidden = nn.ModuleDict({name: Chain([size, hidden], activation) for name in names})

    def features(self, pictures: Float[Tensor, "n c h w"]) -> Features:
        flat = self.trunk(pictures).flatten(1)
        return {name: hidden(flat) for name, hidden in self.hidden.items()}


class MapDecoder(nn.Module):
    """All blocks side by side, a hidden layer, a map of the smallest side, then ``up`` to a picture."""

    def __init__(self, blocks: Sequence[Block], hidden: int, activation: str, up: ConvUp) -> None:
        super().__init__()
        self.names = [block.name for block in blocks]
        self.up = up
        size = up.channels * up.side**2
        self.first = Chain([sum(block.size for block in blocks), hidden, size], activation)

    def forward(self, latents: Mapping[str, Tensor], batch: Batch | None = None) -> Float[Tensor, "n d h w"]:
        flat = self.first(joined(latents, self.names))
        maps = flat.reshape(len(flat), self.up.channels, self.up.side, self.up.side)
        return self.up(laid_out(maps))


class ConvUp(nn.Module):
    """From a map of 4 to 6 places a side to the values of a picture; the reverse of ``ConvTrunk``."""

    def __init__(self, modality: Pictures, width: int, activation: str, output: Output) -> None:
        super().__init__()
        steps = sides(modality.size)
        self.side = steps[-1]
        wide = [max(width // 2, 1), *widths(width, len(steps) - 1)][::-1]
        self.channels = wide[0]
        self.steps = nn.ModuleList(
            self.step(channels, after, side)
            for (channels, after), side in zip(itertools.pairwise(wide), steps[-2::-1], strict=True)
        )
        self.activation = ACTIVATIONS[activation]
        self.last = nn.Conv2d(wide[-1], output.width, 3, padding=1)
        output.start(self.last)

    def step(self, channels: int, after: int, side: int) -> nn.Module:
        """One doubling."""
        return Doubled(channels, after, side)

    def forward(self, maps: Float[Tensor, "n c s s"]) -> Float[Tensor, "n d h w"]:
        for step in self.steps:
            maps = self.activation(step(maps))
        return self.last(maps)


@dataclass(frozen=True, kw_only=True)
class ConvSettings(PictureSettings):
    """Strided convolutions down to about 4 x 4 and up again."""

    width: int = setting(
        32, help="channels after the first convolution; doubled with each, up to 4 times", ge=1, le=1024
    )
    hidden_dim: int = setting(256, help="width of the layer beside the map", ge=1, le=8192)
    latent_dim: int = setting(32, help="numbers in z", ge=1, le=4096)

    def build(self, modality: Pictures, conditions: Sequence[Block] = ()) -> Networks:
        """The networks for a size of pictures."""
        blocks = [*label_block(modality), Block(name="z", shape=(self.latent_dim,)), *conditions]
        likelihood, output = self.scored(modality)
        trunk = ConvTrunk(modality, self.width, self.activation)
        up = ConvUp(modality, self.width, self.activation, output)
        return Networks(
            blocks=blocks, encoder=MapEncoder(modality, trunk, self.hidden_dim, self.activation),
            features=self.hidden_dim, likelihood=likelihood, observed=given(modality),
            decoder=MapDecoder(blocks, self.hidden_dim, self.activation, up),
        )  # fmt: skip
