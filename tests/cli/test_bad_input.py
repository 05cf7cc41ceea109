"""Bad input: one line on standard error, exit code 2, nothing lost or half-written."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import pytest

from genvae.store.folders import seal
from tests.cli.program import QUICK, Cli, Ended, snapshot
from tests.conftest import own_lines

# -- data ----------------------------------------------------------------------------------------

DATA: dict[str, tuple[str, bytes | None, tuple[str, ...]]] = {
    "missing": ("missing.txt", None, ("no such file", "missing.txt")),
    "empty": ("a.txt", b"", ("a.txt is empty",)),
    "blank lines": ("a.txt", b"\n\n", ("a.txt is empty",)),
    "one line": ("a.txt", b"just one\n", ("only 1 usable item", "at least one each")),
    "not UTF-8": ("a.txt", b"fine\nfine\nna\xefve\n", ("line 3 is not UTF-8", "save the file as UTF-8")),
    "a megabyte line": ("a.txt", b"fine\n" + b"x" * 1_000_000 + b"\n", ("line 2 is longer than 100,000 characters",)),
    "all too long": ("a.txt", b"x" * 300 + b"\n" + b"y" * 300 + b"\n", ("1 to 200 characters", "raise max_length")),
    "a column to choose": ("a.csv", b"one,two\na,b\nc,d\n", ("Set text_column to one of: one, two",)),
    "an unknown ending": ("a.doc", b"text", ("no source reads this kind of file", ".parquet")),
    "an empty folder": ("", None, ("holds no file that a source can read",)),
    "a hub out of reach": ("nobody/nothing", None, ("neither a file or folder here nor a data set",)),
}


@pytest.mark.parametrize("case", DATA)
def test_data(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, trained: Path) -> None:
    name, content, words = DATA[case]
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    place = name if name == "nobody/nothing" else f"data/{name}"
    if content is not None:
        Path(place).write_bytes(content)
    before = snapshot(tmp_path)
    cli("train", "sentence", "--data", place, "--output", "out", *QUICK).refused(*words)
    cli("train", "sentence", "--data", place, "--output", "deep/er/out", *QUICK, "--json").refused(*words)
    assert snapshot(tmp_path) == before
    if case != "one line":
        cli("evaluate", trained, "--data", place).refused(*words)


def test_a_wrong_column_lists_the_columns(cli: Cli, tmp_path: Path, trained: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("review,stars\n" + "".join(f"{line},5\n" for line in own_lines(20)), encoding="utf-8")
    said = cli("train", "sentence", "--data", table, "--output", tmp_path / "out", "--set", "text_column=reviews")
    said.refused("there is no column 'reviews'", "the columns are: review, stars")
    cli("evaluate", trained, "--data", table, "--set", "text_column=reviews").refused("columns are: review, stars")
    assert not (tmp_path / "out").exists()


# -- settings ------------------------------------------------------------------------------------

SETTINGS = {
    "latnet_dim=4": ("unknown setting 'latnet_dim'", "did you mean 'latent_dim'?"),
    "trainning.seed=4": ("unknown section 'trainning'", "did you mean 'training'?"),
    "training.sede=4": ("unknown setting 'sede' in training", "did you mean 'seed'?"),
    "latent_dim=many": ("latent_dim = 'many' must be a whole number",),
    "latent_dim=-1": ("latent_dim = -1 must be at least",),
    "learning_rate=nan": ("learning_rate", "finite"),
    "learning_rate=0": ("learning_rate = 0.0 must be more than 0.0",),
    "tokenizer=chars": ("is not one of: bpe, word, char",),
    "beta={schedule: linaer}": ("no schedule 'linaer'", "did you mean 'linear'?"),
    "beta={schedule: linear": ("cannot read the value",),
    "phases=[{name: a, frozen: [encodr]}]": ("encodr", "encoder"),
    "architecture=lsmt": ("no architecture 'lsmt'", "did you mean 'lstm'?"),
    "vocab_size": ("name=value",),
    "vocab_size=100": ("vocab_size of a bpe tokenizer is at least 261",),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings(cli: Cli, tmp_path: Path, lines_file: Path, setting: str) -> None:
    before = snapshot(tmp_path)
    done = cli("train", "sentence", "--data", lines_file, "--output", tmp_path / "out", "--set", setting)
    assert snapshot(tmp_path) == before
    last_line(done).refused(*SETTINGS[setting])


def last_line(done: Ended) -> Ended:
    """Without what was said before it came to the fault."""
    return Ended(done.code, done.out, done.err.splitlines()[-1] + "\n")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.yaml", None, ("no such recipe",)),
        ("bad.yaml", b"modality: [", ("cannot be read as a recipe",)),
        ("bad.yaml", b"modality: sentence\nobjectiv: elbo\n", ("unknown section 'objectiv'", "'objective'")),
        ("bad.yaml", b"modality: sentence\nobjective: {objective: elbo, bta: 1}\n", ("did you mean 'beta'",)),
        ("sentense", None, ("neither a recipe (a .yaml file) nor an installed modality", "'sentence'")),
    ],
)
def test_recipes(
    cli: Cli, tmp_path: Path, lines_file: Path, name: str, content: bytes | None, words: tuple[str, ...]
) -> None:
    target = tmp_path / name if name.endswith(".yaml") else name
    if content is not None:
        (tmp_path / name).write_bytes(content)
    cli("train", target, "--data", lines_file, "--output", tmp_path / "out").refused(*words)
    assert not (tmp_path / "out").exists()


REQUESTS = {
    ("generate", "MODEL", "-n", "0"): ("n = 0 must be at least 1",),
    ("generate", "MODEL", "-n", "10001"): ("n = 10001 must be at most 10000",),
    ("generate", "MODEL", "-n", "many"): ("valid integer",),
    ("generate", "MODEL", "--seed", "-1"): ("seed = -1 must be at least 0",),
    ("generate", "MODEL", "--temperature", "-1"): ("temperature = -1.0 must be at least 0.0",),
    ("generate", "MODEL", "--temperature", "nan"): ("not a finite number",),
    ("generate", "MODEL", "--top-p", "0"): ("top_p = 0.0 must be more than 0.0",),
    ("generate", "MODEL", "--top-p", "1.5"): ("must be at most 1.0",),
    ("generate", "MODEL", "--beam", "65"): ("beam = 65 must be at most 64",),
    ("generate", "MODEL", "--prior-scale", "inf"): ("finite",),
    ("generate", "MODEL", "--temperatur", "1"): ("--temperature",),
    ("generate",): ("'model'",),
    ("generate", "sentences-eng"): ("there is no model 'sentences-eng'", "did you mean 'sentences-en'"),
    ("generate", "./nowhere"): ("there is no model './nowhere'",),
    ("generate", "nobody/nothing"): ("neither a starter, nor a folder here",),
    ("genrate", "MODEL"): ("genrate",),
    ("reconstruct", "MODEL", "x" * 201): ("the text has 201 characters; this model reads at most 200",),
    ("reconstruct", "MODEL", "fine", "y" * 1_000_000): ("1,000,000 characters",),
    ("reconstruct", "MODEL", ""): ("the text is empty",),
    ("reconstruct", "MODEL", "two\nlines"): ("more than one line",),
    ("reconstruct", "MODEL"): ("'items'",),
    ("interpolate", "MODEL", "one", "x" * 201): ("at most 200",),
    ("interpolate", "MODEL", "one", "two", "--steps", "1"): ("steps = 1 must be at least 2",),
    ("interpolate", "MODEL", "one", "two", "--path", "sphere"): ("is not one of: spherical, linear",),
    ("vary", "MODEL", "one", "--distance", "11"): ("distance = 11.0 must be at most 10.0",),
    ("mix", "MODEL", "one", "--weights", "{"): ("weights must be JSON",),
    ("mix", "MODEL", "one", "two", "--weights", '{"z": [1]}'): ("block 'z' needs 2 weights",),
    ("mix", "MODEL", "one", "--weights", '{"y": [1]}'): ("no block 'y'",),
    ("decode", "MODEL", "nonsense"): ("latents must be JSON",),
    ("decode", "MODEL", "[1]"): ("latents", "must be a mapping"),
    ("decode", "MODEL", '{"z": [[1, 2]]}'): ("shape (1, 2); it must be",),
    ("decode", "MODEL", '{"z": [[1, 2, "x", 4]]}'): ("not a table of numbers",),
    ("decode", "MODEL", "{}"): ("block 'z' is missing",),
    ("encode", "MODEL", "x" * 201): ("at most 200",),
    ("evaluate", "MODEL"): ("--data",),
    ("models", "sentences-eng"): ("did you mean 'sentences-en'",),
    ("plugins", "check", "sentense"): ("did you mean 'sentence'",),
    ("plugins", "--jsn"): ("--jsn",),
    ("studio", "--port", "99999"): ("--port", "65535"),
    ("train", "sentence"): ("--data",),
    ("train", "sentence", "--data", "x.txt"): ("--output",),
}


@pytest.mark.parametrize("arguments", REQUESTS, ids=lambda arguments: " ".join(a[:20] for a in arguments))
def test_requests(cli: Cli, trained: Path, arguments: tuple[str, ...]) -> None:
    given = [str(trained) if argument == "MODEL" else argument for argument in arguments]
    cli(*given).refused(*REQUESTS[arguments])


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "standard input holds no items"), (b"\n\n", "holds no items"), (b"na\xefve", "standard input is not UTF-8"),
     (b"fine\n" + b"x" * 300, "the text has 300 characters")],
)  # fmt: skip
def test_standard_input(cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
    cli("reconstruct", trained, "-").refused(said)


def test_an_argument_that_is_not_utf8(cli: Cli, trained: Path) -> None:
    cli("reconstruct", trained, b"na\xefve".decode("utf-8", "surrogateescape")).refused("not UTF-8")


# -- models --------------------------------------------------------------------------------------


def test_a_damaged_model(cli: Cli, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(trained, folder)
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-9] ^= 1
    (folder / "model.safetensors").write_bytes(bytes(weights))
    before = snapshot(folder)
    for command in (["generate", folder], ["reconstruct", folder, "one"], ["evaluate", folder, "--data", "x.txt"]):
        cli(*command).refused("is damaged", "model.safetensors")
    assert snapshot(folder) == before


def test_a_foreign_model(cli: Cli, tmp_path: Path) -> None:
    cli("generate", tmp_path).refused("holds no genvae model")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    cli("generate", tmp_path).refused("another library")
    cli("models", tmp_path).refused("another library")


def test_a_model_is_no_file(cli: Cli, lines_file: Path) -> None:
    cli("generate", lines_file).refused("is a file; a model is a folder")


def test_a_model_of_a_newer_format(cli: Cli, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "newer")
    config = json.loads((tmp_path / "newer" / "config.json").read_text())
    (tmp_path / "newer" / "config.json").write_text(json.dumps({**config, "format": 99}))
    seal(tmp_path / "newer")
    cli("generate", tmp_path / "newer").refused("newer genvae; upgrade")


# -- the output folder and --resume --------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data file, and the folder of a run on it."""
    from genvae.cli.main import main

    folder = tmp_path_factory.mktemp("finished")
    (folder / "lines.txt").write_text("\n".join(own_lines(120)), encoding="utf-8")
    given = ["train", "sentence", "--data", str(folder / "lines.txt"), "--output", str(folder / "run"), *QUICK]
    assert main(given) == 0
    return folder / "lines.txt", folder / "run"


def test_an_output_that_holds_another_run(cli: Cli, finished: tuple[Path, Path]) -> None:
    data, output = finished
    before = snapshot(output)
    cli("train", "sentence", "--data", data, "--output", output, *QUICK).refused("already holds a run", "--resume")
    assert snapshot(output) == before


def test_an_output_that_is_in_use(cli: Cli, lines_file: Path, trained: Path) -> None:
    cli("train", "sentence", "--data", lines_file, "--output", lines_file).refused("is a file; the output is a folder")
    said = cli("train", "sentence", "--data", lines_file, "--output", lines_file.parent)
    said.refused("is not empty; choose a new folder")
    said = cli("train", "sentence", "--data", lines_file, "--output", lines_file / "out", *QUICK)
    last_line(said).refused("lines.txt", "Not a directory")
    before = snapshot(trained)
    cli("train", "sentence", "--data", lines_file, "--output", trained).refused("is not empty")
    assert snapshot(trained) == before


def test_resume_with_nothing_to_resume(cli: Cli, lines_file: Path, tmp_path: Path, trained: Path) -> None:
    (tmp_path / "empty").mkdir()
    before = snapshot(trained)
    for output in (tmp_path / "missing", tmp_path / "empty", trained):
        said = cli("train", "sentence", "--data", lines_file, "--output", output, "--resume", *QUICK)
        said.refused("holds no run to resume", "leave out --resume")
    assert not (tmp_path / "missing").exists() and not any((tmp_path / "empty").iterdir())
    assert snapshot(trained) == before


def test_resume_with_other_settings(cli: Cli, finished: tuple[Path, Path]) -> None:
    data, output = finished
    before = snapshot(output)
    for setting, words in {
        "latent_dim=5": ("architecture.latent_dim: 3 then, 5 now",), "seed=9": ("training.seed: 0 then, 9 now",),
        "word_dropout=0.5": ("corruptions",), "beta=0.1": ("objective.beta",),
    }.items():  # fmt: skip
        said = cli("train", "sentence", "--data", data, "--output", output, "--resume", *QUICK, "--set", setting)
        said.refused("the run began with other settings", *words)
    assert snapshot(output) == before


def test_resume_with_other_data(cli: Cli, finished: tuple[Path, Path], tmp_path: Path) -> None:
    data, output = finished
    before = snapshot(output)
    (tmp_path / "other.txt").write_text(data.read_text() + "\none more line", encoding="utf-8")
    said = cli("train", "sentence", "--data", tmp_path / "other.txt", "--output", output, "--resume", *QUICK)
    said.refused("the data are not those the run began with")
    assert snapshot(output) == before


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"data": "x", "recipe": 3}'])
def test_resume_of_a_damaged_run(cli: Cli, finished: tuple[Path, Path], tmp_path: Path, content: str) -> None:
    data, output = finished
    shutil.copytree(output, tmp_path / "run")
    (tmp_path / "run" / "run" / "run.json").write_text(content)
    said = cli("train", "sentence", "--data", data, "--output", tmp_path / "run", "--resume", *QUICK)
    said.refused("run.json is damaged")


def test_resume_of_a_finished_run_changes_no_weight(cli: Cli, finished: tuple[Path, Path], tmp_path: Path) -> None:
    data, output = finished
    shutil.copytree(output, tmp_path / "run")
    done = cli("train", "sentence", "--data", data, "--output", tmp_path / "run", "--resume", *QUICK, "--json")
    assert done.json["steps"] == 14
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == (output / "model.safetensors").read_bytes()
