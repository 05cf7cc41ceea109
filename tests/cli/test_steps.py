"""Commands that make something in named steps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from genvae.cli.steps import Step, in_steps, shipped
from genvae.errors import DataError
from tests.conftest import own_lines


def test_steps_are_done_in_their_order_or_one_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done: list[tuple[str, Path, Path]] = []

    def noting(name: str) -> Step:
        return lambda data, work: done.append((name, data, work))

    steps = {name: noting(name) for name in ("lines", "model", "figures")}
    given = ["--data", str(tmp_path), "--work", "made"]
    in_steps("Makes it.\n\nAnd more.", steps, given)
    assert [name for name, *_ in done] == ["lines", "model", "figures"]
    assert {(data, work) for _, data, work in done} == {(tmp_path, Path("made"))}
    in_steps("Makes it.", steps, [*given, "--only", "model"])
    assert [name for name, *_ in done[3:]] == ["model"]
    with pytest.raises(SystemExit):
        in_steps("Makes it.\n\nAnd more.", steps, [*given, "--only", "modle"])
    assert "lines" in capsys.readouterr().err


def test_what_cannot_be_done_is_said_in_a_line(tmp_path: Path) -> None:
    def fails(data: Path, work: Path) -> None:
        raise DataError("no lines there")

    with pytest.raises(SystemExit, match=r"^no lines there$"):
        in_steps("Makes it.", {"lines": fails}, ["--data", str(tmp_path), "--work", "made"])


def test_what_ships_is_evaluated_once_and_its_card_says_by_which_command(tiny_model: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "work/model")
    asked = {"data": str(tmp_path / "lines.txt"), "limit": 8, "samples": 2}
    (tmp_path / "lines.txt").write_text("\n".join(own_lines(20)) + "\n", encoding="utf-8")
    for _ in range(2):
        shipped("small", tmp_path / "work", tmp_path / "out", "On lines", asked, {"summary": "Lines of a grammar."})
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    command = f"genvae evaluate small --data {asked['data']} --limit 8 --samples 2"
    assert "# small" in card and "Lines of a grammar." in card and command in card
    figures = json.loads((tmp_path / "work/figures.json").read_text(encoding="utf-8"))
    assert figures["items"] == 8 and f"| items | {figures['items']} |" in card
