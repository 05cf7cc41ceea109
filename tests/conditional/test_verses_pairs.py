"""Pairs of lines for rewriters: cut, found, and made; on lines of our own."""

from __future__ import annotations

import random

from benchmarks.text.verses.pairs import by_model, by_words, cut, halves, matched
from benchmarks.text.verses.parts import Cutter, clauses
from benchmarks.text.verses.words import dictionaries, reworded
from genvae_conditional.starters.verses.corpus import Verse

VERSIONS = ("KJV", "BBE")
LONG = Verse("Book", "1", "3", {
    "KJV": "And the man went unto the river of stones, and he took seven white pebbles; but the woman remained in the "
    "house, and she baked a loaf.",
    "BBE": "So the man went to the river of stones and took seven white pebbles: but his woman was still in the house, "
    "where she made a loaf.",
})  # fmt: skip


def test_a_verse_is_cut_where_both_say_the_same() -> None:
    parts = Cutter(list(LONG.said.values()) * 2, longest=15).parts(LONG, VERSIONS)
    assert [part.name for part in parts] == ["Book 1:3.0", "Book 1:3.1"]
    assert parts[0].said["KJV"].endswith("pebbles;") and parts[0].said["BBE"].endswith("pebbles:")
    assert [" ".join(part.said[version] for part in parts) for version in VERSIONS] == list(LONG.said.values())
    assert len(Cutter([], longest=40).parts(LONG, VERSIONS)) == 1
    assert len(cut([LONG, LONG], VERSIONS)) == 4, "until none is longer than twenty words"


def test_a_line_by_itself_is_cut_at_its_marks() -> None:
    line = LONG.said["KJV"]
    assert clauses(line, 100) == [line]
    pieces = clauses(line, 12)
    assert " ".join(pieces) == line and len(pieces) == 3 and all(piece[-1] in ",;." for piece in pieces)


def verses(count: int) -> list[Verse]:
    """Two versions that say some words otherwise."""
    draw = random.Random(3)
    who = ["the man", "a king", "the woman", "his son", "the priest", "a stranger"]
    where = ["the river", "the house", "the mountain", "the city", "the field", "the gate", "a well"]
    made = []
    for number in range(count):
        name = "".join(draw.choice("bdgklmnrst") + draw.choice("aeiou") for _ in range(3)).capitalize()
        words = (
            f"And {name} said unto {draw.choice(who)}, thou shalt go unto {draw.choice(where)} with {draw.choice(who)}."
        )
        new = words.replace("unto", "to").replace("thou shalt", "you will")
        made.append(Verse("Book", str(number // 4), str(number % 4), {"KJV": words, "BBE": new}))
    return made


def test_lines_are_found_by_what_they_say() -> None:
    pairs, figures = matched(verses(200), VERSIONS)
    assert figures["true"] > 95 and figures["found"] > 80 and len(pairs) == figures["pairs"]
    assert all(set(pair.said) == set(VERSIONS) for pair in pairs)


def test_words_are_found_by_what_stands_around_them_in_other_chapters() -> None:
    every = verses(400)
    old, new = halves(every, VERSIONS)
    likes = {line.replace("unto", "to").replace("thou shalt", "you will") for line in old}
    assert len(old) + len(new) == 400 and len(likes & set(new)) < 4, "none is known twice, but by chance"
    there, back = dictionaries(old, new)
    assert there == {"unto": "to", "thou": "you", "shalt": "will"}
    assert back == {"to": "unto", "you": "thou", "will": "shalt"}
    assert reworded("Thou shalt go unto Tarsus, I say.", there) == "You will go to Tarsus, I say."


def test_a_line_stands_beside_what_was_made_of_it() -> None:
    every = verses(400)
    made, _ = by_words(every, VERSIONS)
    assert {tuple(verse.said) for verse in made} == {("KJV", ""), ("BBE", "")}
    old = next(verse for verse in made if "KJV" in verse.said)
    assert "unto" in old.said["KJV"] and "unto" not in old.said[""]
    assert len({verse.name for verse in made}) == len(made)
    told, figures = by_model(every, VERSIONS, lambda lines, own, other: [f"{own} {other}" for _ in lines])
    assert figures["lines"] == len(told) and {verse.said[""] for verse in told} == {"KJV BBE", "BBE KJV"}
