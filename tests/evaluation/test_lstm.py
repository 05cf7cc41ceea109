"""The LSTM judge: a distribution over sequences that learns, and is not trained twice."""

from __future__ import annotations

import itertools
import math
import random
from pathlib import Path

import pytest
import torch

from genvae.data.prepare import CACHE
from genvae.errors import DataError, LacksCapability
from genvae.evaluation.lstm import FEWEST, LSTMJudge, LSTMJudgeSettings
from genvae.evaluation.ngram import NGramJudge
from genvae.progress import Silent
from tests.conftest import own_lines

QUICK = LSTMJudgeSettings(width=24, epochs=20, dropout=0.1, learning_rate=0.02, batch_size=16)


def chains(count: int) -> list[list[str]]:
    """a, then b or c, then perhaps again: 1.5 bits a turn, half of it the end's."""
    chooser = random.Random(0)
    made = []
    for _ in range(count):
        line: list[str] = []
        while True:
            line += ["a", chooser.choice("bc")]
            if chooser.random() < 0.5:
                break
        made.append(line)
    return made


class Counting(Silent):
    """Counts the trainings."""

    begun = 0

    def begin(self, title: str, total: int, done: int) -> None:
        self.begun += 1


@pytest.fixture(scope="module")
def judge() -> LSTMJudge:
    return LSTMJudge(chains(200), QUICK, cached=False)


def test_the_probabilities_of_all_sequences_sum_to_one() -> None:
    """Every sequence of the vocabulary and one stranger, to a length that few are beyond."""
    short = [["a"], ["a", "b"], ["b"], ["a", "a"]] * 10
    judge = LSTMJudge(short, QUICK, cached=False)
    assert judge.vocabulary == {"a", "b"}
    found = [list(s) for length in range(5) for s in itertools.product(["a", "b", "stranger"], repeat=length)]
    total = sum(math.exp(-nats) for nats in judge.score(found))
    assert 0.99 < total < 1 + 1e-6


def test_a_large_vocabulary_has_probabilities_that_sum_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sequences of one symbol, where the softmax is adaptive: they are as good as all there are."""
    monkeypatch.setattr("genvae.evaluation.lstm.COMMON", 10)
    monkeypatch.setattr("genvae.evaluation.lstm.RARE", 40)
    ones = [[number] for number in range(80)] * 2
    judge = LSTMJudge(ones, LSTMJudgeSettings(width=16, epochs=10, learning_rate=0.02, batch_size=16), cached=False)
    total = sum(math.exp(-nats) for nats in judge.score([[], ["other"], *ones[:80]]))
    assert 0.97 < total < 1 + 1e-5


def test_it_learns_what_there_is_to_learn(judge: LSTMJudge) -> None:
    """The entropy of a chain is 2 turns of log 2 (which of b and c) and log 2 (whether to end): 4 log 2 nats."""
    held = chains(400)[200:]
    mean = sum(judge.score(held)) / len(held)
    assert 0.97 * 4 * math.log(2) < mean < 1.12 * 4 * math.log(2)
    wrong = [line[::-1] for line in held]
    assert sum(judge.score(wrong)) > 2 * sum(judge.score(held))


def test_a_sequence_costs_the_same_whatever_is_beside_it(judge: LSTMJudge) -> None:
    lines = [*chains(20), [], ["a"], ["zebra", "a", "b"], ["a", "b"] * 12]
    together = judge.score(lines)
    assert together == pytest.approx([judge.score([line])[0] for line in lines], rel=1e-4)
    assert together == pytest.approx(judge.score(lines[::-1])[::-1], rel=1e-4)


def test_a_stranger_is_one_class_whatever_it_is(judge: LSTMJudge) -> None:
    assert judge.score([["a", "x"]]) == judge.score([["a", "</s>"]]) == judge.score([["a", 7]])
    assert judge.score([["a", "x"]])[0] > judge.score([["a", "b"]])[0] + 1


def test_it_agrees_with_an_ngram_judge_on_what_both_can_know() -> None:
    lines = [line.split() for line in own_lines(160)]
    held = [line.split() for line in own_lines(240)[160:]]
    settings = LSTMJudgeSettings(width=24, epochs=14, learning_rate=0.02, dropout=0.1, batch_size=16)
    lstm, ngram = LSTMJudge(lines, settings, cached=False), NGramJudge(lines, 5, least=2)
    assert lstm.vocabulary == ngram.vocabulary
    assert 0.6 < sum(lstm.score(held)) / sum(ngram.score(held)) < 1.3


def test_a_vocabulary_may_be_given() -> None:
    lines = chains(40)
    judge = LSTMJudge(lines, QUICK, {"a", "never seen"}, cached=False)
    assert judge.vocabulary == {"a", "never seen"}
    assert judge.score([["a", "b"]]) == judge.score([["a", "c"]]), "both are strangers"
    assert math.isfinite(judge.score([["never seen"]])[0])


def test_it_is_trained_once_for_the_same_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path))
    quick = LSTMJudgeSettings(width=8, epochs=2, batch_size=16)
    lines, reporter = chains(60), Counting()

    def score(lines: list[list[str]], settings: LSTMJudgeSettings = quick) -> list[float]:
        return LSTMJudge(lines, settings, reporter=reporter).score(chains(10))

    first = score(lines)
    state = torch.get_rng_state()
    assert score(lines) == first and reporter.begun == 1
    (kept,) = (tmp_path / "judges").iterdir()
    kept.write_bytes(kept.read_bytes()[:-20])
    assert score(lines) == first and reporter.begun == 2, "a damaged one is made again, and the same"
    assert score(lines) == first and reporter.begun == 2
    assert score(lines[1:]) != first and reporter.begun == 3
    assert score(lines, LSTMJudgeSettings(width=8, epochs=2, batch_size=16, seed=1)) != first and reporter.begun == 4
    assert torch.equal(torch.get_rng_state(), state), "others' random numbers are touched"
    assert len(list((tmp_path / "judges").iterdir())) == 3


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE, str(tmp_path / "file"))
    with pytest.raises(DataError, match=f"cannot keep the judge in .*; {CACHE} names another folder"):
        LSTMJudge(chains(30), LSTMJudgeSettings(width=4, epochs=1))


def test_too_few_sequences_are_refused() -> None:
    with pytest.raises(LacksCapability, match=f"at least {FEWEST} sequences .* there are 3"):
        LSTMJudge(chains(3), QUICK)
