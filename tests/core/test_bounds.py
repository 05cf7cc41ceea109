"""The importance-weighted bound on a model whose marginal is known exactly."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from genvae.core.batch import Batch
from genvae.core.bounds import importance_weighted
from genvae.core.likelihoods.gaussian import GaussianSettings
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from tests.core.toys import Writes, elements, toy

SIGMA = 0.7


def parts(model: VAE) -> tuple[Tensor, Tensor]:
    assert isinstance(model.decoder, Writes)
    return model.decoder.linear.weight.detach(), model.decoder.linear.bias.detach()


def exact(model: VAE, batch: Batch) -> Tensor:
    """log p(x) of x = W z + b + sigma e: log N(x; b, W W' + sigma^2 I)."""
    weight, bias = parts(model)
    covariance = weight @ weight.T + SIGMA**2 * torch.eye(len(weight))
    return MultivariateNormal(bias, covariance).log_prob(batch.views["target"])


def with_true_posterior(*, off: float = 0.0) -> VAE:
    """A linear VAE with orthogonal factors, whose posterior is the true one, N(M^-1 W'(x - b)/s^2, M^-1), or
    ``off`` it: its mean moved and its log variance raised by that much."""
    model = toy()
    weight, bias = parts(model)
    with torch.no_grad():
        weight[:, 1] -= weight[:, 0] * (weight[:, 0] @ weight[:, 1]) / weight[:, 0].square().sum()
        precision = torch.eye(2) + weight.T @ weight / SIGMA**2
        gain = torch.linalg.solve(precision, weight.T / SIGMA**2)
        assert model.posterior is not None
        head = model.posterior.get_submodule("heads.z")
        assert isinstance(head, torch.nn.Linear)
        head.weight.copy_(torch.cat([gain, torch.zeros(2, 5)]))
        head.bias.copy_(torch.cat([off - gain @ bias, off - precision.diagonal().log()]))
    return model


def test_with_the_true_posterior_one_sample_is_exact() -> None:
    model, batch = with_true_posterior(), elements(6)
    bound = importance_weighted(model, batch, Stream(0, "b"), samples=1)
    torch.testing.assert_close(bound.log_likelihood, exact(model, batch), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(bound.elbo, exact(model, batch), rtol=1e-4, atol=1e-4)


def test_with_many_samples_it_comes_close_and_more_is_tighter() -> None:
    model, batch = with_true_posterior(off=0.7), elements(400)
    truth = exact(model, batch)
    gaps = [
        float((truth - importance_weighted(model, batch, Stream(1, "b"), samples=k).log_likelihood).mean())
        for k in (1, 5, 200)
    ]
    assert gaps[0] > gaps[1] > gaps[2] and gaps[0] > 0.5, gaps
    assert gaps[2] == pytest.approx(0.0, abs=0.02)


def test_each_item_of_its_own_comes_close() -> None:
    model, batch = with_true_posterior(off=0.5), elements(6)
    bound = importance_weighted(model, batch, Stream(1, "b"), samples=250)
    torch.testing.assert_close(bound.log_likelihood, exact(model, batch), rtol=0, atol=0.2)
    assert ((exact(model, batch) - bound.elbo) > 0.2).all(), "the ELBO must be loose for this to say anything"


def test_it_is_never_under_the_elbo() -> None:
    """log of the mean against mean of the log of the same weights (Jensen)."""
    model, batch = toy(seed=5), elements(50)
    for samples in (1, 2, 5, 64):
        bound = importance_weighted(model, batch, Stream(samples, "b"), samples=samples)
        assert (bound.log_likelihood >= bound.elbo - 1e-4).all() and bound.samples == samples


def test_the_elbo_is_the_closed_form_one_in_expectation() -> None:
    model, batch = with_true_posterior(off=0.7), elements(200)
    bound = importance_weighted(model, batch, Stream(0, "b"), samples=100)
    draw = model.infer(batch)
    # E|x - Wz - b|^2 under q in closed form
    weight, bias = parts(model)
    mean, variance = draw.posteriors["z"].mean, (draw.posteriors["z"].log_variance).exp()  # type: ignore[attr-defined]
    square = (batch.views["target"] - mean @ weight.T - bias).square().sum(1) + (variance @ weight.square().T).sum(1)
    distortion = 0.5 * square / SIGMA**2 + 5 * (math.log(SIGMA) + 0.5 * math.log(2 * math.pi))
    expected = -(distortion + draw.rate(model.blocks[0]).sum(1))
    assert float((bound.elbo - expected.detach()).mean()) == pytest.approx(0, abs=0.02)


def test_chunks_and_neighbours_change_nothing() -> None:
    model, batch = toy(seed=2), elements(7)
    whole = importance_weighted(model, batch, Stream(0, "b"), samples=50, rows=10_000)
    for rows in (1, 7, 20, 100):  # 7 items at once: 1, 1, 2 and 14 samples at once
        other = importance_weighted(model, batch, Stream(0, "b"), samples=50, rows=rows)
        torch.testing.assert_close(other.log_likelihood, whole.log_likelihood, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(other.elbo, whole.elbo, rtol=1e-5, atol=1e-5)
    alone = importance_weighted(model, batch.take(torch.tensor([4])), Stream(0, "b"), samples=50)
    torch.testing.assert_close(alone.log_likelihood, whole.log_likelihood[[4]], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("away", [1e4, 3e6])
def test_extreme_weights_stay_finite(away: float) -> None:
    """log weights of -1e8 and worse: exp of any of them is 0 in every float."""
    model = toy(likelihood=GaussianSettings(sigma="fixed", value=SIGMA).build())
    far = elements(3)
    batch = Batch(
        views={"input": far.views["input"], "target": far.views["target"] + away}, items=far.items, cost=far.cost
    )
    bound = importance_weighted(model, batch, Stream(0, "b"), samples=20)
    assert bound.log_likelihood.isfinite().all() and (bound.log_likelihood < -1e7).all()
    draws = [model.draw(batch, model.encode(batch), Stream(0, "b").again(k)) for k in range(20)]
    weights = torch.stack([
        (d.log_p["z"] - d.log_q["z"]).double() - model.distortion(d.latents, batch).double() for d in draws
    ])  # fmt: skip
    expected = weights.logsumexp(0) - math.log(20)
    torch.testing.assert_close(bound.log_likelihood.double(), expected.detach(), rtol=1e-5, atol=1e-2)


def test_no_gradient_is_kept() -> None:
    assert not importance_weighted(toy(), elements(2), Stream(0, "b"), samples=2).log_likelihood.requires_grad
