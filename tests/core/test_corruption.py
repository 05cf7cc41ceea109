"""Word dropout and masking: which symbols, how many, and by which key."""

from __future__ import annotations

import pytest
import torch

from genvae.core.corruption import Corruption, SymbolMasking, Symbols, WordDropout
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Linear
from tests.core.toys import sequences

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
