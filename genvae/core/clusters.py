"""k-means on whichever device the vectors lie: for thousands of clusters of a hundred thousand vectors, where a library
that knows the processor alone takes minutes."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genvae.core.randomness import Stream

ROUNDS = 10  # of Lloyd's algorithm: what is left to gain is small
ROWS = 8_192  # vectors whose distances to all centres are in memory at once


def seeded(vectors: Float[Tensor, "n d"], count: int, stream: Stream) -> Float[Tensor, "k d"]:
    """Seeds by k-means++ (Arthur and Vassilvitskii, "k-means++: The Advantages of Careful Seeding", 2007): each is a
    vector drawn by its squared distance to the nearest seed before it, so what is rare and far off gets one, too."""
    points = stream.uniform(torch.arange(count, device=vectors.device), 1)[:, 0]
    chosen = torch.zeros(count, dtype=torch.int64, device=vectors.device)
    chosen[0] = (points[0] * len(vectors)).long()
    length = vectors.square().sum(1)

    def distance(number: int) -> Float[Tensor, " n"]:
        seed = chosen[number : number + 1]
        # expanded: a product with one vector costs a fraction of as many differences
        return (length - 2 * (vectors @ vectors[seed][0]) + length[seed]).clamp(min=0)

    nearest = distance(0)
    for number in range(1, count):
        reached = nearest.double().cumsum(0)
        # all vectors are seeds already where nothing is left: any of them will do
        place = torch.searchsorted(reached, points[number : number + 1] * reached[-1], right=True)
        chosen[number : number + 1] = place.clamp(max=len(vectors) - 1)
        nearest = torch.minimum(nearest, distance(number))
    return vectors[chosen]


def nearest_centre(vectors: Float[Tensor, "n d"], centre: Float[Tensor, "k d"]) -> Int[Tensor, " n"]:
    """The number of the centre nearest to each vector."""
    half = 0.5 * centre.square().sum(1)
    return torch.cat([(part @ centre.T - half).argmax(1) for part in vectors.split(ROWS)])


def k_means(
    vectors: Float[Tensor, "n d"], count: int, stream: Stream, rounds: int = ROUNDS
) -> tuple[Float[Tensor, "k d"], Int[Tensor, " n"]]:
    """Centres, and each vector's (Lloyd, "Least Squares Quantization in PCM", 1982). A centre that no vector is nearest
    to stays where it is."""
    centre = seeded(vectors, count, stream)
    label = nearest_centre(vectors, centre)
    for _ in range(rounds):
        seen = torch.bincount(label, minlength=count)[:, None]
        total = torch.zeros_like(centre).index_add(0, label, vectors)
        centre = torch.where(seen > 0, total / seen.clamp(min=1), centre)
        label = nearest_centre(vectors, centre)
    return centre, label
