"""Batches cut out of memory, and batches of groups."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import settings as unhurried
from hypothesis import strategies as st

from genvae.core.batch import Batch
from genvae.data.batching import Batches, some, split, together
from genvae.data.prepare import prepare
from genvae.data.read import read
from genvae.errors import DataError, SettingError
from genvae.host import default_host
from tests.images.test_reading import drawings

HOST = default_host()
STYLES = "abcab" * 5 + "d"


def prepared(count: int = 26, **settings: Any) -> tuple[Dataset, Any]:
    rows = [
        {"image": picture, "content": str(row % 3), "style": STYLES[row % len(STYLES)]}
        for row, picture in enumerate(drawings(count, 8))
    ]
    made = HOST.make("modality", {"modality": "image", "size": 8, **settings})
    data, _ = made.select(read(rows, HOST))
    modality = made.fit(data)
    return prepare(data, modality), modality


def same(one: Batch, other: Batch) -> bool:
    pairs = [(one.views, other.views), (one.masks, other.masks), (one.conditions, other.conditions)]
    return (
        all(a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a) for a, b in pairs)
        and torch.equal(one.items, other.items)
        and torch.equal(one.cost, other.cost)
        and ((one.group is None) if other.group is None else torch.equal(one.group, other.group))  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("settings", [{}, {"colour": "rgb"}, {"labels": True}, {"group": "style", "labels": True}])
def test_batches_out_of_memory_are_those_that_are_collated(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    examples, modality = prepared(**settings)
    rows = np.array([20, 3, 9, 4, 25, 11])
    asked = [np.array([3]), np.array([25, 4, 20]), rows]
    cut = Batches(examples, rows, modality, batch_size=4)
    found = [cut.batch(numbers) for numbers in asked]
    monkeypatch.setattr("genvae_image_style.modality.ROOM", 10)
    assert modality.stack(examples) is None
    collated = Batches(examples, rows, modality, batch_size=4)
    for batch, numbers in zip(found, asked, strict=True):
        assert same(batch, collated.batch(numbers))
    assert [batch.items.tolist() for batch in cut.in_order()] == [batch.items.tolist() for batch in collated.in_order()]
    assert cut.resized(2).batch(asked[1]).items.tolist() == [25, 4, 20]


def test_a_batch_costs_next_to_nothing() -> None:
    """Of 128 out of 20,000 pictures of 28 x 28: well under a millisecond, whatever else this machine does."""
    count = 20_000
    pixels = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (count, 784), dtype=np.uint8)
    table = Dataset.from_dict({"pixels": [row.tobytes() for row in pixels], "cost": [1] * count})
    modality = HOST.make("modality", {"modality": "image"}).fit(table)
    batches = Batches(table, np.arange(count), modality, batch_size=128)
    order = batches.order(0, 0)
    assert [len(rows) for rows in order].count(128) == count // 128
    batches.batch(order[0])
    took = []
    for rows in order:
        began = time.perf_counter()
        batches.batch(rows)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.5e-3
    batch = batches.batch(order[0])
    assert torch.equal(batch.views["input"].flatten(1) * 255.0, torch.from_numpy(pixels[order[0]]).float())


# -- groups --------------------------------------------------------------------------------------


class Grouped:
    """Examples of which a batch needs to know cost and group."""

    column_names = ("cost", "group")

    def __init__(self, groups: list[int | None]) -> None:
        self.columns = {"cost": [1] * len(groups), "group": groups}

    def __getitem__(self, name: str) -> list[Any]:
        return self.columns[name]


def batches(groups: list[int | None], size: int, per_group: int | None) -> Batches:
    rows = np.arange(len(groups))
    return Batches(Grouped(groups), rows, None, batch_size=size, per_group=per_group)  # type: ignore[arg-type]


GROUPS = st.lists(st.integers(0, 9), min_size=1, max_size=120)


@unhurried(deadline=None)
@given(GROUPS, st.integers(1, 40), st.none() | st.integers(1, 9), st.integers(0, 99), st.integers(0, 9))
def test_an_epoch_of_groups(groups: list[int | None], size: int, per_group: int | None, seed: int, epoch: int) -> None:
    order = batches(groups, size, per_group).order(seed, epoch)
    assert sorted(row for batch in order for row in batch.tolist()) == list(range(len(groups)))
    sizes = Counter(groups)
    parts: dict[Any, list[int]] = {name: [] for name in sizes}
    for batch in order:
        found = Counter(groups[row] for row in batch)
        assert len(batch) <= max(size, *found.values()) or len(found) == 1
        for name, count in found.items():
            parts[name].append(count)
    for name, counts in parts.items():
        most = per_group or sizes[name]
        assert len(counts) == -(-sizes[name] // most)  # as few parts as can be, none cut by a batch's end
        assert max(counts) <= most and max(counts) - min(counts) <= 1


def test_parts_are_drawn_anew_each_epoch_and_by_the_seed() -> None:
    groups: list[int | None] = [row % 5 for row in range(100)]
    asked = [(seed, epoch) for seed in range(3) for epoch in range(3)]
    found = {key: [batch.tolist() for batch in batches(groups, 20, 4).order(*key)] for key in asked}
    for key in reversed(asked):
        assert [batch.tolist() for batch in batches(groups, 20, 4).order(*key)] == found[key]
    together = {
        key: frozenset(frozenset(row for row in batch if row % 5 == 0) for batch in order)
        for key, order in found.items()
    }
    assert len(set(together.values())) == len(asked)


def test_groups_are_whole_in_evaluation() -> None:
    examples, modality = prepared(group="style")
    found = [Counter(STYLES[item] for item in batch.items) for batch in Batches(
        examples, np.arange(26), modality, batch_size=4).in_order()]  # fmt: skip
    assert Counter(name for batch in found for name in batch) == dict.fromkeys("abcd", 1)
    assert sum(found, Counter()) == Counter(STYLES)
    batch = next(Batches(examples, np.arange(26), modality, batch_size=11).in_order())
    assert batch.groups.count == 1 and len(batch) == 10


def test_an_item_without_a_group_is_by_itself() -> None:
    order = batches([None, 1, None, 1], 2, None).order(0, 0)
    assert sorted(sorted(batch.tolist()) for batch in order) == [[0, 2], [1, 3]]


def test_items_that_form_no_groups() -> None:
    examples, modality = prepared()
    with pytest.raises(SettingError, match="per_group = 3: these items form no groups"):
        Batches(examples, np.arange(26), modality, batch_size=4, per_group=3)


# -- what a split keeps together -----------------------------------------------------------------


@unhurried(deadline=None)
@given(GROUPS, st.floats(0.01, 0.9), st.integers(0, 99))
def test_kin_are_on_one_side(groups: list[int], share: float, seed: int) -> None:
    kin = np.unique(np.asarray(groups), return_inverse=True)[1]
    if len(groups) < 2 or kin.max() == 0:
        with pytest.raises(DataError, match=r"may be parted|only 1 usable"):
            split(len(groups), share, seed, kin)
        return
    train, held = split(len(groups), share, seed, kin)
    assert sorted([*train.tolist(), *held.tolist()]) == list(range(len(groups)))
    assert len(train) and len(held) and not set(kin[train]) & set(kin[held])
    wanted = max(1, round(len(groups) * share))
    largest = max(Counter(kin.tolist()).values())
    assert len(held) < wanted + largest and (len(held) >= wanted or len(set(kin[train])) == 1)
    few = some(held, 5, seed, kin)
    assert set(few) <= set(held) and (len(few) <= 5 or len(set(kin[few])) == 1)
    assert all(set(np.flatnonzero(kin == name)) <= set(few) for name in kin[few])


def test_together() -> None:
    assert together(Dataset.from_dict({"kin": ["b", "a", "b"], "group": [1, 2, 3]})).tolist() == [0, 1, 0]  # type: ignore[union-attr]
    assert together(Dataset.from_dict({"group": [1, 2]})) is None
