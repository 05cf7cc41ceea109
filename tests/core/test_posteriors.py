"""The remedies in the posterior, against the bounds their papers prove."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from genvae.core.distributions import DiagonalGaussian, kl
from genvae.core.latents import Block, Groups
from genvae.core.posteriors import DiagonalGaussianSettings, Posterior
from genvae.core.posteriors.batch_normalised import BatchNormalisedPosterior, BatchNormalisedSettings
from genvae.core.posteriors.delta import DeltaSettings, scales
from genvae.core.randomness import Stream
from genvae.errors import LacksCapability
from tests.core.toys import elements, toy

VECTOR, SEQUENCE = Block(name="vector", shape=(4,)), Block(name="sequence", shape=(3, 2))
BLOCKS = (VECTOR, SEQUENCE)


def summaries(rows: int, size: float = 1.0, seed: int = 0) -> torch.Tensor:
    return size * (1 + Stream(seed, "summary").normal(torch.arange(rows), 6))


def at(posterior: Posterior, block: Block, summary: torch.Tensor) -> DiagonalGaussian:
    rows = len(summary)
    zeros = torch.zeros(rows, *block.shape)
    q = posterior.at(block, {"summary": summary}, {}, DiagonalGaussian(zeros, zeros), Groups.each(rows))
    assert isinstance(q, DiagonalGaussian) and q.mean.shape == q.log_variance.shape == (rows, *block.shape)
    return q


def nats(q: DiagonalGaussian) -> torch.Tensor:
    """KL from N(0, 1), a dimension each, by torch in float64: (n, size)."""
    posterior = Normal(q.mean.double(), (0.5 * q.log_variance.double()).exp())
    return kl_divergence(posterior, Normal(torch.zeros((), dtype=torch.float64), 1.0)).flatten(1)


# -- batch-normalised -----------------------------------------------------------------------------


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("size", [1e-2, 1.0, 50.0])
@torch.no_grad()
def test_the_mean_kl_stays_above_half_of_gamma_squared_plus_shift_squared(block: Block, size: float) -> None:
    posterior = BatchNormalisedSettings(gamma=0.7).build(BLOCKS, 6)
    posterior.shifts[block.name].copy_(torch.linspace(-1, 1, block.size))
    least = 0.5 * (0.7**2 + torch.linspace(-1, 1, block.size).double().square())
    found = nats(at(posterior, block, summaries(40, size))).mean(0)
    assert (found > least * 0.999).all()
    # and it is reached where the variances are 1
    posterior.log_variances[block.name].weight.zero_()
    posterior.log_variances[block.name].bias.zero_()
    found = nats(at(posterior, block, summaries(40, size))).mean(0)
    torch.testing.assert_close(found, least, rtol=2e-3, atol=1e-4)


@torch.no_grad()
def test_means_have_the_given_scale_in_training_and_by_running_averages_after_it() -> None:
    posterior = BatchNormalisedSettings(gamma=0.5).build(BLOCKS, 6)
    for seed in range(60):
        mean = at(posterior, VECTOR, summaries(200, seed=seed)).mean
    torch.testing.assert_close(mean.std(0, correction=0), torch.full((4,), 0.5))
    posterior.eval()
    summary = summaries(2_000, seed=99)
    mean = at(posterior, VECTOR, summary).mean
    assert (mean.mean(0).abs() < 0.05).all() and ((mean.std(0) - 0.5).abs() < 0.05).all()
    torch.testing.assert_close(at(posterior, VECTOR, summary[:3]).mean, mean[:3])


@torch.no_grad()
def test_a_batch_of_one_item_is_normalised_by_the_running_averages() -> None:
    posterior = BatchNormalisedSettings().build(BLOCKS, 6)
    at(posterior, VECTOR, summaries(50))
    alone = at(posterior, VECTOR, summaries(1)).mean
    torch.testing.assert_close(alone, at(posterior.eval(), VECTOR, summaries(1)).mean)
    assert isinstance(posterior, BatchNormalisedPosterior) and alone.abs().min() > 1e-3


# -- delta ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("delta", [0.01, 0.1, 1.0, 10.0])
def test_the_scales_cost_delta(delta: float) -> None:
    least, greatest = scales(delta)
    assert least < 1 < greatest
    for scale in (least, greatest):
        one = Normal(torch.tensor(0.0, dtype=torch.float64), scale)
        assert float(kl_divergence(one, Normal(torch.tensor(0.0).double(), 1.0))) == pytest.approx(delta, rel=1e-6)


@pytest.mark.parametrize("delta", [0.01, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("size", [0.0, 1.0, 30.0, 1e4])
@torch.no_grad()
def test_every_dimension_of_every_item_has_at_least_delta(delta: float, size: float) -> None:
    posterior = DeltaSettings(delta=delta).build(BLOCKS, 6)
    summary = size * Stream(0, "summary").normal(torch.arange(300), 6)
    for block in BLOCKS:
        found = nats(at(posterior, block, summary))
        assert found.isfinite().all() and (found > delta * (1 - 1e-4)).all()


@torch.no_grad()
def test_delta_is_reached_where_the_mean_has_nothing_to_say() -> None:
    posterior = DeltaSettings(delta=0.2).build((VECTOR,), 6)
    posterior.heads["vector"].bias[:4] = -100.0
    found = nats(at(posterior, VECTOR, summaries(50)))
    torch.testing.assert_close(found, torch.full_like(found, 0.2), rtol=1e-4, atol=1e-6)
    posterior.heads["vector"].bias[:4] = 100.0
    assert (nats(at(posterior, VECTOR, summaries(50))) > 40).all()


def test_the_gradient_of_delta_is_finite_at_both_ends() -> None:
    posterior = DeltaSettings().build((VECTOR,), 6)
    for size in (0.0, 1.0, 1e4):
        posterior.zero_grad()
        at(posterior, VECTOR, summaries(20, size)).push(torch.ones(20, 4)).sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in posterior.parameters())


# -- all ------------------------------------------------------------------------------------------


def test_a_fixed_scale_is_everywhere_and_only_the_mean_is_learned() -> None:
    posterior = DiagonalGaussianSettings(scale=0.3).build(BLOCKS, 6)
    for block in BLOCKS:
        q = at(posterior, block, summaries(7))
        torch.testing.assert_close(q.scale, torch.full_like(q.mean, 0.3))
        assert len(posterior.heads[block.name].weight) == block.size
    model = toy(BLOCKS, width=6, posterior=posterior)
    draw = model.infer(elements(5, 6), Stream(0, "x"))
    zeros = torch.zeros(5, 4)
    expected = kl(draw.posteriors["vector"], DiagonalGaussian(zeros, zeros))
    assert expected is not None
    torch.testing.assert_close(draw.rate(VECTOR), expected)


def test_log_variances_begin_where_they_are_told_to() -> None:
    found = []
    for settings in (DiagonalGaussianSettings(), DiagonalGaussianSettings(first_log_variance=-4.0)):
        torch.manual_seed(0)
        posterior = settings.build(BLOCKS, 6)
        zeros = DiagonalGaussian(torch.zeros(5, *BLOCKS[0].shape), torch.zeros(5, *BLOCKS[0].shape))
        found.append(posterior.at(BLOCKS[0], {"summary": torch.ones(5, 6)}, {}, zeros, Groups.each(5)))
    torch.testing.assert_close(found[1].log_variance, found[0].log_variance - 4.0)
    torch.testing.assert_close(found[1].mean, found[0].mean)


MADE = [BatchNormalisedSettings(), DeltaSettings(), DiagonalGaussianSettings(), DiagonalGaussianSettings(scale=0.5)]


@pytest.mark.parametrize("settings", MADE, ids=lambda made: type(made).__name__)
def test_parameters_are_float32_under_mixed_precision(settings: DeltaSettings) -> None:
    posterior = settings.build(BLOCKS, 6)
    with torch.autocast("cpu", torch.bfloat16):
        q = at(posterior, VECTOR, summaries(9))
    assert q.mean.dtype == q.log_variance.dtype == torch.float32


@pytest.mark.parametrize("settings", MADE, ids=lambda made: type(made).__name__)
def test_a_shared_block_is_refused(settings: DeltaSettings) -> None:
    shared = Block(name="vector", shape=(4,), shared=True)
    with pytest.raises(LacksCapability, match=r"'vector' is shared by a group, .*; set posterior=product-of"):
        at(settings.build((shared,), 6), shared, summaries(4))
