"""Runs that are validated on items of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from genvae.errors import GenvaeError, SettingError
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.training.run import Outcome, train
from tests.cli.conftest import cli  # noqa: F401 - a fixture
from tests.cli.program import Cli
from tests.conftest import TINY, own_lines
from tests.training.going_on import SHORT, Stops, refused, same, weights
from tests.training.small import Told

HOST = default_host()


def cold(output: Path, *sets: str, data: Sequence[str], resume: bool = False, **more: Any) -> Outcome:
    recipe = Recipe.of("sentence", HOST)
    recipe.set([*TINY, "tokenizer=char", *SHORT, *sets])
    return train(recipe, data, output, resume=resume, reporter=more.pop("reporter", Silent()), **more)


def test_items_to_validate_on_are_those_and_every_line_of_the_data_is_trained_on(tmp_path: Path) -> None:
    told = Told()
    held = ["zebras quietly jump.", "xylophones, too!"]  # letters that no line of the data has
    outcome = cold(tmp_path / "out", "validation=0.9", data=own_lines(40), validation=held, reporter=told)
    assert any("40 items to train on, 2 to validate" in line for line in told.lines)
    assert outcome.state.items > 0 and outcome.scores["items"] == 2
    known = json.loads((tmp_path / "out/tokenizer.json").read_text())["model"]["vocab"]
    assert set("".join(own_lines(40))) <= set(known) and "z" not in known and "q" not in known
    # it is judged by those lines alone: others give other figures and the same weights at each step
    other = cold(tmp_path / "other", data=own_lines(40), validation=own_lines(60)[40:])
    assert other.state.best != outcome.state.best
    last = "run/checkpoints/step-00000014"
    assert same(weights(tmp_path / "out" / last), weights(tmp_path / "other" / last))


def test_the_figure_is_the_mean_over_exactly_those_items(tmp_path: Path) -> None:
    """Halves of a file of its own have figures whose mean is that of the file, at the first validation."""
    held = own_lines(60)[40:]
    figures = []
    for name, part in (("all", held), ("one", held[:10]), ("two", held[10:])):
        cold(tmp_path / name, "max_steps=1", "learning_rate=1e-40", data=own_lines(40), validation=part)
        line = json.loads((tmp_path / name / "run/metrics.jsonl").read_text().splitlines()[-1])
        figures.append(line["rate"])  # in closed form: no draw in it
    assert figures[0] == pytest.approx((figures[1] + figures[2]) / 2, rel=1e-4)


def test_one_line_is_enough_to_train_on_where_others_are_validated(tmp_path: Path) -> None:
    assert cold(tmp_path / "out", "max_steps=1", data=own_lines(1), validation=own_lines(2)).state.step == 1


def test_the_same_items_are_warned_of(tmp_path: Path) -> None:
    told = Told()
    cold(tmp_path / "out", "max_steps=1", data=own_lines(9), validation=own_lines(9), reporter=told)
    assert any("data and validation are the same items" in line for line in told.lines)


def test_resuming_keeps_the_validation_data(tmp_path: Path) -> None:
    data, held = own_lines(40), own_lines(50)[40:]
    cold(tmp_path / "whole", data=data, validation=held)
    with pytest.raises(GenvaeError, match="--resume"):
        cold(tmp_path / "half", data=data, validation=held, reporter=Stops("step 7:"))
    for other in (None, held[1:], data):
        with pytest.raises(SettingError, match="the validation data are not those the run began with"):
            cold(tmp_path / "half", data=data, validation=other, resume=True)
    cold(tmp_path / "half", data=data, validation=held, resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "half"))
    cold(tmp_path / "share", data=data)
    with pytest.raises(SettingError, match="the validation data are not those"):
        cold(tmp_path / "share", data=data, validation=held, resume=True)


VALIDATION: dict[str, tuple[str, bytes | None, str]] = {
    "missing": ("missing.txt", None, "validation: no such file"),
    "empty": ("a.txt", b"", "a.txt is empty"),
    "nothing left": ("a.txt", b"x" * 300 + b"\n", "validation: none of the 1 items"),
    "a column to choose": ("a.csv", b"one,two\na,b\n", "validation: which column is the text?"),
    "an unknown ending": ("a.doc", b"text", "validation: "),
}


@pytest.mark.parametrize("case", VALIDATION)
def test_bad_validation_data_are_one_line(
    cli: Cli, tiny_model: Path, lines_file: Path, tmp_path: Path, case: str  # noqa: F811
) -> None:  # fmt: skip
    name, content, said = VALIDATION[case]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    for more in ([], ["--start", tiny_model]):
        run = ["sentence", "--data", lines_file, "--validation", tmp_path / name, *more]
        refused(cli, tmp_path / "out", run, "validation: ", said)
