"""The n-gram judge against a slow Kneser-Ney written from the paper."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter

import pytest
from scipy.stats import chisquare

from genvae.core.randomness import Stream
from genvae.evaluation.ngram import BEGIN, END, UNKNOWN, Gram, NGramJudge, frequent
from tests.conftest import own_lines

CORPUS = [line.split() for line in ("a b a c", "a b", "b b a", "c a b a c a", "a", "c c b a b")]
LARGE = [line.rstrip(".!").split() for line in own_lines(150)]


def slow(corpus: list[list[str]], order: int, symbol: str, context: tuple[str, ...]) -> float:
    """Interpolated modified Kneser-Ney, eq. 20 to 26 of Chen and Goodman (1998), counting anew each time.

    The highest order counts occurrences, lower ones the different symbols to the left; below the unigrams
    every outcome (the vocabulary, the end, the unknown class) is as likely as any other.
    """
    padded = [(BEGIN,) * (order - 1) + (*line, END) for line in corpus]
    seen = [line[i : i + order] for line in padded for i in range(len(line) - order + 1)]
    vocabulary = {word for line in corpus for word in line}

    def counts(size: int) -> dict[tuple[str, ...], int]:
        if size == order:
            return {gram: seen.count(gram) for gram in set(seen)}
        longer = {gram[-size - 1 :] for gram in seen}
        return {gram: len({g[0] for g in longer if g[1:] == gram}) for gram in {g[1:] for g in longer}}

    def probability(size: int, context: tuple[str, ...]) -> float:
        if size == 0:
            return 1 / (len(vocabulary) + 2)
        lower = probability(size - 1, context[1:])
        table = counts(size)
        here = {gram: count for gram, count in table.items() if gram[:-1] == context}
        if not here:
            return lower
        n = [max(1, sum(count == k for count in table.values())) for k in (1, 2, 3)]
        n.append(max(1, sum(count >= 4 for count in table.values())))
        y = n[0] / (n[0] + 2 * n[1])
        cut = [1 - 2 * y * n[1] / n[0], 2 - 3 * y * n[2] / n[1], 3 - 4 * y * n[3] / n[2]]
        cut = [min(max(d, 0.05), k - 0.05) for k, d in zip((1, 2, 3), cut, strict=True)]
        total = sum(here.values())
        kept = sum(cut[min(count, 3) - 1] for count in here.values()) / total
        own = here.get((*context, symbol), 0)
        return max(0.0, own - (cut[min(own, 3) - 1] if own else 0)) / total + kept * lower

    return probability(order, context[len(context) - order + 1 :])


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_it_equals_the_slow_one(order: int) -> None:
    judge = NGramJudge(CORPUS, order)
    contexts = [(BEGIN,) * (order - 1), *itertools.product("abcz", repeat=order - 1)]
    for context in contexts[:40]:
        for symbol in ("a", "b", "c", END, UNKNOWN):
            assert judge.probability(symbol, context) == pytest.approx(slow(CORPUS, order, symbol, context), rel=1e-9)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_the_probabilities_of_all_outcomes_sum_to_one(order: int) -> None:
    judge = NGramJudge(LARGE, order)
    chooser = random.Random(0)
    words = sorted(judge.vocabulary, key=str)
    contexts = [tuple(chooser.choices([*words, UNKNOWN], k=order - 1)) for _ in range(20)]
    for line in LARGE[:10]:
        padded = (BEGIN,) * (order - 1) + tuple(line)
        contexts.append(padded[len(padded) - order + 1 :])
    for context in contexts:
        outcomes = [judge.probability(symbol, context) for symbol in [*words, END, UNKNOWN]]
        assert min(outcomes) > 0 and sum(outcomes) == pytest.approx(1, rel=1e-9)


def test_nats_and_perplexity_count_the_end() -> None:
    judge = NGramJudge(CORPUS, 3)
    line = ["a", "b", "zebra"]
    padded = [BEGIN, BEGIN, "a", "b", UNKNOWN, END]
    by_hand = -sum(math.log(judge.probability(padded[i], tuple(padded[i - 2 : i]))) for i in range(2, 6))
    assert judge.nats(line) == pytest.approx(by_hand)
    assert judge.nats([]) == pytest.approx(-math.log(judge.probability(END, (BEGIN, BEGIN))))
    total = judge.nats(line) + judge.nats(["a"])
    assert judge.perplexity([line, ["a"]]) == pytest.approx(math.exp(total / (4 + 2)))


def test_like_text_is_less_perplexing() -> None:
    judge = NGramJudge(LARGE)
    held = [line.rstrip(".!").split() for line in own_lines(240)[200:]]
    shuffled = [random.Random(i).sample(line, len(line)) for i, line in enumerate(held)]
    strange = [["zebra", *line[1:]] for line in held]
    like, mixed, other = (judge.perplexity(lines) for lines in (held, shuffled, strange))
    assert like < 0.5 * mixed and like < other


def test_more_context_helps_where_there_is_some() -> None:
    held = [line.rstrip(".!").split() for line in own_lines(240)[200:]]
    perplexities = [NGramJudge(LARGE, order).perplexity(held) for order in (1, 2, 3)]
    assert perplexities == sorted(perplexities, reverse=True)


def test_a_judge_needs_something_to_learn_from() -> None:
    with pytest.raises(ValueError, match="at least one sequence"):
        NGramJudge([])
    with pytest.raises(ValueError, match="at least 1"):
        NGramJudge(CORPUS, 0)


def test_no_symbol_of_a_text_is_taken_for_a_mark_of_the_judge() -> None:
    """A text may hold "</s>" or "<unk>" as a word: another word in their place changes no probability."""
    marked = [["a", "</s>", "b"], ["<unk>", "a"], ["<s>", "b", "</s>"], ["a", "END", "UNKNOWN"]] * 2
    names = {"</s>": "x", "<unk>": "y", "<s>": "z", "END": "u", "UNKNOWN": "v"}
    plain = [[names.get(word, word) for word in line] for line in marked]
    one, other = NGramJudge(marked, 3), NGramJudge(plain, 3)
    assert {"</s>", "<unk>", "<s>"} <= one.vocabulary and END not in one.vocabulary
    assert one.score(marked) == pytest.approx(other.score(plain))
    assert one.nats(["</s>"]) < NGramJudge(CORPUS, 3).nats(["</s>"]), "a known word is no unknown one"


def test_judges_with_one_vocabulary_charge_the_same_words_as_unknown() -> None:
    vocabulary = frequent(CORPUS, 1)
    assert vocabulary == {"a", "b", "c"} and frequent([*CORPUS, ["z"]], 2) == vocabulary
    small = NGramJudge([["a", "b"], ["q", "a"]], 3, vocabulary=vocabulary)
    assert small.vocabulary == vocabulary
    assert small.nats(["q"]) == small.nats(["never seen"])
    outcomes = [small.probability(symbol, (BEGIN, BEGIN)) for symbol in (*vocabulary, END, UNKNOWN)]
    assert sum(outcomes) == pytest.approx(1), "also over words that it has never read"


# -- sequences of its own --------------------------------------------------------------------------

LONGEST = 30


@pytest.mark.parametrize("order", [1, 2, 4])
def test_what_it_draws_follows_its_probabilities(order: int) -> None:
    """Whole sequences as often as it says, those of unseen contexts and of unknown symbols among them."""
    judge = NGramJudge(CORPUS, order)
    count = 3_000
    drawn = Counter(map(tuple, judge.sample(count, Stream(0, "test"), longest=LONGEST)))
    every = [s for length in range(4) for s in itertools.product(["a", "b", "c", UNKNOWN], repeat=length)]
    expected = {s: count * math.exp(-judge.nats(["zebra" if x is UNKNOWN else x for x in s])) for s in every}
    often = [s for s in every if expected[s] >= 5]
    assert len(often) > 8 and any(UNKNOWN in s for s in drawn)
    table = [drawn[s] for s in often], [expected[s] for s in often]
    rest = [count - sum(column) for column in table]
    assert chisquare([*table[0], rest[0]], [*table[1], rest[1]]).pvalue > 1e-3
    unknown, expected_unknown = sum(s.count(UNKNOWN) for s in drawn.elements()), count * _unknown(judge)
    assert unknown == pytest.approx(expected_unknown, abs=5 * expected_unknown**0.5)


def _unknown(judge: NGramJudge) -> float:
    """Unknown symbols in a sequence, by the chances of all contexts that it can come through."""
    reached: dict[Gram, float] = {(BEGIN,) * (judge.order - 1): 1.0}
    total = 0.0
    for _ in range(LONGEST):
        after: dict[Gram, float] = {}
        for context, share in reached.items():
            total += share * judge.probability(UNKNOWN, context)
            for symbol in ("a", "b", "c", UNKNOWN):
                to = (*context, symbol)[1:] if judge.order > 1 else ()
                after[to] = after.get(to, 0.0) + share * judge.probability(symbol, context)
        reached = after
    return total


def test_draws_are_keyed_by_seed_and_number() -> None:
    judge = NGramJudge(LARGE)
    stream = Stream(3, "test")
    ten = judge.sample(10, stream)
    assert judge.sample(4, stream) == ten[:4] and judge.sample(6, stream, first=4) == ten[4:]
    assert NGramJudge(LARGE).sample(10, stream) == ten and judge.sample(10, Stream(4, "test")) != ten
    assert [line[:2] for line in ten] == judge.sample(10, stream, longest=2)
    assert judge.perplexity(ten) < judge.perplexity([random.Random(i).sample(x, len(x)) for i, x in enumerate(ten)])
