"""A typeface from a few of its letters: what is asked, what is drawn, what it is written into, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

import genvae
from genvae.cli.main import main
from genvae.core.vae import VAE
from genvae.errors import DataError, LacksCapability, SettingError
from genvae.host import default_host
from genvae.recipe import Recipe
from genvae.service import Model, Service
from genvae.store.bundle import Bundle, save
from genvae_image_style.architectures.letters import widths
from genvae_image_style.fonts import LETTERS, open_face, render_font
from genvae_image_style.modality import Image
from genvae_image_style.reading.decoding import Frame
from tests.images.drawn import built, rectangles

RECIPE = Path(__file__).parents[2] / "plugins" / "genvae_image_style" / "recipes" / "typefaces.yaml"
TINY = ["read_dim=8", "hidden_dim=12", "style_dim=5", "drawn_dim=3", "place_dim=6", "filter_dim=2",
        "pooled_dim=8"]  # fmt: skip


@pytest.fixture(scope="module")
def font(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rectangles(tmp_path_factory.mktemp("fonts") / "boxes.ttf")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, font: Path) -> Path:
    return saved(tmp_path_factory.mktemp("models") / "tiny", font)


def saved(place: Path, font: Path, *settings: str, ink: float = 12.0) -> Path:
    """A model that begins each letter with that of a font, bright where ``ink`` is positive, and lets the style change
    it."""
    recipe = Recipe.of(str(RECIPE), default_host())
    recipe.set([*TINY, *settings])
    modality = recipe.modality_settings().fit(_table())
    assert isinstance(modality, Image)
    model = recipe.build(modality, 3)
    drawn = render_font(font, modality.contents)
    inked = torch.stack([torch.from_numpy(drawn[letter]) for letter in modality.contents]).flatten(1)
    with torch.no_grad():
        model.decoder.own.weight.copy_(((inked.float() / 255 - 0.5) * ink).T)  # type: ignore[union-attr]
        model.decoder.basis.bias.zero_()  # type: ignore[union-attr]
        model.decoder.basis.weight.mul_(5)  # type: ignore[union-attr]
    save(Bundle("tiny", model, modality, recipe, {}), place)
    return place


def _table() -> object:
    from datasets import Dataset

    return Dataset.from_dict({"content": list(LETTERS)})


@pytest.fixture(scope="module")
def model(folder: Path) -> genvae.Model:
    return Model(str(folder), Service())


@pytest.fixture
def examples(font: Path, tmp_path: Path) -> list[str]:
    """A and B as files, dark on bright, larger than the model reads them."""
    made = []
    for letter, picture in render_font(font, "AB", 96).items():
        Pillow.fromarray(255 - picture).save(tmp_path / f"{letter}.png")
        made.append(f"{letter}={tmp_path / letter}.png")
    return made


def test_a_picture_for_each_letter_that_is_asked_for(model: genvae.Model, font: Path) -> None:
    given = render_font(font, "AB")
    found = model.complete(given, letters="AQz7")
    assert list(found) == list("AQz7")
    for letter, picture in found.items():
        assert picture.shape == (32, 32) and picture.dtype == np.uint8, letter
    assert np.array_equal(found["A"], given["A"])  # what is given is kept
    every = model.complete(given)
    assert "".join(every) == LETTERS and np.array_equal(every["Q"], found["Q"])
    assert not np.array_equal(model.complete(given, redraw=True)["A"], given["A"])


def test_polarity_kind_and_order_of_the_examples_do_not_matter(model: genvae.Model, font: Path) -> None:
    given = render_font(font, "AB")
    wanted = model.complete(given, letters="QR")
    turned = {"B": Pillow.fromarray(255 - given["B"]).convert("RGB"), "A": 255 - given["A"]}
    for letter, picture in model.complete(turned, letters=["Q", "R"]).items():
        assert np.abs(picture.astype(int) - wanted[letter]).max() <= 1


def test_more_examples_say_more(model: genvae.Model, font: Path) -> None:
    given = render_font(font, "ABRS")
    one, four = (model.complete({k: given[k] for k in keys}, letters="Q", contrast=1.0)["Q"] for keys in ("A", "ABRS"))
    assert not np.array_equal(one, four)


def test_the_style_is_inferred_from_all_examples_at_once(folder: Path, font: Path) -> None:
    bundle = Service().bundle(str(folder))
    given = render_font(font, "AB")
    items = [{"image": picture, "content": letter} for letter, picture in given.items()]
    batch = bundle.modality.collate([bundle.modality.example(item) for item in items], range(2))
    vae: VAE = bundle.vae
    style = vae.infer(_together(batch)).latents["style"][:1]
    label = bundle.modality.values("label")["Q"][None]
    logits = vae.decoder({"label": label, "style": style})
    wanted = (logits.sigmoid() * 255).round()[0, 0]
    found = Model(str(folder), Service()).complete(given, letters="Q", contrast=1.0)["Q"]
    assert np.abs(found.astype(float) - wanted.numpy()).max() <= 1
    sharper = Model(str(folder), Service()).complete(given, letters="Q", contrast=3.0)["Q"]
    assert np.abs(sharper / 255 - (3 * logits[0, 0].sigmoid() - 1).clamp(0, 1).numpy()).max() < 0.01


def _together(batch):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(batch, group=torch.zeros(len(batch), dtype=torch.int64))


def test_from_a_font_to_a_sheet_a_drawing_and_a_font(
    folder: Path, font: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["complete", str(folder), "--font", str(font), "--letters", "ABRS", "--output"]
    for ending in ("png", "svg", "ttf"):
        place = tmp_path / f"all.{ending}"
        assert main([*asked, str(place)]) == 0
        assert capsys.readouterr().out == f"{place}: 62 letters\n" and place.stat().st_size > 1_000
    assert Pillow.open(tmp_path / "all.png").size[0] > 13 * 64
    assert (tmp_path / "all.svg").read_text().count("<path") == 62
    assert set(LETTERS) <= open_face(tmp_path / "all.ttf").known


def test_dark_letters_on_white_make_the_same_outlines(font: Path, tmp_path: Path) -> None:
    """A model that learned letters as they are printed gives a font of its letters, not of the paper around them."""
    made = {}
    for name, ink, settings in (("bright", 12.0, []), ("dark", -12.0, ["framing=pad", "polarity=keep"])):
        model = Model(str(saved(tmp_path / name, font, *settings, ink=ink)), Service())
        given = render_font(font, "A")["A"]
        examples = {"A": given if ink > 0 else 255 - given}
        model.complete(examples, redraw=True, output=str(tmp_path / f"{name}.ttf"))
        made[name] = render_font(tmp_path / f"{name}.ttf", "HIL")
    for letter, picture in made["dark"].items():
        apart = picture.astype(float) - made["bright"][letter]
        assert picture.mean() < 128 and (apart**2).mean() ** 0.5 < 60, letter


def test_examples_on_the_command_line(folder: Path, examples: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["complete", str(folder), "--examples", *examples, "--letters", "ABC", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["letters"]
    assert list(found) == list("ABC") and found["C"].startswith("data:image/png;base64,")
    both = ["--examples", examples[0], "--examples", examples[1]]  # said before each, as other options are
    assert main(["complete", *both, "--letters", "ABC", "--json", "--", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["letters"] == found


def test_what_is_refused(
    model: genvae.Model, font: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    given = render_font(font, "A")
    greek = built(tmp_path_factory.mktemp("fonts") / "greek.ttf", dict.fromkeys("αβ", (100, 0, 500, 700)))
    for values, words in (
        ({}, "no examples"),
        ({"examples": {"A": np.zeros((32, 32), np.uint8)}}, "the example A: "),
        ({"examples": {"A": tmp_path / "none.png"}}, "no such file"),
        ({"examples": {"ß": given["A"]}}, "'ß' is none of the letters"),
        ({"examples": given, "letters": "A?"}, "no label '?'"),
        ({"examples": given, "letters": ""}, "letters = '' names none"),
        ({"font": str(greek)}, "greek.ttf has none of the letters that the model knows: 0"),
        ({"examples": [given["A"]]}, "an example is a letter and its picture"),
        ({"examples": ("A",)}, "got 'A'"),
        ({"examples": [("A", given["A"]), ("A", given["A"])]}, "given twice"),
        ({"examples": given, "font": str(font)}, "not both"),
        ({"font": str(tmp_path / "none.ttf")}, "no such file"),
        ({"font": str(font), "letters": "Aß"}, "'ß' is none of the letters"),
        ({"examples": given, "output": str(tmp_path / "a.txt")}, "must end in one of: .png"),
        ({"examples": given, "output": str(tmp_path / "none" / "a.svg")}, "cannot be written"),
    ):  # fmt: skip
        with pytest.raises((DataError, SettingError)) as caught:
            pytest.fail(f"{values} gave {list(model.complete(**values))}")
        assert words in str(caught.value) and "\n" not in str(caught.value), (values, str(caught.value))
    assert not list(tmp_path.iterdir())


def test_other_models_cannot(tmp_path: Path, font: Path) -> None:
    recipe = Recipe.of("image", default_host())
    recipe.set(["size=8", "hidden=[8]", "latent_dim=2"])
    modality = Image(Frame(8, 1))
    save(Bundle("plain", recipe.build(modality), modality, recipe, {}), tmp_path / "plain")
    with pytest.raises(LacksCapability, match="no block that the items of a group share"):
        Model(str(tmp_path / "plain"), Service()).complete(render_font(font, "A", 8))
    with pytest.raises(LacksCapability, match="complete draws letters"):
        genvae.load("sentences-en").complete({"A": "a"})


def test_widths() -> None:
    assert widths((4, 3, 2), 3) == [4, 3, 2]
    assert widths((4, 3, 2), 5) == [4, 4, 4, 3, 2]
    assert widths((4, 3, 2), 2) == [3, 2]
