"""The operation ``label``: from lines to a table that conditions are declared from."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from genvae.errors import DataError, GenvaeError, PluginError, SettingError
from genvae.service import Service
from genvae_conditional.rules.english import VALUES, labels
from tests.cli.conftest import cli  # noqa: F401 - a fixture
from tests.cli.program import Cli

LINES = ["Where is my hat?", "I never said that.", "Come in!", "The tea was cold, and so were we."]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


def test_a_file_of_lines_becomes_a_table_that_can_be_read_again(lines: Path, tmp_path: Path) -> None:
    output = tmp_path / "labelled.csv"
    answer = Service().run("label", data=str(lines), output=str(output))
    with output.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == LINES
    assert [{name: row[name] for name in VALUES} for row in rows] == [labels(line) for line in LINES]
    assert answer.to_config() == {"items": 4, "counts": answer.counts, "output": str(output)}  # type: ignore[attr-defined]
    assert sum(answer.counts["form"].values()) == 4  # type: ignore[attr-defined]


def test_other_columns_stay_and_names_may_have_a_prefix(tmp_path: Path) -> None:
    rows = [{"text": line, "form": "mine", "stars": number} for number, line in enumerate(LINES)]
    with pytest.raises(SettingError, match=r"there is a column 'form' already.*prefix"):
        Service().run("label", data=rows)
    output = tmp_path / "more.jsonl"
    Service().run("label", data=rows, prefix="rule_", output=str(output))
    found = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [row["stars"] for row in found] == [0, 1, 2, 3] and found[2]["form"] == "mine"
    assert [row["rule_form"] for row in found] == ["question", "statement", "command", "statement"]


def test_on_the_command_line(cli: Cli, lines: Path) -> None:  # noqa: F811
    done = cli("label", lines, "--json")
    assert done.json["rows"][0] == labels(LINES[0]) and done.json["items"] == 4
    said = cli("label", lines).out.splitlines()
    assert said[0] == "form=question  negation=no  tense=present  subject=other  length=4-5"
    assert "form: statement 50.0 %, question 25.0 %, command 25.0 %" in said


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ({"labeller": "englsh"}, PluginError, "english"),
        ({"column": "txt"}, DataError, "did you mean 'text'"),
        ({"output": "table.xlsx"}, SettingError, "must end in .csv, .jsonl or .parquet"),
        ({"output": "no/such/folder/table.csv"}, SettingError, "cannot be written"),
        ({"data": [{"a": "x", "b": "y"}]}, DataError, "Set column to one of: a, b"),
        ({"data": [{"text": 1}]}, DataError, "row 1 of the column 'text' is int, not text"),
        ({"data": []}, DataError, "empty"),
        ({"data": "nowhere.txt"}, DataError, "no such file"),
    ],
)
def test_what_cannot_be_labelled_is_said_in_a_line(values: dict, kind: type[GenvaeError], words: str) -> None:
    with pytest.raises(kind, match=words.replace(".", r"\.")) as raised:
        Service().run("label", **{"data": [{"text": line} for line in LINES], **values})
    assert "\n" not in str(raised.value)
