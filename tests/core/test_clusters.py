"""k-means: what it finds, and what it leaves alone."""

from __future__ import annotations

import torch
from sklearn.cluster import KMeans

from genvae.core.clusters import k_means, nearest_centre, seeded
from genvae.core.randomness import Stream

STREAM = Stream(3, "clusters")


def clouds(count: int = 12, each: int = 40) -> torch.Tensor:
    """Tight clouds far from each other."""
    middle = 10.0 * STREAM.at("middle").normal(torch.arange(count), 3)
    noise = 0.1 * STREAM.at("noise").normal(torch.arange(count * each), 3)
    return middle.repeat_interleave(each, 0) + noise


def test_every_cloud_gets_a_centre() -> None:
    vectors = clouds()
    centre, label = k_means(vectors, 12, STREAM)
    assert len({int(row[0]) for row in label.reshape(12, 40)}) == 12
    assert all(len(row.unique()) == 1 for row in label.reshape(12, 40))
    torch.testing.assert_close(centre[label.reshape(12, 40)[:, 0]], vectors.reshape(12, 40, 3).mean(1))


def test_as_near_as_scikit_learn_from_the_same_seeds() -> None:
    vectors = STREAM.at("flat").normal(torch.arange(600), 4)
    centre, label = k_means(vectors, 20, STREAM, rounds=100)
    seeds = seeded(vectors, 20, STREAM)
    other = KMeans(20, init=seeds.numpy(), n_init=1, max_iter=100, tol=0.0, algorithm="lloyd").fit(vectors.numpy())
    ours = float((vectors - centre[label]).square().sum())
    assert abs(ours - other.inertia_) < 1e-3 * other.inertia_
    assert torch.equal(label, nearest_centre(vectors, centre))


def test_seeds_are_vectors_and_the_same_again() -> None:
    vectors = clouds()
    seeds = seeded(vectors, 12, STREAM)
    assert all(bool((vectors == seed).all(1).any()) for seed in seeds)
    assert torch.equal(seeds, seeded(vectors, 12, STREAM))
    # by their distance: among twelve far clouds no second seed of one is drawn
    assert len((seeds[:, None] - seeds).norm(dim=2).lt(3.0).nonzero()) == 12


def test_more_seeds_than_different_vectors() -> None:
    vectors = torch.tensor([[0.0, 1.0], [2.0, 2.0]]).repeat(5, 1)
    centre, label = k_means(vectors, 4, STREAM)
    assert centre.isfinite().all()
    torch.testing.assert_close(centre[label], vectors)
