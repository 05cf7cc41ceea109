"""The diagonal Gaussian against torch.distributions and Monte Carlo."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from genvae.core.distributions import Capability, DiagonalGaussian, Distribution, kl
from genvae.core.latents import Block
from genvae.core.priors import StandardNormal
from genvae.core.randomness import Stream
from genvae.errors import LacksCapability
from tests.core.toys import OnlySamples


def gaussian(seed: int, rows: int = 4, *shape: int) -> DiagonalGaussian:
    generator = torch.Generator().manual_seed(seed)
    shape = shape or (3,)
    return DiagonalGaussian(
        torch.randn(rows, *shape, generator=generator), torch.randn(rows, *shape, generator=generator)
    )


def peer(q: DiagonalGaussian) -> Normal:
    return Normal(q.mean, q.scale)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 2, 2)])
def test_kl_of_each_dimension_equals_torch(shape: tuple[int, ...]) -> None:
    q, p = gaussian(0, 4, *shape), gaussian(1, 4, *shape)
    found = kl(q, p)
    assert found is not None and found.shape == (4, *shape)
    torch.testing.assert_close(found, kl_divergence(peer(q), peer(p)), rtol=1e-5, atol=1e-6)


def test_kl_is_zero_at_itself_and_exact_close_by() -> None:
    q = gaussian(0)
    itself, found = kl(q, q), kl(DiagonalGaussian(q.mean, q.log_variance + 1e-3), q)
    assert itself is not None and found is not None
    assert torch.equal(itself, torch.zeros(4, 3))
    # 0.5 (e^r - 1 - r) = r^2 / 4 for small r: naive float32 loses all of it
    torch.testing.assert_close(found, torch.full((4, 3), 1e-6 / 4), rtol=2e-2, atol=1e-12)


def test_kl_is_the_mean_of_the_log_ratio() -> None:
    q, p = gaussian(0), gaussian(1)
    count = 40_000
    items = torch.arange(count)
    noise = Stream(0, "monte-carlo").normal(items, 3)
    closed = kl(q, p)
    assert closed is not None
    for row in range(4):
        wide_q = q.take(torch.full((count,), row))
        wide_p = p.take(torch.full((count,), row))
        z = wide_q.push(noise)
        ratio = wide_q.log_prob(z) - wide_p.log_prob(z)
        error = float(ratio.std()) / count**0.5
        assert float(ratio.mean()) == pytest.approx(float(closed[row].sum()), abs=5 * error)


def test_there_is_no_closed_form_for_another_pair() -> None:
    assert kl(gaussian(0), OnlySamples(4, (3,))) is None


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_log_density_equals_torch(shape: tuple[int, ...]) -> None:
    q = gaussian(3, 4, *shape)
    value = torch.randn(4, *shape, generator=torch.Generator().manual_seed(9))
    expected = Independent(peer(q), len(shape)).log_prob(value)
    torch.testing.assert_close(q.log_prob(value), expected)


def test_push_and_pull_are_inverse_and_differentiable() -> None:
    mean, log_variance = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)
    q = DiagonalGaussian(mean, log_variance)
    noise = torch.randn(4, 3)
    value = q.push(noise)
    torch.testing.assert_close(q.pull(value), noise, rtol=1e-4, atol=1e-5)
    value.sum().backward()
    torch.testing.assert_close(mean.grad, torch.ones(4, 3))
    torch.testing.assert_close(log_variance.grad, 0.5 * (0.5 * log_variance.detach()).exp() * noise)


def test_taking_rows() -> None:
    q = gaussian(0)
    some = q.take(torch.tensor([2, 2, 0]))
    assert torch.equal(some.mean, q.mean[[2, 2, 0]]) and torch.equal(some.log_variance, q.log_variance[[2, 2, 0]])


def test_what_a_distribution_cannot_do_it_says() -> None:
    bare: Distribution = OnlySamples(2, (3,))
    with pytest.raises(LacksCapability, match="OnlySamples has no density"):
        bare.log_prob(torch.zeros(2, 3))
    with pytest.raises(LacksCapability, match="does not pull"):
        bare.pull(torch.zeros(2, 3))
    with pytest.raises(LacksCapability, match="row by row"):
        bare.take(torch.tensor([0]))


def test_the_standard_normal_prior_is_one() -> None:
    block = Block(name="z", shape=(2, 3))
    prior = StandardNormal()
    assert prior.capabilities == frozenset(Capability)
    at = prior.at(block, {}, 5)
    value = torch.randn(5, 2, 3)
    torch.testing.assert_close(at.log_prob(value), Normal(0.0, 1.0).log_prob(value).sum((1, 2)))
    assert torch.equal(at.push(value), value) and torch.equal(at.pull(value), value)
