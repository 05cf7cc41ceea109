"""Which items of two sets are one thing, where nothing says so: rows of vectors that are each other's nearest.

In many dimensions a few vectors are near to everything, so nearness is weighed by how near a vector's own neighbours
are (cross-domain similarity local scaling, CSLS: Conneau et al., "Word Translation Without Parallel Data", 2018),

    2 cos(x, y) - r(x) - r(y),   r: the mean cosine of a vector with its nearest of the other set,

and a pair is two vectors of which each has no better. What two sets say differently can be learned from the pairs that
were found: a linear map of the one set, fitted to them, and then all are matched anew (Artetxe, Labaka and Agirre,
"Learning Bilingual Word Embeddings with (Almost) No Bilingual Data", 2017). A rewriter can be trained on such pairs as
if they were known (Jin et al., "IMaT: Unsupervised Text Attribute Transfer via Iterative Matching and Translation",
2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

NEIGHBOURS = 10
ROWS = 1_000  # vectors whose nearness to all others is in memory at once
RIDGE = 0.1  # of the map: what its square weighs beside one pair


@dataclass(frozen=True)
class Pairs:
    """Numbers of rows of the first and of the second set, pair by pair, and how near they are by CSLS."""

    first: Int[Tensor, " p"]
    second: Int[Tensor, " p"]
    nearness: Float[Tensor, " p"]

    def __len__(self) -> int:
        return len(self.first)


def nearest(first: Float[Tensor, "n d"], second: Float[Tensor, "m d"], neighbours: int = NEIGHBOURS) -> Pairs:
    """Each row of the first set with the row of the second that is nearest to it; lengths do not matter."""
    one, other = functional.normalize(first, dim=1), functional.normalize(second, dim=1)
    of_one, of_other = _crowd(one, other, neighbours), _crowd(other, one, neighbours)
    found = [
        torch.addmm(-of_other, rows, other.T, alpha=2.0).sub_(crowd[:, None]).max(1)
        for rows, crowd in zip(one.split(ROWS), of_one.split(ROWS), strict=True)
    ]
    number = torch.arange(len(one), device=one.device)
    return Pairs(number, torch.cat([best.indices for best in found]), torch.cat([best.values for best in found]))


def mutual(first: Float[Tensor, "n d"], second: Float[Tensor, "m d"], neighbours: int = NEIGHBOURS) -> Pairs:
    """The pairs of rows that are each other's nearest, in the order of the first set."""
    there, back = nearest(first, second, neighbours), nearest(second, first, neighbours)
    kept = back.second[there.second] == there.first
    return Pairs(there.first[kept], there.second[kept], there.nearness[kept])


def _crowd(vectors: Float[Tensor, "n d"], others: Float[Tensor, "m d"], neighbours: int) -> Float[Tensor, " n"]:
    """The mean cosine of each vector with its nearest others."""
    count = min(neighbours, len(others))
    return torch.cat([(rows @ others.T).topk(count, 1).values.mean(1) for rows in vectors.split(ROWS)])


def matched(first: Float[Tensor, "n d"], second: Float[Tensor, "m d"], rounds: int = 1) -> Pairs:
    """Mutual pairs, then ``rounds`` times: a linear map of the first set to the second by the pairs, and pairs anew."""
    one, other = functional.normalize(first, dim=1), functional.normalize(second, dim=1)
    pairs = mutual(one, other)
    for _ in range(rounds):
        source, target = one[pairs.first], other[pairs.second]
        square = source.T @ source + RIDGE * torch.eye(source.shape[1], device=one.device)
        pairs = mutual(one @ torch.linalg.solve(square, source.T @ target), other)
    return pairs
