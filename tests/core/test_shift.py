"""Items moved along their last axes."""

from __future__ import annotations

import pytest
import torch

from genvae.core.batch import Batch
from genvae.core.corruption import Shift
from genvae.core.corruption.shift import moved
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant
from genvae.errors import LacksCapability
from tests.core.toys import sequence_toy, toy

STREAM = Stream(0, "train", 5)


def pictures(rows: int = 900) -> Batch:
    values = torch.zeros(rows, 1, 6, 7)
    values[:, 0, 3, 3] = 1.0
    return Batch(views={"input": values, "target": values}, items=torch.arange(rows), cost=torch.ones(rows))


def test_a_border_comes_in_again() -> None:
    row = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
    right = torch.tensor([[0, 1]])
    assert moved(row, right).tolist() == [[[1.0, 1.0, 2.0], [4.0, 4.0, 5.0]]]
    assert moved(row, torch.tensor([[-1, -2]])).tolist() == [[[6.0, 6.0, 6.0], [6.0, 6.0, 6.0]]]
    assert torch.equal(moved(row, torch.zeros(1, 2, dtype=torch.int64)), row)


def test_every_way_is_as_likely_and_a_share_is_moved() -> None:
    batch = Shift(rate=Constant(value=0.9), most=1).build(toy())(pictures(), 0, STREAM)
    target = batch.views["target"]
    assert batch.views["input"] is target
    places = target[:, 0].flatten(1).argmax(1)
    ways = torch.stack([places // 7 - 3, places % 7 - 3], 1)
    assert ways.abs().max() == 1 and len(ways.unique(dim=0)) == 9
    share = float((ways == 0).all(1).double().mean())
    assert share == pytest.approx(0.1 + 0.9 / 9, abs=0.05)
    none = Shift(rate=Constant(value=0.0))(pictures(), 0, STREAM)
    assert torch.equal(none.views["target"], pictures().views["target"])


def test_what_is_read_and_what_is_scored_move_together() -> None:
    batch = pictures().viewing(input=2 * pictures().views["target"])
    both = Shift()(batch, 0, STREAM)
    assert torch.equal(both.views["input"], 2 * both.views["target"])


def test_symbols_do_not_move() -> None:
    with pytest.raises(LacksCapability, match="moves elements from place to place"):
        Shift().build(sequence_toy())
