"""The tests run with every shape annotation checked: of the core and of the sentence plugin."""

from __future__ import annotations

import jaxtyping
import pytest
import torch

from genvae.core.decoding.sampling import choose
from genvae.core.distributions import DiagonalGaussian
from genvae.core.objectives import Terms
from genvae.core.randomness import Stream
from genvae_sentence.lstm import _last

WRONG = pytest.raises(jaxtyping.TypeCheckError)


def test_sizes_that_must_agree_are_checked() -> None:
    choose(torch.zeros(3, 7), torch.zeros(3), 1.0, 0, 1.0)
    with WRONG:
        choose(torch.zeros(3, 7), torch.zeros(4), 1.0, 0, 1.0)


def test_ranks_are_checked() -> None:
    with WRONG:
        Stream(0, "x").uniform(torch.zeros(2, 2, dtype=torch.int64), 3)


def test_kinds_of_numbers_are_checked() -> None:
    with WRONG:
        Stream(0, "x").uniform(torch.zeros(2), 3)


def test_returned_shapes_are_checked() -> None:
    broken = DiagonalGaussian(torch.zeros(2, 3), torch.zeros(2, 3))
    assert broken.log_prob(torch.zeros(2, 3)).shape == (2,)
    with WRONG:  # rows are broadcast in silence otherwise
        DiagonalGaussian(torch.zeros(2, 3), torch.zeros(2, 3)).log_prob(torch.zeros(3))


def test_dataclasses_are_checked() -> None:
    with WRONG:
        Terms(torch.zeros(2), {})


def test_the_sentence_plugin_is_checked() -> None:
    with WRONG:
        _last(torch.zeros(2, 3, 4), torch.zeros(3, dtype=torch.int64))
