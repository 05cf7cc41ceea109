"""The texture of pictures, and the term that holds a swap to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genvae.core.randomness import Stream
from genvae.core.terms.swap import partners
from genvae.errors import LacksCapability, SettingError
from genvae_image_style.texture import TextureSettings, autocorrelation
from tests.core.toys import picture_toy, pictures, sequence_toy, toy
from tests.images.split_model import SHAPES, STYLES, shape

STREAM = Stream(0, "texture")


def by_fourier(picture: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """The theorem of Wiener and Khinchin: the transform of a picture's power is its autocorrelation."""
    apart = picture - picture.mean((1, 2), keepdims=True)
    sides = [2 * side for side in picture.shape[1:]]  # so far apart that nothing goes round
    power = (np.abs(np.fft.fft2(apart, sides)) ** 2).sum(0)
    whole = np.fft.ifft2(power).real
    moves = [(0, x) for x in range(1, reach + 1)]
    moves += [(y, x) for y in range(1, reach + 1) for x in range(-reach, reach + 1)]
    return np.array([whole[y, x] for y, x in moves]) / whole[0, 0]


@pytest.mark.parametrize(("channels", "reach"), [(1, 1), (3, 2), (1, 4)])
def test_the_autocorrelation_is_that_of_the_power_spectrum(channels: int, reach: int) -> None:
    drawn = torch.rand(4, channels, 7, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = autocorrelation(drawn, reach)
    assert np.allclose(found, np.stack([by_fourier(picture, reach) for picture in drawn.numpy()]), atol=1e-12)
    again = autocorrelation(0.2 + 0.5 * drawn, reach)
    assert torch.allclose(found, again), "it depends on brightness or contrast"
    assert not autocorrelation(torch.full((1, 1, 7, 9), 0.3), reach).any(), "an empty picture has none"


def test_hands_differ_in_it_more_than_what_they_write() -> None:
    """Of our own shapes in nine hands: a hand differs less from itself than from others; wide strokes have more."""
    drawn = torch.tensor(np.stack([[shape(c, s) for s in range(len(STYLES))] for c in SHAPES])).float().div(255)
    found = autocorrelation(drawn.flatten(0, 1)[:, None], 2).reshape(len(SHAPES), len(STYLES), -1)
    beside = found[..., :2].mean((0, 2))
    widths = [width for width, _ in STYLES]
    assert np.corrcoef(beside, widths)[0, 1] > 0.9
    apart = (found[:, None, :, None] - found[None, :, None, :]).square().sum(-1)
    same = apart.diagonal(dim1=2, dim2=3).mean()
    assert same < 0.6 * apart.mean()


def test_the_term_is_that_of_a_loop_over_swaps() -> None:
    model, batch = picture_toy(), pictures(2, 1, 3)
    draw, stream = model.infer(batch, STREAM.at("posterior")), STREAM.at("term")
    term = TextureSettings(reach=1).build(model)
    source = partners(batch, draw.groups, stream.at("partners"))
    total = 0.0
    for row, other in enumerate(source.tolist()):
        latents = {name: value[[other if name == "style" else row]] for name, value in draw.latents.items()}
        swap = model.decoder(latents, batch.take(torch.tensor([row])))
        of_swap, of_style = (
            by_fourier(p.detach().double().numpy(), 1) for p in (swap[0], batch.views["target"][other])
        )
        total += 0.5 * float(((of_swap - of_style) ** 2).sum())
    assert float(term(model, batch, draw, 0, stream).detach()) == pytest.approx(total / len(batch), rel=1e-4)


def test_training_on_it_alone_brings_a_swap_to_the_texture_of_its_style() -> None:
    model, batch = picture_toy(), pictures(2, 2, 2)
    term = TextureSettings(reach=1).build(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    values = []
    for step in range(150):
        value = term(model, batch, model.infer(batch, STREAM.again(step)), step, STREAM)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert np.mean(values[-20:]) < 0.5 * np.mean(values[:5])


def test_what_has_no_swap_is_said() -> None:
    with pytest.raises(LacksCapability, match="'texture' reads the mean of what is decoded, and a CategoricalSeq"):
        TextureSettings().build(sequence_toy())
    with pytest.raises(LacksCapability, match="'texture' needs a block that is shared by a group, or set its blocks"):
        TextureSettings().build(toy())
    with pytest.raises(SettingError, match="did you mean 'style'"):
        TextureSettings(blocks=("stile",)).build(picture_toy())
