"""Blocks: shared, observed, ordered; and models without any."""

from __future__ import annotations

import pytest
import torch

from genvae.core.bounds import importance_weighted
from genvae.core.distributions import kl
from genvae.core.latents import Block, Groups, repeat, take
from genvae.core.objectives.elbo import ElboSettings
from genvae.core.priors import StandardNormal
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.errors import GenvaeError, LacksCapability
from tests.core.toys import Implicit, Pooled, TopDown, Z, elements, sequence_parts, sequences, toy

STREAM = Stream(0, "test")
CONTENT, STYLE = Block(name="content", shape=(2,), shared=True), Block(name="style", shape=(3,))
GROUP = torch.tensor([7, 3, 7, 7, 3])


def grouped() -> VAE:
    return toy((CONTENT, STYLE), posterior=Pooled((CONTENT, STYLE), 5))


def test_groups_number_total_and_pick() -> None:
    groups = elements(5, group=GROUP).groups
    assert groups.count == 2 and groups.of_item.tolist() == [1, 0, 1, 1, 0]
    assert groups.total(torch.arange(5.0)).tolist() == [5.0, 5.0]
    assert groups.first(torch.tensor([9, 4, 2, 6, 8])).tolist() == [4, 2]
    value = groups.of_item.float()[:, None].expand(-1, 3)
    assert groups.one(value).tolist() == [[0.0] * 3, [1.0] * 3]
    each = Groups.each(3)
    assert each.count == 3 and each.total(torch.arange(3.0)).tolist() == [0.0, 1.0, 2.0]


def test_a_shared_block_is_drawn_once_a_group_and_its_kl_counts_once() -> None:
    model, batch = grouped(), elements(5, group=GROUP)
    draw = model.infer(batch, STREAM)
    content = draw.latents["content"]
    assert content.shape == (5, 2) and torch.equal(content[0], content[2]) and torch.equal(content[1], content[4])
    assert not torch.equal(content[0], content[1])
    assert draw.rate(CONTENT).shape == (2, 2) and draw.rate(STYLE).shape == (5, 3)
    terms = ElboSettings().build(model)(model, batch, 0, STREAM)
    by_hand = (float(draw.rate(CONTENT).sum()) + float(draw.rate(STYLE).sum())) / 5
    assert float(terms.named["rate"]) == pytest.approx(by_hand, rel=1e-5)
    assert float(terms.named["rate/content"]) == pytest.approx(float(draw.rate(CONTENT).sum()) / 5, rel=1e-5)


def test_a_group_draws_the_same_whatever_the_order_of_its_items() -> None:
    model, batch = grouped(), elements(5, group=GROUP)
    shuffled = batch.take(torch.tensor([3, 4, 0, 2, 1]))
    one, two = model.infer(batch, STREAM).latents, model.infer(shuffled, STREAM).latents
    for name in one:
        torch.testing.assert_close(one[name][[3, 4, 0, 2, 1]], two[name])


def test_bounds_are_per_group_and_weigh_the_shared_block_once() -> None:
    model, batch = grouped(), elements(5, group=GROUP)
    bound = importance_weighted(model, batch, STREAM, samples=1)
    draw = model.infer(batch, STREAM.again(0))
    distortion = model.distortion(draw.latents, batch)
    content = draw.log_p["content"] - draw.log_q["content"]
    style = draw.log_p["style"] - draw.log_q["style"] - distortion
    by_hand = content + torch.stack([style[[1, 4]].sum(), style[[0, 2, 3]].sum()])
    torch.testing.assert_close(bound.log_likelihood, by_hand.detach())
    assert bound.elbo.shape == (2,)


def test_without_a_rule_to_pool_a_shared_block_is_refused() -> None:
    with pytest.raises(LacksCapability, match="'content' is shared by a group"):
        toy((CONTENT, STYLE)).infer(elements(5, group=GROUP))


KIND = Block(name="kind", shape=(2,))


def test_an_observed_block_costs_nothing_and_reaches_the_decoder() -> None:
    model = toy((Z, KIND))
    given = torch.eye(2).repeat(3, 1)
    known, unknown = elements(6, kind=given), elements(6)
    draw = model.infer(known, STREAM)
    assert set(draw.posteriors) == {"z"} and torch.equal(draw.latents["kind"], given)
    objective = ElboSettings().build(model)
    terms = objective(model, known, 0, STREAM).named
    assert "rate/kind" not in terms and float(terms["rate"]) == pytest.approx(float(terms["rate/z"]))
    assert "rate/kind" in objective(model, unknown, 0, STREAM).named
    other = elements(6, kind=given.flip(1))
    changed = model.distortion(model.infer(other, STREAM).latents, other) - model.distortion(draw.latents, known)
    assert float(changed.abs().min()) > 1e-4
    # and the bound of a model that knows is that of the decoder on what it knows
    bound = importance_weighted(model, known, STREAM, samples=1)
    draw = model.infer(known, STREAM.again(0))
    weights = draw.log_p["z"] - draw.log_q["z"] - model.distortion(draw.latents, known)
    torch.testing.assert_close(bound.log_likelihood, weights.detach())


FIRST, SECOND = Block(name="top", shape=(2,)), Block(name="below", shape=(3,))


def test_a_top_down_prior_sees_the_blocks_before_it() -> None:
    prior = TopDown((FIRST, SECOND))
    model, batch = toy((FIRST, SECOND), prior=prior), elements(4)
    draw = model.infer(batch, STREAM)
    given_top = prior.at(SECOND, {"top": draw.latents["top"]}, 4)
    expected = kl(draw.posteriors["below"], given_top)
    assert expected is not None
    torch.testing.assert_close(draw.rate(SECOND), expected)
    torch.testing.assert_close(draw.log_p["below"], given_top.log_prob(draw.latents["below"]))
    # the rate reaches the prior's own weights
    draw.rate(SECOND).sum().backward()
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in prior.parameters())
    # ancestral sampling: the second block is drawn around what the first one says
    items = torch.arange(6)
    drawn = model.sample_prior(items, STREAM)
    noise = STREAM.at("below").normal(items, 3)
    torch.testing.assert_close(drawn["below"], prior.at(SECOND, {"top": drawn["top"]}, 6).push(noise))
    pinned = model.sample_prior(items, STREAM, observed={"top": torch.ones(6, 2)})
    assert torch.equal(pinned["top"], torch.ones(6, 2))
    torch.testing.assert_close(pinned["below"], prior.at(SECOND, {"top": torch.ones(6, 2)}, 6).push(noise))


def test_a_shared_block_depends_on_the_shared_blocks_before_it_one_row_a_group() -> None:
    label = Block(name="label", shape=(2,), shared=True)
    content = Block(name="content", shape=(3,), shared=True)
    blocks = (label, STYLE, content)
    prior = TopDown((label, content))
    model = toy(blocks, prior=prior, posterior=Pooled(blocks, 5))
    given = torch.eye(2)[[1, 0, 1, 1, 0]]
    draw = model.infer(elements(5, group=GROUP, label=given), STREAM)
    expected = kl(draw.posteriors["content"], prior.at(content, {"label": torch.eye(2)}, 2))
    assert expected is not None
    torch.testing.assert_close(draw.rate(content), expected)


def test_scale_multiplies_the_noise_of_the_prior() -> None:
    model = toy()
    items = torch.arange(5)
    whole = model.sample_prior(items, STREAM)["z"]
    torch.testing.assert_close(model.sample_prior(items, STREAM, scale=0.5)["z"], 0.5 * whole)
    assert not model.sample_prior(items, STREAM, scale=0.0)["z"].any()


def test_a_prior_without_density_refuses_and_names_what_it_lacks() -> None:
    model, batch = toy(prior=Implicit()), elements(3)
    with pytest.raises(LacksCapability, match="importance-weighted bound needs a prior that has a density; Implicit"):
        importance_weighted(model, batch, STREAM, samples=2)
    draw = model.infer(batch, STREAM)
    assert not draw.log_p and model.sample_prior(torch.arange(3), STREAM)["z"].shape == (3, 2)
    with pytest.raises(LacksCapability, match="rate of block 'z' needs a prior that has a density"):
        ElboSettings().build(model)(model, batch, 0, STREAM)


def test_without_a_stream_the_posterior_mean_is_taken() -> None:
    model, batch = toy(), elements(3)
    draw = model.infer(batch)
    assert torch.equal(draw.latents["z"], draw.posteriors["z"].mean)


def test_a_model_without_blocks_is_exact() -> None:
    decoder, likelihood = sequence_parts(3)

    class Blind(torch.nn.Module):
        def forward(self, latents: dict[str, torch.Tensor], batch: object) -> torch.Tensor:
            return decoder({"z": torch.zeros(3, 2)}, batch)

    prior = StandardNormal()
    model = VAE(blocks=(), encoder=None, posterior=None, prior=prior, decoder=Blind(), likelihood=likelihood)
    batch = sequences([[5], [6, 7], []])
    bound = importance_weighted(model, batch, STREAM, samples=50)
    exact = -likelihood.nats(decoder, {"z": torch.zeros(3, 2)}, batch).detach()
    assert bound.samples == 1, "one sample says all there is to know"
    assert torch.equal(bound.elbo, exact) and torch.equal(bound.log_likelihood, exact)
    terms = ElboSettings(free_bits=1.0).build(model)(model, batch, 0, STREAM)
    assert float(terms.loss) == pytest.approx(-float(exact.mean())) and float(terms.named["rate"]) == 0
    assert model.latent_dim == 0 and model.sample_prior(torch.arange(2), STREAM) == {}


def test_block_names_must_differ() -> None:
    with pytest.raises(GenvaeError, match="block names must differ: z, z"):
        toy((Z, Z))


def test_rows_of_latents() -> None:
    latents = {"z": torch.tensor([[1.0], [2.0]])}
    assert repeat(latents, 2)["z"].tolist() == [[1.0], [1.0], [2.0], [2.0]]
    assert take(latents, torch.tensor([1, 1]))["z"].tolist() == [[2.0], [2.0]]
    assert take(latents, slice(0, 1))["z"].tolist() == [[1.0]]


def test_a_batch_taken_row_by_row() -> None:
    batch = elements(5, group=GROUP, kind=torch.arange(10.0).reshape(5, 2), target=torch.ones(5, 5, dtype=torch.bool))
    some = batch.take(torch.tensor([4, 0]))
    assert some.items.tolist() == [4, 0] and some.group is not None and some.group.tolist() == [3, 7]
    assert torch.equal(some.views["input"], batch.views["input"][[4, 0]]) and len(some.masks["target"]) == 2
    assert some.conditions["kind"].tolist() == [[8.0, 9.0], [0.0, 1.0]] and len(some) == 2
    there = batch.to("cpu")
    assert torch.equal(there.views["target"], batch.views["target"]) and there.items.tolist() == batch.items.tolist()
