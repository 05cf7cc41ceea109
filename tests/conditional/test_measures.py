"""Measures of conditional generation, against figures worked out by hand."""

from __future__ import annotations

import math

import pytest
import sacrebleu

from genvae.evaluation.ngram import NGramJudge
from genvae_conditional.measures.content import bleu, geometric_mean, rewriting
from genvae_conditional.measures.likeness import fluency, inside, least_various, variety
from genvae_conditional.measures.obedience import combinations, obedience

ASKED = [
    {"form": "question", "tense": "past"}, {"form": "question", "tense": "past"}, {"form": "command", "tense": ""},
    {"form": "statement", "tense": "past"}, {},
]  # fmt: skip
FOUND = [
    {"form": "question", "tense": "past"}, {"form": "question", "tense": "present"},
    {"form": "command", "tense": "none"}, {"form": "", "tense": "past"}, {"form": "statement", "tense": "past"},
]  # fmt: skip


def test_obedience():
    found = obedience(ASKED, FOUND)
    assert found.each == {"form": 0.75, "tense": pytest.approx(2 / 3)}
    assert found.values["form"] == {"command": 1.0, "question": 1.0, "statement": 0.0}
    assert found.together == 0.5  # of four items that something was asked of
    assert found.uniform == pytest.approx((0.5 + 1.0 + 0.0) / 3)
    assert found.undecided == pytest.approx(1 / 7)
    assert found.count == 4


def test_obedience_of_nothing_asked():
    with pytest.raises(ValueError, match="nothing was asked"):
        obedience([{}, {"form": ""}], [{"form": "question"}] * 2)


def test_combinations_are_counted_where_all_is_known():
    labels = [{"a": "x", "b": "1"}, {"a": "x", "b": "1"}, {"a": "y", "b": "1"}, {"a": "y", "b": ""}]
    assert combinations(labels, ["a", "b"]) == {("x", "1"): 2, ("y", "1"): 1}
    assert combinations(labels, ["a", "b"], least=2) == {("x", "1"): 2}
    assert combinations(labels, ["b"]) == {("1",): 3}


LINES = ["the soup was cold and the waiter rude .", "we waited an hour for a table .", "never again ."]
BETTER = ["the soup was hot and the waiter kind .", "we got a table at once .", "we will come again ."]


def test_bleu_is_that_of_sacrebleu():
    assert bleu(LINES, [LINES]) == pytest.approx(100.0)
    assert bleu(BETTER, [LINES, BETTER]) == pytest.approx(100.0)
    wanted = sacrebleu.corpus_bleu(BETTER, [LINES], tokenize="none", force=True).score
    assert bleu(BETTER, [LINES]) == pytest.approx(wanted)
    assert 0 < wanted < 60
    assert bleu(["", "", ""], [LINES]) == 0.0
    raw, parted = ["The soup was cold, so we left."], ["The soup was cold , so we left ."]
    assert bleu(raw, [parted], split=True) == pytest.approx(100.0)
    assert bleu(raw, [parted]) < 50


def test_bleu_of_wrong_lengths():
    with pytest.raises(ValueError, match="3 outputs have 2 references"):
        bleu(LINES, [LINES[:2]])
    with pytest.raises(ValueError, match="needs outputs"):
        bleu([], [])


def test_geometric_mean():
    assert geometric_mean(75.5, 47.2) == pytest.approx(math.sqrt(75.5 * 47.2))
    assert geometric_mean(0.0, 100.0) == 0.0
    with pytest.raises(ValueError, match="at least 0"):
        geometric_mean(-1.0)


def test_a_rewriting_is_read_beside_the_copy():
    accuracies = {"model": (BETTER, 90.0), "copy": (LINES, 3.0)}
    rows = {name: rewriting(LINES, said, right, [BETTER]) for name, (said, right) in accuracies.items()}
    assert rows["copy"]["self_bleu"] == pytest.approx(100.0)
    assert rows["model"]["reference_bleu"] == pytest.approx(100.0)
    assert rows["model"]["geometric_mean"] == pytest.approx(math.sqrt(90.0 * 100.0))
    assert rows["copy"]["geometric_mean"] < rows["model"]["geometric_mean"]
    alone = rewriting(LINES, BETTER, 90.0)
    assert alone["geometric_mean"] == pytest.approx(math.sqrt(90.0 * alone["self_bleu"]))


REAL = [["where", "is", "it", "?"], ["who", "are", "you", "?"], ["it", "is", "here", "."], ["you", "are", "late", "."]]
HAD = ["question", "question", "statement", "statement"]


def test_fluency_weighs_real_sequences_as_the_samples_are_asked():
    judge = NGramJudge(REAL, order=2)
    samples, asked = [REAL[0]] * 3 + [REAL[2]], ["question"] * 3 + ["statement"]
    found = fluency(judge, samples, asked, REAL, HAD)
    nats = judge.score(REAL)
    wanted = math.exp((1.5 * nats[0] + 1.5 * nats[1] + 0.5 * nats[2] + 0.5 * nats[3]) / (4 * 5))
    assert found.real == pytest.approx(wanted)
    assert found.samples == pytest.approx(math.exp((3 * nats[0] + nats[2]) / (4 * 5)))
    assert found.ratio == pytest.approx(found.samples / found.real)
    assert found.covered == 1.0


def test_fluency_of_conditions_that_no_real_sequence_has():
    judge = NGramJudge(REAL, order=2)
    found = fluency(judge, [REAL[0], ["zzz"]], ["question", "command"], REAL, HAD)
    assert found.covered == 0.5
    assert found.samples == pytest.approx(judge.perplexity([REAL[0]]))
    with pytest.raises(ValueError, match="no real sequence"):
        fluency(judge, [REAL[0]], ["command"], REAL, HAD)


def test_variety_is_of_as_many_of_each_condition():
    samples, asked = [REAL[0]] * 4 + [REAL[2]], ["question"] * 4 + ["statement"]
    found = variety(samples, asked, REAL, HAD)
    assert found.count == 3  # two questions and one statement of each
    assert found.samples == pytest.approx(6 / 9)
    assert found.real == 1.0
    assert found.ratio == pytest.approx(2 / 3)


def test_variety_inside_a_condition_finds_a_model_that_repeats_itself():
    samples = [REAL[0]] * 30 + [["it", str(number)] for number in range(30)]
    asked = ["question"] * 30 + ["statement"] * 30
    real = [[str(number), "?"] for number in range(30)] + [["so", str(number)] for number in range(30)]
    found = inside(samples, asked, real, ["question"] * 30 + ["statement"] * 30)
    assert found["question"].ratio < 0.2
    assert found["statement"].ratio == pytest.approx(1.0)
    assert inside(samples, asked, real[:5], ["question"] * 5) == {}


def test_the_value_that_is_said_in_one_way_alone_is_the_least_various():
    real = [[f"w{n}", "is", "here"] for n in range(40)]
    had = [{"form": "question" if n % 2 else "statement"} for n in range(40)]
    samples = [
        ["who", "is", "it"] if each["form"] == "question" else line for line, each in zip(real, had, strict=True)
    ]
    found = least_various(samples, had, real, had, ["form"])
    assert found is not None and found[0] == "form=question"
    assert (
        found[1].ratio
        == inside(samples, [h["form"] for h in had], real, [h["form"] for h in had])["question"].ratio
        < 0.2
    )
    assert least_various(samples[:10], had[:10], real, had, ["form"]) is None
