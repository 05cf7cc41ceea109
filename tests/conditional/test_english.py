"""The rules that label lines of English, on sentences of our own making."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from genvae_conditional.rules import english
from genvae_conditional.rules.words import sentences, split
from tests.conditional.english_lines import LINES


@pytest.mark.parametrize(("line", "wanted"), LINES)
def test_form_negation_tense_and_subject(line, wanted):
    found = english.labels(line)
    assert " ".join(found[name] or "?" for name in ("form", "negation", "tense", "subject")) == wanted


def test_there_are_enough_lines_and_every_value_is_among_them():
    assert len(LINES) >= 150
    found = [english.labels(line) for line, _ in LINES]
    for name, values in english.VALUES.items():
        assert {labels[name] for labels in found} - {""} >= set(values) - {"11-15", "16+"}, name


def test_length_is_counted_in_words():
    lengths = [english.labels(" ".join(["word"] * count))["length"] for count in range(1, 20)]
    counts = [lengths.count(name) for name in english.LENGTHS]
    assert counts == [3, 2, 2, 3, 5, 4]
    assert all(english.LENGTHS.index(a) <= english.LENGTHS.index(b) for a, b in pairwise(lengths))


@pytest.mark.parametrize(
    "line", ["", "   ", "...", "?", "!!", "12", '"', "''", ",", "a", "n't", "\u00e9t\u00e9", "\U0001f600", "x" * 5000]
)
def test_any_line_has_labels_that_are_known(line):
    found = english.labels(line)
    assert found.keys() == english.VALUES.keys()
    assert all(value == "" or value in english.VALUES[name] for name, value in found.items())


def test_every_beginning_of_a_line_has_labels():
    for line, _ in LINES:
        words = line.split()
        for count in range(len(words)):
            english.labels(" ".join(words[:count]))
            english.labels(" ".join(words[count:]))


def test_white_space_around_a_line_and_curly_apostrophes_change_nothing():
    for line, _ in LINES:
        assert english.labels(f"  {line.replace(chr(39), chr(0x2019))} ") == english.labels(line)


def test_sentences_and_words():
    assert sentences("I saw Mr. Low at 3 p.m. today. Did you?") == ["I saw Mr. Low at 3 p.m. today.", "Did you?"]
    assert split("I don't think Tom's well-read, do you?") == [
        "i", "do", "n't", "think", "tom", "'s", "well-read", ",", "do", "you",
    ]  # fmt: skip


def test_a_line_that_is_long_takes_no_longer_a_word():
    line = " ".join(["the old boats of my friends"] * 20_000)
    start = time.process_time()
    english.labels(line)
    assert time.process_time() - start < 5.0
