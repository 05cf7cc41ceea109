"""Likelihoods in nats against torch.distributions, and the stepping interface against teacher forcing."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Normal

from genvae.core.batch import Batch
from genvae.core.likelihoods import FactorisedLikelihood
from genvae.core.likelihoods.bernoulli import BernoulliSettings
from genvae.core.likelihoods.gaussian import Gaussian, GaussianSettings
from genvae.core.randomness import Stream
from genvae.errors import GenvaeError
from tests.core.toys import sequence_parts, sequences


class Given(nn.Module):
    """A decoder that says what it was given."""

    def __init__(self, parameters: Tensor) -> None:
        super().__init__()
        self.given = nn.Parameter(parameters)

    def forward(self, latents: object, batch: Batch) -> Tensor:
        return self.given


def batch_of(target: Tensor, mask: Tensor | None = None) -> Batch:
    rows = len(target)
    return Batch(
        views={"target": target}, masks={} if mask is None else {"target": mask}, items=torch.arange(rows),
        cost=torch.ones(rows),
    )  # fmt: skip


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_bernoulli_nats_mean_and_samples() -> None:
    logits, target = randn(3, 2, 4), (randn(3, 2, 4, seed=1) > 0).float()
    likelihood = BernoulliSettings().build()
    nats = likelihood.nats(Given(logits), {}, batch_of(target))
    torch.testing.assert_close(nats, -TorchBernoulli(logits=logits).log_prob(target).sum((1, 2)))
    torch.testing.assert_close(likelihood.mean(logits), logits.sigmoid())
    uniform = Stream(0, "b").uniform(torch.arange(20_000), 1)
    drawn = likelihood.sample(torch.full((20_000, 1), 0.8), uniform)
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert float(drawn.mean()) == pytest.approx(1 / (1 + math.exp(-0.8)), abs=0.02)


@pytest.mark.parametrize("shape", [(3, 1, 4), (3, 2, 1), (1, 2, 4), (3, 2), (3, 4, 4)])
def test_a_decoder_of_another_shape_is_refused_though_it_could_be_broadcast(shape: tuple[int, ...]) -> None:
    with pytest.raises(GenvaeError, match=r"the decoder gives \(.*\) for a target of \(3, 2, 4\)"):
        BernoulliSettings().build().nats(Given(torch.zeros(shape)), {}, batch_of(torch.zeros(3, 2, 4)))


def test_a_target_between_is_the_expectation_over_its_binarisation() -> None:
    likelihood = BernoulliSettings().build()
    logits, grey = torch.tensor([[0.3, -1.2]]), torch.tensor([[0.25, 0.9]])
    ends = [likelihood.element_nats(logits, torch.full_like(grey, value)) for value in (0.0, 1.0)]
    torch.testing.assert_close(likelihood.element_nats(logits, grey), (1 - grey) * ends[0] + grey * ends[1])


def test_gaussian_with_a_fixed_sigma() -> None:
    mean, target = randn(3, 4), randn(3, 4, seed=1)
    likelihood = GaussianSettings(sigma="fixed", value=0.3).build()
    nats = likelihood.nats(Given(mean), {}, batch_of(target))
    torch.testing.assert_close(nats, -Normal(mean, 0.3).log_prob(target).sum(1))
    assert not list(likelihood.parameters())
    drawn = likelihood.sample(torch.full((20_000, 1), 2.0), Stream(0, "g").uniform(torch.arange(20_000), 1))
    assert float(drawn.mean()) == pytest.approx(2.0, abs=0.01) and float(drawn.std()) == pytest.approx(0.3, rel=0.02)


def test_gaussian_samples_are_finite_at_the_ends_of_the_unit_interval() -> None:
    likelihood = GaussianSettings(sigma="fixed", value=1.0).build()
    ends = torch.tensor([[0.0, 1 - 2.0**-53]], dtype=torch.float64)
    assert likelihood.sample(torch.zeros(1, 2), ends).isfinite().all()


def test_a_learned_sigma_is_a_parameter_that_finds_the_rmse() -> None:
    mean, target = randn(50, 4), randn(50, 4, seed=1)
    likelihood = GaussianSettings(sigma="learned", value=2.0).build()
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        likelihood.element_nats(mean, target).mean().backward()
        optimizer.step()
    rmse = float((mean - target).square().mean().sqrt())
    assert float((0.5 * likelihood.log_variance.detach()).exp()) == pytest.approx(rmse, rel=1e-3)


def test_the_optimal_sigma_is_the_rmse_and_minimises_the_nats() -> None:
    mean, target = randn(30, 4), randn(30, 4, seed=1)
    rmse = float((mean - target).square().mean().sqrt())
    optimal = GaussianSettings(sigma="optimal", value=5.0).build()
    nats = optimal.element_nats(mean, target)
    torch.testing.assert_close(nats, -Normal(mean, rmse).log_prob(target))
    for sigma in (0.9 * rmse, 1.1 * rmse):
        worse = GaussianSettings(sigma="fixed", value=sigma).build().element_nats(mean, target)
        assert float(worse.sum()) > float(nats.sum())


def test_the_gradient_of_the_optimal_sigma_is_that_of_the_maximised_likelihood() -> None:
    target = randn(30, 4, seed=1)
    mean = randn(30, 4).requires_grad_()
    GaussianSettings(sigma="optimal").build().element_nats(mean, target).sum().backward()
    other = mean.detach().clone().requires_grad_()
    (0.5 * target.numel() * (target - other).square().mean().log()).backward()  # n/2 log MSE
    torch.testing.assert_close(mean.grad, other.grad)


def test_evaluation_uses_the_running_sigma_not_its_own_data() -> None:
    likelihood = GaussianSettings(sigma="optimal", value=5.0).build()
    assert isinstance(likelihood, Gaussian)
    zeros = torch.zeros(8, 1)
    likelihood.train()
    likelihood.element_nats(zeros, torch.full((8, 1), 2.0))  # the first batch: its mean square error, 4
    likelihood.eval()
    torch.testing.assert_close(likelihood.element_nats(zeros, zeros), -Normal(zeros, 2.0).log_prob(zeros))
    before = likelihood.log_variance.clone()
    likelihood.element_nats(zeros, torch.full((8, 1), 100.0))
    assert torch.equal(before, likelihood.log_variance), "evaluation changed the model"
    likelihood.train()
    likelihood.element_nats(zeros, torch.full((8, 1), 3.0))
    assert float(likelihood.log_variance.exp()) == pytest.approx(4 + Gaussian.MOMENTUM * (9 - 4), rel=1e-5)


def test_the_decoder_may_give_each_element_its_sigma() -> None:
    """Two numbers an element, side by side on the first axis behind the items: mean and log variance."""
    likelihood = GaussianSettings(sigma="element", value=0.5).build()
    assert likelihood.per_element == 2 and not list(likelihood.parameters())
    given, target = randn(3, 4, 5), randn(3, 2, 5, seed=1)
    mean, sigma = given[:, ::2], 0.5 * (0.5 * given[:, 1::2]).exp()
    nats = likelihood.nats(Given(given), {}, batch_of(target))
    torch.testing.assert_close(nats, -Normal(mean, sigma).log_prob(target).sum((1, 2)))
    torch.testing.assert_close(likelihood.mean(given), mean)
    uniform = Stream(0, "e").uniform(torch.arange(20_000), 1)
    drawn = likelihood.sample(torch.tensor([[2.0, -1.0]]).expand(20_000, -1), uniform)
    assert float(drawn.mean()) == pytest.approx(2.0, abs=0.01)
    assert float(drawn.std()) == pytest.approx(0.5 * math.exp(-0.5), rel=0.02)
    floored = GaussianSettings(sigma="element", floor=0.01).build()
    nats = floored.element_nats(torch.tensor([[0.0, -99.0]]), torch.zeros(1, 1))
    assert float(nats) == pytest.approx(math.log(0.01) + 0.5 * math.log(2 * math.pi), rel=1e-5)


def test_sigma_has_a_floor() -> None:
    for sigma in ("fixed", "learned", "optimal"):
        likelihood = GaussianSettings(sigma=sigma, value=1e-9, floor=0.01).build()
        nats = likelihood.element_nats(torch.zeros(2, 2), torch.zeros(2, 2))
        torch.testing.assert_close(nats, torch.full((2, 2), math.log(0.01) + 0.5 * math.log(2 * math.pi)))


MASKED: list[FactorisedLikelihood] = [
    BernoulliSettings().build(),
    *(GaussianSettings(sigma=sigma).build() for sigma in ("fixed", "learned", "optimal")),
]


@pytest.mark.parametrize("likelihood", MASKED, ids=["bernoulli", "fixed", "learned", "optimal"])
@pytest.mark.parametrize("missing", [1e6, math.nan])
def test_missing_elements_are_left_out(likelihood: FactorisedLikelihood, missing: float) -> None:
    """Their number, their nats, their gradient and (optimal sigma) their error count for nothing."""
    target, parameters = randn(3, 4).sigmoid(), randn(3, 4, seed=1)
    mask = torch.ones(3, 4, dtype=torch.bool)
    mask[1, 2:] = mask[2] = False
    likelihood.train()
    whole = Given(parameters[mask][None])
    alone = likelihood.nats(whole, {}, batch_of(target[mask][None]))
    alone.sum().backward()
    holed = Given(parameters)
    nats = likelihood.nats(holed, {}, batch_of(target.masked_fill(~mask, missing), mask))
    torch.testing.assert_close(nats.sum(), alone.sum())
    assert float(nats[2].detach()) == 0.0
    nats.sum().backward()
    assert holed.given.grad is not None and whole.given.grad is not None
    assert torch.equal(holed.given.grad[~mask], torch.zeros(6))
    torch.testing.assert_close(holed.given.grad[mask][None], whole.given.grad)


def test_a_batch_with_nothing_in_it_teaches_the_optimal_sigma_nothing() -> None:
    likelihood = GaussianSettings(sigma="optimal", value=2.0).build()
    target = torch.zeros(2, 3)
    nats = likelihood.nats(Given(target), {}, batch_of(target, torch.zeros(2, 3, dtype=torch.bool)))
    assert torch.equal(nats, torch.zeros(2)) and float(likelihood.log_variance.exp()) == pytest.approx(4.0)


ROWS = [[5, 6, 7], [6], [7, 7, 5, 6, 6], []]


def by_hand(decoder: nn.Module, head: nn.Module, z: Tensor, symbols: list[int]) -> float:
    """-log p of one sequence and its end, a row alone without padding."""
    alone = sequences([symbols])
    log_p = head(decoder({"z": z[None]}, alone)).log_softmax(-1)[0]
    return -float(sum(log_p[place, symbol] for place, symbol in enumerate(alone.views["target"][0].tolist())))


def test_sequence_nats_count_the_end_and_no_padding() -> None:
    decoder, likelihood = sequence_parts(3)
    z = randn(4, 2)
    nats = likelihood.nats(decoder, {"z": z}, sequences(ROWS))
    assert nats.tolist() == pytest.approx(
        [by_hand(decoder, likelihood.head, z[row], symbols) for row, symbols in enumerate(ROWS)], rel=1e-5
    )
    assert float(nats[3]) > 0  # the empty sequence pays for its end


def test_stepping_equals_teacher_forcing_and_reorders() -> None:
    decoder, likelihood = sequence_parts(3)
    z = randn(4, 2)
    batch = sequences([[5, 6, 7, 5]] * 2 + [[7, 5, 5, 6]] * 2)
    whole = likelihood.head(decoder({"z": z}, batch))
    stepper = likelihood.stepper(decoder)
    state = stepper.start({"z": z}, 4)
    order = torch.tensor([3, 3, 0, 1])
    with torch.no_grad():
        for place in range(2):
            logits, state = stepper.step(batch.views["context"][:, place], state)
            torch.testing.assert_close(logits, whole[:, place])
        state = stepper.reorder(state, order)
        logits, _ = stepper.step(batch.views["context"][order, 2], state)
    torch.testing.assert_close(logits, whole[order, 2])
