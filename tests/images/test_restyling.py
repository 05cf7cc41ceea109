"""Fonts changed alike: what moves, by how much, and that all letters of a font move together."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.randomness import Stream
from genvae_image_style.measures.formulas import slant, stroke_width
from genvae_image_style.restyling import Restyle, moved, weighed

ZERO, ONE = torch.zeros(1), torch.ones(1)


def bar(left: float, top: int, right: float, bottom: int) -> Tensor:
    """An upright bar on the places of (1, 1, 32, 32)."""
    x = torch.arange(32)
    across = ((x + 1).clamp(max=right) - x.clamp(min=left)).clamp(0, 1)
    down = ((x >= top) & (x < bottom)).float()
    return (down[:, None] * across[None, :])[None, None]


def ink(picture: Tensor) -> tuple[Tensor, Tensor]:
    """The ink of each row and of each column."""
    return picture[0, 0].sum(1), picture[0, 0].sum(0)


def test_nothing_asked_changes_nothing() -> None:
    picture = bar(12, 3, 18, 24)
    assert torch.allclose(moved(picture, ZERO, ONE, ONE, ZERO), picture, atol=1e-4)
    assert torch.equal(weighed(picture, ZERO, ZERO), picture)


def test_leaning_is_to_the_right_by_so_many_columns_a_row() -> None:
    leant = moved(bar(13, 3, 19, 24), 0.2 * ONE, ONE, ONE, ZERO)
    assert float(slant(leant)[0]) == pytest.approx(0.2, abs=0.02)
    row = (torch.arange(32) * leant[0, 0, 14]).sum() / leant[0, 0, 14].sum()
    assert float(row) == pytest.approx(15.5, abs=0.2)  # the row that stays


def test_height_keeps_the_baseline_and_width_the_middle() -> None:
    picture = bar(13, 4, 19, 23)
    rows, columns = ink(moved(picture, ZERO, 0.5 * ONE, ONE, ZERO))
    assert float(columns.sum()) == pytest.approx(float(picture.sum()) / 2, rel=0.05)
    assert float((torch.arange(32) * columns).sum() / columns.sum()) == pytest.approx(15.5, abs=0.05)
    rows, _ = ink(moved(picture, ZERO, ONE, 1.1 * ONE, ZERO))
    assert float(rows.sum()) == pytest.approx(1.1 * float(picture.sum()), rel=0.03)
    assert float(rows[24:].sum()) < 0.3 and float(rows[2]) > 3.0  # 23.5 stays, 4 comes to about 2.1


def test_a_waist_moves_up_and_the_ends_stay() -> None:
    bars = bar(8, 12, 24, 15) + bar(8, 3, 24, 4)
    up = moved(bars, ZERO, ONE, ONE, 1.5 * ONE)
    rows, _ = ink(up)
    middle = float((torch.arange(8, 20) * rows[8:20]).sum() / rows[8:20].sum())
    assert middle == pytest.approx(13 - 1.5, abs=0.25)
    assert float(rows[2:5].argmax()) == 1.0


def test_weight_by_direction() -> None:
    upright, level = bar(13, 4, 19, 24), bar(4, 13, 28, 19)
    for amount, width in ((0.5, 7.0), (-0.5, 5.0)):
        share = amount * ONE
        assert float(ink(weighed(upright, share, ZERO))[0][14]) == pytest.approx(width)
        assert float(ink(weighed(level, ZERO, share))[1][14]) == pytest.approx(width)
        assert float(ink(weighed(level, share, ZERO))[1][14]) == pytest.approx(6.0)
    assert float(stroke_width(weighed(upright, 0.5 * ONE, 0.5 * ONE))[0]) > float(stroke_width(upright)[0]) + 0.5


def fonts(count: int) -> Batch:
    picture = (bar(12, 4, 18, 24) + bar(12, 12, 24, 16)).clamp(0, 1).repeat(2 * count, 1, 1, 1)
    return Batch(
        views={"input": picture, "target": picture}, items=torch.arange(2 * count), cost=torch.ones(2 * count),
        group=torch.arange(count).repeat_interleave(2),
    )  # fmt: skip


def test_a_font_is_changed_alike_and_each_in_its_own_way() -> None:
    batch = fonts(40)
    changed = Restyle()(batch, 3, Stream(1, "step"))
    assert changed.views["input"] is changed.views["target"]
    pictures = changed.views["target"].reshape(40, 2, 32, 32)
    assert torch.equal(pictures[:, 0], pictures[:, 1])
    assert pictures.min() >= 0 and pictures.max() <= 1
    same = (pictures[:, 0] == batch.views["target"][0, 0]).flatten(1).all(1)
    assert 1 <= int(same.sum()) <= 20  # a fifth are as they were
    others = pictures[~same, 0]
    assert len(torch.unique(others.flatten(1), dim=0)) == len(others)


def test_it_depends_on_the_group_and_the_step_alone() -> None:
    batch, whole = fonts(12), Restyle()(fonts(12), 3, Stream(1, "step"))
    rows = torch.tensor([20, 21, 4, 5])
    some = Restyle()(batch.take(rows), 3, Stream(1, "step"))
    assert torch.allclose(some.views["target"], whole.views["target"][rows], atol=1e-6)
    assert not torch.equal(Restyle()(batch, 3, Stream(1, "other")).views["target"], whole.views["target"])
