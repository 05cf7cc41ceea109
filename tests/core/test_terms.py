"""Terms against closed forms and loops."""

from __future__ import annotations

import math

import pytest
import torch

from genvae.core.latents import Block
from genvae.core.likelihoods.gaussian import GaussianSettings
from genvae.core.objectives.elbo import ElboSettings
from genvae.core.priors import StandardNormal
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Linear
from genvae.core.symbols import Symbols
from genvae.core.terms import BagOfSymbolsSettings, MMDSettings
from genvae.core.terms.mmd import kernel, mmd
from genvae.core.vae import VAE
from genvae.errors import LacksCapability, SettingError
from tests.core.toys import Pooled, Writes, elements, sequence_toy, sequences, toy

STREAM = Stream(0, "terms")


def normal(name: str, *shape: int) -> torch.Tensor:
    return STREAM.at(name).normal(torch.arange(shape[0]), *shape[1:]).double()


# -- maximum mean discrepancy -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["imq", "rbf"])
def test_the_discrepancy_is_that_of_a_loop_over_pairs(name: str) -> None:
    one, two, width = normal("one", 7, 3), normal("two", 7, 3) + 0.4, 2.5

    def k(a: torch.Tensor, b: torch.Tensor) -> float:
        squared = float(((a - b) ** 2).sum())
        return width / (width + squared) if name == "imq" else math.exp(-squared / width)

    n = range(7)
    apart = [(i, j) for i in n for j in n if i != j]
    own = sum(k(one[i], one[j]) + k(two[i], two[j]) for i, j in apart) / 42
    cross = sum(k(one[i], two[j]) for i in n for j in n) / 49
    assert float(mmd(name, one, two, width)) == pytest.approx(own - 2 * cross, rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_the_estimator_is_unbiased(shift: float) -> None:
    """The mean over many small samples is the closed form for two normal distributions: with x - y ~ N(m, 2 I),
    E exp(-|x - y|^2 / w) = (1 + 4/w)^(-d/2) exp(-|m|^2 / (w + 4))."""
    d, width, rounds = 2, 3.0, 3000
    one, two = normal("p", rounds, 4, d), normal("q", rounds, 4, d) + shift
    found = torch.stack([mmd("rbf", a, b, width) for a, b in zip(one, two, strict=True)])
    exact = 2 * (1 + 4 / width) ** (-d / 2) * (1 - math.exp(-d * shift**2 / (width + 4)))
    assert float(found.mean()) == pytest.approx(exact, abs=4 * float(found.std()) / rounds**0.5)
    assert (found < 0).any(), "the biased estimator never is below 0"


@pytest.mark.parametrize("name", ["imq", "rbf"])
def test_equal_points_have_a_gradient(name: str) -> None:
    x = torch.zeros(4, 3, requires_grad=True)
    kernel(name, x, x, 1.0).sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()


def test_the_term_compares_the_draw_with_the_prior() -> None:
    blocks = (Block(name="a", shape=(3,)), Block(name="b", shape=(2, 2)))
    model, batch = toy(blocks), elements(9)
    draw = model.infer(batch, STREAM)
    asked = model.sample_prior(batch.items, STREAM.at("prior"))
    sides = [torch.cat([part["a"], part["b"].flatten(1)], 1) for part in (draw.latents, asked)]
    term = MMDSettings(kernel="rbf", width=0.5).build(model)
    expected = mmd("rbf", sides[0], sides[1], 2 * 7 * 0.5)
    torch.testing.assert_close(term(model, batch, draw, 0, STREAM), expected)


def test_the_discrepancy_keeps_its_digits_under_mixed_precision() -> None:
    model, batch = toy(), elements(40)
    draw = model.infer(batch, STREAM)
    term = MMDSettings().build(model)
    exact = term(model, batch, draw, 0, STREAM)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(term(model, batch, draw, 0, STREAM), exact, rtol=1e-5, atol=1e-7)


def test_infovae_is_written_with_beta_and_a_weight() -> None:
    """Their loss with alpha = 0.7 and lambda = 5: distortion + 0.3 rate + 4.7 MMD."""
    settings = ElboSettings(beta=Constant(value=0.3), terms=(MMDSettings(weight=Constant(value=4.7)),))
    model, batch = toy(), elements(9)
    found = settings.build(model)(model, batch, 0, STREAM)
    named = {name: float(value) for name, value in found.named.items()}
    assert float(found.loss.detach()) == pytest.approx(
        named["distortion"] + 0.3 * named["rate"] + 4.7 * named["mmd"], rel=1e-5
    )
    assert named["elbo"] == pytest.approx(-named["distortion"] - named["rate"], rel=1e-6)


def test_shared_blocks_are_refused() -> None:
    shared = (Block(name="style", shape=(2,), shared=True),)
    with pytest.raises(LacksCapability, match="'style' is shared"):
        MMDSettings().build(toy(shared, posterior=Pooled(shared, 5)))


# -- bag of symbols -----------------------------------------------------------------------------------


def test_the_bag_is_that_of_a_loop_over_symbols() -> None:
    rows = [[5, 6, 6], [7], [8, 5, 9, Symbols.UNKNOWN, 5]]
    model, batch = sequence_toy(), sequences(rows)
    term = BagOfSymbolsSettings(hidden_dim=4).build(model)
    draw = model.infer(batch, STREAM)
    first, second = term.network[0], term.network[2]
    expected = 0.0
    for z, row in zip(draw.latents["z"].detach(), rows, strict=True):
        hidden = torch.tanh(first.weight @ z + first.bias)
        shares = torch.softmax(second.weight @ hidden + second.bias, 0).detach()
        expected -= sum(math.log(float(shares[symbol])) for symbol in row)
    assert float(term(model, batch, draw, 0, STREAM).detach()) == pytest.approx(expected / 3, rel=1e-5)


def test_the_bag_may_be_of_some_blocks() -> None:
    model, batch = sequence_toy(), sequences([[5, 6], [7]])
    term = BagOfSymbolsSettings(blocks=("z",), hidden_dim=4).build(model)
    draw = model.infer(batch, STREAM)
    draw.latents["other"] = torch.ones(2, 3)
    assert term(model, batch, draw, 0, STREAM).isfinite()
    with pytest.raises(SettingError, match="term 'bag-of-symbols' names the block 'y'"):
        BagOfSymbolsSettings(blocks=("y",)).build(model)


@pytest.mark.parametrize("settings", [BagOfSymbolsSettings(), MMDSettings()])
def test_a_model_without_a_latent_is_refused(settings: BagOfSymbolsSettings | MMDSettings) -> None:
    bare = VAE(blocks=[], encoder=None, posterior=None, prior=StandardNormal(), decoder=Writes([], 5),
               likelihood=GaussianSettings().build())  # fmt: skip
    with pytest.raises(SettingError, match="needs a latent; this model has none"):
        settings.build(bare)


def test_a_model_of_no_symbols_is_refused() -> None:
    with pytest.raises(SettingError, match="'bag-of-symbols' is for models of symbol sequences; a Gaussian has no"):
        BagOfSymbolsSettings().build(toy())


# -- what an objective does with them -----------------------------------------------------------------


def test_names_are_ids_and_differ_and_weights_follow_their_schedules() -> None:
    ramp = Linear(start=0.0, stop=4.0, steps=10)
    settings = ElboSettings(terms=(MMDSettings(weight=ramp), BagOfSymbolsSettings(), MMDSettings(kernel="rbf")))
    model, batch = sequence_toy(), sequences([[5, 6], [7, 8, 9], [5]])
    torch.manual_seed(0)
    objective = settings.build(model)
    for step, weight in ((0, 0.0), (5, 2.0), (None, 4.0)):
        found = objective(model, batch, step, STREAM)
        named = {name: float(value) for name, value in found.named.items()}
        assert {"mmd", "bag-of-symbols", "mmd/2"} <= set(named)
        whole = -named["elbo"] + weight * named["mmd"] + named["bag-of-symbols"] + 10 * named["mmd/2"]
        assert float(found.loss.detach()) == pytest.approx(whole, rel=1e-5)
