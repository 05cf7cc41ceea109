"""The ladder's prior and posterior: their KL by integration, their products, what each block may see."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genvae.core.bounds import importance_weighted
from genvae.core.distributions import DiagonalGaussian, Mixture
from genvae.core.latents import Block, Groups
from genvae.core.posteriors.ladder import LadderPosterior, LadderPosteriorSettings, product
from genvae.core.priors.ladder import LadderPrior, LadderPriorSettings, Reading
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.errors import LacksCapability, SettingError
from genvae.host import default_host
from genvae.recipe import Recipe
from genvae_image_style.modality import Image
from genvae_image_style.reading.decoding import Frame
from tests.core.toys import elements, toy

STREAM = Stream(0, "ladder")
CHAIN = tuple(Block(name=name, shape=(1,)) for name in ("z3", "z2", "z1"))


def bold(module: LadderPrior | LadderPosterior, times: float) -> None:
    """Make the networks say something: they begin near N(0, 1)."""
    with torch.no_grad():
        for step in module.steps.values():
            step.last.weight *= times  # type: ignore[union-attr, operator]


def chain(merge: str = "residual") -> VAE:
    torch.manual_seed(1)
    prior = LadderPriorSettings(width=6, layers=1).build(CHAIN)
    posterior = LadderPosteriorSettings(width=6, layers=1, merge=merge).build(CHAIN, 5)
    bold(prior, 20.0)
    bold(posterior, 10.0)
    return toy(CHAIN, prior=prior, posterior=posterior)


@pytest.mark.parametrize("merge", ["residual", "precision"])
def test_the_kl_terms_sum_to_the_kl_of_the_joint(merge: str) -> None:
    """KL(q(z3, z2, z1 | x) || p(z3, z2, z1)), integrated over a grid of all three, against the expected sum of the
    blocks' terms: KL_3 + E KL_2 + E KL_1."""
    model = chain(merge)
    one = elements(1)
    assert model.posterior is not None
    with torch.no_grad():
        features = model.encode(one)
        # the grid: where q lies, found from draws
        many = elements(1).take(torch.zeros(5_000, dtype=torch.int64))
        many = type(many)(views=many.views, items=torch.arange(5_000), cost=many.cost)
        draw = model.infer(many, STREAM)
        axes = []
        for block in CHAIN:
            value = draw.latents[block.name]
            middle, spread = float(value.mean()), float(value.std())
            axes.append(torch.linspace(middle - 6 * spread, middle + 6 * spread, 41))
        volume = math.prod(float(axis[1] - axis[0]) for axis in axes)
        grid = torch.cartesian_prod(*axes)
        log_q, log_p, before = torch.zeros(len(grid)), torch.zeros(len(grid)), {}
        wide = {name: value.expand(len(grid), -1) for name, value in features.items()}
        for column, block in enumerate(CHAIN):
            value = grid[:, [column]]
            p = model.prior.at(block, before, len(grid))
            q = model.posterior.at(block, wide, before, p, Groups.each(len(grid)))
            assert isinstance(p, DiagonalGaussian) and isinstance(q, DiagonalGaussian)
            log_p += torch.distributions.Normal(p.mean, p.scale).log_prob(value)[:, 0]
            log_q += torch.distributions.Normal(q.mean, q.scale).log_prob(value)[:, 0]
            before[block.name] = value
        density = log_q.exp() * volume
        assert float(density.sum()) == pytest.approx(1.0, abs=0.02)
        joint = float((density * (log_q - log_p)).sum() / density.sum())
        rates = torch.stack([draw.rate(block).sum(1) for block in CHAIN], 1)
        error = float(rates.sum(1).std()) / 5_000**0.5
    assert joint > 0.3 and float(rates[:, 1].std()) > 1e-3, "networks that say nothing prove nothing"
    assert float(rates.sum(1).mean()) == pytest.approx(joint, abs=4 * error + 0.02)
    # each term is the closed form of torch's own, at each draw
    for block in CHAIN:
        p = model.prior.at(block, {name: draw.latents[name] for name in _above(block)}, 5_000)
        q = draw.posteriors[block.name]
        assert isinstance(p, DiagonalGaussian) and isinstance(q, DiagonalGaussian)
        normal = [torch.distributions.Normal(each.mean, each.scale) for each in (q, p)]
        torch.testing.assert_close(draw.rate(block), torch.distributions.kl_divergence(*normal), rtol=1e-3, atol=1e-4)


def _above(block: Block) -> list[str]:
    names = [other.name for other in CHAIN]
    return names[: names.index(block.name)]


def test_the_top_is_standard_normal_and_every_block_sees_all_above_it() -> None:
    model = chain()
    top = model.prior.at(CHAIN[0], {}, 4)
    assert isinstance(top, DiagonalGaussian) and not top.mean.any() and not top.log_variance.any()
    above = {"z3": torch.zeros(4, 1), "z2": torch.zeros(4, 1)}
    base = model.prior.at(CHAIN[2], above, 4).mean
    for name in above:
        moved = model.prior.at(CHAIN[2], {**above, name: torch.ones(4, 1)}, 4).mean
        assert (moved - base).abs().min() > 1e-4, f"z1 does not see {name}"


def test_a_product_of_gaussians_is_their_normalised_product() -> None:
    prior = DiagonalGaussian(torch.tensor([[1.0]]), torch.tensor([[0.3]]).log())
    found = product(torch.tensor([[-0.5]]), torch.tensor([[0.8]]).log(), prior)
    x = torch.linspace(-8, 8, 40_001, dtype=torch.float64)
    density = (
        torch.distributions.Normal(1.0, 0.3**0.5).log_prob(x) + torch.distributions.Normal(-0.5, 0.8**0.5).log_prob(x)
    ).exp()
    density /= density.sum()
    mean = float((density * x).sum())
    assert float(found.mean) == pytest.approx(mean, abs=1e-5)
    assert float(found.scale) == pytest.approx(float((density * (x - mean).square()).sum()) ** 0.5, abs=1e-5)


@pytest.mark.parametrize("merge", ["residual", "precision"])
def test_a_network_that_has_seen_nothing_leaves_the_prior(merge: str) -> None:
    model = chain(merge)
    assert isinstance(model.posterior, LadderPosterior)
    with torch.no_grad():
        for step in model.posterior.steps.values():
            step.last.weight.zero_()  # type: ignore[union-attr, operator]
            if merge == "precision":
                step.last.bias.copy_(torch.tensor([0.0, 50.0]))  # type: ignore[union-attr, operator]
        draw = model.infer(elements(6), STREAM)
    rates = torch.cat([draw.rate(block) for block in CHAIN], 1)
    # a variance of e^8 at most: an expert that hardly counts
    assert (rates.abs() < (1e-6 if merge == "residual" else 1e-2)).all()


def test_where_the_prior_is_no_gaussian_the_posterior_counts_from_the_standard_normal() -> None:
    model = chain()
    assert model.posterior is not None
    features = model.encode(elements(3))
    mixture = Mixture(torch.zeros(1, 2), torch.randn(1, 2, 1), torch.zeros(1, 2, 1), 3)
    zeros = torch.zeros(3, 1)
    groups = Groups.each(3)
    one = model.posterior.at(CHAIN[0], features, {}, mixture, groups)
    other = model.posterior.at(CHAIN[0], features, {}, DiagonalGaussian(zeros, zeros), groups)
    torch.testing.assert_close(one.mean, other.mean)


def test_a_shared_block_sees_shared_blocks_alone_and_has_no_posterior_here() -> None:
    blocks = (Block(name="own", shape=(2,)), Block(name="group", shape=(2,), shared=True))
    prior = LadderPriorSettings(width=4).build(blocks)
    assert not list(prior.parameters()), "a shared block was given one that is not"
    model = toy(blocks, prior=prior, posterior=LadderPosteriorSettings(width=4).build(blocks, 5))
    with pytest.raises(LacksCapability, match="'group' is shared"):
        model.infer(elements(3))


def test_maps_see_maps_at_the_same_place_and_vectors_everywhere() -> None:
    reading = Reading((2, 2, 3), (4, 4), 5)
    value = torch.randn(1, 2, 2, 3)
    found = reading(value)
    assert found.shape == (1, 4, 4, 5)
    for row, column in itertools.product(range(4), range(4)):
        torch.testing.assert_close(found[0, row, column], reading.layer(value[0, row // 2, column // 2]))
    vector = Reading((3,), (4, 4), 5)
    assert vector(torch.randn(2, 3)).shape == (2, 1, 1, 5)
    whole = Reading((2, 2, 3), (), 5)
    torch.testing.assert_close(whole(value), whole.layer(value.reshape(1, 12)))
    with pytest.raises(SettingError, match="at most 3 axes"):
        LadderPriorSettings().build([Block(name="a", shape=(2,)), Block(name="b", shape=(2, 2, 2, 2, 2))])


def test_a_places_prior_is_told_of_its_neighbours_alone() -> None:
    """Two convolutions of three places: a change above reaches two places to each side and no further."""
    blocks = (Block(name="top", shape=(9, 2)), Block(name="below", shape=(9, 2)))
    torch.manual_seed(0)
    prior = LadderPriorSettings(width=4, layers=2).build(blocks)
    top = torch.randn(1, 9, 2)
    changed = top.clone()
    changed[0, 4] += 3.0
    with torch.no_grad():
        moved = prior.at(blocks[1], {"top": changed}, 1).mean - prior.at(blocks[1], {"top": top}, 1).mean
    reached = (moved[0].abs().amax(1) > 1e-7).tolist()
    assert reached == [False, False, True, True, True, True, True, False, False]


MAPS = (Block(name="z2", shape=(2, 2, 3)), Block(name="z1", shape=(4, 4, 2)))


class OfMaps(torch.nn.Module):
    """An encoder that gives each map a feature of its own."""

    def forward(self, batch: Any) -> dict[str, Tensor]:
        x = batch.views["input"]
        return {"z2": x[:, None, None, :].expand(-1, 2, 2, -1), "z1": x[:, None, None, :].expand(-1, 4, 4, -1)}


def test_a_ladder_of_maps_trains_scores_and_draws() -> None:
    torch.manual_seed(0)
    prior = LadderPriorSettings(width=4).build(MAPS)
    posterior = LadderPosteriorSettings(width=4).build(MAPS, 0, {"z2": 5, "z1": 5})
    model, batch = toy(MAPS, prior=prior, posterior=posterior, encoder=OfMaps()), elements(3)
    draw = model.infer(batch, STREAM)
    assert draw.rate(MAPS[1]).shape == (3, 32) and (draw.rate(MAPS[1]) >= -1e-6).all()
    (model.distortion(draw.latents, batch).sum() + sum(draw.rate(block).sum() for block in MAPS)).backward()
    missed = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not missed
    bound = importance_weighted(model, batch, STREAM, samples=8)
    assert bound.log_likelihood.isfinite().all() and (bound.log_likelihood >= bound.elbo - 1e-4).all()
    drawn = model.sample_prior(torch.arange(5), STREAM)
    assert drawn["z1"].shape == (5, 4, 4, 2)
    # transport: a draw comes back from its noise
    at = prior.at(MAPS[1], {"z2": drawn["z2"]}, 5)
    noise = at.pull(drawn["z1"])
    torch.testing.assert_close(noise, STREAM.at("z1").normal(torch.arange(5), 4, 4, 2), rtol=1e-3, atol=1e-3)


def test_a_ladder_without_its_prior_and_posterior_is_refused() -> None:
    recipe = Recipe.of("image", default_host())
    recipe.set(["size=8", "architecture=image-ladder", "latents=[3, 2]", "hidden=[8, 8]", "posterior=ladder"])
    with pytest.raises(SettingError, match=r"architecture 'image-ladder' needs prior=ladder$"):
        recipe.build(Image(Frame(8, 1)))
    recipe.set(["prior=ladder"])
    assert len(recipe.build(Image(Frame(8, 1))).blocks) == 2
