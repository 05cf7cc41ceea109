"""What every registered part keeps to, those of later plugins included."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from genvae.core.batch import Batch
from genvae.core.corruption import Corruption
from genvae.core.distributions import Capability, DiagonalGaussian
from genvae.core.latents import Block
from genvae.core.likelihoods import FactorisedLikelihood
from genvae.core.objectives import Objective, Terms
from genvae.core.posteriors import Posterior
from genvae.core.priors import FittedPrior, Prior
from genvae.core.priors.by_block import ByBlock
from genvae.core.randomness import Stream
from genvae.core.schedules import Ramp, Schedule, as_schedule
from genvae.core.symbols import Symbols
from genvae.core.terms import Term
from genvae.core.vae import VAE
from genvae.errors import LacksCapability, SettingError
from genvae.host import default_host
from genvae.settings import plain
from genvae.training.latents import encoded
from tests.core.toys import (
    ReadsPseudo,
    Z,
    coloured,
    coloured_toy,
    elements,
    picture_toy,
    pictures,
    sequence_toy,
    sequences,
    split_elements,
    split_toy,
    told_sequence_toy,
    toy,
)

HOST = default_host()
STREAM = Stream(3, "parts", 2)
BLOCKS = (Block(name="first", shape=(3,)), Block(name="second", shape=(2, 2)))


def ids(kind: str) -> list[str]:
    found = [part.id for part in HOST.parts(kind)]
    assert found, f"no {kind} is registered"
    return found


def made(kind: str, entry: str | dict[str, Any], *arguments: Any) -> Any:
    torch.manual_seed(0)
    return HOST.make(kind, entry).build(*arguments)


def reaches_every_parameter(module: nn.Module, loss: torch.Tensor) -> None:
    module.zero_grad()
    if loss.requires_grad:
        loss.backward()
    missed = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert not missed, f"no gradient reaches {', '.join(missed)}"


def saves_and_loads(module: nn.Module, other: nn.Module, path: Path) -> None:
    """The state goes through a safetensors file into a module that was made anew."""
    state = module.state_dict()
    save_file(state or {"nothing": torch.zeros(1)}, str(path))
    back = load_file(str(path))
    other.load_state_dict({name: back[name] for name in state})
    for name, value in other.state_dict().items():
        assert torch.equal(value, state[name]), name


#: networks small enough for a test, and what a part needs to be told of the blocks
SMALL: dict[str, dict[str, Any]] = {
    "mixture": {"components": 4},
    "vamp": {"components": 8},
    "autoregressive": {"hidden": 24},
    "flow-matching": {"hidden": 16, "layers": 1, "steps": 3},
    "recurrent": {"hidden": 8, "codes": 12},
    "labelled": {"label": "first", "blocks": ["second"]},
    "by-block": {"blocks": {"second": {"prior": "recurrent", "hidden": 8, "codes": 12}}},
}


def prior_of(part_id: str) -> Prior:
    """A small prior inside a model, fitted to something where that is its way."""
    prior = made("prior", {"prior": part_id, **SMALL.get(part_id, {})}, BLOCKS)
    assert isinstance(prior, Prior)
    toy(BLOCKS, width=6, prior=prior, encoder=ReadsPseudo(6))
    if isinstance(prior, FittedPrior | ByBlock):
        for block in BLOCKS:
            prior.initialise(1.0 + 2.0 * STREAM.at("data").normal(torch.arange(80), *block.shape), block)
        prior.mark_fitted()
    return prior


@pytest.mark.parametrize("part_id", ids("prior"))
def test_prior(part_id: str, tmp_path: Path) -> None:
    prior, rows = prior_of(part_id), 5
    items = torch.arange(rows)
    before: dict[str, torch.Tensor] = {}
    loss = torch.zeros(())
    for block in BLOCKS:
        noise = STREAM.at(block.name).normal(items, *block.shape)
        value = prior.at(block, before, rows).push(noise)
        assert value.shape == (rows, *block.shape) and value.isfinite().all()
        assert torch.equal(value, prior.at(block, before, rows).push(noise)), "another draw from the same noise"
        with contextlib.suppress(LacksCapability):
            assert prior.at(block, before, rows).mean.shape == value.shape
        if Capability.TRANSPORT in prior.capabilities:
            # what tools rely on: a latent comes back from its noise (several noises may give one latent)
            at = prior.at(block, before, rows)
            torch.testing.assert_close(at.push(at.pull(value)), value, rtol=1e-3, atol=1e-3)
        if Capability.DENSITY in prior.capabilities:
            nats = prior.at(block, before, rows).log_prob(value.detach())
            assert nats.shape == (rows,) and nats.isfinite().all()
            some = {name: given[:2] for name, given in before.items()}
            torch.testing.assert_close(prior.at(block, some, 2).log_prob(value.detach()[:2]), nats[:2])
            fitted = prior.loss(block, value.detach(), before, STREAM, items)
            assert fitted.shape == (rows,) and fitted.isfinite().all()
            loss = loss + fitted.sum()
        before[block.name] = value.detach()
    if Capability.DENSITY in prior.capabilities:
        reaches_every_parameter(prior, loss)
    saves_and_loads(prior, prior_of(part_id), tmp_path / "prior.safetensors")


@pytest.mark.parametrize("part_id", ids("posterior"))
def test_posterior(part_id: str, tmp_path: Path) -> None:
    posterior = made("posterior", part_id, BLOCKS, 6)
    assert isinstance(posterior, Posterior)
    model = toy(BLOCKS, width=6, posterior=posterior)
    batch = elements(5, 6)
    draw, again = model.infer(batch, STREAM), model.infer(batch, STREAM)
    other = model.infer(batch, STREAM.again(1))
    for block in BLOCKS:
        value = draw.latents[block.name]
        assert value.shape == (5, *block.shape) and value.isfinite().all()
        assert torch.equal(value, again.latents[block.name]) and not torch.equal(value, other.latents[block.name])
        assert draw.rate(block).shape[0] == 5 and draw.log_q[block.name].isfinite().all()
    some = model.infer(batch.take(torch.tensor([3, 1])), STREAM)
    if not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in posterior.modules()):
        torch.testing.assert_close(some.latents["first"], draw.latents["first"][[3, 1]])
    loss = model.distortion(draw.latents, batch).sum() + sum(draw.rate(block).sum() for block in BLOCKS)
    reaches_every_parameter(posterior, loss)
    saves_and_loads(posterior, made("posterior", part_id, BLOCKS, 6), tmp_path / "posterior.safetensors")


@pytest.mark.parametrize("part_id", ids("likelihood"))
def test_likelihood(part_id: str, tmp_path: Path) -> None:
    likelihood = made("likelihood", part_id)
    target = elements(4, 6).views["target"].sigmoid()
    batch = Batch(views={"input": target, "target": target}, items=torch.arange(4), cost=torch.ones(4))
    model = toy(width=6, likelihood=likelihood).eval()
    latents = model.infer(batch, STREAM).latents
    nats = model.distortion(latents, batch)
    assert nats.shape == (4,) and nats.isfinite().all()
    torch.testing.assert_close(nats, model.distortion(latents, batch))
    one = batch.take(torch.tensor([2]))
    torch.testing.assert_close(model.distortion({"z": latents["z"][[2]]}, one), nats[[2]])
    reaches_every_parameter(likelihood, nats.sum())
    if isinstance(likelihood, FactorisedLikelihood):
        parameters = model.decoder(latents, batch)
        torch.testing.assert_close(likelihood.element_nats(parameters, target).sum(1), nats)
        items = torch.arange(4_000)
        wide = parameters.detach()[:1].expand(4_000, -1)
        drawn = likelihood.sample(wide, STREAM.uniform(items, 6))
        error = drawn.std(0) / 4_000**0.5
        assert ((drawn.mean(0) - likelihood.mean(wide)[0]).abs() < 5 * error + 1e-6).all()
    saves_and_loads(likelihood, made("likelihood", part_id), tmp_path / "likelihood.safetensors")


def latents(rows: int, model: VAE) -> Batch:
    """A batch as an objective of that data reads it: items of which the posteriors are known."""
    return encoded(model, [elements(rows)])


def learner(part_id: str, prior: Prior | None = None) -> tuple[VAE, Batch]:
    """A model that an objective is for, and a batch of six items, of which a condition may be partly known."""
    model, batch = toy(prior=prior), elements(6)
    try:
        made("objective", part_id, model)
    except LacksCapability:
        return coloured_toy(prior), coloured([0, None, None, 2, None, 1])
    return model, batch


@pytest.mark.parametrize("part_id", ids("objective"))
def test_objective(part_id: str, tmp_path: Path) -> None:
    model, batch = learner(part_id, made("prior", {"prior": "mixture", "components": 3}, (Z,)))
    objective = made("objective", part_id, model)
    assert isinstance(objective, Objective) and objective.players
    if objective.data == "latents":
        batch = latents(6, model)
    for step in (0, 100, None):
        terms = objective(model, batch, step, STREAM)
        assert isinstance(terms, Terms) and terms.loss.isfinite()
        again = objective(model, batch, step, STREAM)
        assert torch.equal(terms.loss, again.loss), "another loss from the same stream"
        assert all(value.isfinite() for value in terms.named.values())
    wanted = {"elbo", "rate", "distortion"} if objective.data == "items" else set()
    assert wanted <= set(terms.named), "what the loop and its messages rely on"
    # nats per item: two copies of each item cost the same a piece
    if not list(objective.parameters()):
        doubled = batch.take(torch.arange(6).repeat(2))
        torch.testing.assert_close(objective(model, doubled, None, STREAM).loss, terms.loss, rtol=1e-4, atol=1e-4)
    # what it learns from a step does not move what validation compares
    before = terms.loss.detach()
    objective.learn({name: float(value) + 5.0 for name, value in terms.named.items()}, 100)
    assert torch.equal(objective(model, batch, None, STREAM).loss.detach(), before)
    # a prior that is not in use yet gets no gradient
    used = learner(part_id)[0] if objective.data == "items" else model
    both = nn.ModuleDict({"model": used, "objective": objective})
    moved = {id(p) for player in objective.players for p in objective.parameters_of(player, used)}
    kept = both if objective.data == "items" else nn.ModuleDict({"prior": used.prior, "objective": objective})
    assert moved == {id(p) for p in kept.parameters()}, "a parameter that no player moves"
    total = sum((objective(used, batch, None, STREAM, player).loss for player in objective.players), torch.zeros(()))
    reaches_every_parameter(kept, total)
    saves_and_loads(objective, made("objective", part_id, model), tmp_path / "objective.safetensors")


def served(part_id: str) -> tuple[VAE, Batch]:
    """A model that a term is for, and a batch: symbol sequences, or else groups of labelled elements, or sequences
    with labels; pictures for a term that is for them."""
    batch = sequences([[5 + (i * j) % 9 for j in range(1 + i)] for i in range(6)])
    labelled = batch.knowing(label=torch.eye(2)[torch.arange(6) % 2])
    toys = (sequence_toy(), batch), (split_toy(), split_elements(4, 1, 3)), (told_sequence_toy(), labelled)
    of_pictures = ((picture_toy(), pictures(4, 1, 3)),)
    for model, own in of_pictures if HOST.part("term", part_id).modality == "image" else toys:
        with contextlib.suppress(LacksCapability, SettingError):
            made("term", part_id, model)
            return model, own
    raise AssertionError(f"no toy is for the term {part_id!r}")


@pytest.mark.parametrize("part_id", ids("term"))
def test_term(part_id: str, tmp_path: Path) -> None:
    model, batch = served(part_id)
    term = made("term", part_id, model)
    assert isinstance(term, Term) and term.id == part_id and isinstance(term.weight, Schedule)
    draw = model.infer(batch, STREAM.at("posterior"))
    value = term(model, batch, draw, 0, STREAM)
    assert value.shape == () and value.isfinite()
    assert torch.equal(value, term(model, batch, draw, 0, STREAM)), "another value from the same stream"
    reaches_every_parameter(term, value)
    assert model.posterior is not None
    moved = [p for p in model.posterior.parameters() if p.grad is not None and p.grad.any()]
    assert moved, "it says nothing to the posterior"
    one = batch.take(torch.tensor([2]))
    assert term(model, one, model.infer(one, STREAM), 0, STREAM).isfinite(), "a batch of a single item"
    saves_and_loads(term, made("term", part_id, model), tmp_path / "term.safetensors")
    elbo = made(
        "objective", {"objective": "elbo", "terms": [{"term": part_id}, {"term": part_id, "weight": 0.5}]}, model
    )
    found = elbo(model, batch, 0, STREAM)
    assert {part_id, f"{part_id}/2"} <= set(found.named)


@pytest.mark.parametrize("part_id", ids("schedule"))
def test_schedule(part_id: str) -> None:
    schedule = HOST.make("schedule", part_id)
    assert isinstance(schedule, Schedule)
    values = [schedule.at(step) for step in range(0, 8000, 9)]
    assert all(math.isfinite(value) for value in values)
    assert schedule.at(10**9) == pytest.approx(schedule.at(None)), "it does not end at at(None)"
    if isinstance(schedule, Ramp):
        assert values == sorted(values) and schedule.curve(0.0) == 0 and schedule.curve(1.0) == pytest.approx(1)
        falling = type(schedule)(start=2.0, stop=-1.0, steps=50, wait=7)
        values = [falling.at(step) for step in range(70)]
        assert values == sorted(values, reverse=True) and values[:8] == [2.0] * 8
        assert values[-1] == pytest.approx(-1) and falling.at(None) == pytest.approx(-1)
    written = plain(schedule)  # as a stored recipe has it: a number, or a mapping
    entry = {key: value for key, value in written.items() if key != "schedule"} if isinstance(written, dict) else {}
    remade = HOST.make("schedule", {"schedule": part_id, **entry}) if entry else as_schedule(written)
    assert remade == schedule


@pytest.mark.parametrize("part_id", ids("corruption"))
def test_corruption(part_id: str) -> None:
    factory = HOST.load("corruption", part_id)
    of_groups = factory.holds_back or factory.is_asked
    if HOST.part("corruption", part_id).modality or of_groups or factory.hides_conditions:
        return  # of a kind of item, of groups or of conditions: tested beside those
    if HOST.load("corruption", part_id).redraws_target:
        redraws(HOST.make("corruption", part_id).build(toy()))
        return
    corruption = HOST.make("corruption", part_id).build(sequence_toy())
    assert isinstance(corruption, Corruption)
    batch = sequences([[5 + (i + j) % 9 for j in range(12)] for i in range(200)])
    changed = corruption(batch, 10, STREAM)
    assert torch.equal(changed.views["target"], batch.views["target"]), "a target was corrupted"
    assert torch.equal(changed.masks["target"], batch.masks["target"]) and set(changed.masks) == set(batch.masks)
    assert torch.equal(changed.items, batch.items) and set(changed.views) == set(batch.views)
    differs = [name for name in batch.views if not torch.equal(changed.views[name], batch.views[name])]
    assert differs, "nothing was corrupted at the default rate"
    some = torch.tensor([150, 3])
    for name in differs:
        before, after = batch.views[name], changed.views[name]
        again, of_some = corruption(batch, 10, STREAM), corruption(batch.take(some), 10, STREAM)
        assert torch.equal(after, again.views[name]), "not deterministic"
        assert torch.equal(of_some.views[name], after[some]), "depends on its batch"
        for symbol in (Symbols.BEGIN, Symbols.END):
            assert torch.equal((after == symbol).sum(1), (before == symbol).sum(1)), "a special symbol came or went"
        assert after.max() < 14, "a symbol that is none"
    inside = changed.masks["input"]
    lengths = inside.sum(1)
    assert (lengths >= 1).all() and torch.equal(inside, torch.arange(inside.shape[1]) < lengths[:, None])
    assert torch.equal(changed.views["input"] == Symbols.PAD, ~inside), "padding inside, or symbols behind the end"


def redraws(corruption: Corruption) -> None:
    """Data that are drawn anew each step: by their items, and otherwise at another step."""
    grey = elements(60, 8).views["target"].sigmoid()
    batch = elements(60, 8).viewing(input=grey, target=grey)
    changed = corruption(batch, 10, STREAM)
    assert not torch.equal(changed.views["target"], grey) and torch.equal(changed.items, batch.items)
    assert set(changed.views) == set(batch.views) and set(changed.masks) == set(batch.masks)
    for name in batch.views:
        again, some = corruption(batch, 10, STREAM), corruption(batch.take(torch.tensor([50, 3])), 10, STREAM)
        assert torch.equal(again.views[name], changed.views[name])
        assert torch.equal(some.views[name], changed.views[name][[50, 3]]), "depends on its batch"
    other = corruption(batch, 11, Stream(3, "parts", 3))
    assert not torch.equal(other.views["target"], changed.views["target"]), "the same at every step"


def test_the_posteriors_first_latents_are_not_degenerate() -> None:
    """A posterior that starts with no variance or a huge one does not train."""
    for part_id in ids("posterior"):
        posterior = made("posterior", part_id, BLOCKS, 6)
        at = toy(BLOCKS, width=6, posterior=posterior).infer(elements(50, 6)).posteriors["first"]
        if isinstance(at, DiagonalGaussian):
            assert 0.1 < float(at.scale.detach().mean()) < 10, part_id
