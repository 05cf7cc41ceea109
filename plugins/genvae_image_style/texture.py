"""A picture drawn in another's style must have that one's texture: its autocorrelation at short distances.

Statistics of second order tell textures apart at a glance (Julesz, "Visual Pattern Discrimination", 1962), and
textures are made by them (Portilla and Simoncelli, "A Parametric Texture Model Based on Joint Statistics of Complex
Wavelet Coefficients", 2000); a style as correlations of a network's features is Gatys, Ecker and Bethge, "Image Style
Transfer Using Convolutional Neural Networks" (2016). Of strokes they tell how wide they are and where they lean,
whatever is written: so a style means the same for each content, which nothing else in a bound asks for.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.randomness import Stream
from genvae.core.terms.swap import Swapping, SwappingSettings, partners
from genvae.core.vae import VAE, Draw
from genvae.settings import setting

LEAST = 1e-6  # of a picture's variance: an empty one has no texture


def autocorrelation(pictures: Float[Tensor, "n c h w"], reach: int) -> Float[Tensor, "n k"]:
    """The correlation of each picture with itself moved by up to ``reach`` pixels, all channels together: to the right
    first, then a row down from the left to the right, and so on (the others are the same by symmetry)."""
    apart = pictures - pictures.mean((2, 3), keepdim=True)
    height, width = apart.shape[2:]
    whole = apart.square().sum((1, 2, 3)).clamp(min=LEAST * apart[0].numel())
    moves = [(0, across) for across in range(1, reach + 1)]
    moves += [(down, across) for down in range(1, reach + 1) for across in range(-reach, reach + 1)]
    found = []
    for down, across in moves:
        left, right = max(0, -across), width - max(0, across)
        one = apart[:, :, : height - down, left:right]
        two = apart[:, :, down:, left + across : right + across]
        found.append((one * two).sum((1, 2, 3)))
    return torch.stack(found, 1) / whole[:, None]


class Texture(Swapping):
    """Half the squared difference between the autocorrelations of a swap and of the picture that its style is from,
    summed over the moves: a mean over pictures, without a unit. Two digits of MNIST differ by 0.22."""

    id = "texture"

    def __init__(self, settings: TextureSettings, model: VAE) -> None:
        super().__init__(settings, model)
        self.reach = settings.reach

    def forward(self, model: VAE, batch: Batch, draw: Draw, step: int | None, stream: Stream) -> Float[Tensor, ""]:
        source = partners(batch, draw.groups, stream.at("partners"))
        _, drawn = self.swapped(model, batch, draw.latents, source)
        theirs = autocorrelation(batch.views["target"][source], self.reach)
        gap = autocorrelation(drawn.views["input"], self.reach) - theirs
        return 0.5 * gap.square().sum(1).mean()


@dataclass(frozen=True, kw_only=True)
class TextureSettings(SwappingSettings):
    """A picture drawn in another's style must have that one's autocorrelation at short distances."""

    reach: int = setting(2, help="the longest move, in pixels", ge=1, le=16)

    def build(self, model: VAE) -> Texture:
        return Texture(self, model)
