"""Mixing on models whose answers are known: a picture whose left half is the content and whose right half the style."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genvae.context import Context
from genvae.core.batch import Batch
from genvae.core.conditions import Categorical, Conditions
from genvae.core.latents import Block
from genvae.core.likelihoods.gaussian import GaussianSettings
from genvae.core.posteriors import DiagonalGaussianSettings
from genvae.core.posteriors.base import BlockHead, Features
from genvae.core.posteriors.product_of_gaussians import ProductOfGaussiansSettings
from genvae.core.priors import Prior, StandardNormal
from genvae.core.vae import VAE
from genvae.errors import DataError, GenvaeError, LacksCapability, SettingError
from genvae.host import default_host
from genvae.latent.mix import mix
from genvae.mixing import Mix, Mixed
from genvae.recipe import Recipe
from genvae.service import Model
from genvae.settings import build
from genvae.store.bundle import Bundle
from genvae_image_style.modality import Image
from genvae_image_style.reading.decoding import Frame
from tests.core.toys import Implicit
from tests.images.test_measures import HALF, SIDE, halves, patterns
from tests.latent.learned import KNOWN


def context(model: VAE, modality: Image | None = None) -> Context:
    recipe = Recipe.of("image", default_host())
    return Context(default_host(), Bundle("toy", model, modality or Image(Frame(SIDE, 1)), recipe))


def ask(at: Context, *items: Any, **values: Any) -> Mixed:
    known = {"weights", "path", "prior_scale", "seed", "output"}
    blocks = {name: value for name, value in values.items() if name not in known}
    own = {name: value for name, value in values.items() if name in known}
    return mix(at, build(Mix, {"model": "toy", "items": items, "blocks": blocks, **own}))


def pictures(count: int, seed: int) -> list[np.ndarray]:
    return [
        np.concatenate([a, b], 1).astype(np.uint8) for a, b in zip(patterns(count, seed), patterns(count, seed + 1))
    ]


def joined(content: np.ndarray, style: np.ndarray) -> np.ndarray:
    return np.concatenate([content[:, : SIDE // 2], style[:, SIDE // 2 :]], 1)


def same(found: Any, expected: Any, within: float = 1) -> None:
    assert np.shape(found) == np.shape(expected)
    assert np.abs(np.asarray(found, dtype=float) - np.asarray(expected, dtype=float)).max() <= within


@pytest.fixture(scope="module")
def split() -> Context:
    return context(halves())


def shared(prior: Prior | None = None, expert: bool = False) -> Context:
    """The same with a style that examples share."""
    blocks = [Block(name="content", shape=(HALF,)), Block(name="style", shape=(HALF,), shared=True)]
    posterior = ProductOfGaussiansSettings(prior_expert=expert).build(blocks, 0, {b.name: HALF for b in blocks})
    with torch.no_grad():
        for head in posterior.heads.values():
            assert isinstance(head, BlockHead)
            head.weight.copy_(torch.cat([torch.eye(HALF), torch.zeros(HALF, HALF)]))  # the mean, then log variance 0
            head.bias.zero_()
    plain = halves()
    return context(
        VAE(blocks=blocks, encoder=plain.encoder, posterior=posterior, prior=prior or StandardNormal(),
            decoder=plain.decoder, likelihood=plain.likelihood).eval()
    )  # fmt: skip


A, B, C, X, Y = pictures(5, 1)


def test_a_swap_grid_goes_row_by_row_through_contents(split: Context) -> None:
    found = ask(split, content=[A, B, C], style=[X, Y])
    assert found.shape == {"content": 3, "style": 2}
    same(found.items, [joined(a, x) for a in (A, B, C) for x in (X, Y)])
    same(found.at(2, 1), joined(C, Y))
    turned = ask(split, style=[X, Y], content=[A, B, C])  # the order of the blocks is the model's
    same(turned.items, found.items, 0)


def test_a_block_that_is_not_named_comes_from_the_items(split: Context) -> None:
    same(ask(split, A, style=[X, Y]).items, [joined(A, X), joined(A, Y)])
    middle = (A.astype(float) + B) / 2
    same(ask(split, A, B).items, [middle])
    same(ask(split, A, B, weights=[3, 1]).items, [0.75 * A + 0.25 * B])
    same(ask(split, A, B, weights={"content": [1, 0], "style": [0, 1]}).items, [joined(A, B)])
    same(ask(split, A, B, weights={"style": [0, 1]}).items, [joined(middle, B)])


def test_the_mean_of_styles_with_weights(split: Context) -> None:
    found = ask(split, content=A, style=[X, Y], style_weights=[1, 3])
    same(found.items, [joined(A, 0.25 * X + 0.75 * Y)])
    rows = ask(split, content=[A, B], style=[X, Y], style_weights=[[1, 0], [1, 1], [0, 2]])
    assert rows.shape == {"content": 2, "style": 3}
    same(rows.items, [joined(a, s) for a in (A, B) for s in (X, (X.astype(float) + Y) / 2, Y)])


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_a_walk_goes_through_every_style_and_holds_the_content(split: Context, path: str) -> None:
    found = ask(split, content=[A, B], style=[X, Y, C], style_steps=5, path=path)
    assert found.shape == {"content": 2, "style": 5}
    for row, content in enumerate((A, B)):
        walk = found.items[5 * row : 5 * row + 5]
        same([walk[0], walk[2], walk[4]], [joined(content, s) for s in (X, Y, C)])
        for step in walk:
            same(step[:, : SIDE // 2], content[:, : SIDE // 2])
    if path == "linear":
        same(found.items[1], joined(A, (X.astype(float) + Y) / 2))
    assert ask(split, content=A, style=[X, Y], style_steps=9, path=path).shape["style"] == 9


def test_new_styles_are_drawn_from_the_prior_and_the_content_is_held(split: Context) -> None:
    few, many = (ask(split, content=[A, B], style_draw=n, seed=3) for n in (2, 6))
    for row, content in enumerate((A, B)):
        drawn = many.items[6 * row : 6 * row + 6]
        same(few.items[2 * row : 2 * row + 2], drawn[:2], 0)
        for item in drawn:
            same(item[:, : SIDE // 2], content[:, : SIDE // 2])
    rights = [item[:, SIDE // 2 :] for item in many.items]
    same(rights[:6], rights[6:], 0)  # a style is the same in every row
    assert len({right.tobytes() for right in rights}) == 6
    assert not np.array_equal(ask(split, content=A, style_draw=2, seed=4).items[0], few.items[0])
    scaled = ask(split, content=A, style_draw=4, prior_scale=0.0)
    assert all(not item[:, SIDE // 2 :].any() for item in scaled.items)


def test_what_is_drawn_stands_behind_what_is_given(split: Context) -> None:
    found = ask(split, content=A, style=[X], style_draw=2, seed=3)
    assert found.shape == {"content": 1, "style": 3}
    same(found.items[0], joined(A, X))
    same(found.items[1:], ask(split, content=A, style_draw=2, seed=3).items, 0)


def test_what_is_drawn_fits_the_blocks_before_it() -> None:
    class Same(Prior):
        """The style is the content."""

        def at(self, block: Block, before: Any, rows: int) -> Any:
            from genvae.core.distributions import DiagonalGaussian

            mean = before["content"] if block.name == "style" else torch.zeros(rows, HALF)
            return DiagonalGaussian(mean, torch.full_like(mean, -30.0))

    model = halves()
    model.prior = Same()
    found = ask(context(model), content=[A, B], style_draw=1)
    same(found.items, [np.concatenate([c[:, : SIDE // 2]] * 2, 1) for c in (A, B)])


def test_examples_of_one_style_are_pooled() -> None:
    """Equal certainties: the product of Gaussians is the mean, and N(0, 1) is one more example where it counts."""
    at = shared()
    pooled = ask(at, content=[A], style=[X, Y, C], style_pool=True)
    assert pooled.shape == {"content": 1, "style": 1}
    mean = (X.astype(float) + Y + C) / 3
    same(pooled.items, [joined(A, mean)])
    same(ask(at, content=[A], style=[[X, Y, C]]).items, pooled.items, 0)
    among = ask(at, content=[A], style=[B, [X, Y, C]])
    same(among.items, [joined(A, B), joined(A, mean)])
    same(ask(shared(expert=True), content=[A], style=[[X, Y, C]]).items, [joined(A, mean * 3 / 4)])
    walk = ask(at, content=[A], style=[B, [X, Y, C]], style_steps=3, path="linear")
    same(walk.items[1], joined(A, (B + mean) / 2))


class Labelled(nn.Module):
    """Draws the label as brightness of the left half, the style as the right one."""

    def forward(self, latents: dict[str, Tensor], batch: Batch | None = None) -> Tensor:
        level = (latents["label"] @ torch.tensor([0.2, 0.6, 1.0]))[:, None, None, None]
        left = level.expand(-1, 1, SIDE, SIDE // 2)
        return torch.cat([left, latents["style"].reshape(-1, 1, SIDE, SIDE // 2)], 3)


class Right(nn.Module):
    """Reads the right half."""

    def forward(self, batch: Batch) -> Features:
        return {"style": batch.views["input"][:, 0, :, SIDE // 2 :].flatten(1)}


LEVELS = ("dark", "grey", "bright")


@pytest.fixture(scope="module")
def labelled() -> Context:
    """The content is a label, "dark", "grey" or "bright"."""
    style = Block(name="style", shape=(HALF,))
    posterior = DiagonalGaussianSettings(scale=0.05).build([style], 0, {"style": HALF})
    with torch.no_grad():
        head = posterior.heads["style"]
        assert isinstance(head, BlockHead)
        head.weight.copy_(torch.eye(HALF))
        head.bias.zero_()
    model = VAE(
        blocks=[Block(name="label", shape=(3,)), style], encoder=Right(), posterior=posterior, prior=StandardNormal(),
        decoder=Labelled(), likelihood=GaussianSettings(sigma="fixed", value=0.1).build(), observed=("label",),
        conditions=Conditions([Categorical("label", LEVELS)]),
    )  # fmt: skip
    return context(model.eval(), Image(Frame(SIDE, 1), contents=LEVELS, labels=True))


def shade(level: float, style: np.ndarray) -> np.ndarray:
    return joined(np.full((SIDE, SIDE), round(255 * level)), style)


def test_a_label_is_given_by_name_or_recognised_in_an_item(labelled: Context) -> None:
    expected = [shade(level, X) for level in (0.2, 0.6, 1.0)]
    same(ask(labelled, label=["dark", "grey", "bright"], style=X).items, expected)
    same(ask(labelled, content=["dark", "grey", "bright"], style=X).items, expected)  # what it stands for
    unlabelled = [shade(0.6, Y).astype(np.uint8), {"image": A, "content": "bright"}]
    found = ask(labelled, content=[*unlabelled, "dark"], style=[X])
    assert found.shape == {"content": 3, "style": 1}
    same(found.items, [shade(level, X) for level in (0.6, 1.0, 0.2)])
    same(ask(labelled, unlabelled[0]).items, [unlabelled[0]])
    between = ask(labelled, label=["dark", "bright"], label_steps=3, style=X)
    same(between.items, [shade(level, X) for level in (0.2, 0.6, 1.0)])


LABELS: list[tuple[dict[str, Any], str]] = [
    ({"label": "drak", "style": X}, "drak: no such file; the block 'label' also takes names, did you mean 'dark'"),
    ({"style": X}, "block 'label' is not given: one of dark, grey, bright"),
    ({"label_draw": 2, "style": X}, "'label' is not drawn"),
    ({"label": "dark", "content": "dark", "style": X}, "the same block"),
]


@pytest.mark.parametrize("number", range(len(LABELS)))
def test_a_wrong_label_is_one_line(labelled: Context, number: int) -> None:
    values, said = LABELS[number]
    with pytest.raises(GenvaeError, match=said):
        ask(labelled, **values)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"content": A}, "block 'style' is not given: style = items, or style_draw"),
    ({"contnt": A, "style": X}, "no block 'contnt'; did you mean 'content'"),
    ({"content": A, "style": X, "sed": 3}, "no block 'sed'; did you mean 'seed'"),
    ({"content": A, "style": []}, "no items are given for the block 'style'"),
    ({"content": A, "style": [[]]}, "a list of examples that is empty"),
    ({"content": A, "style_steps": 3}, "style_steps needs items"),
    ({"content": A, "style": X, "style_steps": 3}, "needs at least 2; got 1"),
    ({"content": A, "style": [X, Y], "style_steps": 1}, "style: steps = 1 must be at least 2"),
    ({"content": A, "style": [X, Y], "style_steps": 3, "style_weights": [1, 1]}, "exclude each other"),
    ({"content": A, "style": [X, Y], "style_weights": [1]}, "needs 2 weights, one an item; got 1"),
    ({"content": A, "style": [X, Y], "style_weights": [1, -1]}, "not sum to 0"),
    ({"content": A, "style": [X, Y], "style_weights": ["a", 1]}, "not a list of numbers"),
    ({"content": A, "style": [X, Y], "style_pool": True}, "is not pooled; style_weights gives their mean"),
    ({"content": A, "style_draw": 1_001}, "at most 1000"),
    ({"content": A, "style_draw": -1}, "at least 0"),
    ({"content": [A] * 257, "style": X}, "257 entries"),
    ({"content": [A] * 20, "style_draw": 600}, "20 x 600 mixes are 12,000; at most 10,000"),
    ({"content": A.astype(float), "style": X}, "an array of float64; pictures are uint8"),
    ({"content": A, "style": X, "output": "grid.jpg"}, "must end in one of: .png, .webp, .txt, .csv, .json"),
    ({}, "no items are given"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_wrong_mix_is_one_line(split: Context, number: int) -> None:
    values, said = WRONG[number]
    with pytest.raises(GenvaeError, match=said) as caught:
        ask(split, **values)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_walk_needs_noise_where_it_is_spherical() -> None:
    with pytest.raises(LacksCapability, match="a walk of the block 'style' needs a prior that"):
        ask(shared(Implicit()), content=A, style=[X, Y], style_steps=3)
    assert len(ask(shared(Implicit()), content=A, style=[X, Y], style_steps=3, path="linear").items) == 3


def test_a_sheet_is_written_whole_or_not_at_all(split: Context, tmp_path: Path) -> None:
    from PIL import Image as Pillow

    written = ask(split, content=[A, B, C], style=[X, Y], output=str(tmp_path / "grid.png"))
    assert written.lines() == [f"{tmp_path / 'grid.png'}: 6 items"]
    sheet = np.asarray(Pillow.open(tmp_path / "grid.png"))
    side = SIDE * 6 + 6  # 12 pixels are shown six times as large, with 6 between
    assert sheet.shape == (3 * side + 6, 2 * side + 6)
    for place, item in enumerate(written.items):
        row, column = divmod(place, 2)
        cell = sheet[row * side + 6 :][: SIDE * 6, column * side + 6 :][:, : SIDE * 6]
        small = np.asarray(Pillow.fromarray(cell).resize((SIDE, SIDE), Pillow.Resampling.BOX))
        assert np.corrcoef(small.ravel(), np.asarray(item).ravel())[0, 1] > 0.95
    before = (tmp_path / "grid.png").read_bytes()
    wrong: list[dict[str, Any]] = [{"content": A}, {"content": A, "style": "nowhere.png"}]
    for values in wrong:
        with pytest.raises(GenvaeError):
            ask(split, **values, output=str(tmp_path / "grid.png"))
        with pytest.raises(GenvaeError):
            ask(split, **values, output=str(tmp_path / "new.png"))
    assert (tmp_path / "grid.png").read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["grid.png"]
    for name, said in ((tmp_path, "must end in"), (tmp_path / "no" / "grid.png", "cannot be written")):
        with pytest.raises(SettingError, match=said):
            ask(split, content=A, style=X, output=str(name))


# -- a model of one block ------------------------------------------------------------------------


def test_a_block_of_a_sentence(learned: Model, tmp_path: Path) -> None:
    assert learned.mix(z=KNOWN[:3]) == KNOWN[:3]
    assert learned.mix(z=KNOWN[0]) == [KNOWN[0]]
    assert learned.mix(z=KNOWN[:2], z_weights=[3, 1]) == learned.mix(KNOWN[:2], weights=[3, 1])
    assert learned.mix(z=[KNOWN[0], KNOWN[2]], z_steps=9) == learned.interpolate(KNOWN[0], KNOWN[2], 9)
    assert len(learned.mix(z=KNOWN[0], z_draw=3, temperature=0.0)) == 4
    with pytest.raises(SettingError, match=r"no block 'tempreature'; did you mean 'temperature'"):
        learned.mix(z=KNOWN[0], tempreature=0.0)
    learned.mix(z=KNOWN[:2], output=str(tmp_path / "lines.txt"))
    assert (tmp_path / "lines.txt").read_text(encoding="utf-8").splitlines() == KNOWN[:2]
    learned.mix(z=KNOWN[:2], output=str(tmp_path / "lines.json"))
    assert json.loads((tmp_path / "lines.json").read_text(encoding="utf-8")) == KNOWN[:2]
    with pytest.raises(DataError, match="no items are given"):
        learned.mix()
