"""Items of two sets matched by their vectors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from genvae_conditional.matching import matched, mutual, nearest


def sets(noise: float, seed: int = 0, count: int = 60, size: int = 12) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors, the same in another order with noise, and where each went; the last ten have no like."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(count, size, generator=generator)
    order = torch.randperm(count, generator=generator)
    second = first[order] + noise * torch.randn(count, size, generator=generator)
    at = order.argsort()
    second[at[-10:]] = torch.randn(10, size, generator=generator)
    return first, second, at


def test_what_is_one_thing_is_found_and_what_has_no_like_is_mostly_left() -> None:
    first, second, at = sets(0.1)
    pairs = mutual(first, second * 3.0)  # lengths say nothing
    assert torch.equal(pairs.first[:50], torch.arange(50)) and torch.equal(pairs.second[:50], at[:50])
    assert len(pairs) < 55


def test_nearness_is_that_of_the_formula() -> None:
    first, second, _ = sets(1.0)
    cosine = functional.normalize(first, dim=1) @ functional.normalize(second, dim=1).T
    wanted = 2 * cosine - cosine.topk(10, 1).values.mean(1)[:, None] - cosine.topk(10, 0).values.mean(0)
    pairs = nearest(first, second)
    torch.testing.assert_close(pairs.nearness, wanted.amax(1))
    assert torch.equal(pairs.second, wanted.argmax(1))
    both = mutual(first, second)
    assert torch.equal(wanted.argmax(0)[both.second], both.first)


def test_what_is_near_everything_is_nobodys_like() -> None:
    """A hub: nearest by cosine to nearly all, which are none of its kind."""
    first, second, at = sets(0.0)
    first, second = first.abs() + 0.2, second.abs() + 0.2
    second[at[-1]] = 1.0
    cosine = functional.normalize(first, dim=1) @ functional.normalize(second, dim=1).T
    assert int((cosine[:50] > cosine[torch.arange(50), at[:50]][:, None] - 0.3).sum(0)[at[-1]]) > 20
    assert torch.equal(nearest(first, second).second[:50], at[:50])


def test_a_map_learned_from_pairs_finds_more_of_them() -> None:
    """Half of the numbers say the same, the other half is turned round: pairs found by the one teach the other."""
    first, second, at = sets(0.5, count=400, size=48)
    turn = torch.linalg.qr(torch.randn(24, 24, generator=torch.Generator().manual_seed(5)))[0]
    second = torch.cat([second[:, :24], second[:, 24:] @ turn], 1)

    def right(rounds: int) -> int:
        pairs = matched(first, second, rounds)
        return int((pairs.second == at[pairs.first]).sum())

    assert right(0) < 200 and right(2) > 380
