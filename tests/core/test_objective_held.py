"""Objectives that hold one side at a target, and the one that fits a prior."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from genvae.core.latents import Block
from genvae.core.objectives import Objective
from genvae.core.objectives.elbo import ElboSettings
from genvae.core.objectives.fit_prior import FitPriorSettings, drawn
from genvae.core.objectives.target_rate import LARGEST, TargetRateSettings
from genvae.core.priors import Prior
from genvae.core.priors.mixture import MixtureSettings
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Linear
from genvae.core.terms import MMDSettings
from genvae.core.vae import VAE
from genvae.errors import LacksCapability, SettingError
from genvae.training.latents import encoded
from tests.core.toys import Z, elements, toy

STREAM = Stream(0, "held")


def figures(objective: Objective, model: VAE, step: int | None = 0) -> dict[str, float]:
    found = objective(model, elements(8), step, STREAM)
    return {name: float(value) for name, value in found.named.items()} | {"loss": float(found.loss.detach())}


@pytest.mark.parametrize("hold", ["rate", "distortion"])
def test_the_loss_is_the_lagrangian(hold: str) -> None:
    target = Linear(start=1.0, stop=9.0, steps=4)
    model = toy()
    objective = TargetRateSettings(hold=hold, target=target, multiplier=0.25).build(model)
    plain = figures(ElboSettings().build(model), model)
    for step, wanted in ((0, 1.0), (2, 5.0), (50, 9.0)):
        found = figures(objective, model, step)
        free = "distortion" if hold == "rate" else "rate"
        assert found["loss"] == pytest.approx(plain[free] + 0.25 * (plain[hold] - wanted), rel=1e-5)
        assert found["multiplier"] == pytest.approx(0.25)
        assert found["elbo"] == pytest.approx(plain["elbo"])


@pytest.mark.parametrize("hold", ["rate", "distortion"])
@pytest.mark.parametrize("above", [True, False])
def test_what_validation_compares_pays_a_nat_for_each_nat_above(hold: str, above: bool) -> None:
    model = toy()
    plain = figures(ElboSettings().build(model), model)
    target = max(plain[hold] + (-0.5 if above else 0.5), 0.0)
    found = figures(
        TargetRateSettings(hold=hold, target=Constant(value=target), multiplier=7.0).build(model), model, None
    )
    free = plain["distortion" if hold == "rate" else "rate"]
    assert found["loss"] == pytest.approx(free + (plain[hold] - target if above else 0.0), rel=1e-5)


def test_the_multiplier_climbs_by_the_gap() -> None:
    """By hand: log m += speed * gap / target, the gap counted as at most one target and the target as a nat or more."""
    objective = TargetRateSettings(target=Constant(value=4.0), multiplier=2.0, speed=0.1).build(toy())
    expected = math.log(2.0)
    for rate, share in ((6.0, 0.5), (3.0, -0.25), (400.0, 1.0), (4.0, 0.0)):
        objective.learn({"rate": rate, "distortion": 99.0}, 0)
        expected += 0.1 * share
        assert float(objective.log_multiplier) == pytest.approx(expected, rel=1e-12)
    small = TargetRateSettings(target=Constant(value=0.5), speed=0.1).build(toy())
    small.learn({"rate": 0.8}, 0)
    assert float(small.log_multiplier) == pytest.approx(0.03)


@pytest.mark.parametrize("rate", [0.0, 1e6])
def test_the_multiplier_stays_finite_where_the_target_cannot_be_met(rate: float) -> None:
    objective = TargetRateSettings(speed=1.0).build(toy())
    for _ in range(100):
        objective.learn({"rate": rate}, 0)
    assert abs(float(objective.log_multiplier)) == pytest.approx(LARGEST)


@pytest.mark.parametrize(("hold", "target"), [("rate", 1.5), ("rate", 4.0), ("distortion", 5.0)])
def test_what_is_held_arrives_at_its_target(hold: str, target: float) -> None:
    """And on the curve of rate against distortion: no plain beta-VAE with that multiplier does better."""
    model, batch = toy(), elements(32)
    objective = TargetRateSettings(hold=hold, target=Constant(value=target), speed=0.05).build(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    last: list[float] = []
    for step in range(600):
        optimizer.zero_grad()
        found = objective(model, batch, step, Stream(0, "train", step))
        found.loss.backward()
        optimizer.step()
        named = {name: float(value) for name, value in found.named.items()}
        objective.learn(named, step)
        last.append(named[hold])
    assert sum(last[-100:]) / 100 == pytest.approx(target, rel=0.05)


def test_terms_stand_beside_it_as_beside_the_elbo() -> None:
    model = toy()
    terms = (MMDSettings(weight=Constant(value=3.0)),)
    found = figures(TargetRateSettings(terms=terms).build(model), model)
    bare = figures(TargetRateSettings().build(model), model)
    assert found["loss"] == pytest.approx(bare["loss"] + 3 * found["mmd"], rel=1e-5)


def test_one_block_may_be_held() -> None:
    torch.manual_seed(0)
    model = toy(BLOCKS)
    objective = TargetRateSettings(block="b", target=Constant(value=4.0), multiplier=0.25, speed=0.1).build(model)
    plain = figures(ElboSettings().build(model), model)
    found = figures(objective, model)
    wanted = plain["distortion"] + plain["rate/a"] + 0.25 * (plain["rate/b"] - 4.0)
    assert found["loss"] == pytest.approx(wanted, rel=1e-5)
    objective.learn({**found, "rate": 99.0, "rate/b": 6.0}, 0)
    assert float(objective.log_multiplier) == pytest.approx(math.log(0.25) + 0.1 * 0.5)
    with pytest.raises(SettingError, match="names the block 'bb'; did you mean 'b'"):
        TargetRateSettings(block="bb").build(model)
    with pytest.raises(SettingError, match="holds a block's rate, not its distortion"):
        TargetRateSettings(block="b", hold="distortion").build(model)


def test_a_rate_below_0_is_no_target() -> None:
    with pytest.raises(SettingError, match="target = -1 nats cannot be held: a rate is at least 0"):
        TargetRateSettings(target=Constant(value=-1.0)).build(toy())
    TargetRateSettings(hold="distortion", target=Constant(value=-1.0)).build(toy())  # densities have such


# -- free bits where there is no closed form ----------------------------------------------------------


def fitted(prior: Prior) -> VAE:
    """A model whose prior is in use and has no KL in closed form."""
    model = toy(prior=prior)
    FitPriorSettings().build(model).begin(model, encoded(model, [elements(40)]), STREAM)
    return model


def test_the_floor_is_that_of_all_dimensions_where_they_have_one_rate() -> None:
    torch.manual_seed(0)
    model = fitted(MixtureSettings(components=3).build((Z,)))
    batch = elements(8)
    draw = model.infer(batch, STREAM.at("posterior"))
    rate = float((draw.log_q["z"] - draw.log_p["z"]).mean().detach())
    assert draw.rate(Z).shape == (8, 1)
    for free in (0.1, abs(rate) + 1.0):  # nats of two dimensions together
        found = figures(ElboSettings(free_bits=free / 2).build(model), model)
        assert found["rate"] == pytest.approx(rate, rel=1e-4, abs=1e-5)
        assert found["loss"] == pytest.approx(found["distortion"] + max(rate, free), rel=1e-4)


def test_an_estimate_of_the_rate_below_0_is_not_cut() -> None:
    """Cut at 0 it would be too large on average."""
    torch.manual_seed(0)
    model = fitted(MixtureSettings(components=3).build((Z,)))
    below = 0
    for number in range(40):
        found = ElboSettings().build(model)(model, elements(1, seed=number), 0, STREAM.again(number))
        rate = float(found.named["rate"])
        below += rate < 0
        assert float(found.loss.detach()) == pytest.approx(float(found.named["distortion"]) + rate, rel=1e-5, abs=1e-5)
    assert below, "none was below 0, so nothing was looked at"


# -- fitting a prior ----------------------------------------------------------------------------------

BLOCKS = (Block(name="a", shape=(3,)), Block(name="b", shape=(2, 2)))


def test_a_prior_is_fitted_to_what_the_model_would_draw() -> None:
    torch.manual_seed(0)
    model = toy(BLOCKS, prior=MixtureSettings(components=3).build(BLOCKS))
    batch = elements(7)
    latents = encoded(model, [batch.take(torch.arange(4)), batch.take(torch.arange(4, 7))])
    own = model.infer(batch, STREAM.at("posterior")).latents
    for name, value in drawn(model.blocks, latents, STREAM.at("posterior")).items():
        torch.testing.assert_close(value, own[name])
    objective = FitPriorSettings().build(model)
    objective.begin(model, latents, STREAM)
    found = objective(model, latents, 0, STREAM)
    nats = sum(-model.prior.at(block, own, 7).log_prob(own[block.name]).mean() for block in BLOCKS)
    torch.testing.assert_close(found.loss, nats)
    assert set(found.named) == {"prior/a", "prior/b"}


def test_only_the_prior_is_fitted() -> None:
    torch.manual_seed(0)
    model = toy(BLOCKS, prior=MixtureSettings(components=3).build(BLOCKS))
    objective = FitPriorSettings().build(model)
    latents = encoded(model, [elements(7)])
    objective(model, latents, 0, STREAM).loss.backward()
    moved = {id(p) for p in objective.parameters_of("model", model)}
    assert moved == {id(p) for p in model.prior.parameters()}
    assert {id(p) for p in model.parameters() if p.grad is not None} <= moved


def test_a_block_that_was_observed_is_given_and_not_fitted() -> None:
    torch.manual_seed(0)
    model = toy(BLOCKS, prior=MixtureSettings(components=3).build(BLOCKS))
    batch = elements(5, a=torch.randn(5, 3, generator=torch.Generator().manual_seed(1)))
    latents = encoded(model, [batch])
    assert torch.equal(latents.conditions["a"], batch.conditions["a"])
    found = FitPriorSettings().build(model)(model, latents, 0, STREAM)
    assert set(found.named) == {"prior/b"}


def test_what_cannot_be_fitted_is_said() -> None:
    with pytest.raises(SettingError, match="'fit-prior' needs a prior that learns; StandardNormal does not"):
        FitPriorSettings().build(toy())
    torch.manual_seed(0)
    model = toy(prior=MixtureSettings(components=3).build((Z,)))
    with pytest.raises(LacksCapability, match="needs batches of latents, block 'z' is missing: data: latents"):
        FitPriorSettings().build(model)(model, elements(3), 0, STREAM)
    shared = toy((Block(name="s", shape=(2,), shared=True),))
    with pytest.raises(LacksCapability, match="block 's' is shared by a group"):
        encoded(shared, [elements(3)])


def test_encoding_moves_nothing_and_draws_nothing() -> None:
    model = toy()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    one, two = encoded(model, [elements(5)]), encoded(model, [elements(5)])
    assert all(torch.equal(one.views[name], two.views[name]) for name in one.views)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert isinstance(model, nn.Module) and not any(value.requires_grad for value in one.views.values())


def test_a_prior_may_be_fitted_to_means() -> None:
    torch.manual_seed(0)
    model = toy(prior=MixtureSettings(components=3).build((Z,)))
    latents = encoded(model, [elements(5)])
    one, two = (FitPriorSettings(noise=0.0).build(model)(model, latents, 0, s).loss for s in (STREAM, STREAM.again(1)))
    assert torch.equal(one, two)
    mean = latents.views["z/mean"]
    torch.testing.assert_close(one, model.prior.loss(Z, mean, {}, STREAM, latents.items).mean())
