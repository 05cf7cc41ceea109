"""The operation ``evaluate``: what it answers to requests that cannot be met, in one line, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genvae.cli.main import main
from genvae.errors import DataError, GenvaeError, SettingError
from genvae.progress import Silent
from genvae.service import Model, Service, load
from tests.conftest import own_lines
from tests.latent.learned import KNOWN


class Listener(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def file(folder: Path, name: str, lines: list[str]) -> str:
    path = folder / name
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return str(path)


def test_one_command_gives_all_figures_of_samples(learned: Model, tmp_path: Path) -> None:
    figures = learned.evaluate(KNOWN, samples=3, generated=120, judge=own_lines(120), train=KNOWN[:2], seed=5)
    assert {
        "nll", "nll_error", "negative_elbo", "perplexity", "bits_per_character", "kl_per_dimension",
        "mutual_information", "active_units", "diagnosis", "exact_match", "token_accuracy", "bleu", "distinct_1",
        "distinct_2", "distinct_3", "self_bleu", "copied_sentences", "copied_4grams", "copied_4grams_data",
        "judge_ratio", "judge_ratio_spelt", "reverse_ratio",
    } <= set(figures)  # fmt: skip
    assert not [name for name in figures if "lstm" in name or "frechet" in name], "they were not asked for"
    still = learned.evaluate(KNOWN, generated=20, prior_scale=0.0, temperature=0.0)
    assert still["self_bleu"] == pytest.approx(100) and still["exact_match"] == 1.0


WRONG: list[tuple[dict[str, Any], type[GenvaeError], str]] = [
    ({"judge": []}, DataError, "judge: the list of items is empty"),
    ({"train": ["", " "]}, DataError, "train: none of the 2 items is one line"),
    ({"judges": "ngram"}, SettingError, "judges are trained on items of their own: give a file of them with --judge"),
    ({"judge": KNOWN, "judges": "ngram,gpt"}, SettingError, "judges = 'gpt' is not one of: ngram, lstm"),
    ({"judges": 3}, SettingError, "judges = 3 must be a list"),
    ({"generated": -1}, SettingError, "generated = -1 must be at least 0"),
    ({"prior_scale": 11}, SettingError, "prior_scale = 11.0 must be at most 10.0"),
    ({"temperature": -1.0}, SettingError, "temperature = -1.0 must be at least 0.0"),
    ({"encoder": "missing"}, SettingError, "encoder = 'missing' is no folder of a pretrained model"),
    ({"report": "missing/r.html"}, SettingError, "report = 'missing/r.html' cannot be written: No such file or dir"),
    ({"report": "/dev/null/r.html"}, SettingError, "report = '/dev/null/r.html' cannot be written: Not a directory"),
    ({"report": "."}, SettingError, "report = '.' is a folder; name a file in it"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_wrong_request_is_one_line(learned: Model, number: int) -> None:
    values, error, said = WRONG[number]
    with pytest.raises(error) as caught:
        learned.evaluate(KNOWN, **values)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_wrong_report_is_refused_before_any_work(learned: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="cannot be written"):
        learned.evaluate("no such file", report="missing/r.html")


def test_an_empty_judge_file_is_named(learned: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, empty = file(tmp_path, "data.txt", KNOWN), file(tmp_path, "empty.txt", [])
    assert main(["evaluate", learned.name, "--data", data, "--judge", empty]) == 2
    said = capsys.readouterr()
    assert said.err == f"genvae: judge: {empty} is empty\n" and said.out == ""
    blank = file(tmp_path, "blank.txt", ["", ""])
    assert main(["evaluate", learned.name, "--data", data, "--judge", blank]) == 2
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1 and said.err.startswith("genvae: judge: ")


@pytest.mark.parametrize(("given", "said"), [
    ({"judge": KNOWN}, "judge and data are the same items"),
    ({"train": KNOWN}, "train and data are the same items"),
    ({"judge": own_lines(9), "train": own_lines(9)}, "judge and train are the same items"),
])  # fmt: skip
def test_files_that_must_differ_are_warned_of(learned: Model, given: dict[str, Any], said: str) -> None:
    listener = Listener()
    service = Service(reporter=listener)
    figures = service.run("evaluate", model=learned.name, data=KNOWN, samples=1, generated=5, **given).to_config()
    (line,) = listener.said
    assert line.startswith(f"warning: {said}") and figures["warnings"] == [line.removeprefix("warning: ")]
    clean = learned.evaluate(KNOWN, samples=1, generated=5, judge=own_lines(9), train=own_lines(8))
    assert "warnings" not in clean


def test_too_few_lines_for_the_reverse_leave_it_out_with_the_reason(learned: Model) -> None:
    figures = learned.evaluate(KNOWN, samples=1, generated=120, judge=own_lines(99))
    assert "reverse_ratio" not in figures and "judge_ratio" in figures
    assert "at least 100 samples and as many of the judge's lines" in figures["left_out"]["reverse"]


def test_too_few_lines_for_an_lstm_judge_leave_it_out_with_the_reason(learned: Model) -> None:
    figures = learned.evaluate(KNOWN, samples=1, generated=12, judge=own_lines(9), judges=["ngram", "lstm"])
    assert "judge_ratio" in figures and "judge_lstm_ratio" not in figures
    assert "at least 20 sequences to be trained on; there are 9" in figures["left_out"]["judge-lstm"]


def test_a_model_without_a_latent(bare: Path) -> None:
    figures = load(bare).evaluate(KNOWN, samples=1, generated=12)
    assert figures["diagnosis"] == "The model has no latent." and figures["nll"] == figures["negative_elbo"]
    assert "exact_match" not in figures and "needs a latent" in figures["left_out"]["reconstruction"]
    assert 0 < figures["distinct_1"] <= 1


def test_what_people_read(learned: Model, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = file(tmp_path, "data.txt", KNOWN)
    report = str(tmp_path / "r.html")
    given = ["evaluate", learned.name, "--data", data, "--samples", "1", "--generated", "40", "--report", report]
    given += ["--judge", data, "--judges", "ngram", "--temperature", "0.5"]
    assert main(given) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert any(line.split()[:3] == ["kl_per_dimension", "4", "numbers,"] for line in lines)
    assert any(line.startswith("diagnosis: No posterior collapse: 4 of 4") for line in lines)
    assert any(line.startswith("reverse is left out: reverse perplexity trains a judge") for line in lines)
    assert lines[-1] == f"report: {report}" and Path(report).is_file()
    assert [line.partition(":")[0] for line in said.err.splitlines()] == ["warning"]


@pytest.mark.parametrize("what", ["baseline", "encoder"])
def test_what_cannot_be_loaded_is_said_before_any_work(learned: Model, tmp_path: Path, what: str) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(GenvaeError) as caught:
        learned.evaluate("no such file", **{what: str(tmp_path)})
    assert str(tmp_path) in str(caught.value) and "no such file" not in str(caught.value)


def test_one_line_has_no_error_of_its_mean(learned: Model) -> None:
    figures = learned.evaluate(KNOWN[:1], samples=1)
    assert "nll_error" not in figures and "one item alone" in figures["left_out"]["nll_error"]


def test_a_measure_that_fails_is_left_out_and_named(
    learned: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever brought it: neither the other figures nor a training are lost with it."""

    def broken(evaluation: Any) -> dict[str, Any]:
        raise KeyError("nix")

    monkeypatch.setattr("genvae.evaluation.measures.bounds", broken)
    figures = learned.evaluate(KNOWN)
    assert "nll" not in figures and "mutual_information" in figures
    assert figures["left_out"]["bounds"].startswith("it failed, in test_evaluate.py line ")
    assert "KeyError: 'nix'" in figures["left_out"]["bounds"]
