"""The benchmark of sentences asked for: its wishes, its rows, and the lines that were judged by hand."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import text_conditions
from benchmarks.text.both.lines import Lines
from benchmarks.text.both.models import Model
from benchmarks.text.conditions.asking import NAMES, Wishes, said
from benchmarks.text.kept import RESULTS
from benchmarks.text_conditions import EVENLY, TRAINED, Bench, by_hand, shown
from genvae.evaluation.lstm import LSTMJudge, LSTMJudgeSettings
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.training.run import train
from genvae_conditional.rules.english import labels

LINES = [f"{who} {does} the {what}." for who in ("He", "She", "I", "You") for does in ("saw", "did not see", "will see")
         for what in ("bridge", "moon", "old bus", "garden")]  # fmt: skip
LINES += [line.replace("He saw", "Did he see").replace(".", "?") for line in LINES if line.startswith("He saw")]
HAND = RESULTS / "text_conditions_by_hand.csv"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("asked")
    with (folder / "lines.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["text", *NAMES])
        table.writerows([line, *(labels(line)[name] for name in NAMES)] for line in LINES * 4)
    recipe = Recipe(
        {"modality": {"modality": "sentence", "text_column": "text"},
         "conditions": {name: {"kind": "class"} for name in NAMES}}, default_host(),
    )  # fmt: skip
    recipe.set(["tokenizer=word", "embedding_dim=16", "hidden_dim=32", "latent_dim=2", "max_steps=120", "batch_size=32",
                "learning_rate=0.02", "warmup_steps=0", "evaluate_every=200"])  # fmt: skip
    train(recipe, folder / "lines.csv", folder / "model", resume=False, reporter=Silent())
    lines = Lines(LINES, LINES, LINES, {"held": LINES})
    return Bench(Model(str(folder / "model"), default_host()), lines, 0, 1.0)


def test_wishes_are_what_lines_are() -> None:
    wishes = Wishes([*LINES, "Who knows?"], least=4)
    assert len(wishes.counts) == 13 and set(wishes.counts.values()) == {4}, "a combination of one line is none"
    many = Wishes([*LINES[:4] * 9, *LINES[4:8]], least=1)
    drawn = many.together(2_000, 0, evenly=False)
    assert Counter(wish["negation"] for wish in drawn)["no"] / 2_000 == pytest.approx(0.9, abs=0.03)
    even = many.together(2_000, 0, evenly=True)
    assert Counter(wish["negation"] for wish in even)["no"] / 2_000 == pytest.approx(0.5, abs=0.04)
    assert many.together(10, 0, evenly=True) == even[:10], "fewer are the beginning of more"
    assert {tuple(wish) for wish in many.alone("tense", 50, 0)} == {("tense",)}


def test_a_model_that_was_told_does_as_asked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "wishes", Wishes(LINES, least=4))
    read = [line.split() for line in LINES]
    monkeypatch.setattr(bench, "judges", {"lstm": LSTMJudge(read, LSTMJudgeSettings(width=8, epochs=1, least=1))})
    rows = {row: bench.measured(row, 60, 1.0) for row in (TRAINED, EVENLY, "negation")}
    for row in rows.values():
        assert row["lstm_ratio"] > 0 and 0 < row["distinct_2_ratio"] < 3 and row["covered"] == 1
    assert rows[TRAINED]["negation"] > 0.8 and rows["negation"]["negation"] > 0.8, "it has learned to"
    assert set(rows["negation"]["values"]) == {"negation"}
    told = shown(rows)
    assert "negation" in told and f"{100 * rows[TRAINED]['together']:.1f} %" in told


def test_what_is_said_is_what_the_service_says(bench: Bench) -> None:
    """The benchmark asks row by row; the same seeds and wishes give the same lines, however many are drawn."""
    wishes = Wishes(LINES, least=4).together(6, 1, evenly=True)
    assert said(bench.model.bundle, wishes, 3)[:4] == said(bench.model.bundle, wishes[:4], 3)


def test_lines_to_judge_by_hand(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "wishes", Wishes(LINES, least=4))
    by_hand(bench, 5, tmp_path / "hand.csv", 1.0)
    with (tmp_path / "hand.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 and all(row["wrong"] == "" for row in rows)
    assert [row["form"] for row in rows] == [labels(row["text"])["form"] for row in rows]


def test_the_rules_say_what_they_said_of_the_lines_that_were_judged_by_hand() -> None:
    """200 lines of the starter, each with what somebody found wrong in what the rules say. A change of the rules
    asks for new verdicts."""
    with HAND.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 200
    for row in rows:
        assert {name: row[name] for name in NAMES} == {name: labels(row["text"])[name] for name in NAMES}, row["text"]
        assert set(row["wrong"].split()) <= set(NAMES), row["wrong"]
    for name in NAMES:
        said = [row for row in rows if row[name]]
        assert sum(name not in row["wrong"].split() for row in said) / len(said) >= 0.95, name


def test_the_command_is_checked() -> None:
    with pytest.raises(SystemExit):
        text_conditions.main([])
