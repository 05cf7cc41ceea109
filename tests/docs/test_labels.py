"""The commands of docs/labels.md run, and its tables say what the rules know."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from genvae.host import default_host
from genvae.recipe import Recipe
from genvae_conditional.rules.english import VALUES
from tests.cli.conftest import cli  # noqa: F401 - a fixture
from tests.cli.program import Cli
from tests.conftest import own_lines
from tests.docs.test_readme import ROOT, blocks

PAGE = ROOT / "docs" / "labels.md"


def test_commands_run(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.chdir(tmp_path)
    Path("lines.txt").write_text("\n".join(own_lines(60)) + "\n", encoding="utf-8")
    commands = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
    assert len(commands) == 4
    for line in commands:
        done = cli(*shlex.split(line)[1:])
        assert done.code == 0, f"{line}: {done.err}"
        assert done.out.strip(), line


def test_the_table_has_every_label_and_value() -> None:
    rows = dict(re.findall(r"^\| (\w+) \| ([^|]*) \|", PAGE.read_text(encoding="utf-8"), re.M))
    assert {name: tuple(rows[name].strip().split(", ")) for name in VALUES} == VALUES


def test_the_objective_is_one_that_a_recipe_takes() -> None:
    (text,) = blocks(PAGE, "yaml")
    sections = {"modality": {"modality": "image", "labels": True}, **yaml.safe_load(text)}
    recipe = Recipe(sections, default_host())
    assert recipe.sections["objective"]["tried"] == 3


@pytest.fixture
def named() -> list[dict[str, Any]]:
    """What each block of Python leaves behind."""
    made: list[dict[str, Any]] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for text in blocks(PAGE, "python"):
            made.append({})
            exec(text, made[-1])
    return made


def test_pairs_are_found_as_it_says(named: list[dict[str, Any]]) -> None:
    assert named[0]["right"] > 190 and named[0]["right"] <= len(named[0]["pairs"])


def test_labels_are_spread_as_it_says(named: list[dict[str, Any]]) -> None:
    told = named[1]["told"]
    assert told[:50].count("low") >= 45 and told[50:].count("high") >= 45, "spread"
    assert "high" not in told[:50] and "low" not in told[50:] and "" in told
