"""Pictures of strokes as numbers that nothing has to learn: where on the picture strokes of which direction are.

A picture is made upright by its moments (LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to
Document Recognition", 1998, deslanted digits so), and its edges are sorted by direction and counted about each place of
a coarse grid (Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", 2005). Small moves of a stroke
change little of that, as in the first order of a scattering transform (Bruna and Mallat, "Invariant Scattering
Convolution Networks", 2013). So pictures of one thing lie near each other before any network has been trained, and what
comes after is small and quick.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

DIRECTIONS = 8
GRID = 7  # places a side, about
SMOOTH = 1.0  # standard deviation, in pixels, of the blur before edges are looked for
LEAST = 1e-6  # ink, or strength of an edge: less is none


def upright(pictures: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n 3"]]:
    """Ink sheared until its moments stand upright, its middle moved to the picture's; and what was undone: columns a
    row that it leant by, and where its middle was, across and down, from -1 to 1. An empty picture stays as it is."""
    height, width = pictures.shape[2:]
    y, x = (torch.linspace(-1.0, 1.0, side, device=pictures.device) for side in (height, width))
    y, x = y[:, None].expand(height, width), x.expand(height, width)
    basis = torch.stack([torch.ones_like(x), x, y, x * y, y * y]).flatten(1)
    total, *moments = (pictures.mean(1).flatten(1) @ basis.T).unbind(1)
    across, down, mixed, tall = (moment / total.clamp(min=LEAST) for moment in moments)
    slant = (mixed - across * down) / (tall - down.square()).clamp(min=LEAST)
    undone = torch.stack([slant, across, down], 1)
    slant, across, down = undone.T[..., None, None]
    places = torch.stack([x + slant * y + across, (y + down).expand(len(pictures), -1, -1)], 3)
    return functional.grid_sample(pictures, places, align_corners=True), undone


def blurring(size: int, deviation: float, reach: int, places: Tensor) -> Float[Tensor, "p s"]:
    """A row for each place: weights of the pixels of a line, a Gaussian about that place, none beyond ``reach``."""
    apart = torch.arange(size) - places[:, None]
    weights = (-0.5 * (apart / deviation).square()).exp() * (apart.abs() <= reach)
    return weights / (-0.5 * (torch.arange(-reach, reach + 1) / deviation).square()).exp().sum()


class Strokes(nn.Module):
    """A picture's directions once it is upright: the square roots of how much of an edge of each is about each place of
    the grid; and beside them what making it upright undid. No weight learns."""

    smooth: Tensor
    change: Tensor
    pool: Tensor
    way: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        step = max(size // GRID, 1)
        every = torch.arange(size)
        grid = every[1::step] + ((size - 2) % step - 1) / 2  # as far from one border as from the other
        smooth = blurring(size, SMOOTH, 3, every)
        beside = (every - every[:, None] == 1).float()
        angle = torch.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
        self.edges = DIRECTIONS * len(grid) ** 2  # numbers of a picture's directions
        self.width = self.edges + 3  # and of what was undone
        for name, value in (
            ("smooth", smooth), ("change", (beside - beside.T) @ smooth),
            ("pool", blurring(size, step / 1.6, step, grid)), ("way", torch.stack([angle.cos(), angle.sin()], 1)),
        ):  # fmt: skip
            self.register_buffer(name, value, persistent=False)

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d"]:
        moved, undone = upright(pictures)
        return torch.cat([self.directions(moved), undone], 1)

    def what(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n e"]:
        """The directions alone, which say what is drawn and not how it leant or where."""
        return self.directions(upright(pictures)[0])

    def directions(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n e"]:
        """Of pictures as they are: one map of the grid each, from the right on by an eighth of a turn."""
        ink = pictures.mean(1)
        across, down = self.smooth @ ink @ self.change.T, self.change @ ink @ self.smooth.T
        strength = (across.square() + down.square()).clamp(min=LEAST**2)
        edge = torch.stack([across, down], 1).flatten(2)
        facing = (self.way @ edge).clamp(min=0.0).unflatten(2, across.shape[1:])
        # the cosine to the third power, times the strength
        kept = facing.pow(3) / strength[:, None]
        counted = (self.pool @ kept @ self.pool.T).flatten(1)
        # a root is steep at 0: pictures that are learned, as a prior's pseudo-inputs are, need its gradient
        return counted.clamp(min=LEAST).sqrt() - LEAST**0.5
