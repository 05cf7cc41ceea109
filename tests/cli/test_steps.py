"""Commands that make something in named steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from genvae.cli.steps import Step, in_steps
from genvae.errors import DataError


def test_steps_are_done_in_their_order_or_one_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done: list[tuple[str, Path, Path]] = []
    steps: dict[str, Step] = {
        name: lambda data, work, name=name: done.append((name, data, work)) for name in ("lines", "model", "figures")
    }
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
