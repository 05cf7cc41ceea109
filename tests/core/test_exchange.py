"""An item drawn with a block of another of its kind."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from genvae.core.randomness import Stream
from genvae.core.terms import AdversarySettings, DependenceSettings, ExchangeSettings
from genvae.core.terms.exchange import alike
from genvae.errors import LacksCapability, SettingError
from tests.core.toys import LABEL, split_elements, split_toy, toy

STREAM = Stream(0, "exchange")


def test_partners_are_other_items_of_the_kind_and_all_of_them_are_taken() -> None:
    kind = torch.tensor([2, 0, 2, 1, 2, 0, 2, -4])
    items = torch.arange(8) * 3
    seen: dict[int, set[int]] = {row: set() for row in range(8)}
    for draw in range(60):
        other = alike(kind, items, STREAM.again(draw))
        assert torch.equal(kind[other], kind) and sorted(other.tolist()) == list(range(8)), "a ring of each kind"
        for row, partner in enumerate(other.tolist()):
            seen[row].add(partner)
    assert seen[3] == {3} and seen[7] == {7}, "alone of its kind"
    assert all(seen[row] == {0, 2, 4, 6} - {row} for row in (0, 2, 4, 6)) and seen[1] == {5}


def test_partners_depend_on_the_items_alone() -> None:
    kind, items = torch.arange(40) % 3, torch.arange(40)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    partner = {int(a): int(b) for a, b in zip(items, alike(kind, items, STREAM), strict=True)}
    found = alike(kind[order], items[order], STREAM)
    assert {int(items[order][a]): int(items[order][b]) for a, b in enumerate(found)} == partner


def test_it_is_the_distortion_with_the_others_block() -> None:
    model, batch = split_toy(), split_elements(3, 3, 1)  # labels 0 1 2 0 1 2 0
    label = batch.conditions["label"].clone()
    label[4] = 0.0  # unknown: so 1 has no partner
    batch = replace(batch, conditions={"label": label})
    draw = model.infer(batch, STREAM)
    term = ExchangeSettings(blocks=("content",)).build(model)
    other = alike(torch.tensor([0, 1, 2, 0, -5, 2, 0]), batch.items, STREAM)
    mixed = {**draw.latents, "content": draw.latents["content"][other]}
    nats = model.distortion(mixed, batch)
    found = term(model, batch, draw, 0, STREAM)
    assert float(found.detach()) == pytest.approx(float(nats[[0, 2, 3, 5, 6]].detach().mean()), rel=1e-6)
    nobody = term(model, batch.take(torch.tensor([0, 1])), model.infer(batch.take(torch.tensor([0, 1]))), 0, STREAM)
    assert float(nobody.detach()) == 0.0


def test_what_an_exchange_needs_is_said() -> None:
    with pytest.raises(SettingError, match="names the block 'label'; known: z"):
        ExchangeSettings().build(toy())
    with pytest.raises(SettingError, match="not that itself"):
        ExchangeSettings(blocks=("label",)).build(split_toy())
    with pytest.raises(LacksCapability, match="needs a block beside 'label'"):
        ExchangeSettings().build(toy((LABEL,)))
    assert ExchangeSettings().build(split_toy()).taken == ["content"]
    model, batch = split_toy(), split_elements(2, 2)
    with pytest.raises(LacksCapability, match="the batch has no condition 'label'"):
        ExchangeSettings().build(model)(model, replace(batch, conditions={}), model.infer(batch), 0, STREAM)


def test_terms_against_leakage_read_means_where_they_are_told_to() -> None:
    """Of a shared block the group's mean stands for each item, and the noise of the draw makes no difference."""
    model, batch = split_toy(), split_elements(4, 3)
    for settings in (AdversarySettings(reads="mean"), DependenceSettings(reads="mean", blocks=("content", "style"))):
        torch.manual_seed(0)
        term = settings.build(model)
        values = [term(model, batch, model.infer(batch, STREAM.again(k)), 0, STREAM) for k in range(2)]
        torch.testing.assert_close(values[0], values[1])
        values[0].backward()
    torch.manual_seed(0)
    drawn = AdversarySettings().build(model)
    values = [drawn(model, batch, model.infer(batch, STREAM.again(k)), 0, STREAM) for k in range(2)]
    assert not torch.equal(values[0], values[1])
