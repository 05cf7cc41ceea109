"""Labels spread from a few items to their neighbours."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genvae_conditional.spreading import Neighbourhood, nearest, surest


def moons(each: int = 300) -> tuple[Tensor, Tensor]:
    """Two half circles that reach into each other, and which of them a point is of: a line cannot part them."""
    generator = torch.Generator().manual_seed(0)
    angle = torch.pi * torch.rand(2, each, generator=generator)
    upper = torch.stack([angle[0].cos(), angle[0].sin()], 1)
    lower = torch.stack([1.0 - angle[1].cos(), 0.4 - angle[1].sin()], 1)
    points = torch.cat([upper, lower])
    truth = torch.arange(2).repeat_interleave(each)
    return points + 0.04 * torch.randn(2 * each, 2, generator=generator), truth


def test_neighbours_are_the_nearest_others() -> None:
    vectors = torch.randn(50, 3, generator=torch.Generator().manual_seed(1)) + 100.0
    distances, numbers = nearest(vectors, 4)
    table = torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")
    wanted = table.fill_diagonal_(torch.inf).sort(1)
    assert torch.equal(numbers, wanted.indices[:, :4])
    torch.testing.assert_close(distances, wanted.values[:, :4], atol=1e-4, rtol=1e-4)


def test_a_label_goes_round_the_bend() -> None:
    points, truth = moons()
    known = torch.zeros(600, 2)
    known[0, 0] = known[300, 1] = 1.0
    shares = Neighbourhood.of(points).spread(known)
    assert shares.shape == (600, 2) and float((shares.argmax(1) == truth).float().mean()) > 0.99
    torch.testing.assert_close(shares.sum(1), torch.ones(600))
    nearest_label = torch.cdist(points, points[[0, 300]]).argmin(1)
    assert float((nearest_label == truth).float().mean()) < 0.9, "too easy: no graph is needed"


def test_rounds_are_those_of_the_closed_form() -> None:
    """F = (1 - a) (I - a S)^-1 Y."""
    graph = Neighbourhood.of(torch.randn(30, 2, generator=torch.Generator().manual_seed(2)), 3)
    known = torch.zeros(30, 3)
    known[torch.arange(3), torch.arange(3)] = 1.0
    edges = graph.edges.to_dense()
    torch.testing.assert_close(edges, edges.T)
    wanted = torch.linalg.solve(torch.eye(30) - 0.8 * edges, known)
    wanted = wanted / wanted.sum(1, keepdim=True)
    reached = wanted.isfinite().all(1)
    found = graph.spread(known, kept=0.8, rounds=200)
    torch.testing.assert_close(found[reached], wanted[reached], atol=1e-4, rtol=1e-3)


def test_where_nothing_reaches_nothing_is_known() -> None:
    points = torch.cat([torch.randn(20, 2), torch.randn(20, 2) + 1000.0])
    known = torch.zeros(40, 2)
    known[:2] = torch.eye(2)
    shares = Neighbourhood.of(points, 5).spread(known)
    assert not shares[20:].any() and shares[:20].any(1).float().mean() > 0.5
    assert shares.isfinite().all()


def test_equal_items_and_too_few() -> None:
    shares = Neighbourhood.of(torch.zeros(12, 3), 4).spread(torch.eye(12)[:, :2])
    assert shares.isfinite().all()
    with pytest.raises(ValueError, match="10 neighbours need more items than 10"):
        Neighbourhood.of(torch.zeros(10, 2))


def test_the_surest_of_each_value_are_told() -> None:
    shares = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.45, 0.55], [0.4, 0.6], [0.0, 0.0]])
    assert surest(shares, 0.5).tolist() == [[1, 0], [0, 0], [1, 0], [0, 0], [0, 1], [0, 0]]
    every = surest(shares, 1.0)
    assert torch.equal(every[:5].argmax(1), shares[:5].argmax(1)) and not every[5].any()
    assert not surest(shares, 0.0).any()
