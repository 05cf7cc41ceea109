"""What scripts rely on: keys, the last line of standard output, and the same answer to the same request."""

from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from genvae.service import Service
from tests.cli.program import QUICK, Cli
from tests.conftest import own_lines

EVALUATION = {
    "nll", "nll_samples", "elbo", "perplexity", "kl", "mutual_information", "active_units", "latent_dim",
    "exact_match", "bits_per_character",
}  # fmt: skip


# -- generate ------------------------------------------------------------------------------------


def test_generate(cli: Cli, trained: Path) -> None:
    done = cli("generate", trained, "-n", "7", "--seed", "3", "--json")
    assert (done.code, done.err, len(done.out.splitlines())) == (0, "", 1)
    assert set(done.json) == {"items", "seed"} and done.json["seed"] == 3
    assert len(done.json["items"]) == 7
    for item in done.json["items"]:
        assert isinstance(item, str) and item.strip() and "<unk>" not in item and "\n" not in item
    assert cli("generate", trained, "-n", "7", "--seed", "3", "--json") == done
    assert cli("generate", trained, "-n", "7", "--seed", "4", "--json").json["items"] != done.json["items"]


def test_people_see_an_item_a_line(cli: Cli, trained: Path) -> None:
    items = cli("generate", trained, "-n", "6", "--json").json["items"]
    assert cli("generate", trained, "-n", "6").out.splitlines() == items
    assert len(cli("generate", trained).out.splitlines()) == 5


def test_few_are_the_beginning_of_many(cli: Cli, trained: Path) -> None:
    given = ["generate", trained, "--seed", "1", "--max-length", "80", "--json"]
    many = cli(*given, "-n", "40").json["items"]
    for count in (1, 5, 33):
        assert cli(*given, "-n", count).json["items"] == many[:count]
    assert cli(*given, "-n", "9", "--start", "30").json["items"] == many[30:39]


def test_every_setting_of_decoding_is_an_option(cli: Cli, trained: Path) -> None:
    plain = cli("generate", trained, "-n", "6", "--max-length", "64", "--json").json["items"]
    for options in (
        ["--temperature", "0"], ["--prior-scale", "0"], ["--top-k", "2"], ["--top-p", "0.3"], ["--beam", "3"],
        ["--max-length", "4"], ["--min-length", "60"], ["--no-repeat-ngram", "2", "--temperature", "0"],
    ):  # fmt: skip
        items = cli("generate", trained, "-n", "6", "--json", "--max-length", "64", *options).json["items"]
        assert len(items) == 6 and items != plain, options
    assert all(len(x) <= 4 for x in cli("generate", trained, "--max-length", "4", "--json").json["items"])


# -- the others ----------------------------------------------------------------------------------


def test_reconstruct(cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = own_lines(3)
    done = cli("reconstruct", trained, *lines, "--json")
    assert set(done.json) == {"items", "originals"} and done.json["originals"] == lines
    text = "\ufeff".join(["", ""]) + "\r\n".join(["", *lines, ""])  # blank lines are passed over
    monkeypatch.setattr(sys, "stdin", io.StringIO(text.replace("\ufeff", "")))
    assert cli("reconstruct", trained, "-", "--json").json == done.json
    shown = cli("reconstruct", trained, *lines).out.splitlines()
    assert shown == [f"{a}  ->  {b}" for a, b in zip(lines, done.json["items"], strict=True)]


def test_interpolate_ends_are_the_reconstructions(cli: Cli, trained: Path) -> None:
    a, b = own_lines(2)
    ends = cli("reconstruct", trained, a, b, "--json").json["items"]
    for path in ("spherical", "linear"):
        items = cli("interpolate", trained, a, b, "--steps", "5", "--path", path, "--json").json["items"]
        assert len(items) == 5 and [items[0], items[-1]] == ends


def test_encode_and_decode(cli: Cli, trained: Path) -> None:
    lines = own_lines(3)
    latents = cli("encode", trained, *lines, "--json").json["latents"]
    assert [len(row) for row in latents["z"]] == [4, 4, 4]
    decoded = cli("decode", trained, json.dumps(latents), "--json").json["items"]
    assert decoded == cli("reconstruct", trained, *lines, "--json").json["items"]


def test_vary_and_mix(cli: Cli, trained: Path) -> None:
    a, b = own_lines(2)
    first, second = cli("reconstruct", trained, a, b, "--json").json["items"]
    assert cli("vary", trained, a, "-n", "3", "--distance", "0", "--json").json["items"] == [first] * 3
    assert len(cli("vary", trained, a, "-n", "4", "--json").json["items"]) == 4
    assert cli("mix", trained, a, b, "--weights", '{"z": [0, 1]}', "--json").json["items"] == [second]


FEW = ("--generated", "20", "--json")


def test_evaluate(cli: Cli, trained: Path, lines_file: Path) -> None:
    done = cli(
        "evaluate", trained, "--data", lines_file, "--samples", "20", "--limit", "50", "--generated", "20", "--json"
    )
    figures = done.json
    assert set(figures) >= EVALUATION and len(done.out.splitlines()) == 1
    assert all(isinstance(figures[name], int | float) and math.isfinite(figures[name]) for name in EVALUATION)
    assert figures["nll_samples"] == 20 and figures["latent_dim"] == 4
    assert figures["nll"] <= -figures["elbo"] + 1e-3  # the bound with more samples is the tighter one
    assert 0 <= figures["exact_match"] <= 1 and 0 <= figures["active_units"] <= 4 and figures["perplexity"] > 1
    again = cli(
        "evaluate", trained, "--data", lines_file, "--samples", "20", "--limit", "50", "--generated", "20", "--json"
    )
    assert again.out == done.out


def test_evaluate_beside_a_baseline(cli: Cli, trained: Path, lines_file: Path) -> None:
    done = cli(
        "evaluate", trained, "--data", lines_file, "--limit", "20", "--baseline", trained, "--generated", "20", "--json"
    )
    figures = done.json
    baseline = figures.pop("baseline")
    assert {name: figures[name] for name in EVALUATION} == {name: baseline[name] for name in EVALUATION}


def test_models(cli: Cli, trained: Path) -> None:
    listed = cli("models", "--json")
    assert listed.code == 0 and isinstance(listed.json["items"], list)
    (about,) = cli("models", trained, "--json").json["items"]
    assert about["modality"] == "sentence" and about["card"].startswith("---")


# -- train ---------------------------------------------------------------------------------------


def test_train(cli: Cli, lines_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "deep" / "model"
    done = cli("train", "sentence", "--data", lines_file, "--output", output, *QUICK, "--json")
    assert len(done.out.splitlines()) == 1  # progress goes to standard error
    assert set(done.json) >= EVALUATION | {"output", "steps", "tokens_per_second"}
    assert (done.json["output"], done.json["steps"]) == (str(output), 14)
    assert done.json["tokens_per_second"] > 0
    assert "step 7: ELBO" in done.err and "step 14: ELBO" in done.err
    assert {path.name for path in output.iterdir()} == {
        "README.md", "config.json", "manifest.json", "model.safetensors", "tokenizer.json", "run",
    }  # fmt: skip
    assert len(cli("generate", output, "-n", "3", "--json").json["items"]) == 3
    metrics = [json.loads(line) for line in (output / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [(m["kind"], m["step"]) for m in metrics] == [("validation", 7), ("validation", 14)]


def test_train_from_a_recipe_and_a_table(cli: Cli, tmp_path: Path) -> None:
    rows = "".join(f"{i},{line}\n" for i, line in enumerate(own_lines(60)))
    (tmp_path / "table.csv").write_text("number,line\n" + rows, encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(
        "modality: {modality: sentence, tokenizer: word, vocab_size: 40, text_column: line}\n"
        "architecture: {architecture: lstm, embedding_dim: 8, hidden_dim: 8, latent_dim: 2}\n"
        "training: {max_steps: 3, evaluate_every: 3}\n",
        encoding="utf-8",
    )
    given = ["train", tmp_path / "recipe.yaml", "--data", tmp_path / "table.csv", "--output", tmp_path / "out"]
    done = cli(*given, "--set", "max_steps=4", "--json")
    assert done.json["steps"] == 4 and done.json["latent_dim"] == 2
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["recipe"]["modality"]["text_column"] == "line"
    assert config["recipe"]["training"]["max_steps"] == 4


def test_the_same_training_gives_the_same_model(cli: Cli, lines_file: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert cli("train", "sentence", "--data", lines_file, "--output", tmp_path / name, *QUICK).code == 0
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


# -- help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [*sorted(Service().operations()), "plugins", "studio"])
def test_help_shows_examples(cli: Cli, command: str) -> None:
    done = cli(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert "Examples:" in done.out
    assert f"genvae {command}" in done.out.partition("Examples:")[2]


def test_the_help_of_train_names_what_is_installed(cli: Cli) -> None:
    shown = " ".join(cli("train", "--help").out.split())
    assert "a modality or a recipe (a .yaml file); installed: image, sentence" in shown


def test_every_command_is_listed_with_what_it_does(cli: Cli) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        shown = cli(*arguments).out
        for part in Service().operations().values():
            assert f"{part.id}  " in shown and part.summary.split(".")[0][:20] in shown


def test_version(cli: Cli) -> None:
    import genvae

    assert cli("--version").out == f"genvae {genvae.__version__}\n"


# -- as a program --------------------------------------------------------------------------------


PROGRAM = "from genvae.cli.main import run; run()"  # what the installed script does


def program(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


def test_a_process_of_its_own_gives_the_same(cli: Cli, trained: Path) -> None:
    done = program("generate", trained, "-n", "4", "--seed", "5", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == cli("generate", trained, "-n", "4", "--seed", "5", "--json").out


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_seen_enough(unbuffered: str) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "plugins"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    assert writer.stdout is not None and writer.stderr is not None
    writer.stdout.close()  # before it prints
    said = writer.stderr.read()
    writer.stderr.close()
    assert (writer.wait(60), said) == (0, "")
