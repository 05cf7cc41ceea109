"""Diversity and copies against brute force and against sacrebleu."""

from __future__ import annotations

import random

import pytest

from genvae.evaluation.sequences import copies, distinct, self_bleu
from tests.conftest import own_lines

LINES = [line.split() for line in own_lines(60)]


def random_lines(count: int, seed: int, longest: int = 9) -> list[list[str]]:
    """Lines of few words, so that much comes twice; some are short or empty."""
    chooser = random.Random(seed)
    return [chooser.choices("abcd", k=chooser.randrange(longest)) for _ in range(count)]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_distinct_is_the_share_of_different_ngrams(size: int) -> None:
    text = [" ".join(line) for line in LINES]
    found = [" ".join(words[i : i + size]) for words in map(str.split, text) for i in range(len(words) - size + 1)]
    assert distinct(LINES, size) == pytest.approx(len(set(found)) / len(found))
    assert distinct(LINES + LINES, size) == pytest.approx(distinct(LINES, size) / 2)


def test_distinct_of_nothing() -> None:
    assert distinct([], 1) == 0.0 and distinct([["a"]], 2) == 0.0 and distinct([["a", "b"]], 2) == 1.0


@pytest.mark.parametrize(("lines", "least"), [(LINES, 30), (random_lines(40, 0), 10), (random_lines(25, 1, 30), 10)])
def test_self_bleu_is_sacrebleus_against_all_the_others(lines: list[list[str]], least: float) -> None:
    from sacrebleu.metrics import BLEU

    bleu = BLEU(tokenize="none", smooth_method="exp", effective_order=True)
    scores = []
    for row, line in enumerate(lines):
        others = [" ".join(other) for place, other in enumerate(lines) if place != row]
        scores.append(bleu.sentence_score(" ".join(line), others).score)
    found = self_bleu([tuple(line) for line in lines])
    assert found == pytest.approx(sum(scores) / len(scores), rel=1e-9) and found > least


def test_self_bleu_at_its_ends() -> None:
    assert self_bleu([["a", "b", "c", "d", "e"]] * 3) == pytest.approx(100)
    assert self_bleu([["a", "b"], ["c", "d"], ["e", "f"]]) == 0.0
    assert self_bleu([["a"]]) == self_bleu([]) == 0.0


@pytest.mark.parametrize("seed", [0, 1])
def test_copies_by_looking_for_each(seed: int) -> None:
    one, two, source = random_lines(30, seed), random_lines(20, seed + 10, 12), random_lines(25, seed + 20)
    marked = ["/".join(["", *line, ""]) for line in source]
    for lines, found in zip((one, two), copies([one, two], iter(source)), strict=True):
        whole = sum(line in source for line in lines) / len(lines)
        parts = [line[i : i + 4] for line in lines for i in range(len(line) - 3)]
        inside = sum(any("/".join(["", *part, ""]) in text for text in marked) for part in parts) / len(parts)
        assert (found.whole, found.grams) == (pytest.approx(whole), pytest.approx(inside))
        assert 0 < inside < 1


def test_lines_too_short_for_a_4gram_have_no_share_of_them() -> None:
    (found,) = copies([[["a", "b"], ["c"]]], [["a", "b"]])
    assert (found.whole, found.grams) == (0.5, None)
