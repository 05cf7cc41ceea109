"""Where the main clause of a sentence begins: behind calls, answers and clauses that lead to it."""

from __future__ import annotations

from genvae_conditional.rules.classes import (
    AUXILIARIES,
    DETERMINERS,
    FORMULAS,
    MORE,
    NO_PARTICIPLES,
    NOMINATIVE,
    OPENERS,
    PERIODS,
    PREPOSITIONS,
    PRONOUNS,
    QUESTIONS,
    RELATIVE,
    SUBORDINATE,
    TIMES,
)
from genvae_conditional.rules.finite import Words, begins
from genvae_conditional.rules.verbs import BASES, NOUNISH, THIRDS, is_ed, is_past


def main_clause(words: Words, asked: bool) -> Words:
    """The words from the start of the main clause on: without calls, answers and clauses that lead to it."""
    for _ in range(8):
        if not words:
            break
        first, second = words[0], words[1] if len(words) > 1 else ""
        if first == ",":
            words = words[1:]
            continue
        cut = words.index(",") if "," in words else 0
        if first in PERIODS and (behind := _behind_time(words)):
            words = behind
            continue
        if cut and tuple(words[:cut]) in FORMULAS and clausal(words[cut + 1 :]):
            words = words[cut + 1 :]
            continue
        if first in OPENERS:
            third = words[2] if len(words) > 2 else ""
            if second in AUXILIARIES and (first in ("so", "nor", "neither") or (third and third not in PRONOUNS)):
                break
            opens = second == "," or second in PRONOUNS or second in DETERMINERS or second in BASES
            if opens or first not in MORE:
                words = words[1:]
                continue
        if first == "no" and second == ",":
            words = words[2:]
            continue
        if first == "no" and second in ("doubt", "wonder") and words[2:3] and words[2] in PRONOUNS:
            words = words[2:]
            continue
        if first == "no" and second == "matter" and cut:
            words = words[cut + 1 :]
            continue
        if leads(words, asked):
            rest = _behind_comma(words)
            if rest is None:
                break
            words = rest
            continue
        if cut and cut <= 3 and _calls(words[:cut]) and clausal(words[cut + 1 :]) and (
            words[cut + 1] not in ("and", "but", "so", "or") and (asked or words[cut + 1] not in RELATIVE)
        ):  # fmt: skip
            if first in BASES and cut > 1 and not _called(words[cut + 1 :]):  # an order, then a clause
                break
            if first in BASES and cut == 1 and (first not in NOUNISH or words[2] in ("and", "or")):
                break
            words = words[cut + 1 :]
            continue
        break
    return words


def _calls(words: Words) -> bool:
    """Whether words are no clause of their own: a name that is called, an adverb."""
    return not holds_verb(words) and not any(w in AUXILIARIES or w in PRONOUNS or w in QUESTIONS for w in words)


def _called(rest: Words) -> bool:
    """Whether a clause follows that needs none before it: a question, an order."""
    return bool(rest) and (rest[0] in AUXILIARIES or rest[0] in BASES or rest[0] in ("what", "why", "how"))


def clausal(words: Words) -> bool:
    """Whether words begin as a clause does."""
    while words and (words[0] in OPENERS or words[0] == ","):
        words = words[1:]
    if not words:
        return False
    first = words[0]
    if first in PRONOUNS:
        return begins(words, 0) or len(words) > 2
    opens = first in AUXILIARIES or first in QUESTIONS or first in BASES
    return opens or first in ("there", "here", "never", "always", "just") or holds_verb(words)


def holds_verb(words: Words) -> bool:
    """Whether there is what may be a finite verb."""
    return any(word in AUXILIARIES or is_past(word) or word in THIRDS for word in words[1:])


def leads(words: Words, asked: bool) -> bool:
    """Whether words begin with a clause or phrase that comes before the main clause."""
    first, second = words[0], words[1] if len(words) > 1 else ""
    if first in QUESTIONS and (asked or second in AUXILIARIES):
        return False
    if first in SUBORDINATE:
        return True
    if first in ("had", "were", "should") and not asked and "," in words:
        return second in PRONOUNS or second in DETERMINERS or second in ("there", "anything", "anyone")
    if first in PREPOSITIONS and not (first in ("like", "past", "off", "out", "down", "up") and first in BASES):
        return True
    if first in ("to", "not"):
        return "," in words
    ing = first.endswith("ing") and len(first) > 4 and first not in NO_PARTICIPLES
    return (ing or (is_ed(first) and first not in BASES)) and "," in words


def _behind_comma(words: Words) -> Words | None:
    """What comes behind the first comma that a clause follows. Without one: what comes behind a phrase that a pronoun
    and its verb follow. None where nothing is found."""
    for place, word in enumerate(words):
        if word == "," and clausal(words[place + 1 :]) and words[place + 1 : place + 2] not in (["and"], ["or"]):
            return words[place + 1 :]
    if words[0] in SUBORDINATE and words[0] not in ("since", "before", "after", "until", "till", "as", "once"):
        return None
    for place in range(2, min(len(words), 9)):
        if words[place] in PRONOUNS and begins(words, place):
            ahead = words[1:place]
            if any(w in RELATIVE or w in SUBORDINATE or w in AUXILIARIES or w in PRONOUNS for w in ahead):
                return None
            return words[place:] if words[place - 1] not in ("and", "or", "than") else None
    return None


def _behind_time(words: Words) -> Words | None:
    """What comes behind "last night", "the other day" and the like, where a clause does."""
    for place in range(1, min(5, len(words))):
        if words[place] in TIMES:
            rest = words[place + 1 :]
            while rest and (rest[0] in TIMES or rest[0] == ","):
                rest = rest[1:]
            if words[place] in ("time", "moment", "minute") and rest and rest[0] in PRONOUNS and "," in rest:
                main = rest[rest.index(",") + 1 :]  # every time I come, he is out
                return main if clausal(main) and main[0] not in ("and", "or") else None
            if rest and (rest[0] in NOMINATIVE or rest[0] in ("you", "it")) and begins(rest, 0):
                return rest
        elif words[place] in AUXILIARIES or words[place] in PRONOUNS:
            return None
    return None
