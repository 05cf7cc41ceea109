"""Where strokes of which direction are: what moves and leans changes little, what is another shape changes much."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genvae_image_style.architectures.split import ApartEncoder
from genvae_image_style.architectures.strokes import DIRECTIONS, Strokes, upright
from genvae_image_style.restyling import moved


def bar(angle: float, size: int = 28) -> Tensor:
    """A bar through the middle, its long side at an angle to the rows."""
    y, x = torch.meshgrid(*[torch.arange(size) - (size - 1) / 2] * 2, indexing="ij")
    along, beside = (x * math.cos(angle) + y * math.sin(angle)), (y * math.cos(angle) - x * math.sin(angle))
    return ((along.abs() < size / 4) & (beside.abs() < size / 12)).float()[None, None]


def ell(size: int = 28) -> Tensor:
    """An L: a tall stroke and a foot."""
    picture = torch.zeros(1, 1, size, size)
    picture[..., size // 5 : -size // 5, size // 3 : size // 3 + 3] = 1.0
    picture[..., -size // 5 - 3 : -size // 5, size // 3 : -size // 3] = 1.0
    return picture


def test_what_leans_is_made_upright_and_its_middle_moved_to_the_middle() -> None:
    one = torch.ones(1)
    leant = moved(ell(), 0.3 * one, one, one, 0.0 * one).roll((2, -3), (2, 3))
    (straight, undone), (again, was) = upright(ell()), upright(leant)
    assert float((again - straight).abs().mean()) < 0.03 < float((leant - ell()).abs().mean())
    assert float(undone[0, 0] - was[0, 0]) == pytest.approx(0.3, abs=0.06)  # columns a row that it leant to the right
    assert upright(again)[1].abs().max() < 0.02, "upright already"


def test_an_edge_is_where_it_is_and_of_its_direction() -> None:
    strokes = Strokes(28)
    side = math.isqrt((strokes.width - 3) // DIRECTIONS)
    for turn in range(4):
        found = strokes.directions(bar(math.pi * turn / 4)).reshape(DIRECTIONS, side, side)
        strength = found.sum((1, 2))
        across = (turn + 2) % 4  # the normal of the long side, and its opposite
        assert set(strength.topk(2).indices.tolist()) == {across, across + 4}
        every = found.sum(0)
        torch.testing.assert_close(every, every.rot90(2))
        assert every[side // 2, side // 2] > 0.5 * every.max() and every[0, 0] == 0.0


@pytest.mark.parametrize(("size", "side"), [(8, 7), (28, 7), (32, 8), (64, 7)])
def test_any_size_and_an_empty_picture(size: int, side: int) -> None:
    strokes = Strokes(size)
    pictures = torch.rand(3, 3, size, size)
    found = strokes(pictures)
    assert found.shape == (3, strokes.width) == (3, DIRECTIONS * side**2 + 3)
    assert torch.equal(strokes.what(pictures), found[:, :-3])
    assert not strokes(torch.zeros(2, 1, size, size)).any()
    assert not list(strokes.parameters()) and not strokes.state_dict()


def test_pictures_of_one_thing_are_near() -> None:
    strokes, one = Strokes(28), torch.ones(1)
    other = moved(ell(), -0.25 * one, 1.1 * one, one, 0.5 * one).roll(2, 3)
    apart = (strokes.what(ell()) - strokes.what(other)).norm()
    assert 2 * apart < (strokes.what(ell()) - strokes.what(ell().flip(3))).norm()


def test_pictures_may_be_learned_through_it() -> None:
    picture = (0.5 * ell()).requires_grad_()
    Strokes(28)(torch.cat([picture, torch.zeros_like(picture)])).sum().backward()
    assert picture.grad is not None and picture.grad.isfinite().all() and picture.grad.any()


class Grey:
    """What an encoder asks of its modality."""

    size, channels, contents, labels = 28, 1, (), False


@torch.no_grad()
def test_a_content_that_is_read_apart_cannot_tell_how_it_leant_and_hardly_how_strong_it_was() -> None:
    torch.manual_seed(0)
    encoder = ApartEncoder(Grey(), 32, 16, "silu", ["content", "style"])
    one = torch.ones(1)
    upright_one = upright(ell())[0]
    leant = moved(upright_one, 0.3 * one, one, one, 0.0 * one)
    plain, other, faint, turned = (
        encoder.features(picture) for picture in (upright_one, leant, 0.6 * upright_one, upright_one.flip(2))
    )
    apart = {name: float((plain[name] - turned[name]).norm()) for name in plain}
    for changed in (other, faint):
        assert float((plain["content"] - changed["content"]).norm()) < 0.2 * apart["content"]
        assert float((plain["style"] - changed["style"]).norm()) > 0.2 * apart["style"]
    assert all(part.isfinite().all() for part in encoder.features(torch.zeros(2, 1, 28, 28)).values())
    assert set(ApartEncoder(Grey(), 8, 4, "silu", ["style"]).features(ell())) == {"style"}, (
        "where a label is the content"
    )
