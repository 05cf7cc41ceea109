"""The parts of the rewriting benchmark, on reviews of our own making."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from benchmarks.rewriting import Scorer, shown
from benchmarks.text.rewriting import lines as parts
from benchmarks.text.rewriting.lines import Labelled

WORDS = (("bad", "awful", "cold", "rude", "slow"), ("good", "lovely", "warm", "kind", "quick"))
WHAT = ("soup", "room", "waiter", "tea", "bread", "music", "cake", "view")


def reviews(label: int, how: str) -> list[str]:
    return [f"the {what} was {how} {word} ." for what, word in itertools.product(WHAT, WORDS[label])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files as those of the benchmark; its lines occur in the corpus, too, and one reference is no UTF-8."""
    place = tmp_path_factory.mktemp("yelp")
    for k in (0, 1):
        tested = reviews(k, "so")[:6]
        made = {
            f"transfer.test.{k}": tested, f"sentiment.dev.{k}": [*reviews(k, "very"), *tested],
            f"sentiment.test.{k}": [*reviews(k, "really"), *reviews(k, "rather"), *tested],
            **{f"transfer.reference{n}.{k}": reviews(1 - k, ("so", "very", "too", "quite")[n])[:6] for n in range(4)},
        }  # fmt: skip
        for name, content in made.items():
            (place / name).write_text("\n".join(content) + "\n", encoding="utf-8")
    with (place / "transfer.reference0.0").open("ab") as file:
        file.write(b"\xa8 .\n")
    return place


def test_what_is_rewritten_is_in_nothing_else(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(parts, "HELD", 7)
    found = parts.transfer(folder)
    assert found.inputs.labels == [0] * 6 + [1] * 6 and [len(each) for each in found.references] == [13, 12, 12, 12]
    never = set(found.inputs.lines)
    held = parts.held(folder, never)
    assert len(set(held.lines)) == 14 and held == parts.held(folder, never)
    rest = parts.corpus(folder, never | set(held.lines))
    assert not never & {*rest.lines, *held.lines} and not set(rest.lines) & set(held.lines)
    assert len(rest.lines) == 6 * 40 - 14
    written = parts.table(rest, tmp_path / "made" / "reviews.csv").read_text(encoding="utf-8").splitlines()
    assert written[0] == "text,sentiment" and len(written) == 1 + len(rest.lines) and "positive" in written[-1]


def test_the_copy_keeps_all_and_changes_nothing(folder: Path) -> None:
    inputs = parts.transfer(folder).inputs
    references = [each[-12:] for each in parts.transfer(folder).references]
    found = parts.corpus(folder, set(inputs.lines))
    # few lines make no judge of words: they come often
    scorer = Scorer(Labelled(found.lines * 10, found.labels * 10), inputs, references)
    copy = scorer(inputs.lines)
    assert copy["accuracy"] == 0.0 and copy["second"] == 0.0 and copy["geometric_mean"] == 0.0
    assert copy["self_bleu"] == pytest.approx(100.0) and copy["same"] == 100.0
    turned = [line for label in (1, 0) for line in reviews(label, "so")[:6]]
    done = scorer(turned)
    assert done["accuracy"] == done["second"] == 100.0 and done["self_bleu"] < 100.0 and done["same"] == 0.0
    assert done["geometric_mean"] == pytest.approx(10.0 * done["reference_bleu"] ** 0.5)
    assert scorer.right(Labelled(turned, [1] * 6 + [0] * 6)) == {"linear": 100.0, "convolutional": 100.0}
    rows = [{"row": "copy", "settings": {"lines": "transfer"}, **copy}]
    assert "| copy | transfer |" in shown(rows) and "100.0" in shown(rows)
