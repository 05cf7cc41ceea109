"""The code in README and docs runs, and what they point at is there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import genvae
from tests.conftest import own_lines

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a language on a page."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.S)


def test_readme_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks(ROOT / "README.md", "python")
    exec(compile(code, "README.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_readme_commands_run(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("\n".join(own_lines()) + "\n", encoding="utf-8")
    commands = [line for line in "".join(blocks(ROOT / "README.md", "sh")).splitlines() if line.startswith("genvae ")]
    assert len(commands) == 9
    for line in commands:
        words = shlex.split(line)[1:]
        if words[0] == "train":  # the same command, made short
            words += ["--set", "max_steps=4", "--set", "evaluate_every=4", "--set", "hidden_dim=16"]
        done = subprocess.run(
            [sys.executable, "-c", "from genvae.cli.main import run; run()", *words],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}: {done.stderr}"
        assert done.stdout.strip(), line


def test_plugin_page_registers_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    from genvae.host import Host

    module, *_ = blocks(ROOT / "docs/plugins.md", "python")
    package = tmp_path / "my_melodies"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(module, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    host = Host([EntryPoint("melodies", "my_melodies.plugin", "genvae")])
    assert [str(record.status) for record in host.records] == ["loaded"]
    assert host.make("schedule", {"schedule": "halfway", "value": 0.5}).at(7) == 0.5


def test_the_first_plugin_keeps_the_contract_and_can_be_told_conditions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file of the page, as it stands there."""
    from importlib.metadata import EntryPoint, entry_points

    from genvae.host import Host
    from genvae.progress import Silent
    from genvae.recipe import Recipe
    from genvae.service import Model, Service
    from genvae.testing import modality_contract
    from genvae.training.run import train

    (project,) = blocks(ROOT / "docs/first-plugin.md", "toml")
    files = {
        code.partition("\n")[0].removeprefix("# "): code for code in blocks(ROOT / "docs/first-plugin.md", "python")
    }
    (declared,) = tomllib.loads(project)["project"]["entry-points"]["genvae"].items()
    package = tmp_path / declared[1].partition(".")[0]
    package.mkdir()
    for name, code in files.items():
        (package / Path(name).name).write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    host = Host([*entry_points(group="genvae"), EntryPoint(*declared, "genvae")])
    assert [fault for _, fault in host.check("curves")] == [""] * 3
    scope: dict[str, Any] = {"modality_contract": partial(modality_contract, host=host)}
    tested = files["tests/test_curves.py"].replace("from genvae.testing import modality_contract\n", "")
    exec(compile(tested, "test_curves.py", "exec"), scope)
    scope["test_curves_keep_the_contract"](tmp_path)
    recipe = Recipe.of("curves", host)
    recipe.set(["length=8", "hidden_dim=16", "conditions={kind: class}", "likelihood=gaussian", "max_steps=4"])
    told = [{**item, "kind": "ab"[n % 2]} for n, item in enumerate(scope["curves"](24))]
    train(recipe, told, tmp_path / "told", resume=False, reporter=Silent())
    model = Model(str(tmp_path / "told"), Service(host))
    assert len(model.generate(2, conditions={"kind": "a"})) == 2
    found = model.evaluate(told, generated=5)
    assert 0 < found["roughness"] < 100 and "left_out" not in found


def test_plugin_page_lists_every_kind() -> None:
    from genvae.host import KINDS

    text = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
    rows = " ".join(re.findall(r"^\| ([a-z, ]+) \|", text, re.M))
    assert set(KINDS) <= set(rows.replace(",", " ").split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} points at {target}"


def test_changelog_knows_the_version() -> None:
    from genvae import __version__

    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def desk(split_model: Path, labelled_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the page of pictures speaks of, with tiny models in the place of real ones."""
    import shutil

    from tests.images.drawn import built
    from tests.images.split_model import SHAPES, STYLES, shape
    from tests.images.test_reading import png

    folder = tmp_path_factory.mktemp("desk")
    for style in range(len(STYLES)):
        for content in SHAPES:
            place = folder / "hands" / f"hand-{style}" / content
            place.mkdir(parents=True)
            (place / "1.png").write_bytes(png(shape(content, style)))
    for name, content, style in (
        ("a", "I", 0), ("b", "T", 0), ("x", "L", 8), ("y", "V", 2), ("h", "H", 7), ("t", "T", 7),
    ):  # fmt: skip
        (folder / f"{name}.png").write_bytes(png(shape(content, style)))
    built(folder / "my.ttf", {"H": (100, 0, 500, 700), "L": (100, 0, 300, 700)})
    shutil.copytree(split_model, folder / "hands-model")
    shutil.copytree(labelled_model, folder / "letters-model")
    (folder / "split.yaml").write_text(blocks(ROOT / "docs/images.md", "yaml")[0], encoding="utf-8")
    return folder


IMAGES = [line for block in blocks(ROOT / "docs/images.md", "sh") for line in block.splitlines()]


@pytest.mark.parametrize("line", IMAGES, ids=lambda line: " ".join(line.split()[1:5]))
def test_commands_on_the_page_of_pictures_run(
    line: str, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from genvae.cli.main import main

    monkeypatch.chdir(desk)
    words = ["letters-model" if word == "typefaces" else word for word in shlex.split(line)[1:]]
    if words[0] == "train":  # the same command, made short
        short = ("max_steps=2", "evaluate_every=2", "size=8", "width=4", "hidden_dim=16", "style_hidden=8")
        words[words.index("hands-model")] = "another-model"
        words += [word for setting in short for word in ("--set", setting)]
    assert main(words) == 0, capsys.readouterr().err
    if "--output" in words:
        assert Path(words[words.index("--output") + 1]).exists()
    assert capsys.readouterr().out.strip()


def test_python_on_the_page_of_pictures_runs(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    (code,) = blocks(ROOT / "docs/images.md", "python")
    scope: dict[str, list[object]] = {}
    exec(compile(code, "docs/images.md", "exec"), scope)
    assert [len(scope[name]) for name in ("grid", "pooled", "walk", "new", "swap")] == [4, 1, 5, 6, 1]


@pytest.mark.parametrize("number", range(2))
def test_recipes_on_the_page_of_pictures_train(number: int, tmp_path: Path) -> None:
    """Each as it stands, on few pictures and with few steps."""
    import yaml

    from tests.images.split_model import rows

    recipe = yaml.safe_load(blocks(ROOT / "docs/images.md", "yaml")[number])
    recipe["modality"]["size"] = 16
    recipe["architecture"] = {**recipe["architecture"], "width": 4, "hidden_dim": 16, "style_hidden": 8}
    recipe["training"] = {**recipe["training"], "max_steps": 2, "batch_size": 18, "evaluate_every": 2}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    genvae.train(str(tmp_path / "recipe.yaml"), data=rows(), output=tmp_path / "model", set=["validation=0.2"])
    model = genvae.load(str(tmp_path / "model"))
    assert len(model.mix(content=rows()[0]["image"], style_draw=2)) == 2


@pytest.mark.parametrize("number", range(len(blocks(ROOT / "docs/text.md", "yaml"))))
def test_recipes_on_the_page_of_sentence_models_train(number: int, tmp_path: Path) -> None:
    """Each as it stands, on few lines and with few steps a phase."""
    import yaml

    recipe = yaml.safe_load(blocks(ROOT / "docs/text.md", "yaml")[number])
    short = {"max_steps": 2, "batch_size": 8, "evaluate_every": 2}
    recipe["training"] = {**recipe.get("training", {}), **short}
    recipe["phases"] = [{**phase, "max_steps": 2} for phase in recipe.get("phases", [])]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    genvae.train(str(tmp_path / "recipe.yaml"), data=own_lines(), output=tmp_path / "model")
    assert len(genvae.load(str(tmp_path / "model")).generate(3, max_length=12)) == 3
