"""The picture benchmarks' own parts, on discs of a few sizes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.image import bounding, speed_ours
from benchmarks.image.arrays import Held, Pictures
from benchmarks.image.clocked import Run, modality_of, recipe_of
from benchmarks.image.made import RECIPES, trained, training_of
from benchmarks.image.networks import built
from benchmarks.image.replayed import Clock
from benchmarks.image_swaps import Swaps, errors, floors, of_model
from genvae.core.batch import Batch
from genvae.core.bounds import importance_weighted
from genvae.core.objectives import ElboSettings
from genvae.core.randomness import Stream
from genvae.data.batching import Rows
from genvae.host import default_host
from genvae.store.bundle import load
from genvae.training.loop import Trainer
from genvae_image_style.measures.formulas import numbers
from genvae_image_style.modality import Image
from genvae_image_style.starters.corpus import held_out
from tests.images.drawn import disc

CPU = torch.device("cpu")
RECIPE_NAMES = (
    "mnist-split", "mnist-plain", "mnist-mlp", "mnist-mlp-learned-prior", "mnist-ladder", "mnist-ladder-flat",
    "emoji-split", "letters64-split", "fashion",
)  # fmt: skip


def discs(count: int = 48, size: int = 28, colour: bool = False) -> Pictures:
    """Small and large discs at places of their own; the style is the side that they are on."""
    images = [disc(size, 9 + i % 11, 9 + i % 7, 4 + 4 * (i % 2), finer=4) for i in range(count)]
    whole = np.stack(images)
    return Pictures(
        np.repeat(whole[..., None], 3, 3) if colour else whole, np.array(["large" if i % 2 else "small"
                                                                          for i in range(count)]),
        np.array([str(i % 3) for i in range(count)]),
    )  # fmt: skip


def run(name: str, pictures: Pictures, *changes: str, **more: Any) -> Run:
    """A run of two steps."""
    changes = ("training.batch_size=16", "training.precision=float32", *changes)
    settings: dict[str, Any] = {"seconds": 60.0, "seed": 3, "device": CPU, "most": 2, "say": lambda _: None}
    return Run(recipe_of(name, default_host(), changes), pictures, name=name, **(settings | more))


@pytest.mark.parametrize("name", RECIPE_NAMES)
def test_every_recipe_trains_saves_and_loads(name: str, tmp_path: Path) -> None:
    assert (RECIPES / f"{name}.yaml").is_file()
    small = {
        "mnist-ladder": ("architecture.width=8", "prior.width=8", "posterior.width=8", "architecture.blocks=1"),
        "emoji-split": ("per_group=6",),
    }  # fmt: skip
    size = {"emoji-split": 32, "letters64-split": 64}.get(name, 28)
    made = run(name, discs(48, size, colour=name == "emoji-split"), *small.get(name, ()))()
    assert made.steps == 2 and all(np.isfinite(value) for value in made.curve[0].values())
    made.save(tmp_path / "model", dtype="float32")
    again = load(tmp_path / "model", default_host()).vae
    for before, after in zip(made.vae.parameters(), again.parameters(), strict=True):
        assert torch.equal(before, after)


def test_a_split_is_read_from_a_picture_without_its_label() -> None:
    pictures = discs()
    made = run("mnist-split", pictures)()
    held = Held(modality_of(made.bundle.recipe, pictures), pictures, CPU)
    batch = held.batch(torch.arange(8))
    codes = made.vae.infer(batch).latents
    other = made.vae.infer(type(batch)(views=batch.views, items=batch.items, cost=batch.cost,
                                       conditions={"label": batch.conditions["label"].flip(1)})).latents  # fmt: skip
    assert torch.equal(codes["content"], other["content"]) and torch.equal(codes["style"], other["style"])


def test_two_runs_with_a_seed_are_one() -> None:
    first, second = (run("mnist-mlp", discs())() for _ in range(2))
    for a, b in zip(first.vae.parameters(), second.vae.parameters(), strict=True):
        assert torch.equal(a, b)
    other = run("mnist-mlp", discs(), seed=4)()
    assert any(not torch.equal(a, b) for a, b in zip(first.vae.parameters(), other.vae.parameters(), strict=True))


def test_a_batch_is_the_modality_s_own() -> None:
    pictures = discs(12)
    recipe = recipe_of("mnist-split", default_host())
    modality = modality_of(recipe, pictures)
    assert isinstance(modality, Image)
    rows = np.array([7, 2, 9])
    examples = [{"pixels": pictures.images[row].tobytes(), "content": str(pictures.content[row])} for row in rows]
    wanted = modality.collate(examples, rows.tolist())
    found = Held(modality, pictures, CPU).batch(torch.from_numpy(rows))
    assert torch.equal(found.views["input"], wanted.views["input"]) and torch.equal(found.items, wanted.items)
    assert torch.equal(found.conditions["label"], wanted.conditions["label"])


def test_an_epoch_has_every_row_once_but_for_the_rest() -> None:
    pictures = discs(50)
    held = Held(modality_of(recipe_of("mnist-plain", default_host()), pictures), pictures, CPU)
    batches = held.order(16, None)
    rows = [part.tolist() for part in held.epoch(batches, 0, 0, 16)]
    assert [len(part) for part in rows] == [16, 16, 16] and len({row for part in rows for row in part}) == 48
    assert rows != [part.tolist() for part in held.epoch(batches, 0, 1, 16)]


def test_the_likelihood_is_that_of_every_picture() -> None:
    pictures = discs(30)
    made = run("mnist-mlp", pictures)()
    values = bounding.binary(torch.from_numpy(pictures.images)[:, None])
    assert set(values.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(values, bounding.binary(torch.from_numpy(pictures.images)[:, None])), "one binary set"
    found = bounding.likelihood(made.vae, values, samples=4, at_once=7, until=float("inf"), few=2)
    rows = bounding.order(30, CPU)
    stream = Stream(bounding.SEED, "evaluation")
    one = importance_weighted(made.vae, bounding._batch(values, rows), stream, samples=4)
    assert found["nll"] == pytest.approx(-float(one.log_likelihood.mean()), rel=1e-5)
    assert found["reached"] == 30
    plain = bounding.likelihood(made.vae, values, samples=4, at_once=30, until=float("inf"))
    assert plain["nll"] == pytest.approx(found["nll"], rel=1e-5) and plain["nll"] < plain["elbo"]
    late = bounding.likelihood(made.vae, values, samples=4, at_once=7, until=0.0, few=4)
    assert late["reached"] == 7 and "nll" not in late
    assert late["nll_estimated"] == pytest.approx(found["nll"], rel=1e-5), "as many draws gain nothing"


def test_a_clock_tells_steps_apart() -> None:
    items, now = torch.arange(2000), torch.zeros((), dtype=torch.int64)
    clock = Clock(0, "train", now=now).at("noise")
    first = clock.normal(items, 3)
    assert float(first.mean()) == pytest.approx(0.0, abs=0.05) and float(first.std()) == pytest.approx(1.0, abs=0.05)
    assert not torch.equal(first, clock.again(1).normal(items, 3))
    now.fill_(7)
    later = clock.normal(items, 3)
    assert abs(float((first * later).mean())) < 0.05, "another step, other numbers"
    now.fill_(0)
    assert torch.equal(clock.normal(items, 3), first)


def test_one_in_five_is_held_out() -> None:
    share = np.mean([held_out(f"family {number}") for number in range(2000)])
    assert share == pytest.approx(0.2, abs=0.03)


def test_a_checkout_that_is_not_installed_finds_its_plugins(tmp_path: Path) -> None:
    """In a Python that is told of the libraries and of nothing else; it lists the plugins and imports no torch."""
    import torch as library

    packages = Path(library.__file__).parents[1]
    hidden = tmp_path / "packages"
    hidden.mkdir()
    for entry in packages.iterdir():
        if not entry.name.startswith(("genvae", "_genvae", "_editable", "__editable__")) and entry.suffix != ".pth":
            (hidden / entry.name).symlink_to(entry)
    code = (
        "from benchmarks.image import checkout\n"
        "from genvae.host import default_host\n"
        "print(','.join(record.name for record in default_host().records if record.status == 'loaded'))"
    )
    ran = subprocess.run([sys.executable, "-S", "-c", code], cwd=Path(__file__).parents[2], capture_output=True,
                         text=True, env={**os.environ, "PYTHONPATH": str(hidden)}, check=False)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert {"engine", "image-style"} <= set(ran.stdout.strip().split(","))


@pytest.mark.parametrize(("kind", "weights"), [("mlp", 829_232), ("conv", 17_232_033)])
def test_the_networks_of_the_speed_are_pythae_s(kind: str, weights: int) -> None:
    """As many weights as pythae 0.1.2 says of its own, and a step has gradients."""
    model = built(kind, 0)
    pictures = torch.rand(3, 1, 28, 28)
    batch = Batch(views={"input": pictures, "target": pictures}, items=torch.arange(3), cost=torch.ones(3))
    terms = ElboSettings().build(model)(model, batch, 0, Stream(0, "speed"))
    terms.loss.backward()
    assert sum(p.numel() for p in model.parameters()) == weights
    assert all(p.grad is not None for p in model.parameters())


# -- swaps that have a true picture ------------------------------------------------------------------


def hands(size: int = 16, contents: int = 25, styles: int = 3) -> Pictures:
    """Discs of as many places as contents; a style is a colour."""
    colours = np.array([[255, 255, 255], [255, 0, 0], [0, 0, 255], [0, 255, 0]], np.uint8)[:styles]
    shapes = np.stack([disc(size, 5 + i % 7, 5 + i // 7, 3, finer=4) for i in range(contents)])
    images = (shapes[:, None, ..., None] / 255.0 * colours[None, :, None, None]).astype(np.uint8)
    names = np.array([f"disc {i}" for i in range(contents)])
    hand = np.array([f"hand {i}" for i in range(styles)])
    return Pictures(images.reshape(-1, size, size, 3), np.repeat(names, styles), np.tile(hand, contents))


def test_a_swap_has_the_content_of_one_picture_and_the_style_of_another_content_s() -> None:
    pictures = hands(contents=4)
    pictures = pictures.take(np.arange(len(pictures)) != 2)  # one content lacks a style
    swaps = Swaps.of(pictures)
    assert len(swaps.truth) == 3 * 6 + 2 - 2, "of the last content no style is read from the one that is not there"
    content, style = pictures.content, pictures.style
    assert (content[swaps.content] == content[swaps.truth]).all() and (style[swaps.style] == style[swaps.truth]).all()
    assert (content[swaps.style] != content[swaps.truth]).all() and (style[swaps.content] != style[swaps.truth]).all()


def test_floors_know_what_a_linear_map_or_a_mean_can() -> None:
    learnt, tested = hands(contents=40), hands(contents=10)
    swaps = Swaps.of(tested)
    found = {name: errors(drawn, swaps, tested) for name, drawn in floors("emoji", learnt, tested, swaps).items()}
    assert list(found) == ["content's picture as it is", "mean of the vendor", "ridge regression"]
    copy, mean, ridge = (figures["rmse"] for figures in found.values())
    assert ridge < 0.5 * mean < 0.5 * copy, "colours are swapped by a linear map"
    same = errors(lambda part: numbers(tested.images[swaps.truth[part]]), swaps, tested)
    assert same["rmse"] == same["l1"] == 0.0 and same["ssim"] == pytest.approx(1.0)


def test_emoji_are_trained_in_pieces_and_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the recipe, tiny; a run that was stopped goes on, and a model that is there is not trained again."""
    learnt = hands(size=32, contents=8)
    path = learnt.npz(tmp_path / "train.npz")
    small = ["training.batch_size=12", "training.per_group=4", "architecture.width=4", "training.max_steps=3",
             "architecture.hidden_dim=8"]  # fmt: skip

    order = Trainer._order

    def stopped(trainer: Trainer) -> list[Rows]:
        trainer.interrupt.asked = True
        return order(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_order", stopped)
        with pytest.raises(SystemExit, match="saved"):
            trained("emoji-split", path, tmp_path / "emoji", changes=small, device="cpu")
    assert not (tmp_path / "emoji" / "manifest.json").exists()
    folder = trained("emoji-split", path, tmp_path / "emoji", changes=small, device="cpu")
    assert training_of(folder)["steps"] == 3
    before = (folder / "model.safetensors").stat().st_mtime_ns
    trained("emoji-split", path, folder, changes=small, device="cpu")
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    tested = hands(size=32, contents=5)
    swaps = Swaps.of(tested)
    found = {what: errors(drawn, swaps, tested) for what, drawn in of_model(folder, tested, swaps).items()}
    assert all(0.0 < figures["rmse"] < 1.0 for figures in found.values()) and len(found) == 2


def test_our_side_of_the_training_speed_trains(tmp_path: Path) -> None:
    pictures = discs(16).images
    np.savez(tmp_path / "discs.npz", images=pictures.reshape(16, 28, 28))
    found = speed_ours.run(str(tmp_path / "discs.npz"), "mlp", batch=4, steps=2, threads=1)
    assert found["images"] == 8 and found["weights"] == 829_232
