"""Fonts between fonts: letters whose outlines lie between those of the same letters of two fonts.

A picture is turned into the distance of each place from the outline, inside above 0; a mean of two such fields is the
field of a letter between the two (Kimmel, Kiryati and Bruckstein 1996 call them distance maps).
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

FINER = 2
FAR = 12.0  # pixels beyond which a distance tells nothing
CHUNK = 128


def _to_nearest(marked: Tensor) -> Tensor:
    """The distance of each place of (n, s, s) from the nearest marked one, FAR where there is none near."""
    side = marked.shape[-1]
    place = torch.arange(side, device=marked.device, dtype=torch.float32)
    square = (place[:, None] - place[None, :]).square()  # (from, to)
    big = torch.full((), 1e6, device=marked.device)
    along = torch.where(marked[:, :, None, :], square, big).amin(-1)  # of each place, in its own row
    return (along[:, None, :, :] + square[None, :, :, None]).amin(2).sqrt().clamp(max=FAR * FINER)


@torch.no_grad()
def fields(pictures: UInt8[Tensor, "n s s"]) -> Float[Tensor, "n t t"]:
    """Signed distances from the outlines in pixels, on a grid ``FINER`` times as fine; float16."""
    found = []
    for part in pictures.split(CHUNK):
        fine = functional.interpolate(
            part[:, None].float() / 255, scale_factor=FINER, mode="bicubic", align_corners=False
        )[:, 0]
        ink = fine > 0.5
        outside, inside = _to_nearest(ink), _to_nearest(~ink)
        far = torch.where(ink, inside - 0.5, 0.5 - outside)
        near = (fine - 0.5).clamp(-0.5, 0.5)  # at the outline itself the grey says more than the grid
        found.append((torch.where(far.abs() < 0.75, near, far) / FINER).half())
    return torch.cat(found)


def drawn(field: Float[Tensor, "n t t"]) -> Float[Tensor, "n s s"]:
    """The pictures of fields, from 0 to 1."""
    return functional.avg_pool2d((field.float() * FINER + 0.5).clamp(0, 1)[:, None], FINER)[:, 0]


@torch.no_grad()
def near_fonts(images: UInt8[Tensor, "f l s s"], family: Int[Tensor, " f"], count: int) -> Int[Tensor, "f count"]:
    """For each font those of other families whose letters look most alike."""
    small = functional.avg_pool2d(images.float().flatten(0, 1)[:, None], 4).reshape(len(images), -1)
    apart = torch.cdist(small, small)
    apart[family[:, None] == family[None, :]] = float("inf")
    return apart.argsort(1)[:, :count]
