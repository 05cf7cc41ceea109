"""The mixture of logistic distributions on a grid, against sums over the grid and scipy."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import logistic
from torch import Tensor

from genvae.core.likelihoods.discretised_logistic_mixture import (
    FEW,
    DiscretisedLogisticMixture,
    DiscretisedLogisticMixtureSettings,
)
from genvae.core.randomness import Stream
from tests.core.test_likelihoods import Given, batch_of

STREAM = Stream(0, "grid")
MADE = [(2, 1), (3, 4), (16, 2), (256, 1), (256, 5)]


def likelihood(levels: int, components: int) -> DiscretisedLogisticMixture:
    return DiscretisedLogisticMixtureSettings(levels=levels, components=components).build()


def numbers(made: DiscretisedLogisticMixture, rows: int = 40, size: float = 3.0) -> Tensor:
    """Parameters of one element a row: sharp and flat ones, inside the grid and beyond its ends."""
    return size * STREAM.at("numbers").normal(torch.arange(rows), made.per_element)


def over_the_grid(made: DiscretisedLogisticMixture, parameters: Tensor) -> Tensor:
    """Probabilities of every level, (rows, levels)."""
    grid = torch.arange(made.levels, dtype=torch.float64) / (made.levels - 1)
    each = [made.element_nats(parameters, value.expand(len(parameters), 1)) for value in grid]
    return (-torch.cat(each, 1)).exp()


@pytest.mark.parametrize(("levels", "components"), MADE)
@pytest.mark.parametrize("size", [1.0, 3.0, 30.0])
def test_the_probabilities_of_all_levels_sum_to_1(levels: int, components: int, size: float) -> None:
    made = likelihood(levels, components)
    total = over_the_grid(made, numbers(made, size=size).double()).sum(1)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("levels", "components"), MADE)
def test_each_is_the_share_between_the_edges(levels: int, components: int) -> None:
    """By scipy's distribution function of each component, weighed by hand, on the line from 0 to 1."""
    made = likelihood(levels, components)
    parameters = numbers(made, 12, 1.0).double()
    found = over_the_grid(made, parameters)
    k, half = components, 0.5 / (levels - 1)
    for row in range(12):
        mean, log_scale, weight = (parameters[row, part * k : (part + 1) * k] for part in range(3))
        shares = weight.softmax(0) if k > 1 else torch.ones(1)
        for level in {0, 1, levels // 2, levels - 1}:
            value, wanted = level / (levels - 1), 0.0
            for j in range(k):
                centre = (float(mean[j]) + (2 * j + 1) / k - 1 + 1) / 2
                of = logistic(centre, math.exp(float(log_scale[j])) / 2)
                above = 1.0 if level == levels - 1 else of.cdf(value + half)
                below = 0.0 if level == 0 else of.cdf(value - half)
                wanted += float(shares[j]) * (above - below)
            assert float(found[row, level]) == pytest.approx(wanted, rel=1e-7, abs=1e-15)


def test_far_from_its_components_a_value_has_finite_nats_and_a_gradient() -> None:
    made = likelihood(256, 2)
    parameters = torch.tensor([[-80.0, -90.0, -7.0, -30.0, 50.0, -50.0]] * 3, requires_grad=True)
    nats = made.element_nats(parameters, torch.tensor([[0.0], [0.5], [1.0]]))
    nats.sum().backward()
    assert nats.isfinite().all() and parameters.grad is not None and parameters.grad.isfinite().all()
    assert float(nats[0].detach()) < 1e-6 < float(nats[1].detach()) < float(nats[2].detach())


@pytest.mark.parametrize(("levels", "components"), MADE)
def test_the_mean_is_that_of_the_grid(levels: int, components: int) -> None:
    made = likelihood(levels, components)
    parameters = numbers(made).double()
    grid = torch.arange(levels, dtype=torch.float64) / (levels - 1)
    wanted = (over_the_grid(made, parameters) * grid).sum(1)
    near = 1e-9 if levels <= FEW else 0.5 / (levels - 1)
    torch.testing.assert_close(made.mean(parameters)[:, 0], wanted, rtol=0.0, atol=near)
    wide = numbers(made).double()
    wide[:, components : 2 * components] = -2.0  # scales of many steps: the integral is the sum, nearly
    wanted = (over_the_grid(made, wide) * grid).sum(1)
    torch.testing.assert_close(made.mean(wide)[:, 0], wanted, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize(("levels", "components"), MADE)
def test_evenly_spaced_numbers_give_each_level_its_share(levels: int, components: int) -> None:
    made, count = likelihood(levels, components), 20_000
    for parameters in numbers(made, 3, 1.0).double():
        uniform = (torch.arange(count, dtype=torch.float64)[:, None] + 0.5) / count
        drawn = made.sample(parameters.expand(count, -1), uniform)
        level = (drawn * (levels - 1)).round()
        torch.testing.assert_close(drawn, level / (levels - 1))
        found = torch.bincount(level.long().flatten(), minlength=levels) / count
        wanted = over_the_grid(made, parameters[None])[0]
        # a level is an interval of each component's share, and an interval is off by one number at most
        torch.testing.assert_close(found.double(), wanted, rtol=0.0, atol=(components + 0.01) / count)


def test_samples_are_finite_at_the_ends_of_the_unit_interval() -> None:
    made = likelihood(256, 3)
    ends = torch.tensor([[0.0], [1 - 2.0**-53]], dtype=torch.float64)
    drawn = made.sample(torch.zeros(2, made.per_element), ends)
    assert drawn[:, 0].tolist() == [0.0, 1.0] and drawn.dtype == torch.float32


def test_the_numbers_of_an_element_lie_side_by_side_on_the_first_axis() -> None:
    """(n, c * per_element, h, w) of the decoder for elements (n, c, h, w)."""
    made, n, c, h, w = likelihood(256, 2), 2, 3, 4, 5
    parameters = STREAM.at("layout").normal(torch.arange(n), c * made.per_element, h, w)
    target = STREAM.at("target").uniform(torch.arange(n), c, h, w).float().mul(255).round() / 255
    nats = made.element_nats(parameters, target)
    assert nats.shape == made.mean(parameters).shape == (n, c, h, w)
    p = made.per_element
    alone = made.element_nats(parameters[1, p : 2 * p, 2, 3][None], target[1, 1, 2, 3][None, None])
    torch.testing.assert_close(nats[1, 1, 2, 3], alone[0, 0])
    uniform = STREAM.at("draw").uniform(torch.arange(n), c, h, w)
    assert made.sample(parameters, uniform).shape == (n, c, h, w)
    total = made.nats(Given(parameters), {}, batch_of(target))
    torch.testing.assert_close(total, nats.sum((1, 2, 3)))


def test_a_value_between_two_of_the_grid_counts_as_the_nearer() -> None:
    made = likelihood(5, 2)
    parameters = numbers(made, 3)
    one, two = (made.element_nats(parameters, torch.full((3, 1), value)) for value in (0.3, 0.25))
    assert torch.equal(one, two)


@pytest.mark.parametrize("missing", [1e6, math.nan])
def test_missing_elements_are_left_out(missing: float) -> None:
    made = likelihood(256, 3)
    parameters = STREAM.at("holes").normal(torch.arange(2), 4 * made.per_element)
    target = STREAM.at("target").uniform(torch.arange(2), 4).float()
    mask = torch.tensor([[True, False, True, True], [False] * 4])
    holed = Given(parameters)
    nats = made.nats(holed, {}, batch_of(target.masked_fill(~mask, missing), mask))
    whole = made.element_nats(parameters, target)
    torch.testing.assert_close(nats, (whole * mask).sum(1))
    nats.sum().backward()
    gradient = holed.given.grad
    assert gradient is not None and gradient.isfinite().all()
    assert not gradient.unflatten(1, (4, -1))[~mask].any() and gradient.unflatten(1, (4, -1))[mask].any()


def test_it_learns_the_shares_of_a_histogram() -> None:
    """Two sharp peaks and nothing between: the nats come down to nearly the entropy."""
    made = likelihood(16, 2)
    data = torch.tensor([[2 / 15]] * 30 + [[11 / 15]] * 10)
    parameters = torch.zeros(1, made.per_element, requires_grad=True)
    optimizer = torch.optim.Adam([parameters], lr=0.1)
    for _ in range(90):
        optimizer.zero_grad()
        nats = made.element_nats(parameters.expand(40, -1), data).mean()
        nats.backward()
        optimizer.step()
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert entropy < float(nats.detach()) < entropy + 0.02
    assert float(made.mean(parameters).detach()) == pytest.approx(float(data.mean()), abs=0.01)
