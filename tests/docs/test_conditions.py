"""The commands and the Python on the page of conditions run, one after the other."""

from __future__ import annotations

import csv
import shlex
from pathlib import Path

import pytest

from tests.conftest import own_lines
from tests.docs.test_readme import ROOT, blocks

PAGE = ROOT / "docs/conditions.md"
SHORT = ("max_steps=2", "evaluate_every=2", "embedding_dim=8", "hidden_dim=16", "latent_dim=4", "vocab_size=300")


def test_the_page_of_conditions_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from genvae.cli.main import main

    monkeypatch.chdir(tmp_path)
    for name, recipe in zip(("asked", "told"), blocks(PAGE, "yaml"), strict=True):
        (tmp_path / f"{name}.yaml").write_text(recipe, encoding="utf-8")
    with (tmp_path / "table.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["text", "form", "characters", "polite", "short"])
        for number, line in enumerate(own_lines(60)):
            form = ["question", "statement", ""][number % 3]
            table.writerow([line, form, 10 + number % 20, number % 2, number % 4 // 2])
    for line in "".join(blocks(PAGE, "sh")).splitlines():
        words = shlex.split(line)[1:]
        if words[0] == "train":  # the same command, made short
            some = SHORT[:1] if "--start" in words else SHORT
            words += [word for setting in some for word in ("--set", setting)]
        assert main(words) == 0, capsys.readouterr().err
        assert capsys.readouterr().out.strip(), line
    (code,) = blocks(PAGE, "python")
    scope: dict[str, list[object]] = {}
    exec(compile(code, str(PAGE), "exec"), scope)
    assert len(scope["questions"]) == 4 and len(scope["swapped"]) == 2
    assert main(shlex.split("generate asked-model --condition form=questoin")) == 2
    assert "mean 'question'" in capsys.readouterr().err
    assert main(shlex.split("generate asked-model --condition mood=glad")) == 2
    assert "it has: form, size, tags" in capsys.readouterr().err
    assert main(shlex.split("generate asked-model --condition form")) == 2
    assert "NAME=VALUE" in capsys.readouterr().err
