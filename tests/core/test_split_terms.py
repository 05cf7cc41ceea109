"""Terms for latents that are split into blocks: completion and swap, by loops over groups."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.objectives.elbo import ElboSettings
from genvae.core.posteriors import ProductOfGaussiansSettings
from genvae.core.priors.labelled import LabelledSettings
from genvae.core.randomness import Stream
from genvae.core.terms import AdversarySettings, CompletionSettings, DependenceSettings, SwapSettings, TermSettings
from genvae.core.terms.completion import subset
from genvae.core.terms.swap import partners
from genvae.core.vae import VAE
from genvae.errors import LacksCapability, SettingError
from tests.core.toys import CONTENT, SPLIT, STYLE, Writes, sequence_toy, split_elements, split_toy, toy

STREAM = Stream(0, "split")
SIGMA = 0.7  # of the toys' likelihood


def value_of(settings: TermSettings, model: VAE, batch: Batch, stream: Stream = STREAM) -> Tensor:
    return settings.build(model)(model, batch, model.infer(batch, STREAM.at("posterior")), 0, stream)


# -- completion ---------------------------------------------------------------------------------------


def test_a_subset_is_of_any_size_and_any_such_items_alike() -> None:
    groups = 6000
    batch = split_elements(*[4] * groups)
    given = subset(batch, batch.groups, 3, STREAM).reshape(groups, 4)
    counts = Counter(tuple(row.nonzero()[:, 0].tolist()) for row in given)
    for size in (1, 2, 3):
        choices = list(itertools.combinations(range(4), size))
        shares = [counts[choice] / groups for choice in choices]
        wanted = 1 / 3 / len(choices)
        assert max(abs(share - wanted) for share in shares) < 4 * math.sqrt(wanted / groups), size
    assert sum(counts.values()) == groups and len(counts) == 4 + 6 + 4


def test_at_least_one_item_is_given_and_one_left() -> None:
    batch = split_elements(1, 2, 9, 3)
    for number in range(30):
        given = subset(batch, batch.groups, 4, STREAM.again(number))
        counts = batch.groups.total(given.float())
        assert counts[0] == 1 and counts[1] == 1 and 1 <= counts[2] <= 4 and 1 <= counts[3] <= 2


def test_a_subset_depends_on_the_items_and_not_on_their_order() -> None:
    batch, order = split_elements(5, 3, 6), torch.randperm(14, generator=torch.Generator().manual_seed(0))
    given = subset(batch, batch.groups, 4, STREAM)
    other = batch.take(order)
    assert torch.equal(subset(other, other.groups, 4, STREAM), given[order])
    assert not torch.equal(subset(batch, batch.groups, 4, STREAM.again(1)), given)


def by_hand(model: VAE, batch: Batch, items: str) -> float:
    """Every step written out for the linear toy: heads, product, draw, decoder, nats."""
    given = subset(batch, batch.groups, 2, STREAM)
    heads = {name: model.posterior.get_submodule(f"heads.{name}") for name in ("content", "style")}  # type: ignore[union-attr]
    x, total, counted = batch.views["input"], 0.0, 0
    assert batch.group is not None
    for group in batch.group.unique():
        mine = (batch.group == group).nonzero()[:, 0]
        seen = [int(i) for i in mine if given[i]]
        mean, log_variance = heads["style"](x[seen]).chunk(2, -1)
        precision = 1 + (1 / log_variance.exp()).sum(0)
        noise = STREAM.at("given").at("style").normal(batch.items[seen].min()[None], 3)[0]
        style = (mean / log_variance.exp()).sum(0) / precision + noise / precision.sqrt()
        for i in (int(i) for i in mine if not given[i]):
            noise = STREAM.at("others").at("content").normal(batch.items[[i]], 2)[0]
            middle, spread = heads["content"](x[i]).chunk(2, -1)
            content = middle + (0.5 * spread).exp() * noise if items == "posterior" else noise
            decoded = model.decoder({"label": batch.conditions["label"][[i]], "content": content[None],
                                     "style": style[None]}, batch)[0]  # fmt: skip
            total -= float(Normal(decoded, SIGMA).log_prob(x[i]).sum().detach())
            counted += 1
    return total / counted


@pytest.mark.parametrize("items", ["posterior", "prior"])
def test_the_rest_pays_for_being_decoded_with_what_the_given_say(items: str) -> None:
    model, batch = split_toy(), split_elements(4, 1, 3, 2)
    found = value_of(CompletionSettings(most=2, items=items), model, batch)
    assert float(found.detach()) == pytest.approx(by_hand(model, batch, items), rel=1e-5)


def test_with_a_prior_of_labels_the_others_are_told_theirs() -> None:
    prior = LabelledSettings().build(SPLIT)
    model, batch = split_toy(prior=prior), split_elements(4, 3)
    value_of(CompletionSettings(items="prior"), model, batch).backward()
    gradient = prior.components.get_parameter("content.mean").grad
    assert gradient is not None and gradient.any(), "the prior of the content learns from completing"


def test_what_is_predicted_is_not_seen() -> None:
    """With blocks of the prior, nothing of the others is read; with their own, each reads itself alone."""
    model, batch = split_toy(), split_elements(4, 3)
    given = subset(batch, batch.groups, 4, STREAM)
    for items, row, changes in (("prior", ~given, False), ("prior", given, True), ("posterior", ~given, True)):
        settings = CompletionSettings(items=items)
        x = batch.views["input"] + row[:, None]
        moved = value_of(settings, model, batch.viewing(input=x)) - value_of(settings, model, batch)
        assert (abs(float(moved.detach())) > 1e-4) == changes, items


def test_groups_of_one_have_nothing_to_predict() -> None:
    model = split_toy()
    alone = split_elements(1, 1, 1)
    found = value_of(CompletionSettings(), model, alone)
    assert float(found.detach()) == 0.0
    found.backward()
    assert float(value_of(CompletionSettings(), model, replace(alone, group=None)).detach()) == 0.0
    mixed = value_of(CompletionSettings(), model, split_elements(4, 1, 3))
    assert float(mixed.detach()) != 0.0


def test_completion_needs_a_shared_block() -> None:
    with pytest.raises(LacksCapability, match="'completion' needs a block that is shared"):
        CompletionSettings().build(toy())


# -- swap ---------------------------------------------------------------------------------------------


def test_partners_are_of_one_other_group() -> None:
    batch = split_elements(3, 2, 4, 1)
    for number in range(20):
        row = partners(batch, batch.groups, STREAM.again(number))
        of_item, of_partner = batch.groups.of_item, batch.groups.of_item[row]
        assert (of_item != of_partner).all()
        taken = {int(g): set(of_partner[of_item == g].tolist()) for g in range(4)}
        assert all(len(names) == 1 for names in taken.values()) and len(set.union(*taken.values())) == 4
    order = torch.tensor([5, 0, 9, 3, 8, 1, 2, 4, 6, 7])
    other = batch.take(order)
    shuffled = partners(other, other.groups, STREAM)
    assert torch.equal(other.items[shuffled], batch.items[partners(batch, batch.groups, STREAM)][order])


@pytest.mark.parametrize("measure", ["density", "distance"])
def test_the_latents_must_come_back(measure: str) -> None:
    """A loop over groups: mix, decode, encode, and the nats of what is found."""
    model, batch = split_toy(), split_elements(3, 2, 2)
    draw = model.infer(batch, STREAM.at("posterior"))
    row = partners(batch, batch.groups, STREAM.at("partners"))
    mixed = {"label": batch.conditions["label"], "content": draw.latents["content"],
             "style": draw.latents["style"][row]}  # fmt: skip
    decoded = model.decoder(mixed, batch)
    heads = {name: model.posterior.get_submodule(f"heads.{name}") for name in ("content", "style")}  # type: ignore[union-attr]
    total = 0.0

    def cost(wanted: Tensor, mean: Tensor, scale: Tensor) -> float:
        if measure == "density":
            return -float(Normal(mean, scale).log_prob(wanted).sum().detach())
        return float((((wanted - mean) / scale) ** 2 / 2).sum().detach())

    for i in range(7):
        mean, spread = heads["content"](decoded[i]).chunk(2, -1)
        total += cost(mixed["content"][i], mean, (0.5 * spread).exp())
    for group in range(3):
        mine = (batch.groups.of_item == group).nonzero()[:, 0]
        mean, spread = heads["style"](decoded[mine]).chunk(2, -1)
        precision = 1 + (-spread).exp().sum(0)
        total += cost(mixed["style"][mine[0]], (mean * (-spread).exp()).sum(0) / precision, precision**-0.5)
    found = SwapSettings(by=measure).build(model)(model, batch, draw, 0, STREAM)
    assert float(found.detach()) == pytest.approx(total / 7, rel=1e-4)


def test_a_decoder_that_the_encoder_inverts_costs_no_distance() -> None:
    """Elements are the content and the style side by side; the heads read them off."""
    blocks = (CONTENT, STYLE)
    posterior = ProductOfGaussiansSettings(prior_expert=False).build(blocks, 5)
    model = toy(blocks, posterior=posterior)
    with torch.no_grad():
        for parameter in (*posterior.parameters(), *model.decoder.parameters()):
            parameter.zero_()
        posterior.get_parameter("heads.content.weight")[:2, :2] = torch.eye(2)
        posterior.get_parameter("heads.style.weight")[:3, 2:] = torch.eye(3)
        model.decoder.get_parameter("linear.weight").copy_(torch.eye(5))
    batch = split_elements(3, 2, 4)
    settings = SwapSettings(by="distance")
    assert float(value_of(settings, model, batch).detach()) == pytest.approx(0.0, abs=1e-10)
    with torch.no_grad():  # and a decoder that drops the style pays for it
        model.decoder.get_parameter("linear.weight")[2:] = 0.0
    assert float(value_of(settings, model, batch).detach()) > 0.1


def test_latents_do_not_move_to_where_they_are_found() -> None:
    model, batch = split_toy(), split_elements(3, 2)
    draw = model.infer(batch, STREAM)
    for name in ("content", "style"):
        draw.latents[name].retain_grad()
    SwapSettings().build(model)(model, batch, draw, 0, STREAM).backward()
    assert draw.latents["content"].grad is None and draw.latents["style"].grad is None
    moved = [p for part in (model.decoder, model.posterior) for p in part.parameters() if p.grad is not None]  # type: ignore[union-attr]
    assert moved and all(p.grad is not None and p.grad.isfinite().all() for p in moved)
    assert any(p.grad is not None and p.grad.any() for p in model.decoder.parameters())


def test_the_posterior_does_not_widen_to_shorten_a_distance() -> None:
    model, batch = split_toy(), split_elements(3, 2)
    assert model.posterior is not None
    value_of(SwapSettings(by="distance"), model, batch).backward()
    gradient = model.posterior.get_parameter("heads.content.bias").grad
    assert gradient is not None and gradient[:2].any() and not gradient[2:].any()


def test_a_condition_moves_with_the_blocks_where_it_is_named() -> None:
    """A shared content and the label of what it shows go together."""
    label, content = Block(name="label", shape=(3,), shared=True), Block(name="content", shape=(2,), shared=True)
    blocks = (label, content, Block(name="style", shape=(3,)))
    model = split_toy(blocks)
    batch = split_elements(2, 2)
    batch = replace(batch, conditions={"label": torch.eye(3)[[0, 0, 1, 1]]})
    seen: list[Tensor] = []
    model.decoder.register_forward_hook(lambda _, inputs, out: seen.append(inputs[0]["label"]))
    for names, moves in ((("label", "content"), True), (("content",), False)):
        seen.clear()
        draw = model.infer(batch, STREAM)
        SwapSettings(blocks=names).build(model)(model, batch, draw, 0, STREAM)
        assert torch.equal(seen[0], batch.conditions["label"].flip(0)) == moves


def test_what_cannot_be_swapped_is_said() -> None:
    with pytest.raises(
        LacksCapability, match=r"'swap' reads the mean of what is decoded, and a CategoricalSequence has none"
    ):
        SwapSettings().build(sequence_toy())
    with pytest.raises(LacksCapability, match="needs a block that is shared by a group, or set its blocks"):
        SwapSettings().build(toy())
    with pytest.raises(SettingError, match="names the block 'stile'; did you mean 'style'"):
        SwapSettings(blocks=("stile",)).build(split_toy())
    model, batch = split_toy(), split_elements(2, 2)
    model.decoder = Writes(SPLIT, 4)
    with pytest.raises(LacksCapability, match=r"what is decoded, \(4, 4\), as the encoder reads its input, \(4, 5\)"):
        value_of(SwapSettings(), model, batch)


def test_a_block_of_each_item_may_be_taken_too() -> None:
    model, batch = split_toy(), split_elements(2, 2)
    assert value_of(SwapSettings(blocks=("content",)), model, batch).isfinite()
    lone = value_of(SwapSettings(), model, split_elements(3))  # one group: nothing to swap with, a plain cycle
    assert lone.isfinite()


# -- all together --------------------------------------------------------------------------------------


def test_all_four_stand_beside_the_bound_with_a_figure_each() -> None:
    terms = (CompletionSettings(), SwapSettings(), AdversarySettings(), DependenceSettings())
    model, batch = split_toy(prior=LabelledSettings().build(SPLIT)), split_elements(4, 3, 2)
    objective = ElboSettings(terms=terms).build(model)
    found = objective(model, batch, 0, STREAM)
    found.loss.backward()
    assert {"completion", "swap", "adversary", "dependence"} <= set(found.named)
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
