"""How a sequence's vectors become one: what an encoder says of the whole line."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class MeanPooling(nn.Module):
    """The mean of a row's real positions."""

    def forward(self, hidden: Float[Tensor, "n t h"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, "n h"]:
        there = mask[..., None].to(hidden.dtype)
        return (hidden * there).sum(1) / there.sum(1).clamp(min=1)


class MaxPooling(nn.Module):
    """The largest number in each dimension among a row's real positions."""

    def forward(self, hidden: Float[Tensor, "n t h"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, "n h"]:
        return hidden.masked_fill(~mask[..., None], torch.finfo(hidden.dtype).min).amax(1)


class AttentionPooling(nn.Module):
    """A mean weighted by learned queries, one a head; a head averages its own slice of the dimensions.

    The queries meet the vectors as they are: a projection to keys would be one linear map more before another.
    """

    def __init__(self, width: int, heads: int = 1) -> None:
        super().__init__()
        self.queries = nn.Linear(width, heads, bias=False)

    def forward(self, hidden: Float[Tensor, "n t h"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, "n h"]:
        scores = self.queries(hidden)
        weights = scores.masked_fill(~mask[..., None], torch.finfo(scores.dtype).min).softmax(1).to(hidden.dtype)
        slices = hidden.unflatten(-1, (weights.shape[-1], -1))
        return (slices * weights[..., None]).sum(1).flatten(1)


def pooling(kind: str, width: int, heads: int = 1) -> nn.Module:
    """The pooling of a name: "mean", "max" or "attention"."""
    if kind == "attention":
        return AttentionPooling(width, heads)
    return {"mean": MeanPooling, "max": MaxPooling}[kind]()
