"""Letters by their label in a style that a font shares, by matrices of their own for each letter.

What reads and draws letters are linear maps between a font's letters and its style, of which a ridge regression from
letters to letters is made, too; a network of few weights then sharpens what is drawn. A letter's evidence is a vector,
and vectors of several letters are added: with posterior ``pooled, pooling: sum`` that is the first layer of a network
that reads them all side by side, those that are missing left out.
"""

from __future__ import annotations

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
    Output,
    PictureEncoder,
    Pictures,
    PictureSettings,
    given,
    joined,
    label_block,
)
from genvae_image_style.architectures.letters import heard


class PerLetter(nn.Module):
    """A matrix for each letter; of a label that is no single letter, their sum weighed by it."""

    def __init__(self, letters: int, before: int, after: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(letters, after, before).uniform_(-1, 1) * before**-0.5)

    def forward(self, x: Float[Tensor, "n a"], label: Float[Tensor, "n k"]) -> Float[Tensor, "n b"]:
        # letter by letter: few are in a batch of many, and a matrix for each row would have to be copied
        letter, row = label.T.nonzero().T
        present, counts = letter.unique_consecutive(return_counts=True)
        weights, parts = self.weight[present].unbind(), x[row].split(counts.tolist())
        said = torch.cat([part @ weight.T for weight, part in zip(weights, parts, strict=True)])
        share = label[row, letter].to(said.dtype)[:, None]
        return said.new_zeros(len(x), said.shape[1]).index_add(0, row, share * said)


class FlatLetterEncoder(PictureEncoder):
    """The picture in a basis that all letters share, and from there by a letter's own matrix to its evidence."""

    def __init__(self, modality: Pictures, settings: FlatLettersSettings) -> None:
        super().__init__(modality)
        self.letters = len(modality.contents)
        self.basis = nn.Linear(modality.channels * modality.size**2, settings.read_dim)
        self.letter = PerLetter(self.letters, settings.read_dim, settings.hidden_dim)
        self.own = nn.Linear(self.letters, settings.hidden_dim, bias=False)

    def forward(self, batch: Batch) -> Features:
        return heard(self, batch)

    def features(self, pictures: Float[Tensor, "n c h w"]) -> Features:
        """Of pictures that are of each letter a little."""
        return self.read_as(pictures, pictures.new_full((len(pictures), self.letters), 1.0 / self.letters))

    def read_as(self, pictures: Float[Tensor, "n c h w"], label: Float[Tensor, "n k"]) -> Features:
        """Of pictures of these letters."""
        return {"style": self.told(self.basis(pictures.flatten(1)), label)}

    def told(self, read: Float[Tensor, "n r"], label: Float[Tensor, "n k"]) -> Float[Tensor, "n h"]:
        """The evidence of pictures that are in the basis already."""
        return self.letter(read, label) + self.own(label)


class Filter(nn.Module):
    """Three convolutions that change a picture's values by what stands around each; they begin by changing nothing.
    They work on squares of 2 x 2 pixels as on one place, which costs a third."""

    def __init__(self, channels: int, width: int, activation: str) -> None:
        super().__init__()
        inner = 4 * channels
        self.layers = nn.ModuleList([
            nn.Conv2d(inner, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1),
            nn.Conv2d(width, inner, 3, padding=1),
        ])  # fmt: skip
        self.activation = ACTIVATIONS[activation]
        for weights in self.layers[-1].parameters():
            nn.init.zeros_(weights)

    def forward(self, picture: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        first, second, last = self.layers
        squares = functional.pixel_unshuffle(picture, 2)
        return picture + functional.pixel_shuffle(last(self.activation(second(self.activation(first(squares))))), 2)


class FlatLetterDecoder(nn.Module):
    """The style by a letter's own matrices to a place in a basis that all letters share, and from there to the
    picture, to which the letter adds one of its own; then a ``Filter``."""

    def __init__(
        self,
        modality: Pictures,
        label: Sequence[Block],
        style: Sequence[Block],
        settings: FlatLettersSettings,
        output: Output,
    ) -> None:
        super().__init__()
        self.of_label = [block.name for block in label]
        self.of_style = [block.name for block in style]
        letters = sum(block.size for block in label)
        self.shape = (output.width, modality.size, modality.size)
        pixels = output.width * modality.size**2
        self.letter = PerLetter(letters, sum(block.size for block in style), settings.drawn_dim)
        self.place = PerLetter(letters, settings.drawn_dim, settings.place_dim)
        self.basis = nn.Linear(settings.place_dim, pixels)
        output.start(self.basis)
        self.own = nn.Linear(letters, pixels, bias=False)
        nn.init.zeros_(self.own.weight)
        self.filter = Filter(output.width, settings.filter_dim, settings.activation)

    def forward(self, latents: Mapping[str, Tensor], batch: Batch | None = None) -> Float[Tensor, "n d h w"]:
        return self.filter(self.linear(latents))

    def linear(self, latents: Mapping[str, Tensor]) -> Float[Tensor, "n d h w"]:
        """The pictures before the filter."""
        label, style = joined(latents, self.of_label), joined(latents, self.of_style)
        place = self.place(self.letter(style, label), label)
        return (self.basis(place) + self.own(label)).reshape(-1, *self.shape)


@dataclass(frozen=True, kw_only=True)
class FlatLettersSettings(PictureSettings):
    """Letters by their label, in a style that a font shares, by matrices of their own for each letter."""

    read_dim: int = setting(144, help="encoder: numbers that a picture is brought to, by the same map for all letters",
                            ge=1, le=8192)  # fmt: skip
    hidden_dim: int = setting(384, help="encoder: numbers of a letter's evidence", ge=1, le=8192)
    style_dim: int = setting(384, help="numbers in the block style", ge=1, le=4096)
    drawn_dim: int = setting(120, help="decoder: numbers of a letter, between two matrices of its own", ge=1, le=8192)
    place_dim: int = setting(240, help="decoder: numbers that the style is brought to for a letter", ge=1, le=8192)
    filter_dim: int = setting(24, help="decoder: channels of the filter behind the linear picture", ge=1, le=1024)

    def build(self, modality: Pictures, conditions: Sequence[Block] = ()) -> Networks:
        """The networks for a size of pictures."""
        label = label_block(modality)
        if not label:
            raise SettingError("the architecture letters-flat needs to be told them: set labels = true")
        style = Block(name="style", shape=(self.style_dim,), shared=True)
        likelihood, output = self.scored(modality)
        return Networks(
            blocks=[*label, style, *conditions], encoder=FlatLetterEncoder(modality, self), features=0,
            own={"style": self.hidden_dim}, observed=given(modality), likelihood=likelihood,
            decoder=FlatLetterDecoder(modality, [*label, *conditions], [style], self, output),
        )  # fmt: skip
