"""Content and style: what a picture shows gives the map that is drawn from, whose hand it is in changes that map.

Style enters at every resolution, by a setting: feature-wise scale and shift (Perez, Strub, de Vries, Dumoulin and
Courville, "FiLM: Visual Reasoning with a General Conditioning Layer", 2018), the same on normalised channels (Huang
and Belongie, "Arbitrary Style Transfer in Real-Time with Adaptive Instance Normalization", 2017), or laid beside the
map as further channels.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.posteriors.base import Features
from genvae.core.vae import Networks
from genvae.errors import SettingError
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
from genvae_image_style.architectures.conv import ConvTrunk, Doubled, MapEncoder, laid_out, widths
from genvae_image_style.architectures.residual import Residual, ResidualTrunk
from genvae_image_style.architectures.strokes import Strokes

FILM, ADAPTIVE, CONCAT = "film", "adaptive-norm", "concat"
CONVOLUTIONAL, RESIDUAL, FLAT, MAPS = "convolutional", "residual", "flat", "maps"
STROKES, APART = "strokes", "apart"
SMALLEST_VARIANCE = 1e-5  # of a channel that is normalised
SMALLEST_MEAN = 1e-3  # of a picture's edges: an empty one has none


class Modulation(nn.Module):
    """What a style does to the channels of a map, (n, c, h, w), or to a vector, (n, c).

    A convolution makes of a vector laid beside every place a shift of each channel (the borders aside), so "concat" is
    that shift. A vector is normalised over its numbers, a map over the places of each channel.
    """

    def __init__(self, kind: str, style: int, channels: int) -> None:
        super().__init__()
        self.kind = kind
        self.layer = nn.Linear(style, channels if kind == CONCAT else 2 * channels)

    def forward(self, x: Float[Tensor, "n c ..."], style: Float[Tensor, "n s"]) -> Float[Tensor, "n c ..."]:
        found = self.layer(style).reshape(len(x), -1, *[1] * (x.dim() - 2))
        if self.kind == CONCAT:
            return x + found
        scale, shift = found.chunk(2, 1)
        if self.kind == ADAPTIVE:
            # one group a channel of a map, one in all of a vector
            x = functional.group_norm(x, x.shape[1] if x.dim() > 2 else 1, eps=SMALLEST_VARIANCE)
        return torch.addcmul(shift, x, 1 + scale)


class Stage(nn.Module):
    """One resolution: a doubling, the style, and residual blocks where there are any."""

    def __init__(self, up: Doubled, modulation: Modulation, blocks: Sequence[Residual], activation: str) -> None:
        super().__init__()
        self.up = up
        self.modulation = modulation
        self.blocks = nn.ModuleList(blocks)
        self.activation = ACTIVATIONS[activation]

    def forward(self, maps: Float[Tensor, "n c a a"], style: Float[Tensor, "n s"]) -> Float[Tensor, "n d b b"]:
        maps = self.modulation(self.up(maps), style)
        for block in self.blocks:
            maps = block(maps)
        return self.activation(maps)


class StyledDecoder(nn.Module):
    """How every decoder of content and style begins: content to a hidden layer, which the style modulates."""

    def __init__(self, content: Sequence[Block], style: Sequence[Block], settings: ContentStyleSettings) -> None:
        super().__init__()
        self.of_content = [block.name for block in content]
        self.of_style = [block.name for block in style]
        hidden, activation = settings.hidden_dim, settings.activation
        self.activation = ACTIVATIONS[activation]
        self.style = Chain([sum(block.size for block in style), *[settings.style_hidden] * 2], activation)
        self.content = nn.Linear(sum(block.size for block in content), hidden)
        self.inner = Modulation(settings.modulation, settings.style_hidden, hidden)

    def begun(self, latents: Mapping[str, Tensor]) -> tuple[Float[Tensor, "n h"], Float[Tensor, "n s"]]:
        """The hidden layer, and the style as what comes after reads it."""
        style = self.style(joined(latents, self.of_style))
        return self.activation(self.inner(self.content(joined(latents, self.of_content)), style)), style


class SplitDecoder(StyledDecoder):
    """Content to a hidden layer and from there to a map of the smallest side; the style modulates the hidden layer
    (so it may move things about), that map, and the map after each doubling."""

    def __init__(
        self,
        modality: Pictures,
        content: Sequence[Block],
        style: Sequence[Block],
        settings: ContentStyleSettings,
        output: Output,
    ) -> None:
        super().__init__(content, style, settings)
        steps = sides(modality.size)
        self.side = steps[-1]
        wide = [max(settings.width // 2, 1), *widths(settings.width, len(steps) - 1)][::-1]
        hidden, activation, kind = settings.hidden_dim, settings.activation, settings.modulation
        self.map = nn.Linear(hidden, wide[0] * self.side**2)
        self.outer = Modulation(kind, settings.style_hidden, wide[0])
        below = len(steps) - 2  # a block at the picture's own size costs most
        self.stages = nn.ModuleList(
            Stage(
                Doubled(before, after, side), Modulation(kind, settings.style_hidden, after),
                [Residual(after, activation, (settings.blocks * below) ** -0.5)
                 for _ in range(settings.blocks if number < below else 0)],
                activation,
            )
            for number, ((before, after), side) in enumerate(zip(itertools.pairwise(wide), steps[-2::-1], strict=True))
        )  # fmt: skip
        self.last = nn.Conv2d(wide[-1], output.width, 3, padding=1)
        output.start(self.last)

    def forward(self, latents: Mapping[str, Tensor], batch: Batch | None = None) -> Float[Tensor, "n d h w"]:
        hidden, style = self.begun(latents)
        maps = self.map(hidden)
        maps = laid_out(maps.reshape(len(maps), -1, self.side, self.side))
        maps = self.activation(self.outer(maps, style))
        for stage in self.stages:
            maps = stage(maps, style)
        return self.last(maps)


class FlatEncoder(PictureEncoder):
    """One layer that reads a picture as a vector, its elements or its strokes, and a layer for each block's feature."""

    def __init__(
        self, modality: Pictures, width: int, hidden: int, activation: str, names: Sequence[str],
        strokes: Strokes | None = None,
    ) -> None:  # fmt: skip
        super().__init__(modality)
        self.strokes = strokes
        read = modality.channels * modality.size**2 if strokes is None else strokes.width
        self.trunk = Chain([read, width], activation)
        self.hidden = nn.ModuleDict({name: Chain([width, hidden], activation) for name in names})

    def features(self, pictures: Float[Tensor, "n c h w"]) -> Features:
        read = self.trunk(pictures.flatten(1) if self.strokes is None else self.strokes(pictures))
        return {name: hidden(read) for name, hidden in self.hidden.items()}


class ApartEncoder(PictureEncoder):
    """Two layers for each block, and nothing in common: the content is read from the directions of strokes once the
    picture is upright, so it cannot tell how it leant or where it was, and hardly how bold it was; the style from the
    elements."""

    def __init__(self, modality: Pictures, width: int, hidden: int, activation: str, names: Sequence[str]) -> None:
        super().__init__(modality)
        self.strokes = Strokes(modality.size)
        reads = {"content": self.strokes.edges, "style": modality.channels * modality.size**2}
        self.hidden = nn.ModuleDict({name: Chain([reads[name], width, hidden], activation) for name in names})

    def features(self, pictures: Float[Tensor, "n c h w"]) -> Features:
        read = {"style": pictures.flatten(1)}
        if "content" in self.hidden:
            edges = self.strokes.what(pictures)  # over their mean: the edges of a thin stroke are weaker, all alike
            read["content"] = edges / edges.mean(1, keepdim=True).clamp(min=SMALLEST_MEAN)
        return {name: hidden(read[name]) for name, hidden in self.hidden.items()}


class FlatDecoder(StyledDecoder):
    """Content to two hidden layers, both modulated by the style, and from there to the elements of a picture."""

    def __init__(
        self,
        modality: Pictures,
        content: Sequence[Block],
        style: Sequence[Block],
        settings: ContentStyleSettings,
        output: Output,
    ) -> None:
        super().__init__(content, style, settings)
        self.shape = (output.width, modality.size, modality.size)
        hidden = settings.hidden_dim
        self.middle = nn.Linear(hidden, hidden)
        self.outer = Modulation(settings.modulation, settings.style_hidden, hidden)
        self.last = nn.Linear(hidden, output.width * modality.size**2)
        output.start(self.last)

    def forward(self, latents: Mapping[str, Tensor], batch: Batch | None = None) -> Float[Tensor, "n d h w"]:
        hidden, style = self.begun(latents)
        hidden = self.activation(self.outer(self.middle(hidden), style))
        values: Tensor = self.last(hidden)
        return values.reshape(len(values), *self.shape)


@dataclass(frozen=True, kw_only=True)
class ContentStyleSettings(PictureSettings):
    """A picture's content and its style as blocks of their own."""

    encoder: str = setting(
        CONVOLUTIONAL, help="what reads the pictures; flat: fully connected; strokes: fully connected, too, but from "
        "where strokes of which direction are, once the picture is upright; apart: the content from those directions "
        "alone, the style from the picture, by layers of their own",
        choices=(CONVOLUTIONAL, RESIDUAL, FLAT, STROKES, APART),
    )  # fmt: skip
    decoder: str = setting(
        MAPS, help="what draws them: maps that are doubled, or, much faster on a CPU, fully connected layers (flat)",
        choices=(MAPS, FLAT),
    )  # fmt: skip
    modulation: str = setting(
        FILM, help="how style enters the decoder: scale and shift of each channel, the same on normalised channels, "
        "or laid beside them", choices=(FILM, ADAPTIVE, CONCAT),
    )  # fmt: skip
    content: str = setting(
        "image", help="what the content is taken from: a block that the encoder gives, or the label alone",
        choices=("image", "label"),
    )  # fmt: skip
    shared: str = setting(
        "style", help="the block that the items of a group have in common; a posterior that pools evidence is needed, "
        "as product-of-gaussians", choices=("style", "content", "none"),
    )  # fmt: skip
    content_dim: int = setting(32, help="numbers in the block content", ge=1, le=4096)
    style_dim: int = setting(32, help="numbers in the block style", ge=1, le=4096)
    width: int = setting(
        32, help="channels after the first convolution; doubled with each, up to 4 times", ge=1, le=1024
    )
    blocks: int = setting(0, help="residual blocks at each resolution of the decoder, the last left out", ge=0, le=32)
    hidden_dim: int = setting(192, help="width of the layers beside the maps", ge=1, le=8192)
    style_hidden: int = setting(128, help="width of the layers between the style and what it changes", ge=1, le=4096)
    flat: int = setting(512, help="fully connected: width of the layer that reads the picture", ge=1, le=8192)

    def build(self, modality: Pictures, conditions: Sequence[Block] = ()) -> Networks:
        """The networks for a size of pictures."""
        by_label = self.content == "label"
        if by_label and self.shared == "content":
            raise SettingError("content = label leaves no block content to share; set shared = style or none")
        label = label_block(modality, shared=self.shared == "content")
        if by_label and not label:
            raise SettingError("content = label needs the labels of the pictures: set labels = true")
        content = Block(name="content", shape=(self.content_dim,), shared=self.shared == "content")
        style = Block(name="style", shape=(self.style_dim,), shared=self.shared == "style")
        latent = [style] if by_label else [content, style]
        likelihood, output = self.scored(modality)
        names = [block.name for block in latent]
        shown = label if by_label else [content]
        drawn = [*shown, *conditions]
        return Networks(
            blocks=[*label, *latent, *conditions], encoder=self._encoder(modality, names), features=0,
            own=dict.fromkeys(names, self.hidden_dim), observed=given(modality), likelihood=likelihood,
            decoder=(FlatDecoder if self.decoder == FLAT else SplitDecoder)(modality, drawn, [style], self, output),
        )  # fmt: skip

    def _encoder(self, modality: Pictures, names: Sequence[str]) -> PictureEncoder:
        """What reads the pictures."""
        if self.encoder == APART:
            return ApartEncoder(modality, self.flat, self.hidden_dim, self.activation, names)
        if self.encoder in (FLAT, STROKES):
            strokes = Strokes(modality.size) if self.encoder == STROKES else None
            return FlatEncoder(modality, self.flat, self.hidden_dim, self.activation, names, strokes)
        trunk: nn.Module = ConvTrunk(modality, self.width, self.activation)
        if self.encoder == RESIDUAL:
            trunk = ResidualTrunk(modality, self.width, max(self.blocks, 1), self.activation, squeeze=False)
        return MapEncoder(modality, trunk, self.hidden_dim, self.activation, names)
