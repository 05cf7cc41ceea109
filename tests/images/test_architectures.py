"""The networks of pictures: shapes at every size, gradients, brightness, and what style does to a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.likelihoods import FactorisedLikelihood
from genvae.core.randomness import Stream
from genvae.core.vae import VAE, Networks
from genvae.errors import SettingError
from genvae.host import default_host
from genvae_image_style.architectures.base import Pictures, sides
from genvae_image_style.architectures.conv import Doubled
from genvae_image_style.architectures.ladder import resolutions
from genvae_image_style.architectures.split import ContentStyleSettings, Modulation, SplitDecoder

HOST = default_host()
STREAM = Stream(0, "pictures")
SIZES = (8, 20, 28, 32, 45, 64)


@dataclass(frozen=True)
class Kind:
    """What an architecture asks of its modality, and nothing else."""

    size: int = 8
    channels: int = 1
    contents: tuple[str, ...] = ("a", "b", "c")
    labels: bool = False


SPLIT = {"architecture": "content-style", "width": 4, "hidden_dim": 12, "style_hidden": 8, "content_dim": 3}
SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"architecture": "image-mlp", "hidden": [24, 16], "latent_dim": 4},
    "conv": {"architecture": "image-conv", "width": 4, "hidden_dim": 12, "latent_dim": 4},
    "residual": {"architecture": "image-residual", "width": 4, "hidden_dim": 12, "latent_dim": 4},
    "squeezed": {
        "architecture": "image-residual", "width": 4, "hidden_dim": 12, "latent_dim": 4, "blocks": 2, "squeeze": True,
    },
    "ladder": {"architecture": "image-ladder", "latents": [5, 4, 3], "hidden": [16, 12, 8]},
    "ladder-maps": {"architecture": "image-ladder", "network": "convolutional", "latents": [1, 2, 3], "width": 4},
    "ladder-tall": {"architecture": "image-ladder", "network": "convolutional", "latents": [1] * 5, "width": 4},
    "split": SPLIT,
    "split-residual": {**SPLIT, "encoder": "residual", "blocks": 1, "modulation": "adaptive-norm"},
    "split-content": {**SPLIT, "shared": "content", "modulation": "concat"},
    "split-plain": {**SPLIT, "shared": "none"},
    "split-flat": {**SPLIT, "encoder": "flat", "decoder": "flat", "flat": 20},
    "split-strokes": {**SPLIT, "encoder": "strokes", "decoder": "flat", "flat": 20},
    "split-apart": {**SPLIT, "encoder": "apart", "decoder": "flat", "flat": 20},
    "split-half-flat": {**SPLIT, "decoder": "flat"},
}  # fmt: skip


def batch(kind: Kind, rows: int = 3, **more: Any) -> Batch:
    x = STREAM.at("data").uniform(torch.arange(rows), kind.channels, kind.size, kind.size).float()
    return Batch(
        views={"input": x, "target": x}, items=torch.arange(rows), cost=torch.ones(rows), group=more.pop("group", None),
        conditions=more,
    )  # fmt: skip


def networks(entry: dict[str, Any], kind: Kind, conditions: tuple[Block, ...] = ()) -> Networks:
    torch.manual_seed(0)
    made = HOST.make("architecture", entry).build(kind, conditions)
    assert isinstance(made, Networks)
    return made


def vae(entry: dict[str, Any], kind: Kind, prior: str | dict[str, Any] | None = None, **more: Any) -> VAE:
    """A model; blocks that are observed have no posterior."""
    built = networks(entry, kind, **more)
    ladder = "ladder" in str(entry["architecture"])
    latent = [block for block in built.blocks if block.name not in ("label", "given")]
    posterior: dict[str, Any] = {"posterior": "product-of-gaussians"}
    if ladder:
        posterior = {"posterior": "ladder", "width": 6}
        prior = prior or {"prior": "ladder", "width": 6}
    return VAE(
        blocks=built.blocks, encoder=built.encoder, decoder=built.decoder, likelihood=built.likelihood,
        posterior=HOST.make("posterior", posterior).build(latent, built.features, built.own),
        prior=HOST.make("prior", prior or "standard-normal").build(built.blocks),
    )  # fmt: skip


def loss_of(model: VAE, given: Batch) -> Tensor:
    draw = model.infer(given, STREAM)
    rates = [draw.per_group(block, draw.rate(block).sum(1)).sum() for block in model.blocks if block.name in draw.kl]
    return model.distortion(draw.latents, given).sum() + torch.stack(rates).sum()


def test_the_sides_of_maps() -> None:
    assert sides(28) == [28, 14, 7, 4] and sides(32) == [32, 16, 8, 4] and sides(8) == [8, 4]
    assert sides(45) == [45, 23, 12, 6] and sides(20) == [20, 10, 5] and sides(9) == [9, 5]
    assert all(4 <= sides(size)[-1] <= 6 and len(sides(size)) >= 2 for size in range(8, 257))
    assert resolutions(28, 3) == [14, 7, 4] and resolutions(28, 5) == [14, 14, 7, 7, 4]
    assert resolutions(64, 3) == [16, 8, 4] and resolutions(8, 3) == [4, 4, 4]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", SMALL)
def test_shapes_at_every_size(name: str, channels: int) -> None:
    for size in SIZES:
        kind = Kind(size, channels)
        assert isinstance(kind, Pictures)
        built, given = networks(SMALL[name], kind), batch(kind)
        assert built.encoder is not None
        with torch.no_grad():
            features = built.encoder(given)
            wide = {**built.own, **({"summary": built.features} if built.features else {})}
            assert {feature: value.shape[-1] for feature, value in features.items()} == wide
            latents = {block.name: torch.randn(3, *block.shape) for block in built.blocks}
            pictures = built.decoder(latents, given)
            assert pictures.shape == (3, channels, size, size) and pictures.isfinite().all()
            for block in built.blocks:
                if len(block.shape) == 3:
                    assert features[block.name].shape[:-1] == (3, *block.shape[:-1])


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("name", SMALL)
def test_gradients_reach_every_parameter(name: str, labels: bool) -> None:
    kind = Kind(20 if "maps" in name else 8, 1, labels=labels)
    more = {"label": torch.eye(3)[[0, 2, 1, 1, 0, 2]]} if labels else {}
    model, given = vae(SMALL[name], kind), batch(kind, 6, group=torch.tensor([0, 0, 1, 1, 1, 0]), **more)
    if labels and model.blocks[0].shared:  # a group whose content is shared has one label
        given = batch(kind, 6, group=torch.tensor([0, 0, 1, 1, 1, 0]), label=torch.eye(3)[[0, 0, 2, 2, 2, 0]])
    loss_of(model, given).backward()
    missed = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not missed, f"no gradient reaches {', '.join(missed)}"


@pytest.mark.parametrize("name", SMALL)
def test_a_row_does_not_depend_on_its_batch(name: str) -> None:
    kind = Kind(9)
    model, given = vae(SMALL[name], kind), batch(kind, 5)
    with torch.no_grad():
        whole = model.infer(given, STREAM).latents
        some = model.infer(given.take(torch.tensor([3, 1])), STREAM).latents
        for block, value in whole.items():
            torch.testing.assert_close(some[block], value[[3, 1]], rtol=1e-4, atol=1e-5)
        pictures = model.decoder(whole, given)
        torch.testing.assert_close(model.decoder(some, given), pictures[[3, 1]], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in SMALL if not name.startswith("split")])
def test_labels_and_conditions_reach_the_picture(name: str) -> None:
    kind, more = Kind(8, labels=True), Block(name="given", shape=(2,))
    built = networks(SMALL[name], kind, (more,))
    assert [built.blocks[0].name, built.blocks[-1].name] == ["label", "given"] and built.blocks[0].shape == (3,)
    latents = {block.name: torch.randn(1, *block.shape).expand(4, *block.shape) for block in built.blocks}
    latents["label"] = torch.cat([torch.eye(3), torch.zeros(1, 3)])
    with torch.no_grad():
        pictures = built.decoder(latents, None)
        apart = (pictures[:, None] - pictures[None]).abs().flatten(2).amax(2) + torch.eye(4)
        assert (apart > 1e-5).all(), "two labels give the same picture, or one gives that of an unknown label"
        latents["given"] = latents["given"] + 1
        assert not torch.allclose(built.decoder(latents, None), pictures)


# -- likelihoods -----------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "likelihood",
    ["bernoulli", {"likelihood": "gaussian", "sigma": "element"}, {"likelihood": "discretised-logistic-mixture"}],
)
@pytest.mark.parametrize("name", ["mlp", "conv", "residual", "ladder", "ladder-maps", "split"])
def test_every_likelihood(name: str, likelihood: Any, channels: int) -> None:
    kind = Kind(9, channels)
    model, given = vae({**SMALL[name], "likelihood": likelihood}, kind), batch(kind)
    with torch.no_grad():
        latents = model.infer(given).latents
        assert isinstance(model.likelihood, FactorisedLikelihood)
        parameters = model.decoder(latents, given)
        assert parameters.shape == (3, channels * model.likelihood.per_element, 9, 9)
        assert model.likelihood.mean(parameters).shape == given.views["target"].shape
        assert model.distortion(latents, given).isfinite().all()


def test_a_likelihood_is_a_part_inside_the_recipe() -> None:
    written = HOST.complete("architecture", {"architecture": "image-conv", "likelihood": "gaussian"})
    assert written["likelihood"]["likelihood"] == "gaussian" and written["likelihood"]["sigma"] == "optimal"
    assert HOST.complete("architecture", written) == written
    assert HOST.complete("architecture", "image-mlp")["likelihood"] is None
    with pytest.raises(SettingError, match="3 is no likelihood"):
        HOST.make("architecture", {"architecture": "image-conv", "likelihood": 3})


def test_grey_is_binary_and_colour_real_unless_said_otherwise() -> None:
    found = [type(networks(SMALL["conv"], Kind(8, channels)).likelihood).__name__ for channels in (1, 3)]
    assert found == ["Bernoulli", "Gaussian"]


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", {"likelihood": "gaussian", "sigma": "element"}])
@pytest.mark.parametrize("name", ["mlp", "conv", "residual", "ladder-maps", "split"])
def test_first_pictures_are_as_bright_as_said(name: str, likelihood: Any) -> None:
    for channels, brightness in ((1, 0.05), (3, 0.9)):
        kind = Kind(12, channels)
        model = vae({**SMALL[name], "likelihood": likelihood, "brightness": brightness}, kind)
        assert isinstance(model.likelihood, FactorisedLikelihood)
        with torch.no_grad():
            latents = model.sample_prior(torch.arange(50), STREAM)
            bright = model.likelihood.mean(model.decoder(latents, batch(kind))).mean((0, 2, 3))
        assert (bright - brightness).abs().max() < 0.2, bright


# -- convolutions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [8, 7])
def test_a_doubling_begins_as_nearest_upsampling_and_a_convolution(side: int) -> None:
    torch.manual_seed(0)
    layer = Doubled(3, 5, side)
    # the 3 x 3 kernel on each axis, read off the 4 x 4 one: k2 = t0, k1 = t1 - t0, k0 = t3
    kernel = layer.weight.detach()
    for axis in (2, 3):
        t0, t1, _, t3 = kernel.unbind(axis)
        kernel = torch.stack([t3, t1 - t0, t0], axis)
    x = torch.randn(2, 3, 4, 4)
    wide = functional.interpolate(x, scale_factor=2, mode="nearest")
    expected = functional.conv2d(wide, kernel.transpose(0, 1), layer.bias, padding=1)[..., :side, :side]
    torch.testing.assert_close(layer(x), expected)


def test_pseudo_inputs_are_pictures() -> None:
    kind = Kind(8, 3)
    model = vae(SMALL["conv"], kind, prior={"prior": "vamp", "components": 4})
    draw = model.infer(batch(kind), STREAM)
    (z,) = model.blocks
    draw.rate(z).sum().backward()
    pseudo = dict(model.prior.named_parameters())["pseudo"]
    assert pseudo.shape == (4, 3, 8, 8) and pseudo.grad is not None and pseudo.grad.any()


# -- content and style -----------------------------------------------------------------------------


@pytest.mark.parametrize("modulation", ["film", "adaptive-norm", "concat"])
def test_style_and_content_each_change_the_picture_everywhere(modulation: str) -> None:
    kind = Kind(20)
    built = networks({**SPLIT, "modulation": modulation, "blocks": 1}, kind)
    torch.manual_seed(1)
    content, style = torch.randn(2, 3), torch.randn(2, 32)
    with torch.no_grad():
        one, other = built.decoder({"content": content[[0, 0]], "style": style}, None)
        assert (one - other).abs().mean() > 1e-3
        first, second = built.decoder({"content": content, "style": style[[0, 0]]}, None)
        assert (first - second).abs().mean() > 1e-3
    # the style reaches each resolution by itself: every modulation alone changes the picture
    assert isinstance(built.decoder, SplitDecoder)
    places = [module for module in built.decoder.modules() if isinstance(module, Modulation)]
    assert len(places) == 2 + len(sides(20)) - 1
    latents = {"content": content[:1], "style": style[:1]}
    with torch.no_grad():
        before = built.decoder(latents, None)
        for place in places:
            kept = place.layer.weight.clone()
            place.layer.weight += torch.randn_like(kept)
            assert not torch.allclose(built.decoder(latents, None), before, atol=1e-5)
            place.layer.weight.copy_(kept)


def test_adaptive_norm_gives_each_channel_the_styles_mean_and_deviation() -> None:
    torch.manual_seed(0)
    layer, x, style = Modulation("adaptive-norm", 4, 3), 5 + 2 * torch.randn(2, 3, 9, 9), torch.randn(2, 4)
    found = layer(x, style)
    scale, shift = layer.layer(style).chunk(2, 1)
    torch.testing.assert_close(found.mean((2, 3)), shift, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.std((2, 3), correction=0), (1 + scale).abs(), rtol=1e-3, atol=1e-3)
    assert layer(torch.randn(2, 3), style).shape == (2, 3)


def test_film_scales_and_shifts_and_concat_is_a_convolution_of_style_laid_beside() -> None:
    torch.manual_seed(0)
    x, style = torch.randn(2, 3, 5, 5), torch.randn(2, 4)
    film = Modulation("film", 4, 3)
    for row in range(2):
        numbers = film.layer(style)[row]
        for channel in range(3):
            expected = x[row, channel] * (1 + numbers[channel]) + numbers[3 + channel]
            torch.testing.assert_close(film(x, style)[row, channel], expected)
    concat = Modulation("concat", 4, 3)
    beside = torch.cat([x, style[:, :, None, None].expand(-1, -1, 5, 5)], 1)
    weight = torch.cat([torch.eye(3), concat.layer.weight], 1)[..., None, None]
    torch.testing.assert_close(concat(x, style), functional.conv2d(beside, weight, concat.layer.bias))


def test_content_by_label_alone() -> None:
    entry = {**SPLIT, "content": "label"}
    built = networks(entry, Kind(8, labels=True))
    assert [block.name for block in built.blocks] == ["label", "style"] and built.blocks[1].shared
    assert set(built.own) == {"style"}
    style = torch.randn(1, 32).expand(3, -1)
    with torch.no_grad():
        letters = built.decoder({"label": torch.eye(3), "style": style}, None)
        assert (letters[0] - letters[1]).abs().mean() > 1e-3
        assert built.decoder({"label": torch.zeros(3, 3), "style": style}, None).isfinite().all()


def test_with_labels_the_content_block_alone_says_what_is_shown() -> None:
    built = networks(SPLIT, Kind(8, labels=True))
    assert [block.name for block in built.blocks] == ["label", "content", "style"]
    latents = {"label": torch.eye(3), "content": torch.ones(3, 3), "style": torch.ones(3, 32)}
    with torch.no_grad():
        pictures = built.decoder(latents, None)
    torch.testing.assert_close(pictures[0], pictures[2])
    shared = networks({**SPLIT, "shared": "content"}, Kind(8, labels=True)).blocks
    assert [block.shared for block in shared] == [True, True, False]


@pytest.mark.parametrize(
    ("entry", "kind", "message"),
    [
        ({"content": "label"}, Kind(8), "set labels = true"),
        ({"content": "label", "shared": "content"}, Kind(8, labels=True), "set shared = style or none"),
        ({}, Kind(8, contents=(), labels=True), "name their content_column"),
    ],
)
def test_a_split_that_cannot_be_is_refused(entry: dict[str, Any], kind: Kind, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        ContentStyleSettings(**entry).build(kind)


def test_widths_below_one_are_refused() -> None:
    for entry in ({"architecture": "image-mlp", "hidden": [8, 0]}, {"architecture": "image-mlp", "hidden": []}):
        with pytest.raises(SettingError, match="one or more whole numbers"):
            HOST.make("architecture", entry).build(Kind(8))


def test_the_sides_of_a_ladder_s_maps() -> None:
    entry = {"architecture": "image-ladder", "network": "convolutional", "latents": [1, 2, 3, 4, 5], "width": 4}
    built = networks({**entry, "sides": [14, 7, 7, 4, 4]}, Kind(28))
    assert [block.shape for block in built.blocks] == [(4, 4, 5), (4, 4, 4), (7, 7, 3), (7, 7, 2), (14, 14, 1)]
    latents = {block.name: torch.zeros(2, *block.shape) for block in built.blocks}
    assert built.decoder(latents, None).shape == (2, 1, 28, 28)
    for sides_asked in ([14, 7, 4], [7, 14, 7, 4, 4], [14, 14, 14, 7, 7], [28, 14, 7, 4, 4], [14, 7, 7, 5, 4]):
        with pytest.raises(SettingError, match=r"must be one for each of 5 latents.*some of 14, 7, 4, and 4 the last"):
            HOST.make("architecture", {**entry, "sides": sides_asked}).build(Kind(28))


def test_more_items_of_a_group_sharpen_its_style() -> None:
    kind = Kind(8)
    model = vae(SPLIT, kind)
    content, style = model.blocks
    alone, together = batch(kind, 4), batch(kind, 4, group=torch.tensor([5, 5, 5, 2]))
    with torch.no_grad():
        single, pooled = model.infer(alone, STREAM), model.infer(together, STREAM)
    drawn = pooled.latents["style"]
    assert torch.equal(drawn[0], drawn[2]) and not torch.equal(drawn[0], drawn[3])
    assert pooled.rate(style).shape == (2, 32) and pooled.rate(content).shape == (4, 3)
    # rows of groups are in the order of their numbers: group 5 is the second
    narrow, wide = pooled.posteriors["style"], single.posteriors["style"]
    assert (narrow.scale[1] < wide.scale[:3].amin(0)).all()  # type: ignore[attr-defined]
    torch.testing.assert_close(narrow.mean[0], wide.mean[3])
    torch.testing.assert_close(pooled.posteriors["content"].mean, single.posteriors["content"].mean)


# -- learning --------------------------------------------------------------------------------------


def shapes(kind: Kind, rows: int = 24) -> Batch:
    """Bars, discs and frames of our own drawing, each in a few places and thicknesses."""
    place = torch.arange(kind.size, dtype=torch.float32)
    y, x = torch.meshgrid(place, place, indexing="ij")
    drawn = []
    for row in range(rows):
        middle, thick = kind.size / 2 + row % 4 - 1.5, 1 + row % 2
        far = ((x - middle).square() + (y - middle).square()).sqrt()
        pictures = ((x - middle).abs() < thick, far < 1.5 + thick, (far - 3).abs() < thick / 1.5)
        drawn.append(pictures[row % 3].float())
    pictures = torch.stack(drawn)[:, None].expand(-1, kind.channels, -1, -1).contiguous()
    return Batch(
        views={"input": pictures, "target": pictures}, items=torch.arange(rows), cost=torch.ones(rows),
        group=torch.arange(rows) // 6, conditions={},
    )  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_some_steps_lower_the_loss(name: str) -> None:
    kind = Kind(10)
    model, given = vae(SMALL[name], kind), shapes(kind)
    objective = HOST.make("objective", "elbo").build(model)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for step in range(30):
        optimizer.zero_grad()
        loss = objective(model, given, step, Stream(0, "learning", step)).loss
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5]), (losses[0], losses[-1])
