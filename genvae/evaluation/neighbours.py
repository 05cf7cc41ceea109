"""Kynkaanniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models" (2019), and Naeem et al.,
"Reliable Fidelity and Diversity Metrics for Generative Models" (2020).

Both take the balls around vectors that reach to their k-th nearest neighbour for where a distribution has mass. All
four figures depend on the number of vectors and on k, so compare equal ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

ROWS = 1024  # rows of a table of distances that are in memory at once
SAME = 1e-12  # of the squared lengths: a smaller squared distance is rounding, and the vectors are equal


@dataclass(frozen=True)
class Neighbours:
    """``precision``: the share of made vectors inside a ball around some real one; ``recall``: the share of real ones
    inside a ball around some made one (Kynkaanniemi et al. 2019). ``density``: in how many real balls a made vector
    is, over k, near 1 for equal distributions and above it where made vectors crowd; ``coverage``: the share of real
    balls with a made vector inside (Naeem et al. 2020)."""

    precision: float
    recall: float
    density: float
    coverage: float


def squares(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """Squared distances, by the expanded square in float64; rounding never parts equal vectors."""
    lengths = a.square().sum(1)[:, None] + b.square().sum(1)
    found = lengths - 2 * a @ b.T
    return found.where(found > SAME * lengths, torch.zeros_like(found))


def radii(vectors: Float[Tensor, "n d"], k: int) -> Float[Tensor, " n"]:
    """The squared distance of each vector to its k-th nearest other one."""
    # the vector itself is among the k + 1 smallest, at distance 0
    found = [squares(part, vectors).kthvalue(k + 1, dim=1).values for part in vectors.split(ROWS)]
    return torch.cat(found)


def neighbours(
    real: Float[Tensor, "n d"], made: Float[Tensor, "m d"], k_precision: int = 3, k_density: int = 5
) -> Neighbours:
    """Precision and recall with k = 3, density and coverage with k = 5, as in the papers' experiments.

    A ball holds its surface. Raises ValueError when there are not more vectors than k on each side.
    """
    if min(len(real), len(made)) <= max(k_precision, k_density):
        raise ValueError(f"{max(k_precision, k_density)} neighbours need more vectors than {min(len(real), len(made))}")
    real, made = real.double(), made.double()
    centre = real.mean(0)  # distances are the same, and rounding is less
    real, made = real - centre, made - centre
    narrow, wide, theirs = radii(real, k_precision), radii(real, k_density), radii(made, k_precision)
    inside = torch.zeros(len(made), dtype=torch.bool)
    reached, covered, balls = 0, 0, 0
    for rows in torch.arange(len(real)).split(ROWS):
        found = squares(real[rows], made)
        inside |= (found <= narrow[rows, None]).any(0)
        reached += _count((found <= theirs).any(1))
        within = found <= wide[rows, None]
        covered += _count(within.any(1))
        balls += _count(within)
    return Neighbours(
        precision=_count(inside) / len(made), recall=reached / len(real),
        density=balls / (k_density * len(made)), coverage=covered / len(real),
    )  # fmt: skip


def _count(found: Tensor) -> int:
    return int(found.sum())
