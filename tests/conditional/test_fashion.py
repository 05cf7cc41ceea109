"""The starter model ``fashion``, its recipe, and what it says of what it cannot do."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import genvae
from genvae.cli.main import main
from genvae.errors import DataError, LacksCapability, SettingError
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.training.run import train
from genvae_conditional.starters.fashion import fashion
from genvae_conditional.starters.fashion.build import RECIPE

GARMENTS = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]


@pytest.fixture(scope="module")
def model() -> genvae.Model:
    return genvae.load("fashion")


def test_fits_in_ten_megabytes_and_its_card_says_whose_pictures_it_learned_from() -> None:
    assert sum(path.stat().st_size for path in fashion().iterdir()) <= 10_000_000
    card = (fashion() / "README.md").read_text(encoding="utf-8")
    for word in ("license: mit", "Zalando", "genvae evaluate fashion", "starters.fashion.build"):
        assert word in card


def test_boots_are_asked_for_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "boots.png"
    assert main(["generate", "fashion", "-n", "10", "--condition", "garment=boot", "--output", str(sheet)]) == 0
    assert "10 items" in capsys.readouterr().out
    with Image.open(sheet) as found:
        assert np.asarray(found.convert("L")).std() > 40
    assert main(["blocks", "fashion"]) == 0
    said = capsys.readouterr().out
    assert all(garment in said for garment in GARMENTS)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("garment=boots", "garment = 'boots' is no value of this model; did you mean 'boot'"),
        ("garment=9", "garment = '9' is no value of this model; known: bag, boot"),
        ("colour=red", "the model has no condition 'colour'; it has: garment"),
        ("garment=Boot", "garment = 'Boot' is no value of this model; did you mean 'boot'"),
        ("garmet=boot", "the model has no condition 'garmet'; it has: garment; did you mean 'garment'?"),
        ("garment=boot:much", "garment: the share of 'boot' is 'much'; it must be a number"),
        ("garment=boot:0,bag:0", "the shares sum to 0"),
    ],
)
def test_what_is_not_there_is_one_line(asked: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "fashion", "--condition", asked]) == 2
    found = capsys.readouterr().err.strip()
    assert said in found and "\n" not in found


def test_samples_are_various_and_of_their_kind(model: genvae.Model) -> None:
    """Trousers have a gap between their legs, boots are dark at the upper right; no two are alike."""
    made = {name: np.stack([np.asarray(p) for p in model.generate(40, seed=2, conditions={"garment": name})])
            for name in ("trouser", "boot", "bag")}  # fmt: skip
    for pictures in made.values():
        apart = np.abs(pictures[:, None].astype(float) - pictures[None]).mean((2, 3))
        assert apart[~np.eye(40, dtype=bool)].min() > 3
    means = {name: pictures.mean(0) for name, pictures in made.items()}
    assert means["trouser"][10:20, 2:6].mean() < 10 and means["bag"][14:22, 2:26].mean() > 60
    assert means["boot"][20:26, 4:24].mean() > 60
    unknown = np.stack([np.asarray(p) for p in model.generate(40, seed=2, conditions={"garment": "unknown"})])
    assert unknown.std() > 40


def test_real_pictures_come_back_and_their_class_is_found(model: genvae.Model, shared_data: Path) -> None:
    from benchmarks.image.arrays import parts

    _, tested = parts("fashion", shared_data)
    items = [tested.images[row] for row in range(60)]
    back = np.stack([np.asarray(picture) for picture in model.reconstruct(items)])
    assert np.sqrt(((back / 255 - tested.images[:60] / 255) ** 2).mean()) < 0.12


def pictures(contents: list[str]) -> list[dict[str, Any]]:
    """A made-up picture for each content."""
    generator = np.random.default_rng(0)
    return [{"image": generator.integers(0, 255, (8, 8)).tolist(), "content": content} for content in contents]


def told(rows: list[dict[str, Any]], folder: Path) -> None:
    sections = {**Recipe.of(str(RECIPE), default_host()).sections, "modality": {"modality": "image", "size": 8}}
    recipe = Recipe(sections, default_host())
    recipe.set(["architecture.latent_dim=4", "prior.components=2"])
    train(recipe, rows, folder, resume=False, reporter=Silent())


def test_data_of_which_no_such_model_can_be_made(tmp_path: Path) -> None:
    for contents, said in ((["", ""] * 20, "no item has a value"), (["9"] * 40, "every item has 'boot'")):
        with pytest.raises(DataError, match=f"condition 'garment'.*{said}"):
            told(pictures(contents), tmp_path / "none")
    many = [str(number) for number in range(100) for _ in range(2)]
    with pytest.raises(LacksCapability, match="each value of a condition that has few; 'garment' has 100"):
        told(pictures(many), tmp_path / "many")
    with pytest.raises(SettingError, match="names the block 'form'"):
        recipe = Recipe.of(str(RECIPE), default_host())
        recipe.set(["prior.label=form"])
        train(recipe, pictures(["0", "1"] * 10), tmp_path / "form", resume=False, reporter=Silent())


def test_a_class_with_one_example_is_drawn_near_it(tmp_path: Path) -> None:
    rows = pictures(["0"] * 100 + ["1"] * 100)
    rows[7] = {"image": np.full((8, 8), 250).tolist(), "content": "9"}
    told(rows, tmp_path / "one")
    made = genvae.load(str(tmp_path / "one")).generate(20, seed=0, conditions={"garment": "boot"})
    assert np.stack([np.asarray(picture) for picture in made]).mean() > 190


def test_a_picture_goes_through_the_door_of_the_web(model: genvae.Model) -> None:
    """The studio shows what a picture says of itself as PNG."""
    (picture,) = model.generate(1, seed=0, conditions={"garment": "bag"})
    with Image.open(BytesIO(picture.png())) as found:
        assert found.size[0] >= 28
