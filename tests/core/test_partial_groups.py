"""Groups told by some of their items: what is held back, and posteriors that do not look at it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.bounds import importance_weighted
from genvae.core.corruption import PartialGroups
from genvae.core.latents import Block, Groups
from genvae.core.posteriors import Posterior
from genvae.core.priors import StandardNormal
from genvae.core.randomness import Stream
from genvae.errors import LacksCapability, SettingError
from genvae.host import default_host
from tests.core.toys import elements, toy

STYLE, OWN = Block(name="style", shape=(4,), shared=True), Block(name="own", shape=(2,))
KINDS = 12
LABEL = Block(name="label", shape=(KINDS,))
POOLING = ("product-of-gaussians", "pooled")


def groups_of(sizes: list[int], **more: Tensor) -> Batch:
    group = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    return replace(elements(len(group), 6, **more), group=group)


def partial(**values: Any) -> PartialGroups:
    made: PartialGroups = default_host().make("corruption", {"corruption": "partial-groups", **values})
    return made


def told(batch: Batch, corruption: PartialGroups, step: int = 0) -> Tensor:
    return corruption(batch, step, Stream(step, "told")).masks["given"]


def posterior(part: str) -> Posterior:
    torch.manual_seed(0)
    made: Posterior = default_host().make("posterior", part).build([STYLE, OWN], 6, {})
    return made


def test_from_one_to_most_are_given_each_number_as_often() -> None:
    batch = groups_of([9] * 2000)
    given = told(batch, partial(most=4, whole=0.0))
    counts = torch.bincount(batch.groups.total(given.float()).long())
    assert counts[0] == 0 and len(counts) == 5
    assert ((counts[1:] - 500).abs() < 80).all()  # four standard deviations
    place = given.reshape(2000, 9).float().mean(0)
    assert ((place - 2.5 / 9).abs() < 0.045).all()  # any item as often


def test_a_group_of_one_and_a_whole_group() -> None:
    assert told(groups_of([1, 1, 1]), partial(whole=0.0)).all()
    batch = groups_of([7] * 1000)
    given = told(batch, partial(whole=0.3)).reshape(1000, 7)
    assert 0.24 < float(given.all(1).float().mean()) < 0.36


def test_what_is_given_depends_on_the_items_and_not_on_their_order() -> None:
    batch = groups_of([5, 8, 6])
    order = torch.randperm(19, generator=torch.Generator().manual_seed(1))
    given, mixed = told(batch, partial(whole=0.2)), told(batch.take(order), partial(whole=0.2))
    assert torch.equal(mixed, given[order])
    assert not torch.equal(told(batch, partial(whole=0.0), 1), told(batch, partial(whole=0.0), 2))


def test_items_of_one_kind() -> None:
    values = torch.arange(1200) % KINDS
    batch = groups_of([KINDS] * 100, label=torch.nn.functional.one_hot(values, KINDS).float())
    given = told(batch, partial(most=4, whole=0.0, kinds=[2, 4, 6], alike=1.0)).reshape(100, KINDS)
    kind = torch.tensor([0] * 2 + [1] * 4 + [2] * 6)
    seen = [set(kind[row].tolist()) for row in given]
    assert all(len(kinds) == 1 for kinds in seen)
    assert {next(iter(kinds)) for kinds in seen} == {0, 1, 2}
    assert int(given[:, :2].sum(1).max()) <= 2  # no more than there are of the kind


def test_what_it_needs() -> None:
    with pytest.raises(LacksCapability, match="shares"):
        partial().build(toy())
    model = toy([LABEL, STYLE], posterior=posterior("pooled"), width=6)
    assert partial(kinds=(5, 7)).build(model)
    with pytest.raises(SettingError, match="12 values"):
        partial(kinds=(5, 5)).build(model)
    with pytest.raises(SettingError, match="no such block"):
        partial(kinds=(12,), label="letter").build(model)


@pytest.mark.parametrize("part", POOLING)
def test_what_is_held_back_says_nothing(part: str) -> None:
    model = toy([STYLE, OWN], posterior=posterior(part), width=6)
    batch = groups_of([3, 3])
    given = torch.tensor([True, False, True, False, False, False])
    told_some = model.infer(batch.giving(given)).posteriors["style"]
    changed = batch.views["input"].clone()
    changed[~given] = 9.0
    again = model.infer(batch.viewing(input=changed).giving(given)).posteriors["style"]
    assert torch.equal(told_some.mean, again.mean) and torch.equal(told_some.log_variance, again.log_variance)
    alone = model.infer(batch.take(torch.tensor([0, 2]))).posteriors["style"]
    assert torch.allclose(told_some.mean[:1], alone.mean, atol=1e-6)
    assert not told_some.mean[1].any() and not told_some.log_variance[1].any()  # no evidence: N(0, 1)


@pytest.mark.parametrize("part", POOLING)
def test_an_item_more_never_widens(part: str) -> None:
    chosen, features = posterior(part), {"summary": torch.randn(8, 6, generator=torch.Generator().manual_seed(2))}
    before = torch.full((4,), torch.inf)
    for count in range(1, 9):
        shown = {"summary": features["summary"][:count]}
        one = Groups(torch.zeros(count, dtype=torch.int64), 1)
        variance = chosen.at(STYLE, shown, {}, StandardNormal().at(STYLE, {}, 1), one).log_variance[0]
        assert (variance < before).all()
        before = variance


def test_part_of_the_evidence_gives_a_bound_too() -> None:
    """log p of a linear Gaussian model is known: no bound is above it, whatever the posterior was told."""
    model = toy([STYLE], posterior=posterior("pooled"), width=6).requires_grad_(False)
    batch = groups_of([4])
    for given in ([True] * 4, [True, False, False, False], [False] * 4):
        found = importance_weighted(model, batch.giving(torch.tensor(given)), Stream(0, "bound"), samples=60)
        exact = _exact(model, batch)
        assert float(found.elbo) < exact + 0.2 and float(found.log_likelihood) < exact + 0.5


def _exact(model: torch.nn.Module, batch: Batch) -> float:
    weight, bias = model.decoder.linear.weight.double(), model.decoder.linear.bias.double()  # type: ignore[union-attr]
    variance = float(model.likelihood.log_variance.double().exp())  # type: ignore[operator]
    count = len(batch)
    stacked = weight.repeat(count, 1)
    covariance = stacked @ stacked.T + variance * torch.eye(len(stacked), dtype=torch.float64)
    mean = bias.repeat(count)
    normal = torch.distributions.MultivariateNormal(mean, covariance)
    return float(normal.log_prob(batch.views["target"].double().flatten()))
