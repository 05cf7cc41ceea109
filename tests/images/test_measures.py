"""Measures of pictures, on models whose answers are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.likelihoods.gaussian import GaussianSettings
from genvae.core.posteriors import DiagonalGaussianSettings
from genvae.core.posteriors.base import BlockHead, Features
from genvae.core.priors import StandardNormal
from genvae.core.vae import VAE
from genvae.data.batching import Batches
from genvae.errors import LacksCapability
from genvae.evaluation.evaluation import Evaluation, Items
from genvae.evaluation.frechet import frechet
from genvae.evaluation.moments import Moments
from genvae.evaluation.probes import held_out
from genvae.progress import Silent
from genvae_image_style.measures import errors, samples, spaces, split
from genvae_image_style.measures.classifier import Classifier
from genvae_image_style.modality import Image
from genvae_image_style.reading.decoding import Frame
from genvae_image_style.rendering import Rendering
from tests.images.test_judge import QUICK, stroke

# -- a split that is known: the left half is the content, the right half the style ------------------

SIDE = 12
HALF = SIDE * SIDE // 2


class Halves(nn.Module):
    """An encoder that gives the halves of a picture; a ``leak`` puts the left half into the style, too."""

    def __init__(self, leak: bool) -> None:
        super().__init__()
        self.leak = leak

    def forward(self, batch: Batch) -> Features:
        left, right = batch.views["input"][:, 0].chunk(2, 2)
        return {"content": left.flatten(1), "style": (left if self.leak else right).flatten(1)}


class Joins(nn.Module):
    """A decoder that lays the halves side by side."""

    def forward(self, latents: dict[str, Tensor], batch: Batch) -> Tensor:
        halves = [latents[name].reshape(-1, 1, SIDE, SIDE // 2) for name in ("content", "style")]
        return torch.cat(halves, 3)


def halves(leak: bool = False, names: tuple[str, str] = ("content", "style")) -> VAE:
    blocks = [Block(name=name, shape=(HALF,)) for name in names]
    posterior = DiagonalGaussianSettings(scale=0.05).build(blocks, 0, dict.fromkeys(names, HALF))
    with torch.no_grad():
        for head in posterior.heads.values():
            assert isinstance(head, BlockHead)
            head.weight.copy_(torch.eye(HALF))
            head.bias.zero_()
    model = VAE(
        blocks=blocks, encoder=Halves(leak), posterior=posterior, prior=StandardNormal(), decoder=Joins(),
        likelihood=GaussianSettings(sigma="fixed", value=0.1).build(),
    )  # fmt: skip
    return model.eval()


def patterns(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (count, SIDE, SIDE // 2)) * 200


def table(copies: int = 1, contents: int = 4, styles: int = 6, noise: int = 0, seed: int = 0) -> list[dict[str, Any]]:
    """Every content in every style; ``seed`` is of the noise."""
    left, right = patterns(contents, 10), patterns(styles, 11)
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(copies):
        for c in range(contents):
            for s in range(styles):
                clean = np.concatenate([left[c], right[s]], 1)
                picture = clean + generator.integers(0, noise + 1, clean.shape)
                made.append({"image": picture.astype(np.uint8), "content": f"c{c}", "style": f"s{s}"})
    return made


def judged() -> list[dict[str, Any]]:
    """What judges are trained on."""
    return table(copies=10, noise=60, seed=1)


def items_of(rows: list[dict[str, Any]], modality: Image) -> Items:
    from datasets import Dataset

    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in rows[0] if name != "image"}
    made = modality.prepare({"image": [row["image"] for row in rows], **columns})
    return Items(Dataset.from_dict({**made, "cost": [1] * len(rows)}), modality)


def evaluation(model: VAE, rows: list[dict[str, Any]], judge: list[dict[str, Any]] | None = None, **more: Any) -> Any:
    modality = Image(Frame(SIDE, 1))
    examples = items_of(rows, modality)._examples
    batches = Batches(examples, np.arange(len(rows)), modality, batch_size=32)
    given = {"full": True, "options": Rendering(), "plain": Rendering(), **more}
    if judge is not None:
        given["judge"] = items_of(judge, modality)
    return Evaluation(model, modality, "image", batches, **given)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judges that are small; those of the same pictures are trained once for all tests."""
    monkeypatch.setattr(
        spaces, "Classifier", lambda pictures, labels, **more: Classifier(pictures, labels, QUICK, **more)
    )


def test_what_comes_back_whole_has_no_error() -> None:
    figures = errors.image_error(evaluation(halves(), table()))
    assert figures == {"rmse": 0.0, "l1": 0.0, "ssim": pytest.approx(1.0)}


def test_the_error_of_what_is_lost() -> None:
    """The leaking model draws the left half twice."""
    rows = table()
    figures = errors.image_error(evaluation(halves(leak=True), rows))
    wanted = np.stack([row["image"] for row in rows]) / 255
    left = wanted[:, :, : SIDE // 2]
    gap = np.concatenate([left, left], 2) - wanted
    assert figures["rmse"] == pytest.approx(np.sqrt((gap**2).mean()), rel=1e-5)
    assert figures["l1"] == pytest.approx(np.abs(gap).mean(), rel=1e-5) and figures["ssim"] < 0.9


def test_sharpness_of_samples_stands_beside_the_datas() -> None:
    asked = evaluation(halves(), table(), generated=40)
    figures = errors.sharpness(asked)
    assert figures["sharpness_ratio_reconstructions"] == pytest.approx(1.0)
    grey = np.stack([row["image"] for row in table()]) / 255
    lap = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * grey[:, 1:-1, 1:-1]
    assert figures["sharpness_data"] == pytest.approx(lap.reshape(len(lap), -1).var(1).mean(), rel=1e-5)
    assert figures["sharpness_ratio"] == figures["sharpness_samples"] / figures["sharpness_data"]
    assert errors.sharpness(evaluation(halves(), table(), full=False)) == {}
    flat = [{**row, "image": np.zeros((SIDE, SIDE), np.uint8)} for row in table()]
    asked = evaluation(halves(), flat)
    assert set(errors.sharpness(asked)) == {"sharpness_data", "sharpness_reconstructions"}
    assert asked.left_out["sharpness_ratio"] == "the real pictures are flat"


def test_a_split_that_does_not_leak() -> None:
    rows = table(copies=8, noise=20)
    figures = split.split(evaluation(halves(), rows))
    assert figures["content_from_content"] == figures["style_from_style"] == 1.0
    assert figures["content_from_style"] < 0.45 and figures["style_from_content"] < 0.4
    test = held_out([row["image"].tobytes() for row in rows])
    assert figures["content_tested"] == figures["style_tested"] == test.sum()
    train = [row["content"] for row, held in zip(rows, test, strict=True) if not held]
    often = max(sorted(set(train)), key=train.count)
    shares = np.mean([row["content"] == often for row, held in zip(rows, test, strict=True) if held])
    assert figures["content_majority"] == pytest.approx(shares)
    assert (figures["content_values"], figures["style_values"]) == (4, 6)


def test_a_split_that_leaks_is_found_out() -> None:
    figures = split.split(evaluation(halves(leak=True), table(copies=8, noise=20)))
    assert figures["content_from_style"] == figures["content_from_content"] == 1.0
    assert figures["style_from_style"] < 0.4


def test_what_the_data_does_not_say_is_left_out() -> None:
    rows = table(copies=8, noise=20)
    unknown = [{**row, "style": "" if number % 2 else row["style"]} for number, row in enumerate(rows)]
    figures = split.split(evaluation(halves(), unknown))
    assert figures["style_values"] == 3, "the others' style is never known"
    only = [{"image": row["image"], "content": row["content"]} for row in rows]
    figures = split.split(evaluation(halves(), only))
    assert "content_from_style" in figures and not [name for name in figures if name.startswith("style")]
    single = [{**row, "style": f"s{number}"} for number, row in enumerate(rows)]
    asked = evaluation(halves(), single)
    assert "style_from_style" not in split.split(asked)
    assert "at least two values with 5 items" in asked.left_out["style_from_style"]
    bare = [{"image": row["image"]} for row in rows]
    for measure, said in ((split.split, "no column content or style"), (split.true_swap, "columns content and style")):
        with pytest.raises(LacksCapability, match=said):
            measure(evaluation(halves(), bare))


def test_a_latent_that_is_not_split() -> None:
    blocks = [Block(name="z", shape=(3,))]
    model = VAE(
        blocks=blocks, encoder=Halves(False), posterior=DiagonalGaussianSettings().build(blocks, 0, {"z": 3}),
        prior=StandardNormal(), decoder=Joins(), likelihood=GaussianSettings().build(),
    )  # fmt: skip
    for measure in (split.split, split.swap, split.true_swap):
        with pytest.raises(LacksCapability, match="not split: it has no block content or style"):
            measure(evaluation(model, table(), table()))
        assert measure(evaluation(model, table(), table(), full=False)) == {}


def test_a_swap_keeps_the_content_and_takes_the_style(quick: None) -> None:
    rows, judge = table(copies=3, noise=20), judged()
    figures = split.swap(evaluation(halves(), rows, judge))
    assert figures["swap_pairs"] == len(rows)
    assert figures["swap_accuracy"] == figures["swap_accuracy_data"] == figures["swap_accuracy_reconstructions"] == 1.0
    assert figures["swap_leak"] == 0.0
    assert split.swap(evaluation(halves(), rows)) == {}, "no judge was given"
    with pytest.raises(LacksCapability, match="give labelled pictures of their own with --judge"):
        split.swap(evaluation(halves(), rows, [{**row, "content": ""} for row in judge]))
    with pytest.raises(LacksCapability, match="no two of the pictures can be swapped"):
        split.swap(evaluation(halves(), [row for row in rows if row["content"] == "c1"], judge))


class Turned(Joins):
    """A decoder that takes the content for the style and the style for the content."""

    def forward(self, latents: dict[str, Tensor], batch: Batch) -> Tensor:
        return super().forward({"content": latents["style"], "style": latents["content"]}, batch)


def test_a_swap_that_shows_the_wrong_content_is_found_out(quick: None) -> None:
    """Both blocks are the left half, and the style's is drawn on the left."""
    model = halves(leak=True)
    model.decoder = Turned()
    figures = split.swap(evaluation(model, table(copies=3), judged()))
    assert figures["swap_accuracy"] < 0.2 and figures["swap_leak"] > 0.8


def strokes(count: int) -> list[dict[str, Any]]:
    """Strokes in the right half that lean and are as thick as chance has it, and in the left half a mark that says
    nothing of it."""
    generator = np.random.default_rng(7)
    left, made = patterns(4, 10) // 20, []
    for number in range(count):
        drawn = stroke(generator.uniform(-0.3, 0.3), generator.uniform(1, 3), SIDE)[0, 0].numpy() * 255
        picture = np.concatenate([left[number % 4], drawn[:, 3:9]], 1)
        made.append({"image": picture.astype(np.uint8), "content": f"c{number % 4}"})
    return made


def test_slant_and_width_of_a_swap_follow_the_style_picture(quick: None) -> None:
    rows = strokes(160)
    figures = split.swap(evaluation(halves(), rows, judged()))
    assert figures["swap_stroke_width_within"] > 0.95 and figures["swap_slant_within"] > 0.9
    assert figures["swap_stroke_width"] > 0.9 and figures["swap_slant"] > 0.9
    lost = halves()
    lost.decoder = Fixed()
    figures = split.swap(evaluation(lost, rows, judged()))
    assert "swap_slant_within" not in figures, "what is always the same follows nothing"


class Fixed(Joins):
    """A decoder that knows one style."""

    def forward(self, latents: dict[str, Tensor], batch: Batch) -> Tensor:
        return super().forward({**latents, "style": torch.full_like(latents["style"], 0.5)}, batch)


def test_true_swaps_are_found_where_the_data_has_them() -> None:
    rows = table()
    figures = split.true_swap(evaluation(halves(), rows))
    assert figures["true_swap_pairs"] == len(rows)
    assert figures["true_swap_rmse"] == figures["true_swap_l1"] == figures["true_swap_rmse_reconstruction"] == 0.0
    assert figures["true_swap_ssim"] == pytest.approx(1.0) and figures["true_swap_rmse_copy"] > 0.2
    fixed = halves()
    fixed.decoder = Fixed()
    figures = split.true_swap(evaluation(fixed, rows))
    # style pixels are 0 or 200: each is missed by half, or by 200/255 - 0.5; the content's half is right
    right = np.stack([row["image"] for row in rows])[:, :, SIDE // 2 :] / 255
    expected = np.sqrt(((right - np.round(0.5 * 255) / 255) ** 2).mean() / 2)
    assert figures["true_swap_rmse_reconstruction"] == pytest.approx(expected, abs=0.01)
    assert figures["true_swap_rmse"] == pytest.approx(figures["true_swap_rmse_reconstruction"], abs=0.02)
    lone = [row for row in rows if (row["content"], row["style"]) in {("c0", "s0"), ("c1", "s1")}]
    with pytest.raises(LacksCapability, match="no two of the pictures can be swapped"):
        split.true_swap(evaluation(halves(), lone))


def test_groups_and_labels_tell_a_probe_nothing() -> None:
    batch = Batch(
        views={"input": torch.zeros(2, 1, SIDE, SIDE)}, items=torch.arange(2), cost=torch.ones(2),
        group=torch.zeros(2, dtype=torch.int64), conditions={"label": torch.eye(2), "other": torch.ones(2, 1)},
    )  # fmt: skip
    found = split.alone(halves(), batch)
    assert found.group is None and not found.conditions["label"].any() and found.conditions["other"].all()
    labelled = halves()
    labelled.blocks = (Block(name="label", shape=(2,)), Block(name="style", shape=(HALF,)))
    assert split.alone(labelled, batch).conditions["label"].any(), "there the label is the content"


# -- samples ---------------------------------------------------------------------------------------


def sampled(rows: list[dict[str, Any]], drawn: list[dict[str, Any]], judge: list[dict[str, Any]] | None) -> Any:
    """An evaluation whose samples are given."""
    asked = evaluation(halves(), rows, judge, generated=len(drawn))
    asked.__dict__["drawn"] = [row["image"] for row in drawn]
    return asked


def test_neighbours_say_in_which_space_they_are(quick: None) -> None:
    rows, drawn = table(copies=8, noise=60), table(copies=8, noise=60, seed=2)
    figures = samples.neighbours(sampled(rows, drawn, None))
    assert figures["neighbours_space"].startswith("pixels in 64 principal components of the real pictures")
    assert figures["neighbours_pictures"] == 192 and figures["coverage"] > 0.7
    missed = [row for row in drawn if row["content"] == "c0"] * 4
    fewer = samples.neighbours(sampled(rows, missed, None))
    assert fewer["coverage"] < 0.4 and fewer["recall"] < 0.4 and fewer["precision"] > 0.7
    featured = samples.neighbours(sampled(rows, drawn, judged()))
    assert featured["neighbours_space"] == "features of a locally trained classifier (16 numbers)"
    assert featured["coverage"] == pytest.approx(featured["coverage_data"], abs=0.25)
    assert samples.neighbours(evaluation(halves(), rows)) == {}
    with pytest.raises(LacksCapability, match="more than 5 samples and pictures; there are 5"):
        samples.neighbours(sampled(rows, drawn[:5], None))


def test_the_distance_is_that_of_the_judges_features(quick: None) -> None:
    rows, drawn, judge = table(3, noise=60), table(3, noise=60, seed=2), judged()
    asked = sampled(rows, drawn, judge)
    figures = samples.distance(asked)
    network = spaces.classifier(asked)
    assert network is not None
    moments = []
    for pictures in (drawn, rows):
        moments.append(Moments(full=True))
        moments[-1].add(network.features(np.stack([row["image"] for row in pictures])))
    assert figures["frechet_distance"] == pytest.approx(frechet(*moments), rel=1e-4)
    noise = [{"image": np.random.default_rng(9).integers(0, 255, (SIDE, SIDE)).astype(np.uint8)}] * 72
    assert samples.distance(sampled(rows, noise, judge))["frechet_distance"] > 5 * figures["frechet_distance"]
    assert samples.distance(sampled(rows, drawn, None)) == {}


def test_the_histogram_of_what_samples_show(quick: None) -> None:
    rows, judge = table(copies=4, noise=20), judged()
    drawn = [row for row in table(copies=4, noise=20, seed=2) if row["content"] in ("c0", "c2")]
    figures = samples.class_histogram(sampled(rows, drawn, judge))
    assert figures["class_shares_samples"] == [0.5, 0.0, 0.5, 0.0] and figures["class_shares_data"] == [0.25] * 4
    assert figures["class_distance"] == pytest.approx(0.5) and (figures["classes"], figures["classes_missed"]) == (4, 2)
    assert 0.0 < figures["class_distance_chance"] < 0.2
    assert samples.class_histogram(sampled(rows, drawn, None)) == {}


def test_chance_is_the_mean_over_many_draws() -> None:
    """Two shares of a half: the mean gap of two binomial shares, which is that of a normal one."""
    found = samples._by_chance(torch.tensor([0.5, 0.5], dtype=torch.float64), 400, 400, 0, times=4_000)
    assert found == pytest.approx(math.sqrt(2 / math.pi) * math.sqrt(2 * 0.25 / 400), rel=0.05)


def test_every_measure_is_registered_and_explains_itself() -> None:
    from genvae.host import default_host

    host = default_host()
    parts = {part.id: part for part in host.parts("measure") if part.modality == "image"}
    made: dict[str, Callable[..., Any]] = {name: host.load("measure", name) for name in parts}
    assert {
        "image-error", "sharpness", "neighbours", "image-distance", "class-histogram", "split", "swap", "true-swap"
    } <= set(parts)  # fmt: skip
    assert all(measure.__doc__ and "``" in measure.__doc__ for measure in made.values())


def test_a_model_that_was_trained_is_measured_from_files_to_figures(quick: None, tmp_path: Path) -> None:
    from genvae.host import default_host
    from genvae.recipe import Recipe
    from genvae.service import load
    from genvae.training.run import train

    recipe = Recipe.of("image", default_host())
    recipe.set([
        f"size={SIDE}", "modality.group=style", "architecture=content-style", "posterior=product-of-gaussians",
        "content_dim=3", "style_dim=3", "width=4", "hidden_dim=16", "style_hidden=8", "max_steps=4", "evaluate_every=4",
    ])  # fmt: skip
    train(recipe, table(copies=3, noise=20), tmp_path / "model", resume=False, reporter=Silent())
    rows = table(copies=3, noise=20, seed=4)
    figures = load(tmp_path / "model").evaluate(rows, samples=2, generated=30, judge=judged())
    assert {
        "rmse", "l1", "ssim", "sharpness_ratio", "precision", "recall", "density", "coverage", "frechet_distance",
        "class_distance", "content_from_content", "content_from_style", "style_from_style", "style_from_content",
        "swap_accuracy", "swap_leak", "true_swap_rmse", "true_swap_ssim_copy",
    } <= set(figures)  # fmt: skip
    assert figures["true_swap_rmse_copy"] > 0.2 and figures["swap_accuracy_data"] > 0.9
