"""The evidence of a group, multiplied: against integration and against conditioning a joint normal distribution."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genvae.core.distributions import DiagonalGaussian
from genvae.core.latents import Block, Groups
from genvae.core.posteriors import DiagonalGaussianSettings, ProductOfGaussiansSettings
from genvae.core.posteriors.product_of_gaussians import product
from genvae.core.randomness import Stream
from tests.core.toys import SPLIT, STYLE, elements, split_toy

STREAM = Stream(0, "product")
GROUPS = Groups(torch.tensor([1, 0, 1, 1, 0]), 2)
MAPS = Block(name="maps", shape=(2, 2), shared=True)


def experts(rows: int, *shape: int) -> tuple[Tensor, Tensor]:
    mean = 1.5 * STREAM.at("mean").normal(torch.arange(rows), *shape).double()
    return mean, STREAM.at("spread").normal(torch.arange(rows), *shape).double()


@pytest.mark.parametrize("prior_expert", [True, False])
def test_the_product_is_that_of_the_densities(prior_expert: bool) -> None:
    """The densities of a group multiplied on a fine grid, normalised, and its moments summed."""
    mean, log_variance = experts(5, 1)
    found = product(mean, log_variance, GROUPS, prior_expert)
    grid = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
    for group in range(2):
        of_group = [i for i in range(5) if int(GROUPS.of_item[i]) == group]
        log_density = sum(
            torch.distributions.Normal(mean[i], (0.5 * log_variance[i]).exp()).log_prob(grid) for i in of_group
        )
        if prior_expert:
            log_density = log_density - 0.5 * grid.square()
        assert isinstance(log_density, Tensor)
        shares = log_density.softmax(0)
        middle = float((shares * grid).sum())
        assert float(found.mean[group]) == pytest.approx(middle, abs=1e-9)
        variance = float((shares * (grid - middle).square()).sum())
        assert float(found.log_variance[group].exp()) == pytest.approx(variance, rel=1e-9)


def test_it_is_exact_where_items_are_the_shared_value_and_noise() -> None:
    """x_i = s + N(0, v), s ~ N(0, 1): the posterior of s by conditioning the joint normal distribution of all."""
    x, variance = torch.tensor([0.3, -1.2, 2.0, 0.9], dtype=torch.float64), 0.37
    joint = torch.ones(4, 4, dtype=torch.float64) + variance * torch.eye(4, dtype=torch.float64)
    across = torch.ones(4, dtype=torch.float64)
    middle = float(across @ torch.linalg.solve(joint, x))
    left = 1.0 - float(across @ torch.linalg.solve(joint, across))
    spread = torch.full((4, 1), math.log(variance), dtype=torch.float64)
    found = product(x[:, None], spread, Groups(torch.zeros(4, dtype=torch.int64), 1), True)
    assert float(found.mean) == pytest.approx(middle, rel=1e-12)
    assert float(found.log_variance.exp()) == pytest.approx(left, rel=1e-12)


def at(features: Tensor, groups: Groups, *, prior_expert: bool = True, block: Block = MAPS) -> DiagonalGaussian:
    torch.manual_seed(0)
    posterior = ProductOfGaussiansSettings(prior_expert=prior_expert).build((block,), features.shape[1])
    zeros = torch.zeros(groups.count, *block.shape)
    return posterior.at(block, {"summary": features}, {}, DiagonalGaussian(zeros, zeros), groups)


def summaries(rows: int) -> Tensor:
    return 2 * STREAM.at("summary").normal(torch.arange(rows), 6)


def test_the_order_of_the_items_says_nothing() -> None:
    features, order = summaries(5), torch.tensor([3, 0, 4, 2, 1])
    one, two = at(features, GROUPS), at(features[order], Groups(GROUPS.of_item[order], 2))
    assert one.mean.shape == (2, 2, 2)
    torch.testing.assert_close(one.mean, two.mean)
    torch.testing.assert_close(one.log_variance, two.log_variance)


@pytest.mark.parametrize("prior_expert", [True, False])
def test_more_items_never_widen_it(prior_expert: bool) -> None:
    features = summaries(8)
    before = torch.full((1, 2, 2), math.inf)
    for count in range(1, 9):
        groups = Groups(torch.zeros(count, dtype=torch.int64), 1)
        log_variance = at(features[:count], groups, prior_expert=prior_expert).log_variance
        assert (log_variance < before).all()
        assert not prior_expert or (log_variance < 0).all()
        before = log_variance


def test_a_group_of_one_is_a_single_item() -> None:
    model, batch = split_toy(), elements(4, label=torch.eye(3)[[0, 1, 2, 0]])
    alone = model.infer(batch, STREAM)
    grouped = model.infer(elements(4, label=torch.eye(3)[[0, 1, 2, 0]], group=torch.tensor([5, 2, 9, 4])), STREAM)
    for name in alone.latents:
        torch.testing.assert_close(alone.latents[name], grouped.latents[name])
    # without the prior's expert it is what the item says, and nothing else
    single = at(summaries(3), Groups.each(3), prior_expert=False)
    torch.manual_seed(0)
    own = Block(name="maps", shape=(2, 2))
    plain = DiagonalGaussianSettings().build((own,), 6)
    said = plain.at(own, {"summary": summaries(3)}, {}, single, Groups.each(3))
    torch.testing.assert_close(single.mean, said.mean)
    torch.testing.assert_close(single.log_variance, said.log_variance)


def test_other_blocks_have_a_gaussian_an_item() -> None:
    own = Block(name="maps", shape=(2, 2))
    found = at(summaries(5), GROUPS, block=own)
    torch.manual_seed(0)
    said = DiagonalGaussianSettings().build((own,), 6).at(own, {"summary": summaries(5)}, {}, found, GROUPS)
    torch.testing.assert_close(found.mean, said.mean)
    torch.testing.assert_close(found.log_variance, said.log_variance)


def test_a_block_of_its_own_feature() -> None:
    posterior = ProductOfGaussiansSettings().build((STYLE,), 6, {"style": 4})
    zeros = torch.zeros(2, 3)
    features = {"style": torch.randn(5, 4, generator=torch.Generator().manual_seed(0))}
    found = posterior.at(STYLE, features, {}, DiagonalGaussian(zeros, zeros), GROUPS)
    assert found.mean.shape == (2, 3)


@pytest.mark.parametrize("prior_expert", [True, False])
@pytest.mark.parametrize("size", [-1e4, 1e4])
def test_it_stays_finite_whatever_the_items_claim(prior_expert: bool, size: float) -> None:
    posterior = ProductOfGaussiansSettings(prior_expert=prior_expert).build((STYLE,), 6)
    with torch.no_grad():
        posterior.get_parameter("heads.style.bias")[3:] = size
    zeros = torch.zeros(2, 3)
    found = posterior.at(STYLE, {"summary": summaries(5)}, {}, DiagonalGaussian(zeros, zeros), GROUPS)
    assert found.mean.isfinite().all() and found.log_variance.isfinite().all()
    found.push(torch.ones(2, 3)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in posterior.parameters())


def test_parameters_are_float32_under_mixed_precision() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        found = at(summaries(5), GROUPS)
    assert found.mean.dtype == found.log_variance.dtype == torch.float32


def test_the_posterior_of_many_is_narrower_in_a_model() -> None:
    model = split_toy()
    every = torch.eye(3)[[0, 1, 2, 0, 1, 2]]
    one = model.infer(elements(6, label=every)).posteriors["style"]
    many = model.infer(elements(6, label=every, group=torch.zeros(6, dtype=torch.int64))).posteriors["style"]
    assert isinstance(one, DiagonalGaussian) and isinstance(many, DiagonalGaussian)
    assert len(one.mean) == 6 and len(many.mean) == 1 and (many.scale < one.scale.amin(0)).all()
    assert [block.name for block in SPLIT if block.shared] == ["style"]
