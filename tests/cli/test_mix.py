"""Pictures from files mixed into a sheet, and what is refused: in one line, with nothing half-written."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import genvae
from tests.cli.program import Cli, snapshot
from tests.images.drawn import built
from tests.images.split_model import SETTINGS, SHAPES, shape
from tests.images.test_reading import bomb, png


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, and things that are none."""
    folder = tmp_path_factory.mktemp("files")
    for content in SHAPES:
        for style in (0, 8):
            (folder / f"{content}{style}.png").write_bytes(png(shape(content, style)))
    (folder / "words.png").write_text("no picture", encoding="utf-8")
    (folder / "empty.png").touch()
    (folder / "half.png").write_bytes(png(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))[:900])
    (folder / "bomb.png").write_bytes(bomb(40_000, 40_000))
    (folder / "wide.png").write_bytes(bomb(9_000, 9_000))
    (folder / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', encoding="utf-8")
    (folder / "broken.ttf").write_bytes(b"\0\1\0\0" + bytes(60))
    built(folder / "boxes.ttf", {"H": (100, 0, 500, 700), "L": (100, 0, 300, 700)})
    return folder


def decoded(item: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(item.partition(",")[2]))))


def test_a_grid_from_files(
    cli: Cli, split_model: Path, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    contents, styles = ["I0.png", "T0.png", "Z8.png"], ["L0.png", "L8.png"]
    output = tmp_path / "grid.png"
    done = cli("mix", split_model, "--content", *contents, "--style", *styles, "--output", output)
    assert (done.code, done.err, done.out) == (0, "", f"{output}: 6 items\n")
    image = Image.open(output)
    assert image.format == "PNG" and image.size == (2 * 70 + 6, 3 * 70 + 6)

    answer = cli("mix", split_model, "--content", *contents, "--style", *styles, "--json").json
    assert answer["shape"] == {"content": 3, "style": 2} and set(answer) == {"items", "shape"}
    expected = genvae.load(split_model).mix(content=contents, style=styles)
    for item, mixed in zip(answer["items"], expected, strict=True):
        assert np.array_equal(decoded(item), mixed)
    assert len({item.tobytes() for item in expected}) == 6


def test_every_way_to_take_a_block(cli: Cli, split_model: Path, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    model = genvae.load(split_model)

    def mixed(*options: str) -> list[np.ndarray]:
        return [decoded(item) for item in cli("mix", split_model, *options, "--json").json["items"]]

    def same(found: list[np.ndarray], expected: list[np.ndarray]) -> bool:
        return len(found) == len(expected) and all(map(np.array_equal, found, expected))

    content, styles = ["I0.png", "Z0.png"], ["L0.png", "L8.png"]
    given = ["--content", *content, "--style", *styles]
    assert same(mixed(*given, "--style-steps", "4"), model.mix(content=content, style=styles, style_steps=4))
    assert same(mixed("--style-pool", *given), model.mix(content=content, style=[styles]))
    weighed = model.mix(content=content, style=styles, style_weights=[1, 3])
    assert same(mixed(*given, "--style-weights", "1", "3"), weighed)
    assert same(mixed(*given, "--style-weights", "-1", "-3"), weighed)
    drawn = model.mix(content=content, style_draw=3, seed=5)
    assert same(mixed("--content", *content, "--seed", "5", "--style-draw=3"), drawn) and len(drawn) == 6
    swapped = model.mix(["I0.png", "L8.png"], weights={"content": [1, 0], "style": [0, 1]})
    assert same(swapped, model.mix(content="I0.png", style="L8.png"))
    assert same(mixed("--content=I0.png", "--style", "L8.png"), swapped)


def test_several_examples_sharpen_the_style(split_model: Path) -> None:
    """With more letters of a style the same letter comes nearer to the truth."""
    model = genvae.load(split_model)

    def error(letters: str) -> float:
        found = [
            model.mix(content=shape("T", 4), style=[[shape(letter, style) for letter in letters]])[0]
            for style in (0, 2, 6, 8)
        ]
        truth = [shape("T", style) for style in (0, 2, 6, 8)]
        return float(np.sqrt(np.mean([(a / 255.0 - b / 255.0) ** 2 for a, b in zip(found, truth, strict=True)])))

    assert error("IHLZ") < error("I")


def test_contents_by_name_and_letters_of_a_font(
    cli: Cli, labelled_model: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    model = genvae.load(labelled_model)
    names = model.mix(label=["I", "T", "Z"], style="boxes.ttf#H")
    options = ("--style", "boxes.ttf#H", "--json")
    for block in ("label", "content"):
        found = cli("mix", labelled_model, f"--{block}", "I", "T", "Z", *options).json["items"]
        assert all(np.array_equal(decoded(item), mixed) for item, mixed in zip(found, names, strict=True))
    # a picture says which letter it shows, or it is recognised
    told = cli("mix", labelled_model, "--content", "I=L8.png", "T=L8.png", "Z=L8.png", *options).json["items"]
    assert all(np.array_equal(decoded(item), mixed) for item, mixed in zip(told, names, strict=True))
    seen = cli("mix", labelled_model, "--content", "I8.png", "T8.png", "Z0.png", *options).json["items"]
    assert sum(np.array_equal(decoded(item), mixed) for item, mixed in zip(seen, names, strict=True)) >= 2


def test_the_written_command_gives_the_same(
    cli: Cli, split_model: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shlex

    monkeypatch.chdir(files)
    model = genvae.load(split_model)
    service = model._service
    values = {"model": str(split_model), "content": ["I0.png", "T0.png"], "style": ["L0.png", "L8.png"],
              "style_steps": 3, "seed": 2}  # fmt: skip
    line = service.command("mix", **values)
    assert line == (f"genvae mix {split_model} --seed 2 --content I0.png T0.png --style L0.png L8.png --style-steps 3")
    found = cli(*shlex.split(line)[1:], "--json").json["items"]
    answer = eval(service.python("mix", **values), {"genvae": genvae})
    assert all(np.array_equal(decoded(item), mixed) for item, mixed in zip(found, answer, strict=True))
    pooled = service.command("mix", model="m", style=["a"], style_pool=True)
    assert pooled == "genvae mix m --style a --style-pool"


def test_items_of_any_operation_can_be_written(cli: Cli, split_model: Path, files: Path, tmp_path: Path) -> None:
    for words in (
        ("generate", split_model, "-n", "12"), ("reconstruct", split_model, files / "I0.png", files / "T8.png"),
        ("interpolate", split_model, files / "I0.png", files / "T8.png"), ("vary", split_model, files / "I0.png"),
    ):  # fmt: skip
        output = tmp_path / f"{words[0]}.png"
        assert cli(*words, "--output", output).out.startswith(f"{output}: ")
        assert Image.open(output).width >= 2 * 70


# -- sensible inputs -----------------------------------------------------------------------------


def test_kinds_of_pictures(cli: Cli, split_model: Path, tmp_path: Path) -> None:
    """Transparent, 16-bit, palette and colour pictures of the same are the same picture."""
    from numpy.typing import NDArray

    plain: NDArray[np.uint8] = shape("T", 4)
    deep = Image.fromarray(plain.astype(np.uint16) * 257)
    alpha = np.zeros((16, 16, 4), np.uint8)
    alpha[..., 3] = 255 - plain  # black where the picture is dark, and nothing, so white, where it is bright
    for name, image in {
        "plain": Image.fromarray(plain), "deep": deep, "alpha": Image.fromarray(alpha),
        "palette": Image.fromarray(plain).convert("P"), "colour": Image.fromarray(plain).convert("RGB"),
    }.items():  # fmt: skip
        image.save(tmp_path / f"{name}.png")
    found = {}
    for path in sorted(tmp_path.glob("*.png")):
        answer = cli("mix", split_model, "--content", path, "--style", tmp_path / "plain.png", "--json")
        found[path.stem] = decoded(answer.json["items"][0]).astype(int)
    assert set(found) == {"plain", "deep", "alpha", "palette", "colour"}
    for item in found.values():
        assert np.abs(item - found["plain"]).max() <= 2


# -- bad inputs ----------------------------------------------------------------------------------

REFUSED = {
    "words.png": ("words.png: not a picture that can be read", "PNG, JPEG"),
    "empty.png": ("empty.png: an empty file",),
    "half.png": ("half.png: a damaged picture",),
    "nowhere.png": ("nowhere.png: no such file",),
    ".": ("a folder, not a picture",),
    "bomb.png": ("bomb.png: 40,000 x 40,000 pixels", "at most 64,000,000"),
    "wide.png": ("wide.png: 9,000 x 9,000 pixels",),
    "drawing.svg": ("drawing.svg: a drawing (SVG), not a picture",),
    "broken.ttf#H": ("broken.ttf", "font"),
    "boxes.ttf#Q": ("boxes.ttf", "Q"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("block", ["content", "style"])
def test_what_is_no_picture(
    cli: Cli, split_model: Path, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, block: str
) -> None:
    monkeypatch.chdir(files)
    other = {"content": "style", "style": "content"}[block]
    (tmp_path / "old.png").write_bytes(b"an older sheet")
    before = snapshot(tmp_path)
    for output in ("old.png", "new.png"):
        done = cli("mix", split_model, f"--{block}", "I0.png", name, f"--{other}", "T0.png", "--output",
                   tmp_path / output)  # fmt: skip
        assert len(done.refused(*REFUSED[name])) < 300
    assert snapshot(tmp_path) == before


WRONG = {
    ("--content", "--style", "I0.png"): ("no items are given for the block 'content'",),
    ("--content", "I0.png"): ("the block 'style' is not given", "style_draw"),
    (): ("no items are given",),
    ("--contnt", "I0.png", "--style", "I0.png"): ("no block 'contnt'", "did you mean 'content'"),
    ("--content", "I0.png", "--style", "I0.png", "--sed", "1"): ("no block 'sed'; did you mean 'seed'",),
    ("--content", "I0.png", "--style-draw", "many"): ("style: draw = 'many' must be a whole number",),
    ("--content", "I0.png", "--style-draw", "1.5"): ("style: draw = 1.5 must be a whole number",),
    ("--content", "I0.png", "--style", "I0.png", "--style-steps", "3"): ("at least 2; got 1",),
    ("--content", "I0.png", "--style", "I0.png", "--style-weights", "a"): ("not a list of numbers",),
    ("--content", "I0.png", "T0.png", "--content-pool", "--style", "I0.png"): ("is not pooled",),
    ("--blocks", "{"): ("blocks must be JSON; got '{'",),
    ("--blocks", "{}", "--style", "I0.png"): ("blocks are given by their names (--style) or as JSON, not both",),
    ("--content", "I0.png", "--style", "I0.png", "--output", "sheet.bmp"): ("must end in one of: .png",),
    ("--content", "I0.png", "--style", "I0.png", "--output", "no/sheet.png"): ("cannot be written", "No such file"),
    ("--content", "I0.png", "--style", "I0.png", "--path", "round"): ("is not one of: spherical, linear",),
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_request(
    cli: Cli, split_model: Path, files: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(files)
    before = snapshot(files)
    cli("mix", split_model, *words).refused(*WRONG[words])
    assert snapshot(files) == before


COMPLETED = {
    (): ("no examples are given",),
    ("--examples",): ("--examples was given nothing",),
    ("--examples", "H"): ("an example is a letter and its picture", "'H'"),
    ("--examples", "Q=H0.png"): ("'Q' is none of the letters that the model knows",),
    ("--examples", "H=words.png"): ("words.png: not a picture that can be read",),
    ("--examples", "H=H0.png", "T=drawing.svg"): ("drawing.svg: a drawing (SVG), not a picture",),
    ("--examples", "H=bomb.png"): ("bomb.png: 40,000 x 40,000 pixels",),
    ("--font", "broken.ttf"): ("broken.ttf", "font"),
    ("--font", "drawing.svg"): ("drawing.svg", "font"),
    ("--font", "H0.png"): ("H0.png", "font"),
    ("--font", "nowhere.ttf"): ("nowhere.ttf", "no such file"),
    ("--font", "boxes.ttf", "--letters", "HT"): ("boxes.ttf", "T"),
    ("--font", "boxes.ttf", "--examples", "H=H0.png"): ("not both",),
}  # fmt: skip


@pytest.mark.parametrize("words", COMPLETED)
def test_a_set_that_cannot_be_completed(
    cli: Cli, labelled_model: Path, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(files)
    for output in ("sheet.png", "mine.ttf", "sheet.svg"):
        said = cli("complete", labelled_model, *words, "--output", tmp_path / output).refused(*COMPLETED[words])
        assert len(said) < 300
    assert not snapshot(tmp_path)


def test_a_folder_with_one_class(cli: Cli, tmp_path: Path) -> None:
    place = tmp_path / "data" / "H"
    place.mkdir(parents=True)
    for style in range(4):
        (place / f"{style}.png").write_bytes(png(shape("H", style)))
    quick = [word for setting in SETTINGS for word in ("--set", setting)]
    for settings, said in (
        (["--set", "modality.group=content"], "group = content needs at least two values in content: every picture"),
        (["--set", "modality.group=none", "--set", "modality.labels=true"], "labels = true needs at least two values"),
    ):
        done = cli("train", "image", "--data", tmp_path / "data", "--output", tmp_path / "out", *quick, *settings)
        done.refused(said, "'H'")
    assert not (tmp_path / "out").exists()


def test_a_run_that_fails_in_its_first_step_leaves_nothing(cli: Cli, tmp_path: Path) -> None:
    for style in range(3):
        place = tmp_path / "data" / f"s{style}"
        place.mkdir(parents=True)
        for content in SHAPES:
            (place / f"{content}.png").write_bytes(png(shape(content, style)))
    run = ["train", "image", "--data", tmp_path / "data", "--output", tmp_path / "out", "--set", "max_steps=1",
           "--set", "architecture=content-style", "--set", "width=8"]  # fmt: skip
    for there in (False, True):  # a folder of the user's stays
        before = snapshot(tmp_path)
        done = cli(*run)
        assert done.code == 2 and done.err.splitlines()[-1].endswith("evidence; set posterior=product-of-gaussians")
        assert snapshot(tmp_path) == before
        if not there:
            (tmp_path / "out").mkdir()
    mended = cli(*run, "--set", "posterior=product-of-gaussians")
    assert mended.code == 0, mended.err


def test_a_judge_need_not_say_what_only_a_model_is_told(cli: Cli, split_model: Path, tmp_path: Path) -> None:
    for style in range(6):
        for content in SHAPES:
            place = tmp_path / "judge" / content
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{style}.png").write_bytes(png(shape(content, style)))
    lines = [f"{path.parent.name},{path.stem},{path}" for path in sorted((tmp_path / "judge").rglob("*.png"))]
    (tmp_path / "data.csv").write_text("\n".join(["content,style,image", *lines]) + "\n", encoding="utf-8")
    found = cli("evaluate", split_model, "--data", tmp_path / "data.csv", "--judge", tmp_path / "judge", "--json").json
    assert 0 <= found["swap_accuracy"] <= 1
    said = cli("evaluate", split_model, "--data", tmp_path / "judge")
    assert said.code == 2 and said.err.splitlines()[-1].startswith("genvae: group = style needs the style of each")


def test_blocks_are_listed(cli: Cli, split_model: Path, labelled_model: Path) -> None:
    shown = cli("blocks", split_model).out.splitlines()
    assert shown == ["content  2 numbers", "style  6 numbers, shared by the examples of a group"]
    described = cli("blocks", labelled_model, "--json").json
    assert described["media"] == "image/png"
    label, style = described["blocks"]
    assert label == {"name": "label", "called": "content", "shape": [6], "shared": False, "values": sorted(SHAPES),
                     "condition": {"kind": "class", "values": sorted(SHAPES)}}  # fmt: skip
    assert style["name"] == "style" and style["shared"] and style["values"] == []
