"""Data drawn as 0 or 1 anew at each step."""

from __future__ import annotations

import pytest
import torch

from genvae.core.batch import Batch
from genvae.core.corruption import Binarise
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant
from genvae.errors import LacksCapability
from tests.core.toys import sequence_toy, toy

STREAM = Stream(0, "train", 5)


def grey(rows: int = 4000) -> Batch:
    values = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0]).expand(rows, 5)
    return Batch(views={"input": values, "target": values}, items=torch.arange(rows), cost=torch.ones(rows))


def test_each_element_is_one_with_its_probability() -> None:
    drawn = Binarise().build(toy())(grey(), 0, STREAM)
    target = drawn.views["target"]
    assert set(target.unique().tolist()) == {0.0, 1.0}
    assert target.mean(0).tolist() == pytest.approx([0.0, 0.1, 0.5, 0.9, 1.0], abs=0.03)
    assert drawn.views["input"] is target, "the encoder reads what is scored"


def test_an_input_of_its_own_stays() -> None:
    batch = grey().viewing(input=torch.zeros(4000, 5))
    assert not Binarise()(batch, 0, STREAM).views["input"].any()


def test_a_share_of_the_items() -> None:
    target = Binarise(rate=Constant(value=0.25))(grey(), 0, STREAM).views["target"]
    drawn = (target[:, 2] != 0.5).float()
    assert float(drawn.mean()) == pytest.approx(0.25, abs=0.03)
    assert torch.equal(drawn, (target[:, 1] != torch.tensor(0.1)).float()), "whole items"


def test_symbols_are_not_drawn() -> None:
    with pytest.raises(LacksCapability, match="draws elements between 0 and 1"):
        Binarise().build(sequence_toy())
