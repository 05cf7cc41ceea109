"""Errors between pictures, and how sharp a picture is. Pictures are (n, c, h, w) with numbers in [0, 1].

The similarity is that of Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to
Structural Similarity" (2004).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from genvae.errors import LacksCapability

WINDOW, SIGMA = 11, 1.5  # of the similarity's Gaussian window
K1, K2 = 0.01, 0.03

Pictures = NDArray[np.uint8]  # (n, h, w) or (n, h, w, 3)


def stacked(pictures: Sequence[Any]) -> Pictures:
    """Pictures, uint8 arrays (h, w) or (h, w, 3), as one array."""
    return np.stack([np.asarray(picture, dtype=np.uint8) for picture in pictures])


def numbers(pictures: Pictures) -> Float[Tensor, "n c h w"]:
    """Pictures as float32 numbers in [0, 1]."""
    whole = torch.from_numpy(pictures.astype(np.float32))
    whole = whole[..., None] if whole.ndim == 3 else whole
    return whole.permute(0, 3, 1, 2).contiguous() / 255


def squared_error(a: Float[Tensor, "n c h w"], b: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
    """The mean squared difference of each pair."""
    return (a - b).square().flatten(1).mean(1)


def absolute_error(a: Float[Tensor, "n c h w"], b: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
    """The mean absolute difference of each pair."""
    return (a - b).abs().flatten(1).mean(1)


def structural_similarity(a: Float[Tensor, "n c h w"], b: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
    """The mean similarity of each pair over all places where the 11 x 11 window (Gaussian, sigma 1.5) lies inside, and
    over colours; 1 for equal pictures. Raises LacksCapability for pictures smaller than the window."""
    channels, *size = a.shape[1:]
    if min(size) < WINDOW:
        raise LacksCapability(f"structural similarity needs pictures of {WINDOW} x {WINDOW} or more; see rmse and l1")
    place = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    line = torch.exp(-place.square() / (2 * SIGMA**2))
    line /= line.sum()

    def blurred(x: Tensor) -> Tensor:
        rows = functional.conv2d(x, line.reshape(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
        return functional.conv2d(rows, line.reshape(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)

    a, b = a.double(), b.double()  # a variance is a small difference of large numbers
    mean_a, mean_b = blurred(a), blurred(b)
    variance_a, variance_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
    covariance = blurred(a * b) - mean_a * mean_b
    c1, c2 = K1**2, K2**2
    likeness = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    )
    return likeness.flatten(1).mean(1)


def laplacian_variance(pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
    """The variance of the Laplacian (four neighbours, inside the border) of each picture's brightness, the mean of its
    colours: what blur takes away (Pertuz, Puig and Garcia 2013)."""
    grey = pictures.double().mean(1)
    middle = grey[:, 1:-1, 1:-1]
    found = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * middle
    return found.flatten(1).var(1, unbiased=False)


def slant(pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
    """How far the ink (brightness) moves to the left from row to row downward: the slope of its regression on the rows;
    1 leans to the right by 45 degrees. 0 where all ink is in one row, or there is none."""
    ink = pictures.double().mean(1)
    total = ink.sum((1, 2)).clamp(min=1e-12)
    rows, columns = (torch.arange(side, dtype=torch.float64) for side in ink.shape[1:])
    of_row, of_column = ink.sum(2), ink.sum(1)
    down, right = (of_row @ rows / total, of_column @ columns / total)
    spread = of_row @ rows.square() / total - down.square()
    both = torch.einsum("nhw,h,w->n", ink, rows, columns) / total - down * right
    return torch.where(spread > 1e-9, -both / spread.clamp(min=1e-9), torch.zeros_like(both))


def stroke_width(pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
    """Pixels: twice the ink over the length of its edge, which is the sum of the brightness's gradient; a long stroke
    of width w has an edge on both sides. 0 where there is no ink."""
    ink = functional.pad(pictures.double().mean(1), (1, 1, 1, 1))
    # at the corner of four pixels: the same for strokes that lean to the left and to the right
    down = (ink[:, 1:, 1:] + ink[:, 1:, :-1] - ink[:, :-1, 1:] - ink[:, :-1, :-1]) / 2
    right = (ink[:, 1:, 1:] - ink[:, 1:, :-1] + ink[:, :-1, 1:] - ink[:, :-1, :-1]) / 2
    edge = (down.square() + right.square()).sqrt().sum((1, 2))
    return 2 * ink.sum((1, 2)) / edge.clamp(min=1e-12)


def total_variation(a: Float[Tensor, " k"], b: Float[Tensor, " k"]) -> float:
    """Half the summed differences of two distributions: 0 for equal ones, 1 where they have nothing in common."""
    return float((a.double() - b.double()).abs().sum() / 2)


@dataclass
class Errors:
    """Running errors over pairs of pictures."""

    count: int = 0
    squared: float = 0.0
    absolute: float = 0.0
    similarity: float | None = 0.0

    def add(self, made: Float[Tensor, "n c h w"], wanted: Float[Tensor, "n c h w"]) -> None:
        """Take in some pairs."""
        self.count += len(made)
        self.squared += float(squared_error(made, wanted).double().sum())
        self.absolute += float(absolute_error(made, wanted).double().sum())
        if min(made.shape[2:]) < WINDOW:
            self.similarity = None
        if self.similarity is not None:
            self.similarity += float(structural_similarity(made, wanted).sum())

    def figures(self, name: str = "") -> dict[str, float]:
        """``{name}rmse``, the root of the mean square over all pairs; ``{name}l1``; ``{name}ssim`` where the pictures
        are large enough."""
        found = {f"{name}rmse": math.sqrt(self.squared / self.count), f"{name}l1": self.absolute / self.count}
        if self.similarity is not None:
            found[f"{name}ssim"] = self.similarity / self.count
        return found
