"""Letters by their label in a style: shapes at every size, gradients, what label and style change."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genvae.core.batch import Batch
from genvae.core.objectives import ElboSettings
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.errors import SettingError
from genvae.host import default_host
from genvae.recipe import Recipe
from genvae_image_style.architectures.letters import Adapted
from genvae_image_style.architectures.split import ADAPTIVE, Modulation
from genvae_image_style.modality import Image
from genvae_image_style.reading.decoding import Frame

STREAM = Stream(0, "letters")
SMALL = ("architecture.width=4", "hidden_dim=12", "layers=1", "style_dim=5", "letter_dim=4", "code_dim=12",
         "architecture.widths=[6, 6, 4]", "pooled_dim=8")  # fmt: skip


def model(size: int = 20, channels: int = 1, *more: str, labels: bool = True) -> VAE:
    recipe = Recipe({"modality": "image", "architecture": "letters", "posterior": "pooled"}, default_host())
    recipe.set([*SMALL, *more])
    frame = Frame(size, channels)
    return recipe.build(Image(frame, contents=("a", "b", "c"), group="style", labels=labels), 1)


def batch(size: int = 20, channels: int = 1, groups: int = 2) -> Batch:
    count = 3 * groups
    x = STREAM.at("data").uniform(torch.arange(count), channels, size, size).float()
    return Batch(
        views={"input": x, "target": x}, items=torch.arange(count), cost=torch.ones(count),
        group=torch.arange(groups).repeat_interleave(3), conditions={"label": torch.eye(3).repeat(groups, 1)},
    )  # fmt: skip


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (20, 1), (32, 3), (45, 1), (64, 1)])
def test_every_size(size: int, channels: int) -> None:
    made = model(size, channels)
    found = made.infer(batch(size, channels), STREAM)
    assert found.latents["style"].shape == (6, 5) and found.log_q["style"].shape == (2,)
    drawn = made.decoder(found.latents)
    assert drawn.shape == (6, channels, size, size) and drawn.isfinite().all()


@pytest.mark.parametrize(
    "more", [(), ("modulation=film",), ("architecture.blocks=2",), ("posterior=product-of-gaussians",)]
)
def test_the_bound_reaches_every_weight(more: tuple[str, ...]) -> None:
    made = model(20, 1, *more)
    ElboSettings().build(made)(made, batch(), 0, STREAM).loss.backward()
    assert not [name for name, weight in made.named_parameters() if weight.grad is None]


def test_letter_and_style_change_what_is_drawn_and_the_letter_what_is_read() -> None:
    made = model()
    label = torch.eye(3)
    style = torch.zeros(3, 5)
    drawn = made.decoder({"label": label, "style": style})
    assert not torch.allclose(drawn[0], drawn[1])
    other = made.decoder({"label": label, "style": style + 1})
    change = other - drawn
    assert change.abs().max() > 1e-4 and not torch.allclose(change[0], change[1])  # of each letter its own
    one = batch().views["input"][:1].repeat(3, 1, 1, 1)
    read = made.encoder.read_as(one, label)["style"]  # type: ignore[union-attr, operator]
    assert not torch.allclose(read[0], read[1])
    unknown = made.encoder.features(one)["style"]  # type: ignore[union-attr, operator]
    assert unknown.shape == read.shape and torch.equal(unknown[0], unknown[1])


def test_normalised_maps_are_those_of_the_group_norm() -> None:
    ours, theirs = Adapted(ADAPTIVE, 5, 6), Modulation(ADAPTIVE, 5, 6)
    theirs.load_state_dict(ours.state_dict())
    generator = torch.Generator().manual_seed(0)
    x, style = 3 + 2 * torch.randn(3, 6, 8, 8, generator=generator), torch.randn(3, 5, generator=generator)
    assert torch.allclose(ours(x, style), theirs(x, style), atol=1e-5)
    laid = x.contiguous(memory_format=torch.channels_last)
    assert ours(laid, style).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("values", "words"),
    [({"labels": False}, "labels = true"), ({"more": ("architecture.widths=[0]",)}, "widths = ")],
)
def test_what_it_needs(values: dict[str, Any], words: str) -> None:
    more = values.pop("more", ())
    with pytest.raises(SettingError, match=words):
        model(20, 1, *more, **values)
