"""Splits and batches as functions of their seeds; examples made once."""

from __future__ import annotations

import copy
import importlib
import itertools
import linecache
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as unhurried
from hypothesis import strategies as st

from genvae.data.batching import Batches, some, split
from genvae.data.modality import Modality
from genvae.data.prepare import cache_folder, content_hash, prepare
from genvae.data.read import read
from genvae.errors import DataError
from genvae.host import default_host
from tests.conftest import own_lines

HOST = default_host()
COUNTS, SHARES, SEEDS = st.integers(2, 3000), st.floats(0.001, 0.999), st.integers(0, 2**63 - 1)


def test_what_a_modality_prepared_before_it_was_changed_is_not_taken_from_the_cache(
    modality: Modality, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who writes a plugin changes its module, and another plugin may have the same fingerprint."""
    monkeypatch.setenv("GENVAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))
    data = read(own_lines(), HOST)
    found = []
    for number in (1, 10):  # modules of different sizes: Python looks at that and at the second they were written in
        name = f"shouting_{tmp_path.name.replace('-', '_')}"
        (tmp_path / f"{name}.py").write_text(
            "from genvae_sentence.modality import Sentence\n\n\n"
            "class Shouting(Sentence):\n"
            "    def prepare(self, rows):\n"
            f"        return super().prepare({{'text': [text.upper() * {number} for text in rows['text']]}})\n"
        )
        linecache.checkcache()
        sys.modules.pop(name, None)
        importlib.invalidate_caches()
        shouting = copy.copy(modality)
        shouting.__class__ = importlib.import_module(name).Shouting
        found.append(list(prepare(data, shouting)["text"]))
    plain = list(prepare(data, modality)["text"])
    assert found[0] == [text.upper() for text in plain] and found[1] == [10 * text.upper() for text in plain]


# -- splits --------------------------------------------------------------------------------------


@unhurried(deadline=None)
@given(COUNTS, SHARES, SEEDS)
def test_a_split_is_disjoint_complete_and_deterministic(count: int, share: float, seed: int) -> None:
    train, held = split(count, share, seed)
    assert sorted([*train.tolist(), *held.tolist()]) == list(range(count))
    assert len(train) >= 1 and len(held) == min(max(1, round(count * share)), count - 1)
    assert train.tolist() == sorted(train) and held.tolist() == sorted(held)
    again = split(count, share, seed)
    assert np.array_equal(train, again[0]) and np.array_equal(held, again[1])


def test_another_seed_splits_otherwise() -> None:
    held = {tuple(split(1000, 0.1, seed)[1].tolist()) for seed in range(20)}
    assert len(held) == 20


def test_every_row_is_held_out_by_some_seed() -> None:
    assert {row for seed in range(60) for row in split(20, 0.2, seed)[1].tolist()} == set(range(20))


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_to_split(count: int) -> None:
    with pytest.raises(DataError, match=f"only {count} usable item"):
        split(count, 0.5, 0)


@unhurried(deadline=None)
@given(st.lists(st.integers(0, 10**6), unique=True, max_size=200), st.integers(1, 100), SEEDS)
def test_some_are_chosen_by_the_seed(rows: list[int], count: int, seed: int) -> None:
    chosen = some(np.asarray(sorted(rows), dtype=np.int64), count, seed)
    assert len(chosen) == min(count, len(rows)) and set(chosen.tolist()) <= set(rows)
    assert chosen.tolist() == sorted(chosen)
    assert np.array_equal(chosen, some(np.asarray(sorted(rows), dtype=np.int64), count, seed))


# -- batches -------------------------------------------------------------------------------------


class Costs:
    """Examples of which a batch only needs to know the cost."""

    column_names = ("cost",)

    def __init__(self, costs: list[int]) -> None:
        self.costs = costs

    def __getitem__(self, name: str) -> list[int]:
        assert name == "cost"
        return self.costs


def batches(costs: list[int], batch_size: int, rows: list[int] | None = None) -> Batches:
    chosen = np.arange(len(costs)) if rows is None else np.asarray(rows)
    return Batches(Costs(costs), chosen, None, batch_size=batch_size)  # type: ignore[arg-type]


COSTS = st.lists(st.integers(1, 60), min_size=1, max_size=150)


@unhurried(deadline=None)
@given(COSTS, st.integers(1, 40), SEEDS, st.integers(0, 50), st.data())
def test_an_epoch_has_every_row_once_in_batches_within_the_budget(
    costs: list[int], size: int, seed: int, epoch: int, data: st.DataObject
) -> None:
    rows = sorted(data.draw(st.sets(st.integers(0, len(costs) - 1), min_size=1)))
    made = batches(costs, size, rows)
    order = made.order(seed, epoch)
    assert sorted(row for batch in order for row in batch.tolist()) == rows
    assert made.budget >= max(costs[row] for row in rows)
    for batch in order:
        assert len(batch) >= 1
        assert max(costs[row] for row in batch) * len(batch) <= made.budget


@unhurried(deadline=None)
@given(COSTS, st.integers(1, 40))
def test_batches_are_cut_no_smaller_than_the_budget_asks(costs: list[int], size: int) -> None:
    made = batches(costs, size)
    ordered = sorted(made.order(0, 0), key=lambda batch: (max(costs[r] for r in batch), -len(batch)))
    for batch, following in itertools.pairwise(ordered):
        dearest_next = min(costs[row] for row in following)
        if dearest_next > max(costs[row] for row in batch):
            assert dearest_next * (len(batch) + 1) > made.budget


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    costs = [(i * 7) % 11 + 1 for i in range(200)]
    asked = [(seed, epoch) for seed in range(4) for epoch in range(4)]
    first = {key: [batch.tolist() for batch in batches(costs, 8).order(*key)] for key in asked}
    # asked for in another order, by another object: the same
    other = batches(costs, 8)
    for key in reversed(asked):
        assert [batch.tolist() for batch in other.order(*key)] == first[key]
    assert len({str(order) for order in first.values()}) == len(asked)


def test_near_equal_costs_share_a_batch() -> None:
    costs = [1 + i % 50 for i in range(2000)]
    for batch in batches(costs, 32).order(3, 1):
        spread = [costs[row] for row in batch]
        assert max(spread) - min(spread) <= 3 or min(spread) < 12
    wasted = sum(max(costs[r] for r in b) * len(b) for b in batches(costs, 32).order(3, 1)) / sum(costs)
    assert wasted < 1.1  # padding stays under a tenth


def test_items_are_cut_alike_whether_costs_differ_or_not() -> None:
    sizes = [len(batch) for batch in batches([3] * 50 + [4], 8).order(0, 0)]
    assert sorted(len(batch) for batch in batches([3] * 50, 8).order(0, 0)) == [2, *[8] * 6]
    assert sum(sizes) == 51 and max(sizes) <= 8


# -- with a real modality ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def modality() -> Modality:
    made = HOST.make("modality", {"modality": "sentence", "tokenizer": "char"})
    fitted: Modality = made.fit(read(own_lines(), HOST))
    return fitted


def test_batches_of_sentences(modality: Modality) -> None:
    lines = own_lines(50)
    examples = prepare(read(lines, HOST), modality)
    assert list(examples["cost"]) == [len(line) + 1 for line in lines]
    made = Batches(examples, np.arange(50), modality, batch_size=8)
    for rows in made.order(0, 0):
        batch = made.batch(rows)
        assert batch.items.tolist() == rows.tolist()
        assert batch.cost.tolist() == [len(lines[row]) + 1 for row in rows]
    seen = [int(item) for batch in made.in_order() for item in batch.items]
    assert sorted(seen) == list(range(50))
    lengths = [len(lines[item]) for item in seen]
    assert lengths == sorted(lengths)


# -- the cache -----------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENVAE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "examples"


def counted(modality: Modality, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the tables that were really prepared."""
    calls: list[int] = []
    real = type(modality).prepare

    def prepare_and_count(self: Any, rows: Any) -> Any:
        calls.append(len(rows["text"]))
        return real(self, rows)

    monkeypatch.setattr(type(modality), "prepare", prepare_and_count)
    return calls


def test_examples_are_made_once(modality: Modality, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(modality, monkeypatch)
    first = prepare(read(own_lines(), HOST), modality)
    again = prepare(read(own_lines(), HOST), modality)
    assert calls == [len(own_lines())]
    assert first[:] == again[:]
    assert len(list(cache.glob("*.arrow"))) == 1


def test_the_cache_is_keyed_by_content_and_by_tokenizer(
    modality: Modality, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(modality, monkeypatch)
    lines = own_lines(40)
    prepare(read(lines, HOST), modality)
    for other in ([*lines[:-1], "the end"], lines[::-1], lines[:-1]):
        assert list(prepare(read(other, HOST), modality)["text"]) == other
    bpe = HOST.make("modality", {"modality": "sentence", "vocab_size": 300}).fit(read(lines, HOST))
    prepared = prepare(read(lines, HOST), bpe)
    assert len(calls) == 5 and len(list(cache.glob("*.arrow"))) == 5
    assert list(prepared["symbols"]) != list(prepare(read(lines, HOST), modality)["symbols"])
    assert len(calls) == 5


def test_content_hash_sees_every_value() -> None:
    def of(rows: Any) -> str:
        return content_hash(read(rows, HOST))

    assert of(["a", "b"]) == of(["a", "b"]) == of([{"text": "a"}, {"text": "b"}])
    others = [["b", "a"], ["a"], ["a", "b", "b"], ["ab", ""], [{"line": "a"}, {"line": "b"}]]
    assert len({of(rows) for rows in [*others, ["a", "b"]]}) == 6


def test_content_hash_is_of_the_values_alone() -> None:
    """Not of pieces, of what a table was cut from, or of what lies where there is nothing."""
    import pyarrow as pa
    from datasets import Dataset, concatenate_datasets

    rows: list[dict[str, Any]] = [
        {"a": n if n % 3 else None, "b": f"é{n}" if n % 4 else None, "c": [[n], []], "d": {"x": b"\0" * n, "y": n / 7},
         "e": None, "f": n % 2 == 0}
        for n in range(40)
    ]  # fmt: skip
    whole = Dataset.from_list(rows)
    hashed = content_hash(whole)
    assert content_hash(Dataset.from_list(rows)) == hashed
    pieces = concatenate_datasets([whole.select(range(7)), whole.select(range(7, 40))])
    assert content_hash(pieces) == hashed
    turned = Dataset.from_list(rows[::-1])
    assert content_hash(turned.select(range(39, -1, -1))) == hashed != content_hash(turned)
    assert content_hash(whole.select(range(5, 20))) == content_hash(Dataset.from_list(rows[5:20], whole.features))
    wide = pa.schema([pa.field("b", pa.large_string())])
    one = whole.select_columns(["b"])
    assert content_hash(Dataset(one.data.table.cast(wide))) == content_hash(one)
    changes: list[dict[str, Any]] = [
        {"a": 0}, {"b": ""}, {"c": [[], [0]]}, {"c": [[0], [], []]}, {"d": {"x": b"", "y": 1e-9}}, {"f": False},
    ]  # fmt: skip
    found = [content_hash(Dataset.from_list([{**rows[0], **change}, *rows[1:]], whole.features)) for change in changes]
    assert len({*found, hashed}) == len(changes) + 1


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENVAE_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("GENVAE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "genvae"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "genvae"
