"""Pictures of a group changed alike: a few hundred fonts become many, each still of one style.

A letter and its neighbours are leant, stretched, made heavier or lighter by the same amounts, so what holds between the
letters of a font holds between the changed ones. What is scored is changed, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from genvae.core.batch import Batch
from genvae.core.corruption import Corruption
from genvae.core.randomness import Stream
from genvae.settings import setting

BASELINE = 2 * 23.5 / 32 - 1  # from -1 to 1, top to bottom: where letters stand (see ``fonts.ink``)
TOP = 2 * 3 / 32 - 1  # where capitals reach to
MIDDLE = 2 * 14 / 32 - 1  # the row that does not move when letters lean: between the middles of capitals and small ones
CONTRAST = 1.25


def moved(
    pictures: Float[Tensor, "n c h w"],
    slant: Float[Tensor, " n"],
    width: Float[Tensor, " n"],
    height: Float[Tensor, " n"],
    waist: Float[Tensor, " n"],
) -> Float[Tensor, "n c h w"]:
    """Leant to the right by ``slant`` (columns a row), ``width`` and ``height`` times as large, and what is half-way up
    a capital ``waist`` pixels of 32 higher. The baseline stays where it is, and so does the middle of the width."""
    zero = torch.zeros_like(slant)
    # a place of the new picture, from -1 to 1, to the place of the old one that is shown there
    across = torch.stack([1.0 / width, slant / width, -MIDDLE * slant / width], 1)
    down = torch.stack([zero, 1.0 / height, BASELINE * (1.0 - 1.0 / height)], 1)
    places = functional.affine_grid(torch.stack([across, down], 1), list(pictures.shape), align_corners=False)
    x, y = places.unbind(3)
    half = torch.sin(torch.pi * ((y - TOP) / (BASELINE - TOP)).clamp(0.0, 1.0))
    places = torch.stack([x, y + waist[:, None, None] / 16.0 * half], 3)
    return functional.grid_sample(pictures, places, mode="bicubic", align_corners=False).clamp(0.0, 1.0)


def sharpened(pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Edges as narrow as before they were drawn anew between pixels, about."""
    return (0.5 + CONTRAST * (pictures - 0.5)).clamp(0.0, 1.0)


def weighed(
    pictures: Float[Tensor, "n c h w"], upright: Float[Tensor, " n"], level: Float[Tensor, " n"]
) -> Float[Tensor, "n c h w"]:
    """Upright strokes wider by twice so many pixels, narrower where it is negative, between -1 and 1; and level ones
    by another amount."""
    for amount, axis, edges in ((upright, 3, (1, 1, 0, 0)), (level, 2, (0, 0, 1, 1))):
        # three shifted pictures compared take a tenth of what pooling does on a CPU
        around = functional.pad(pictures, edges)
        before, here, after = (around.narrow(axis, place, pictures.shape[axis]) for place in range(3))
        wider = torch.maximum(torch.maximum(before, here), after)
        narrower = torch.minimum(torch.minimum(before, here), after)
        share = amount[:, None, None, None]
        pictures = torch.where(
            share > 0, torch.lerp(pictures, wider, share), torch.lerp(pictures, narrower, -share)
        )  # fmt: skip
    return pictures


@dataclass(frozen=True, kw_only=True)
class Restyle(Corruption):
    """The pictures of a group leant, stretched, made heavier or lighter alike."""

    redraws_target: ClassVar[bool] = True

    share: float = setting(0.6, help="of the groups that are leant or stretched", ge=0.0, le=1.0)
    slant: float = setting(0.2, help="columns a row that pictures lean by at most, either way", ge=0.0, le=1.0)
    width: float = setting(0.15, help="share of their width that they lose at most, or half of it gain", ge=0, le=0.5)
    height: float = setting(0.06, help="share of their height that they lose or gain at most", ge=0.0, le=0.5)
    waist: float = setting(1.5, help="pixels of 32 that the middle of a capital moves by at most", ge=0.0, le=4.0)
    heavier: float = setting(0.5, help="share of the groups whose strokes change", ge=0.0, le=1.0)
    weight: float = setting(0.5, help="pixels that the edge of a stroke moves by at most", ge=0.0, le=1.0)

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        groups, old = batch.groups, batch.views["target"]
        drawn = stream.at("restyle").uniform(groups.first(batch.items), 9).to(old.dtype)[groups.of_item]
        either = 2.0 * drawn - 1.0
        whether, heavy = drawn[:, 7] < self.share, drawn[:, 8] < self.heavier
        width = 1.0 - self.width + 1.5 * self.width * drawn[:, 1]
        new = moved(
            old, either[:, 0] * self.slant, width, 1.0 + either[:, 2] * self.height, either[:, 3] * self.waist
        )  # fmt: skip
        new = torch.where(whether[:, None, None, None], sharpened(new), old)
        # strokes of both kinds together for the most part, as in fonts
        both, upright, level = (either[:, place] * self.weight for place in (4, 5, 6))
        other = weighed(new, 0.6 * both + 0.4 * upright, 0.6 * both + 0.4 * level)
        new = torch.where(heavy[:, None, None, None], sharpened(other), new)
        return batch.viewing(input=new, target=new)
