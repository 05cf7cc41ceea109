"""The counter-based generator: its distribution, its independence, its keys."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from genvae.core.randomness import Stream, _bits, key, standard_normal

STREAM = Stream(7, "test", 3)


def kolmogorov_smirnov(sorted_uniform: Tensor) -> float:
    """sqrt(n) times the largest distance between the empirical distribution function and the uniform one."""
    n = len(sorted_uniform)
    upper = torch.arange(1, n + 1, dtype=torch.float64) / n
    return math.sqrt(n) * float(torch.maximum(upper - sorted_uniform, sorted_uniform - (upper - 1 / n)).max())


@pytest.mark.parametrize("layout", [(20_000, 1), (1, 20_000), (200, 100)])
def test_uniform_numbers_are_uniform_whatever_the_layout(layout: tuple[int, int]) -> None:
    drawn = STREAM.uniform(torch.arange(layout[0]), layout[1]).flatten()
    assert drawn.dtype == torch.float64 and float(drawn.min()) >= 0 and float(drawn.max()) < 1
    assert float(drawn.mean()) == pytest.approx(0.5, abs=5 * (1 / 12 / 20_000) ** 0.5)
    assert float(drawn.var()) == pytest.approx(1 / 12, rel=0.03)
    assert kolmogorov_smirnov(drawn.sort().values) < 1.95  # p = 0.001


def test_low_bits_are_random_too() -> None:
    bits = (STREAM.uniform(torch.arange(20_000), 1) * 2.0**53).to(torch.int64).flatten()
    for place in (0, 1, 7, 20, 52):
        assert float(((bits >> place) & 1).double().mean()) == pytest.approx(0.5, abs=0.02), place


def test_normal_numbers_are_normal() -> None:
    drawn = STREAM.normal(torch.arange(500), 100).flatten().double()
    assert float(drawn.mean()) == pytest.approx(0, abs=0.02)
    assert float(drawn.var()) == pytest.approx(1, rel=0.03)
    assert float((drawn**3).mean()) == pytest.approx(0, abs=0.06)
    assert float((drawn**4).mean()) == pytest.approx(3, rel=0.06)
    through = 0.5 * (1 + torch.erf(drawn / math.sqrt(2)))
    assert kolmogorov_smirnov(through.sort().values) < 1.95


def test_the_extremes_of_a_uniform_number_are_finite_normal_numbers() -> None:
    unit = torch.tensor([0.0, 2.0**-53, 0.5, 1 - 2.0**-53], dtype=torch.float64)
    normal = standard_normal(unit)
    assert normal.isfinite().all() and float(normal[0]) < -8 and float(normal[-1]) > 8
    assert (normal.diff() > 0).all() and abs(float(normal[2])) < 1e-15


def correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def test_items_columns_draws_names_steps_and_seeds_are_independent() -> None:
    items = torch.arange(10_000)
    base = STREAM.uniform(items, 1)
    others = {
        "the next item": STREAM.uniform(items + 1, 1),
        "a far item": STREAM.uniform(items + 2**40, 1),
        "the next column": STREAM.uniform(items, 2)[:, 1],
        "another draw": STREAM.again(1).uniform(items, 1),
        "another name": STREAM.at("part").uniform(items, 1),
        "another step": Stream(7, "test", 4).uniform(items, 1),
        "another seed": Stream(8, "test", 3).uniform(items, 1),
    }
    for name, other in others.items():
        assert not torch.equal(base.flatten(), other.flatten()), name
        assert abs(correlation(base, other)) < 0.05, name


def test_columns_of_one_item_are_uncorrelated_at_every_lag() -> None:
    row = STREAM.uniform(torch.tensor([5]), 20_000)[0]
    for lag in (1, 2, 3, 64, 1024):
        assert abs(correlation(row[:-lag], row[lag:])) < 0.04, lag


def test_a_row_depends_on_its_item_alone() -> None:
    whole = STREAM.normal(torch.arange(50), 3, 4)
    some = torch.tensor([31, 2, 2, 49])
    assert torch.equal(STREAM.normal(some, 3, 4), whole[some])
    assert torch.equal(STREAM.normal(some.to(torch.int32), 3, 4), whole[some])


def test_a_longer_row_begins_with_the_shorter_one() -> None:
    items = torch.arange(6)
    assert torch.equal(STREAM.uniform(items, 9)[:, :4], STREAM.uniform(items, 4))


def test_nothing_is_taken_from_or_left_in_the_global_generator() -> None:
    before = torch.random.get_rng_state()
    first = STREAM.normal(torch.arange(4), 2)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(99)
    assert torch.equal(first, STREAM.normal(torch.arange(4), 2))


def test_no_two_keys_and_no_two_numbers_collide() -> None:
    keys = {key(seed, name, step) for seed in range(30) for name in ("a", "b", "ab", "a/b") for step in range(200)}
    assert len(keys) == 30 * 4 * 200
    seeds = {Stream(seed, "x", step, draw).integer() for seed in range(20) for step in range(40) for draw in range(20)}
    assert len(seeds) == 20 * 40 * 20 and min(seeds) >= 0
    drawn = torch.cat([Stream(s, "x", t).uniform(torch.arange(1000), 25).flatten() for s in range(4) for t in range(4)])
    assert len(drawn.unique()) == len(drawn)


def test_an_accelerator_draws_what_the_processor_draws() -> None:
    items, columns, base = torch.tensor([0, 1, 7, 2**62, -5]), torch.arange(300), key(3, "x", 1, 0)
    there, here = _bits(items, columns, base), _bits(items.numpy(), columns.numpy(), base)
    assert here.dtype == np.int64 and torch.equal(there, torch.from_numpy(here))
    assert torch.equal(items, torch.tensor([0, 1, 7, 2**62, -5])), "the items themselves are left alone"


def test_a_known_value_never_changes() -> None:
    """Golden numbers: seeds that people noted must give the same items in later versions."""
    drawn = Stream(1, "generate").uniform(torch.tensor([0, 1]), 2)
    # the same by Python's own whole numbers
    mask = (1 << 64) - 1

    def mix(x: int) -> int:
        x = (x + 0x9E3779B97F4A7C15) & mask
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        return x ^ (x >> 31)

    base = key(1, "generate", 0, 0) & mask
    expected = [
        [(mix(mix((mix(i ^ base) + c * 0x9E3779B97F4A7C15) & mask) ^ base) >> 11) * 2.0**-53 for c in range(2)]
        for i in range(2)
    ]
    assert drawn.tolist() == expected
    assert key(1, "generate", 0, 0) == 2570101741261077306
