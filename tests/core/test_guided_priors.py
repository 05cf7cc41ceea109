"""Guidance in priors: the step from p(z) to p(z|c), in the numbers that each kind of distribution has."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from genvae.core.conditions import Categorical, Conditions
from genvae.core.distributions import DiagonalGaussian, Mixture, product
from genvae.core.latents import Block
from genvae.core.priors.autoregressive import AutoregressivePrior, AutoregressiveSettings, Made
from genvae.core.priors.base import Prior
from genvae.core.priors.by_block import ByBlockSettings
from genvae.core.priors.fitted import Context, FittedPrior
from genvae.core.priors.flow_matching import FlowMatchingPrior, FlowMatchingSettings
from genvae.core.priors.labelled import LabelledSettings
from genvae.core.priors.ladder import LadderPriorSettings
from genvae.core.priors.recurrent import Recurrent, RecurrentSettings
from genvae.core.priors.standard_normal import StandardNormalSettings
from genvae.core.randomness import Stream
from genvae.core.told import GuidedPrior, guided, prior_of
from genvae.errors import LacksCapability
from tests.core.toys import toy

STREAM = Stream(0, "guided")
FORM = Categorical("form", ["command", "question", "statement"])
Z = Block(name="z", shape=(3, 2))
SETTINGS: dict[str, Any] = {
    "autoregressive": AutoregressiveSettings(hidden=16, mixtures=2),
    "recurrent": RecurrentSettings(hidden=6, codes=5, when="with"),
    "flow-matching": FlowMatchingSettings(hidden=8, layers=1, steps=4),
    "ladder": LadderPriorSettings(width=6),
    "labelled": LabelledSettings(label="form"),
    "by-block": ByBlockSettings(blocks={"z": RecurrentSettings(hidden=6, codes=5, when="with")}),
}
KNOWN = torch.cat([torch.eye(3), torch.eye(3)])
NOTHING = torch.zeros(6, 3)


def noise(name: str, rows: int = 6) -> Tensor:
    return STREAM.at(name).normal(torch.arange(rows), *Z.shape)


def prior(name: str) -> Prior:
    """One that listens: its weights are far from where it starts."""
    made = prior_of(SETTINGS[name], [FORM.block, Z], Conditions([FORM]))
    with torch.no_grad():
        for number, weight in enumerate(made.parameters()):
            stream = STREAM.at("weights").again(number)
            weight.add_(stream.normal(torch.arange(len(weight)), *weight.shape[1:]), alpha=0.25)
    if isinstance(made, FittedPrior):
        made.mark_fitted()
    return made.eval()


def at(made: Prior, weight: float, form: Tensor = KNOWN) -> Any:
    return GuidedPrior(made, ["form"], weight).at(Z, {"form": form}, len(form))


@pytest.mark.parametrize("name", SETTINGS)
@torch.no_grad()
def test_it_goes_on_from_what_is_said_without_conditions(name: str) -> None:
    made, given = prior(name), noise("given")
    assert made.hears(Z)
    told, without = made.at(Z, {"form": KNOWN}, 6).push(given), made.at(Z, {"form": NOTHING}, 6).push(given)
    assert (told - without).abs().max() > 0.01, "the prior does not listen"
    torch.testing.assert_close(at(made, 1.0).push(given), told)
    if name != "labelled":  # it has a mixture where nothing is known, and is guided from one Gaussian to another
        torch.testing.assert_close(at(made, 0.0).push(given), without)
    beyond = at(made, 2.0).push(given)
    assert (beyond - told).abs().max() > 0.01
    unsaid = KNOWN.clone()
    unsaid[4] = 0.0
    if name != "labelled":  # a row of which nothing is known stays, whatever stands beside it
        torch.testing.assert_close(at(made, 2.0, unsaid).push(given)[4], without[4])
    assert torch.equal(at(made, 2.0, NOTHING).push(given), without)


@pytest.mark.parametrize("name", SETTINGS)
@torch.no_grad()
def test_it_is_a_distribution_like_any_other(name: str) -> None:
    found, given = at(prior(name), 1.7), noise("given")
    drawn = found.push(given)
    # where codes overlap a latent has several origins, and each leads to it
    torch.testing.assert_close(found.push(found.pull(drawn)), drawn, atol=2e-3, rtol=0)
    rows = torch.tensor([3, 1])
    torch.testing.assert_close(found.take(rows).push(given[rows]), drawn[rows])
    torch.testing.assert_close(found.take(rows).log_prob(drawn[rows]), found.log_prob(drawn)[rows])
    if name == "autoregressive":  # exact: the density of what is pushed, by the Jacobian
        one = found.take(torch.tensor([2]))
        change = 1e-3 * torch.eye(6).reshape(6, 3, 2)
        many = one.take(torch.zeros(12, dtype=torch.int64))
        ends = many.push(torch.cat([given[2:3] + change, given[2:3] - change])).flatten(1)
        jacobian = (ends[:6] - ends[6:]) / 2e-3
        base = Independent(Normal(torch.zeros(3, 2), 1.0), 2).log_prob(given[2])
        torch.testing.assert_close(
            one.log_prob(drawn[2:3])[0], base - torch.linalg.slogdet(jacobian)[1], atol=1e-2, rtol=0
        )


@torch.no_grad()
def test_the_step_is_one_of_logits_and_of_velocities() -> None:
    recurrent = at(prior("recurrent"), 2.5)
    assert isinstance(recurrent, Recurrent)
    net, vectors = recurrent.net, recurrent._vectors(noise("value"))
    context = recurrent.context
    assert context.without is not None
    told, without = (net.logits(net.states(vectors, Context(part, 6))) for part in (context.told, context.without))
    torch.testing.assert_close(net.log_weights(vectors, context), (without + 2.5 * (told - without)).log_softmax(-1))
    made = prior("flow-matching")
    assert isinstance(made, FlowMatchingPrior)
    flow, x = at(made, 2.5), noise("x").double().flatten(1)
    each = [made.learned(Z, {"form": form}, 6) for form in (KNOWN, NOTHING)]
    told, without = (part._velocity(x, 0.3, part.conditions) for part in each)
    torch.testing.assert_close(flow._velocity(x, 0.3, flow.conditions), without + 2.5 * (told - without))


@torch.no_grad()
def test_the_step_of_a_gaussian_is_one_of_natural_parameters() -> None:
    mean, other = torch.tensor([1.0, 2.0]), torch.tensor([0.0, -1.0])
    log_variance, other_log_variance = torch.tensor([0.0, -1.0]), torch.tensor([0.7, -0.5])
    for weight in (0.0, 0.5, 1.0, 1.5, 3.0):
        found, found_log_variance = product(mean, log_variance, other, other_log_variance, weight)
        x = torch.tensor([[-1.0, 0.5], [0.0, 0.0], [2.0, 1.0]])
        one, two, three = (
            Normal(m, (0.5 * v).exp()).log_prob(x)
            for m, v in ((mean, log_variance), (other, other_log_variance), (found, found_log_variance))
        )
        wanted = weight * one + (1 - weight) * two
        torch.testing.assert_close(three - three[0], wanted - wanted[0])
    # away from what is narrower: no such Gaussian; it is no wider than the told one, and no farther than the plain step
    found, found_log_variance = product(mean, torch.zeros(2), other, torch.full((2,), -4.0), 3.0)
    assert torch.equal(found, mean + 2.0 * (mean - other)) and torch.equal(found_log_variance, torch.zeros(2))
    # each of a mixture's is guided by itself, and their weights as logits
    made = prior("autoregressive")
    assert isinstance(made, AutoregressivePrior)
    net = made.nets["z"]
    assert isinstance(net, Made)
    value, context = noise("value").flatten(1), at(made, 2.0).context
    parts = [net(value, Context(part, 6)) for part in (context.told, context.without)]
    (logits, mean, scale), (logits_without, mean_without, scale_without) = parts
    found, log_variance = product(mean, 2 * scale, mean_without, 2 * scale_without, 2.0)
    for each, wanted in zip(net(value, context), (2 * logits - logits_without, found, log_variance / 2), strict=True):
        torch.testing.assert_close(each, wanted)


def test_a_gaussian_is_guided_away_from_the_moments_of_a_mixture() -> None:
    means = torch.tensor([[[-2.0, 0.0], [2.0, 1.0]]])
    mixture = Mixture(torch.tensor([[0.0, 0.0]]), means, torch.zeros(1, 2, 2), 3)
    whole = mixture.moments()
    torch.testing.assert_close(whole.mean, torch.tensor([[0.0, 0.5]]).expand(3, -1))
    torch.testing.assert_close(whole.scale.square(), torch.tensor([[5.0, 1.25]]).expand(3, -1))
    told = DiagonalGaussian(torch.tensor([[2.0, 1.0]]).expand(3, -1), torch.zeros(3, 2))
    found = told.guided(mixture, 2.0)
    assert (found.mean[:, 0] > 2.0).all() and (found.scale < 1.0).all()
    with pytest.raises(LacksCapability, match="takes no guidance"):
        mixture.guided(told, 2.0)


def test_a_prior_that_hears_nothing_stays() -> None:
    model = toy()
    model.conditions = Conditions([Categorical("form", FORM.names, reaches=("prior",))])
    with pytest.raises(LacksCapability, match="decoder or prior is told conditions"):
        guided(model, 2.0)
    model.conditions = Conditions([FORM])
    assert guided(model, 2.0).prior is model.prior
    hidden = Conditions([Categorical("form", FORM.names, reaches=("decoder",))])
    assert not prior_of(SETTINGS["recurrent"], [FORM.block, Z], hidden).hears(Z)
    assert not StandardNormalSettings().build([Z]).hears(Z)
