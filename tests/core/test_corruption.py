"""Corruptions: which symbols, how many, and by which key."""

from __future__ import annotations

import pytest
import torch

from genvae.core.batch import Batch
from genvae.core.corruption import (
    Corruption,
    Deletion,
    Shuffle,
    Substitution,
    SymbolMasking,
    WordDropout,
)
from genvae.core.corruption.base import OfSymbols
from genvae.core.corruption.blanks import Blanks
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Linear
from genvae.core.symbols import Symbols
from genvae.errors import SettingError
from genvae.host import default_host
from tests.core.toys import sequence_toy, sequences, toy

HOST = default_host()
STREAM = Stream(0, "train", 5)
ROWS = [[5 + (i * 7 + j) % 20 for j in range(i % 9)] for i in range(400)]
KINDS = [(WordDropout, "context", Symbols.UNKNOWN), (SymbolMasking, "input", Symbols.MASK)]


@pytest.mark.parametrize(("kind", "view", "by"), KINDS)
@pytest.mark.parametrize("rate", [0.0, 0.2, 0.7, 1.0])
def test_the_rate_is_the_share_of_ordinary_symbols(kind: type, view: str, by: int, rate: float) -> None:
    batch = sequences(ROWS)
    changed = kind(rate=Constant(value=rate))(batch, 0, STREAM)
    before, after = batch.views[view], changed.views[view]
    ordinary = before >= Symbols.COUNT
    hit = before != after
    assert not (hit & ~ordinary).any(), "a special symbol was replaced"
    assert (after[hit] == by).all()
    count = int(ordinary.sum())
    assert float(hit.sum()) / count == pytest.approx(rate, abs=4 * (rate * (1 - rate) / count) ** 0.5 + 1e-9)
    for other in set(batch.views) - {view}:
        assert batch.views[other] is changed.views[other], other


@pytest.mark.parametrize(("kind", "view", "by"), KINDS)
def test_it_is_a_function_of_the_item(kind: type, view: str, by: int) -> None:
    corruption = kind(rate=Constant(value=0.5))
    batch = sequences(ROWS)
    whole = corruption(batch, 0, STREAM).views[view]
    some = torch.tensor([399, 8, 17])
    assert torch.equal(corruption(batch.take(some), 0, STREAM).views[view], whole[some])
    numbered = sequences(ROWS[:3]).take(torch.tensor([2]))  # another width
    assert torch.equal(corruption(numbered, 0, STREAM).views[view][0, :2], whole[2, :2])
    assert not torch.equal(corruption(batch, 0, Stream(0, "train", 6)).views[view], whole), "the same at every step"


def test_the_rate_follows_its_schedule() -> None:
    batch = sequences(ROWS)
    corruption: Corruption = WordDropout(rate=Linear(start=1.0, stop=0.0, steps=4))
    shares = []
    for step in range(6):
        hit = corruption(batch, step, STREAM).views["context"] == Symbols.UNKNOWN
        shares.append(float(hit.sum()) / float((batch.views["context"] >= Symbols.COUNT).sum()))
    assert shares == pytest.approx([1, 0.75, 0.5, 0.25, 0, 0], abs=0.05)


def test_the_two_draw_apart() -> None:
    rows = [[5] * 60] * 50
    batch = sequences(rows)
    dropped = WordDropout(rate=Constant(value=0.5))(batch, 0, STREAM).views["context"][:, 1:] == Symbols.UNKNOWN
    masked = SymbolMasking(rate=Constant(value=0.5))(batch, 0, STREAM).views["input"] == Symbols.MASK
    assert float((dropped == masked).double().mean()) == pytest.approx(0.5, abs=0.04)


# -- what changes places, comes and goes ------------------------------------------------------------


def read(batch: Batch) -> list[list[int]]:
    """Each row's symbols, as the encoder reads them."""
    rows = zip(batch.views["input"].tolist(), batch.masks["input"].sum(1).tolist(), strict=True)
    assert torch.equal(batch.views["input"] == Symbols.PAD, ~batch.masks["input"])
    return [row[:length] for row, length in rows]


FULL = [[5 + (i * 7 + j) % 20 for j in range(1 + i % 9)] for i in range(400)]


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.7])
def test_deletion_leaves_the_others_in_their_order(rate: float) -> None:
    """Against a loop over the same numbers."""
    changed = Deletion(rate=Constant(value=rate))(sequences(FULL), 0, STREAM)
    uniform = STREAM.at("deletion").uniform(torch.arange(400), 9).tolist()
    for row, numbers, found in zip(FULL, uniform, read(changed), strict=True):
        kept = [symbol for symbol, number in zip(row, numbers, strict=False) if number >= rate]
        assert found == (kept or [max(zip(numbers, row, strict=False))[1]])
    count = sum(map(len, FULL))
    gone = count - int(changed.masks["input"].sum())
    spared = sum(rate ** len(row) for row in FULL)  # rows that would have lost all
    assert gone + spared == pytest.approx(rate * count, abs=4 * (count * rate * (1 - rate)) ** 0.5 + 1e-9)


def test_deletion_never_takes_all() -> None:
    changed = Deletion(rate=Constant(value=1.0))(sequences(FULL), 0, STREAM)
    assert (changed.masks["input"].sum(1) == 1).all()
    places = [row.index(found[0]) for row, found in zip(FULL, read(changed), strict=True) if len(row) == 9]
    assert len(set(places)) == 9, "always the same place is spared"


def test_what_is_deleted_does_not_depend_on_the_width() -> None:
    deletion = Deletion(rate=Constant(value=0.5))
    whole, alone = deletion(sequences(FULL), 0, STREAM), deletion(sequences(FULL[:2]), 0, STREAM)
    assert read(whole)[:2] == read(alone)


def test_substitutes_are_drawn_evenly_from_the_ordinary_symbols() -> None:
    corruption = Substitution(rate=Constant(value=0.5)).build(sequence_toy(ordinary=6))
    rows = [[5] * 50 for _ in range(200)]
    changed = corruption(sequences(rows), 0, STREAM)
    symbols = torch.tensor(read(changed)).flatten()
    counts = torch.bincount(symbols, minlength=11)
    assert counts[: Symbols.COUNT].sum() == 0 and len(counts) == 11
    # half stays, and a sixth of the other half becomes what it was
    expected = torch.tensor([10_000 * (0.5 + 0.5 / 6)] + [10_000 * 0.5 / 6] * 5)
    assert ((counts[5:] - expected).abs() < 5 * expected.sqrt()).all()


def test_substitution_spares_special_symbols() -> None:
    rows = [[5, Symbols.UNKNOWN, 6, Symbols.UNKNOWN]] * 50
    changed = Substitution(rate=Constant(value=1.0)).build(sequence_toy())(sequences(rows), 0, STREAM)
    assert all(row[1] == row[3] == Symbols.UNKNOWN for row in read(changed))


def test_substitution_needs_a_model_of_symbols() -> None:
    with pytest.raises(SettingError, match="'substitution' is for models of symbol sequences; a Gaussian has no"):
        Substitution().build(toy())


@pytest.mark.parametrize("distance", [0, 1, 3, 20])
def test_no_symbol_moves_farther_than_the_distance(distance: int) -> None:
    rows = [list(range(5, 5 + 1 + i % 12)) for i in range(600)]
    changed = Shuffle(distance=distance)(sequences(rows), 0, STREAM)
    moves = []
    for row, found in zip(rows, read(changed), strict=True):
        assert sorted(found) == row, "a symbol was lost"
        moves += [abs(found.index(symbol) - place) for place, symbol in enumerate(row)]
    assert min(distance, 9) <= max(moves) <= distance, "farther than it may, or never that far"


def test_a_shuffle_of_two_neighbours_swaps_them_as_often_as_it_should() -> None:
    """With distance 1: P(1 + 2 v < 2 u) for even u and v is 1/8."""
    changed = Shuffle(distance=1)(sequences([[5, 6]] * 4000), 0, STREAM)
    swapped = sum(row == [6, 5] for row in read(changed))
    assert swapped == pytest.approx(500, abs=4 * (4000 / 8 * 7 / 8) ** 0.5)


@pytest.mark.parametrize("kind", [WordDropout, SymbolMasking, Blanks, Deletion, Substitution, Shuffle])
def test_without_symbols_there_is_nothing_to_corrupt(kind: type[OfSymbols]) -> None:
    with pytest.raises(SettingError, match=f"corruption {kind.id!r} is for models of symbol sequences; a"):
        kind().build(toy())
    assert HOST.load("corruption", kind.id) is kind


def test_corruptions_follow_each_other() -> None:
    """Deleted, then shuffled, then substituted: each sees what the one before left."""
    batch = sequences(FULL)
    for corruption in (Deletion(), Shuffle(), Substitution(), SymbolMasking(), WordDropout()):
        batch = corruption.build(sequence_toy(ordinary=20))(batch, 0, STREAM)
        assert all(row and min(row) >= Symbols.UNKNOWN for row in read(batch))
