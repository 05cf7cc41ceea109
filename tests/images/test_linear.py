"""Linear maps by class: where they begin, and what they draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genvae.core.randomness import Stream
from genvae.errors import SettingError
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.service import Service
from genvae.training.run import train
from genvae_image_style.architectures.linear import components
from genvae_image_style.measures.formulas import stacked

SIDE = 8


def stripes(count: int) -> list[dict[str, Any]]:
    """Pictures of horizontal and of vertical stripes of any brightness and place, and some that say not which."""
    stream = Stream(0, "stripes").uniform(torch.arange(count), SIDE).numpy()
    rows = []
    for number, bright in enumerate(stream):
        picture = np.broadcast_to((bright * 200 + 20).astype(np.uint8), (SIDE, SIDE))
        across = number % 2 == 0
        content = "" if number % 8 > 5 else "across" if across else "down"
        rows.append({"image": np.ascontiguousarray(picture.T if across else picture).tolist(), "content": content})
    return rows


PRIOR = {"name": "prior", "data": "latents", "objective": "fit-prior", "max_steps": 1}


def trained(folder: Path, filter_dim: int = 0, *phases: dict[str, Any]) -> Path:
    """A model of stripes."""
    sections = {
        "modality": {"modality": "image", "size": SIDE}, "conditions": {"way": {"kind": "class", "column": "content"}},
        "architecture": {"architecture": "image-linear", "latent_dim": 8, "filter_dim": filter_dim},
        "prior": {"prior": "mixtures", "label": "way", "components": 2},
        "phases": [PRIOR, *phases], "training": {"batch_size": 32, "clip": 1000.0},
    }  # fmt: skip
    train(Recipe(sections, default_host()), stripes(240), folder, resume=False, reporter=Silent())
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("linear") / "model")


def test_components_are_those_of_each_value_and_noise_is_what_is_left() -> None:
    stream = Stream(0, "pixels").at("noise")
    pictures = 0.1 * stream.normal(torch.arange(2_000), 12)
    pictures[:1_000, 0] += 3 * stream.at("a").normal(torch.arange(1_000))
    pictures[1_000:, 5] += 2 * stream.at("b").normal(torch.arange(1_000))
    values = torch.eye(3)[torch.arange(2_000) // 1_000]
    found = components(pictures, values, 1)
    assert float(found.components[0, 0].abs()) > 0.99 and float(found.components[1, 5].abs()) > 0.99
    assert float(found.noise) == pytest.approx(0.01, rel=0.1)
    assert float(found.components[2, 0].abs()) > 0.99, "of the value that no picture has, the components of all"


def test_training_begins_where_pictures_come_back(model: Path) -> None:
    """A class has eight degrees of freedom and eight components: nothing is left but the noise of the posterior."""
    items = [{"image": np.asarray(row["image"], np.uint8), "content": row["content"]} for row in stripes(16)]
    answer: Any = Service().run("reconstruct", model=str(model), items=items)
    for row, made in zip(items, answer.items, strict=True):
        assert np.abs(np.asarray(made).astype(int) - row["image"]).max() <= 6


def test_samples_are_of_the_class_that_is_asked_for(model: Path) -> None:
    for way, axis in (("across", 1), ("down", 0)):
        answer: Any = Service().run("generate", model=str(model), n=20, seed=1, conditions=[f"way={way}"])
        pictures = stacked(answer.items).astype(float)
        along, over = pictures.std(1 + axis).mean(), pictures.std(2 - axis).mean()
        assert along < 6 and over > 30, f"stripes {way}"


def test_another_class_draws_what_z_says_of_it(model: Path) -> None:
    """A picture of one class as the other: its stripes have the other direction."""
    bundle = Service().bundle(str(model))
    z, way = torch.ones(2, 8), torch.eye(2)
    drawn = bundle.vae.likelihood.mean(bundle.vae.decoder({"z": z, "way": way}, None))  # type: ignore[operator]
    assert float(drawn[0, 0].std(1).mean()) < 0.02 < float(drawn[0, 0].std(0).mean())
    assert float(drawn[1, 0].std(0).mean()) < 0.02 < float(drawn[1, 0].std(1).mean())


def test_training_goes_on_from_there_with_a_filter_behind(model: Path, tmp_path: Path) -> None:
    """The filter begins by changing nothing, and a few small steps leave samples what they were, about."""
    phase = {"name": "draw", "max_steps": 4, "learning_rate": 1.0e-4, "frozen": ["encoder", "posterior", "prior"]}
    went_on = trained(tmp_path / "model", 4, phase)
    answers: list[Any] = [Service().run("generate", model=str(m), n=8, seed=1) for m in (model, went_on)]
    before, after = (stacked(answer.items).astype(float) for answer in answers)
    assert 0 < np.abs(before - after).mean() < 8


def test_what_it_is_not_for_is_said() -> None:
    base = {"modality": {"modality": "image", "size": SIDE}, "architecture": {"architecture": "image-linear"}}
    rows = [{**row, "other": "ab"[number % 2]} for number, row in enumerate(stripes(40))]
    several = {
        **base,
        "conditions": {name: {"kind": "class", "column": c} for name, c in (("a", "content"), ("b", "other"))},
    }
    several["architecture"] = {"architecture": "image-linear", "latent_dim": 8}
    for sections, said in ((several, "one condition; it is told 2: a, b"), (base, "these have 64")):
        with pytest.raises(SettingError, match=said):
            train(Recipe(sections, default_host()), rows, Path("nowhere"), resume=False, reporter=Silent())
