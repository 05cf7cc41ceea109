"""Where the model of typefaces begins: maps in closed form, an encoder by regression."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from genvae.core.latents import Groups
from genvae.core.vae import VAE
from genvae.host import default_host
from genvae.recipe import Recipe
from genvae_image_style.modality import Image
from genvae_image_style.reading.decoding import Frame
from genvae_image_style.starters.beginning import Codes, Given, Wanted, coded, copied, give, regress
from genvae_image_style.starters.sharpening import sharpen

LETTERS = "ABCDEF"
WEIGHTS = torch.tensor([3.0, 3.0, 1.0, 1.0, 1.0, 1.0])


def fonts(count: int, seed: int = 0) -> torch.Tensor:
    """Letters that are a bar each, in a place of its own, as wide and as high as the font has it."""
    draw = np.random.default_rng(seed)
    pictures = np.zeros((count, len(LETTERS), 32, 32), np.uint8)
    for font in range(count):
        wide, high, grey = draw.integers(2, 9), draw.integers(6, 20), draw.integers(120, 256)
        for letter in range(len(LETTERS)):
            left, bottom = 3 + 3 * letter, 24
            pictures[font, letter, bottom - high : bottom, left : left + wide] = grey
    return torch.from_numpy(pictures)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[VAE, Codes, list[str]]:
    recipe = Recipe.of("image", default_host())
    recipe.set([
        "architecture=letters-flat", "modality.size=32", "modality.framing=letter", "modality.group=style",
        "modality.labels=true", "read_dim=20",
        "architecture.hidden_dim=8", "style_dim=6", "drawn_dim=5", "place_dim=24", "filter_dim=2",
        "posterior={posterior: pooled, pooling: sum, pooled_dim: 32, pooled_layers: 0}",
    ])  # fmt: skip
    model = recipe.build(Image(Frame(32, 1, "letter"), contents=tuple(LETTERS), group="style", labels=True), 1)
    said: list[str] = []
    codes = coded(
        fonts(24), WEIGHTS, copies=3, places=24, styles=6, file=tmp_path_factory.mktemp("codes") / "codes.npy",
        say=said.append,
    )  # fmt: skip
    given = Given(LETTERS, Wanted("AB", 3.0, [("AB", 0.5)]), torch.Generator().manual_seed(1))
    give(model, codes, given)
    regress(model, codes, given, range(24), steps=200, rate=1e-2, decay=0.01, say=said.append, fonts=32)
    return model, codes, said


def test_a_copy_is_of_one_style_and_copy_0_is_the_font_itself() -> None:
    some = fonts(3)
    assert torch.equal(copied(some, 0), some.float() / 255)
    changed = copied(some, 5)
    assert torch.equal(changed, copied(some, 5)) and not torch.equal(changed, copied(some, 6))
    assert changed.shape == some.shape and changed.min() >= 0 and changed.max() <= 1


def test_styles_are_principal_components(begun: tuple[VAE, Codes, list[str]]) -> None:
    _, codes, _ = begun
    flat = codes.styles.flatten(0, 1)
    assert torch.allclose(flat.mean(0), torch.zeros(6), atol=1e-3)
    assert torch.allclose(flat.T @ flat / len(flat), torch.eye(6), atol=1e-2)
    assert (codes.spread.diff() <= 1e-3).all()
    # the same as by singular values of everything at once
    everything = torch.from_numpy(np.array(codes.codes)).float() * WEIGHTS.sqrt()[:, None]
    everything = everything.flatten(0, 1).flatten(1)
    values = torch.linalg.svdvals(everything - everything.mean(0)).square()[:6] / len(everything)
    assert torch.allclose(codes.spread, values, rtol=1e-2)


def test_the_decoder_draws_the_components(begun: tuple[VAE, Codes, list[str]]) -> None:
    """The logits of a font's own style are six times its pictures, less a half, as far as the components go."""
    model, codes, _ = begun
    label = torch.eye(len(LETTERS))
    style = codes.styles[:4, 0]
    with torch.no_grad():
        logits = model.decoder(
            {"label": label.repeat(4, 1), "style": style.repeat_interleave(len(LETTERS), 0)}
        )  # fmt: skip
    drawn = (logits[:, 0] / 6 + 0.5).reshape(4, len(LETTERS), 32, 32)
    truth = fonts(24)[:4].float() / 255
    mean = codes.mean.reshape(1, len(LETTERS), 32, 32)
    assert (drawn - truth).square().mean() < 0.2 * (mean - truth).square().mean()


def test_the_encoder_tells_a_style_from_some_letters(begun: tuple[VAE, Codes, list[str]]) -> None:
    """Of fonts that it has not seen: pictures drawn in the inferred style are nearer to the true ones than the
    letters' means are, also of letters that were not shown; and one letter leaves more open than two."""
    model, codes, said = begun
    new = fonts(12, seed=1).float() / 255
    label = torch.eye(len(LETTERS))
    widths = []
    for shown in (1, 2):
        with torch.no_grad():
            features = model.encoder.read_as(
                new[:, :shown].reshape(-1, 1, 32, 32), functional.one_hot(torch.arange(shown), 6).float().repeat(12, 1)
            )
            found = model.posterior.pools["style"](features, Groups(torch.arange(12).repeat_interleave(shown), 12))
            logits = model.decoder(
                {"label": label.repeat(12, 1), "style": found.mean.repeat_interleave(len(LETTERS), 0)}
            )
        widths.append(float(found.log_variance.mean()))
        hidden = (logits[:, 0] / 6 + 0.5).reshape(new.shape)[:, 2:]
        mean = codes.mean.reshape(1, len(LETTERS), 32, 32)[:, 2:]
        assert (hidden - new[:, 2:]).square().mean() < 0.6 * (mean - new[:, 2:]).square().mean()
    assert widths[1] < widths[0]
    assert any("components" in line for line in said)


def test_codes_are_kept_beside_their_file(begun: tuple[VAE, Codes, list[str]], tmp_path: Path) -> None:
    _, codes, _ = begun
    np.save(tmp_path / "codes.npy", codes.codes)
    codes.save(tmp_path / "codes.npy")
    again = Codes.load(tmp_path / "codes.npy")
    assert np.array_equal(again.codes, codes.codes)
    assert torch.equal(again.spread, codes.spread) and torch.equal(again.maps, codes.maps)


def test_regression_goes_on_where_it_ended(begun: tuple[VAE, Codes, list[str]]) -> None:
    """A rate of nothing changes nothing: what the encoder expects is put back as it was."""
    model, codes, _ = begun
    pictures, label = fonts(4, seed=2)[:, 0, None].float() / 255, torch.eye(len(LETTERS))[[0, 0, 0, 0]]
    model.eval()
    with torch.no_grad():
        before = model.encoder.read_as(pictures, label)["style"]
    given = Given(LETTERS, Wanted("AB", 3.0, []), torch.Generator().manual_seed(1))
    regress(model, codes, given, [0, 1], steps=2, rate=0.0, decay=0.0, say=print, fonts=4)
    model.eval()
    with torch.no_grad():
        assert torch.allclose(model.encoder.read_as(pictures, label)["style"], before, atol=1e-3)


def test_the_filter_makes_pictures_likelier(begun: tuple[VAE, Codes, list[str]]) -> None:
    """Of fonts that nothing was learned from, in the style that two of their letters tell; the rest stays as it is."""
    model = copy.deepcopy(begun[0])
    given = Given(LETTERS, Wanted("AB", 3.0, [("AB", 0.5)]), torch.Generator().manual_seed(1))
    new, label = fonts(12, seed=1).float() / 255, torch.eye(len(LETTERS))

    def nats() -> float:
        with torch.no_grad():
            features = model.encoder.read_as(new[:, :2].reshape(-1, 1, 32, 32), label[:2].repeat(12, 1))
            style = model.posterior.pools["style"](features, Groups(torch.arange(12).repeat_interleave(2), 12)).mean
            logits = model.decoder({"label": label.repeat(12, 1), "style": style.repeat_interleave(6, 0)})
        return float(functional.binary_cross_entropy_with_logits(logits[:, 0], new.reshape(-1, 32, 32)))

    said: list[str] = []
    before, weights = nats(), {name: value.clone() for name, value in model.state_dict().items()}
    sharpen(model, fonts(16, seed=3), WEIGHTS, given, steps=40, rate=2e-2, say=said.append)
    assert nats() < 0.9 * before and len(said) == 5
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, weights[name])}
    assert changed and all(name.startswith("decoder.filter.") for name in changed)


def test_which_letters_are_shown() -> None:
    given = Given(LETTERS, Wanted("AB", 3.0, [("CD", 0.4)]), torch.Generator().manual_seed(0))
    shown = given(4000)
    assert shown.any(1).all()
    both = (shown == torch.tensor([False, False, True, True, False, False])).all(1).float().mean()
    assert 0.38 < both < 0.5  # asked for, and now and then by chance
    assert shown[:, 0].float().mean() > shown[:, 5].float().mean()  # the heavier ones more often
