"""Letters by their label, in a style that a font shares.

The encoder is told which letter it reads, the decoder which it is to draw. There style and letter make one code, so
that a style may say different things of different letters; the code changes the channels at every resolution, and each
letter has a map and a picture of its own to begin with.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.batch import GIVEN, Batch
from genvae.core.latents import Block
from genvae.core.posteriors.base import Features
from genvae.core.vae import Networks
from genvae.errors import SettingError
from genvae.settings import setting
from genvae_image_style.architectures.base import (
    ACTIVATIONS,
    Output,
    PictureEncoder,
    Pictures,
    PictureSettings,
    given,
    joined,
    label_block,
    positive,
    sides,
)
from genvae_image_style.architectures.conv import Doubled, laid_out
from genvae_image_style.architectures.residual import ResidualTrunk
from genvae_image_style.architectures.split import ADAPTIVE, FILM, SMALLEST_VARIANCE, Modulation


class Layers(nn.Module):
    """Layers of one width, each beside what it reads."""

    def __init__(self, before: int, width: int, count: int, activation: str) -> None:
        super().__init__()
        self.first = nn.Linear(before, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(count))
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Float[Tensor, "n a"]) -> Float[Tensor, "n b"]:
        x = self.first(x)
        for layer in self.layers:
            x = x + layer(self.activation(x))
        return self.activation(x)


@runtime_checkable
class Reader(Protocol):
    """What reads pictures of letters that it is told."""

    def read_as(self, pictures: Float[Tensor, "n c h w"], label: Float[Tensor, "n k"]) -> Features:
        """The features of each picture."""


def heard(reader: Reader, batch: Batch) -> Features:
    """The features of a batch's pictures; what is no evidence is not read and has zeros."""
    pictures, label, given = batch.views["input"], batch.conditions["label"], batch.masks.get(GIVEN)
    if given is None or not given.any():
        return reader.read_as(pictures, label)
    rows = given.nonzero()[:, 0]
    return {
        name: value.new_zeros(len(batch), *value.shape[1:]).index_put((rows,), value)
        for name, value in reader.read_as(pictures[rows], label[rows]).items()
    }


class LetterEncoder(PictureEncoder):
    """What a picture says of the style, told which letter it shows."""

    def __init__(self, modality: Pictures, settings: LettersSettings) -> None:
        super().__init__(modality)
        hidden, activation = settings.hidden_dim, settings.activation
        self.trunk = ResidualTrunk(modality, settings.width, settings.blocks, activation, squeeze=False)
        self.first = nn.Linear(self.trunk.channels * self.trunk.side**2, hidden)
        self.letter = Modulation(settings.modulation, len(modality.contents), hidden)
        self.layers = Layers(hidden, hidden, settings.layers, activation)
        self.contents = len(modality.contents)

    def forward(self, batch: Batch) -> Features:
        return heard(self, batch)

    def features(self, pictures: Float[Tensor, "n c h w"]) -> Features:
        """Of pictures of unknown letters."""
        return self.read_as(pictures, pictures.new_zeros(len(pictures), self.contents))

    def read_as(self, pictures: Float[Tensor, "n c h w"], label: Float[Tensor, "n k"]) -> Features:
        """Of pictures of these letters."""
        return {"style": self.layers(self.letter(self.first(self.trunk(pictures).flatten(1)), label))}


class Adapted(Modulation):
    """The same; a map is normalised by one factor and one shift of each channel, and stays laid out as it is."""

    def forward(self, x: Float[Tensor, "n c ..."], style: Float[Tensor, "n s"]) -> Float[Tensor, "n c ..."]:
        if self.kind != ADAPTIVE or x.dim() != 4:
            return super().forward(x, style)
        scale, shift = self.layer(style).float()[..., None, None].chunk(2, 1)
        variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        factor = (1.0 + scale) * torch.rsqrt(variance.float() + SMALLEST_VARIANCE)
        return torch.addcmul((shift - mean.float() * factor).to(x.dtype), x, factor.to(x.dtype))


class Styled(nn.Module):
    """x + f(x), f two 3 x 3 convolutions; the code changes what stands between them."""

    def __init__(self, channels: int, kind: str, code: int, activation: str, share: float) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.modulation = Adapted(kind, code, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.activation = ACTIVATIONS[activation]
        with torch.no_grad():
            self.second.weight *= share

    def forward(self, x: Float[Tensor, "n c h w"], code: Float[Tensor, "n s"]) -> Float[Tensor, "n c h w"]:
        inner = self.modulation(self.first(self.activation(x)), code)
        return x + self.second(self.activation(inner))


class LetterDecoder(nn.Module):
    """Style and letter to a code, the code to a map of the smallest side, and from there up to the picture."""

    def __init__(
        self,
        modality: Pictures,
        label: Sequence[Block],
        style: Sequence[Block],
        settings: LettersSettings,
        output: Output,
    ) -> None:
        super().__init__()
        letters, code, activation = len(modality.contents), settings.code_dim, settings.activation
        self.of_label = [block.name for block in label]
        self.of_style = [block.name for block in style]
        steps = sides(modality.size)[::-1]
        wide = widths(settings.widths, len(steps))
        self.side, self.channels = steps[0], wide[0]
        self.letter = nn.Linear(sum(block.size for block in label), settings.letter_dim, bias=False)
        self.code = Layers(
            sum(block.size for block in style) + settings.letter_dim, code, settings.layers, activation
        )  # fmt: skip
        self.map = nn.Linear(code, wide[0] * self.side**2)
        self.own_map = nn.Linear(letters, wide[0] * self.side**2, bias=False)
        self.ups = nn.ModuleList(
            Doubled(before, after, side)
            for (before, after), side in zip(itertools.pairwise(wide), steps[1:], strict=True)
        )
        share = (max(settings.blocks, 1) * (len(steps) - 1)) ** -0.5
        self.stages = nn.ModuleList(
            nn.ModuleList(Styled(after, settings.modulation, code, activation, share) for _ in range(settings.blocks))
            for after in wide[1:]
        )
        self.modulations = nn.ModuleList(Adapted(settings.modulation, code, after) for after in wide[1:])
        self.activation = ACTIVATIONS[activation]
        self.last = nn.Conv2d(wide[-1], output.width, 3, padding=1)
        output.start(self.last)
        self.own_picture = nn.Linear(letters, output.width * modality.size**2, bias=False)
        nn.init.zeros_(self.own_picture.weight)

    def forward(self, latents: Mapping[str, Tensor], batch: Batch | None = None) -> Float[Tensor, "n d h w"]:
        label = joined(latents, self.of_label)
        code = self.code(torch.cat([joined(latents, self.of_style), self.letter(label)], 1))
        shown = latents["label"]
        maps = (self.map(code) + self.own_map(shown)).reshape(len(code), self.channels, self.side, self.side)
        maps = laid_out(maps)
        for up, modulation, blocks in zip(self.ups, self.modulations, self.stages, strict=True):
            maps = modulation(up(self.activation(maps)), code)
            assert isinstance(blocks, nn.ModuleList)
            for block in blocks:
                maps = block(maps, code)
        drawn = self.last(self.activation(maps))
        return drawn + self.own_picture(shown).reshape(drawn.shape)


def widths(asked: Sequence[int], steps: int) -> list[int]:
    """Channels at each side from the smallest up; the first is repeated where there are more sides."""
    return [asked[0]] * max(steps - len(asked), 0) + list(asked)[-steps:]


@dataclass(frozen=True, kw_only=True)
class LettersSettings(PictureSettings):
    """Letters by their label, in a style that a font shares."""

    width: int = setting(
        32, help="encoder: channels after the first convolution; doubled with each, up to 4 times", ge=1, le=1024
    )
    blocks: int = setting(1, help="residual blocks at each resolution", ge=0, le=32)
    hidden_dim: int = setting(256, help="encoder: width of the layers beside the maps", ge=1, le=8192)
    layers: int = setting(2, help="layers beside the maps, in the encoder and before the decoder's", ge=0, le=16)
    style_dim: int = setting(128, help="numbers in the block style", ge=1, le=4096)
    letter_dim: int = setting(64, help="numbers that stand for a letter", ge=1, le=4096)
    code_dim: int = setting(256, help="width of what style and letter make together", ge=1, le=8192)
    widths: tuple[int, ...] = setting(
        (128, 128, 80, 32), help="decoder: channels at each side, from the smallest map to the picture",
        max_length=16,
    )  # fmt: skip
    modulation: str = setting(
        ADAPTIVE, help="how the code changes a map: scale and shift of each channel, the same on normalised channels",
        choices=(FILM, ADAPTIVE),
    )  # fmt: skip

    def build(self, modality: Pictures, conditions: Sequence[Block] = ()) -> Networks:
        """The networks for a size of pictures."""
        label = label_block(modality)
        if not label:
            raise SettingError("the architecture letters needs to be told them: set labels = true")
        positive("widths", self.widths)
        style = Block(name="style", shape=(self.style_dim,), shared=True)
        likelihood, output = self.scored(modality)
        return Networks(
            blocks=[*label, style, *conditions], encoder=LetterEncoder(modality, self), features=0,
            own={"style": self.hidden_dim}, observed=given(modality), likelihood=likelihood,
            decoder=LetterDecoder(modality, [*label, *conditions], [style], self, output),
        )  # fmt: skip
