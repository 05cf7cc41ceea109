"""The diagonal Gaussian and the mixture against torch.distributions, finite differences and Monte Carlo."""

from __future__ import annotations

import pytest
import torch
from scipy.special import ndtr
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

from genvae.core.distributions import Capability, DiagonalGaussian, Distribution, Mixture, kl, noise_of, quantile
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


def mixture(rows: int, *shape: int, shared: bool = True, seed: int = 5) -> Mixture:
    """Four components in float64, their weights and places shared or a row's own."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(1 if shared else rows, 4, *size, generator=generator, dtype=torch.float64)

    return Mixture(draw(), 2 * draw(*shape), draw(*shape), rows)


def mixture_peer(p: Mixture) -> MixtureSameFamily:
    each = Independent(Normal(p.means, (0.5 * p.log_variances).exp()), p.means.dim() - 2)
    return MixtureSameFamily(Categorical(logits=p.log_weights), each)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_density_and_mean_of_a_mixture_equal_torch(shape: tuple[int, ...], shared: bool) -> None:
    p = mixture(5, *shape, shared=shared)
    value = 3 * Stream(0, "x").normal(torch.arange(5), *shape).double()
    torch.testing.assert_close(p.log_prob(value), mixture_peer(p).log_prob(value))
    torch.testing.assert_close(p.mean, mixture_peer(p).mean.expand(5, *shape))
    some = torch.tensor([4, 4, 1])
    torch.testing.assert_close(p.take(some).log_prob(value[some]), p.log_prob(value)[some])
    assert kl(gaussian(0, 5, *shape), p) is None and p.take(some).mean.shape == (3, *shape)


def test_the_density_of_a_mixture_has_a_gradient_in_everything() -> None:
    value = torch.tensor([[0.3, -1.0], [2.0, 0.5]], dtype=torch.float64, requires_grad=True)
    p = mixture(2, 2, shared=False)
    parts = [part.clone().requires_grad_() for part in (p.log_weights, p.means, p.log_variances)]
    assert torch.autograd.gradcheck(lambda v, w, m, s: Mixture(w, m, s, 2).log_prob(v), (value, *parts))


@pytest.mark.parametrize("noise", [-12.0, -8.2, -2.0, 0.0, 1.0, 5.0, 8.2, 12.0])
def test_quantiles_of_a_mixture_are_where_its_distribution_function_says(noise: float) -> None:
    logits, mean, scale = torch.tensor([
        [0.0, 1.0, -3.0], [-4.0, 0.5, 30.0], [0.01, 2.0, 0.3],
    ], dtype=torch.float64)[:, None]  # fmt: skip
    given = torch.tensor([noise], dtype=torch.float64)
    value = quantile(logits, mean, scale, given)
    # from the side of the tail: F(x) = Phi(e) below, 1 - F(x) = Phi(-e) above
    side = -1.0 if noise > 0 else 1.0
    each = torch.from_numpy(ndtr(((value[:, None] - mean) / scale * side).numpy()))
    share = float((logits.softmax(1) * each).sum())
    assert share == pytest.approx(float(ndtr(-abs(noise))), rel=1e-8, abs=0)
    torch.testing.assert_close(noise_of(logits, mean, scale, value), given, rtol=1e-8, atol=1e-8)


def test_far_tails_stay_finite() -> None:
    logits, mean, scale = torch.zeros(2, 1), torch.zeros(2, 1), torch.ones(2, 1)
    beyond = torch.tensor([-1e6, 1e6], dtype=torch.float64)
    assert noise_of(logits.double(), mean.double(), scale.double(), beyond).tolist() == [-37.0, 37.0]
    assert quantile(logits.double(), mean.double(), scale.double(), beyond).tolist() == pytest.approx([-37.0, 37.0])


@pytest.mark.parametrize("shared", [True, False])
def test_a_mixture_carries_noise_to_draws_and_back_by_its_own_density(shared: bool) -> None:
    p = mixture(6, 2, 2, shared=shared)
    noise = Stream(1, "noise").normal(torch.arange(6), 2, 2).double()
    value = p.push(noise)
    torch.testing.assert_close(p.pull(value), noise, rtol=1e-7, atol=1e-7)
    # p(x) = N(e) |de/dx|; the Jacobian by differences
    step = 1e-5
    sides = [
        [p.pull(value + sign * step * direction.reshape(2, 2)).flatten(1) for sign in (1, -1)]
        for direction in torch.eye(4, dtype=torch.float64)
    ]
    jacobian = torch.stack([(up - down) / (2 * step) for up, down in sides], 2)
    density = Normal(0.0, 1.0).log_prob(noise).sum((1, 2)) + torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(p.log_prob(value), density, rtol=1e-5, atol=1e-5)


def test_draws_of_a_mixture_have_its_moments_and_do_not_know_their_neighbours() -> None:
    count = 4_000
    p = mixture(count, 3)
    noise = Stream(2, "noise").normal(torch.arange(count), 3).double()
    drawn = p.push(noise)
    assert torch.equal(drawn[7:9], p.push(noise[7:9]))
    error = drawn.std(0) / count**0.5
    assert ((drawn.mean(0) - p.mean[0]).abs() < 5 * error).all()
    # the dimensions depend on one another: E[x y] of the mixture, by hand
    weights, means = p.log_weights[0].exp(), p.means[0]
    product = drawn[:, 0] * drawn[:, 2]
    expected = float((weights * means[:, 0] * means[:, 2]).sum())
    assert float(product.mean()) == pytest.approx(expected, abs=5 * float(product.std()) / count**0.5)


def test_a_draw_grows_with_its_noise() -> None:
    line = torch.linspace(-9, 9, 400, dtype=torch.float64)[:, None]
    drawn = mixture(400, 1).push(line)[:, 0]
    assert (drawn.diff() > 0).all()
