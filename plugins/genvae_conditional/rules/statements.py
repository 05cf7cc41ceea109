"""The subject and tense of statements, and what is an order."""

from __future__ import annotations

from genvae_conditional.rules.classes import (
    AFTER_IS,
    AUXILIARIES,
    BEFORE_ORDER,
    CLOSED,
    DEFINITE,
    DETERMINERS,
    MODAL,
    NO_ORDER,
    NOMINATIVE,
    OBJECTS,
    PREPOSITIONS,
    PRONOUNS,
    QUESTIONS,
    RELATIVE,
    SUBORDINATE,
)
from genvae_conditional.rules.finite import NONE, OTHER, UNKNOWN, Clause, Words, begins, finite, skip
from genvae_conditional.rules.scanning import scan
from genvae_conditional.rules.verbs import BASES, NOUNISH, PASTS, THIRDS, is_past

FRAGMENT = 4  # most words of a line without a verb that is believed to have none


def statement(words: Words) -> Clause:
    """The subject and tense of a clause that is no question."""
    if not words:
        return Clause(NONE, NONE)
    first, second = words[0], words[1] if len(words) > 1 else ""
    if first in PRONOUNS:
        return _of_pronoun(words)
    if first in ("there", "here"):
        if second in PRONOUNS and (second in NOMINATIVE or begins(words, 1)):
            return Clause(PRONOUNS[second], finite(words, 2, PRONOUNS[second]))
        if second in BASES and first == "here" and second not in AUXILIARIES:
            return Clause(OTHER, finite(words, 1, OTHER))
        found = finite(words, 1, OTHER)
        if len(words) < 3 and second not in AUXILIARIES:
            return Clause(NONE, NONE)
        return Clause(OTHER, found)
    inverted = _inverted(words)
    if inverted is not None:
        return inverted
    ahead = 0
    while ahead < len(words) and words[ahead] in BEFORE_ORDER:
        ahead += 1
    if is_order(words[ahead:]):
        return Clause(NONE, NONE, order=True)
    if first in SUBORDINATE and first not in ("even",):
        return _subordinate(words)
    if first in QUESTIONS:
        return _exclaimed(words) if first in ("what", "how") else Clause(UNKNOWN, UNKNOWN)
    if first in PREPOSITIONS:
        return _behind_phrase(words)
    if first == "see" and second == "you":
        return Clause(NONE, NONE)
    if first == "hope" or (first == "wish" and second in ("i", "you")) or first == "guess":
        return Clause(NONE, "present")
    if first in ("thank", "thanks"):
        return Clause(NONE, NONE)
    if first in THIRDS and first not in AUXILIARIES and second not in AUXILIARIES and not is_past(second):
        return Clause(NONE, "present") if first in ("looks", "sounds", "seems", "depends", "serves", "works", "beats",
                                                     "tastes", "smells", "feels") else _of_noun(words)  # fmt: skip
    if first in ("does", "did", "do") and second == "n't":
        return Clause(NONE, "past" if first == "did" else "present")
    if first == "got" and second == "to":
        return Clause(NONE, "present")
    if first in PASTS and first not in BASES and first not in ("left", "lost"):
        return Clause(NONE, "past")
    return _of_noun(words)


def _of_pronoun(words: Words) -> Clause:
    subject = PRONOUNS[words[0]]
    place = 1
    if subject == "you" and words[1:2] and words[1] in ("guys", "two", "folks", "people", "girls", "boys"):
        place = 2
    if words[1:2] and words[1] in ("and", "or"):
        return Clause(OTHER, _of_noun(words).tense)
    if words[1:2] and words[1] in ("who", "whom", "that"):
        return Clause(subject, UNKNOWN)
    tense = finite(words, place, subject)
    if not tense and len(words) == 1:
        return Clause(NONE, NONE)
    return Clause(subject, tense)


def _inverted(words: Words) -> Clause | None:
    """Never have I seen; so do I; had I known."""
    for place in (0, 1, 2):
        if place + 1 < len(words) and words[place] in AUXILIARIES and words[place] not in ("do", "have", "'s", "need"):
            pronoun = skip(words, place + 1)
            if pronoun < len(words) and words[pronoun] in NOMINATIVE and words[pronoun - 1] != ",":
                if place and words[0] not in ("so", "nor", "neither", "never", "rarely", "seldom", "hardly", "not",
                                               "only", "little", "no"):  # fmt: skip
                    return None
                return Clause(PRONOUNS[words[pronoun]], finite(words, place, OTHER), asks=not place)
    if words[0] in ("so", "nor", "neither", "never", "rarely", "seldom", "hardly", "little") and len(words) > 2:
        if words[1] in ("do", "have", "am", "are", "does", "can") and words[2] in PRONOUNS:
            return Clause(PRONOUNS[words[2]], "present")
        if words[1] in AUXILIARIES:
            return Clause(OTHER, finite(words, 1, OTHER))
    if words[0] in ("do", "have") and len(words) > 2 and words[1] in PRONOUNS and words[1] != "it":
        return Clause(PRONOUNS[words[1]], "present", asks=True)
    return None


def _subordinate(words: Words) -> Clause:
    """A clause with a conjunction: by itself where no other pronoun and verb follow it."""
    rest = words[1:]
    if words[0] in ("whoever", "whatever", "whichever", "whether", "where", "wherever") or not rest:
        return Clause(UNKNOWN, UNKNOWN)
    clauses = sum(word in PRONOUNS and begins(rest, place) for place, word in enumerate(rest))
    if clauses > 1 or rest[0] not in PRONOUNS or len(rest) > 6:
        return Clause(UNKNOWN, UNKNOWN)
    return _of_pronoun(rest)


def _exclaimed(words: Words) -> Clause:
    """What a day it was; how he runs."""
    for place in range(1, len(words)):
        if words[place] in PRONOUNS and begins(words, place):
            subject = PRONOUNS[words[place]]
            if words[1] in ("a", "an") or words[0] == "how" or place > 2:
                return Clause(subject, finite(words, place + 1, subject))
            return Clause(OTHER, scan(words) or UNKNOWN)  # what he said is true
    if words[1:2] == ["dare"] and words[2:3] and words[2] in PRONOUNS:
        return Clause(PRONOUNS[words[2]], "present")
    exclaims = words[0] == "how" or words[1:2] in (["a"], ["an"])
    tense = scan(["so", *words[1:]] if exclaims else words)  # how fast the dog runs: one clause
    if tense is not None:
        return Clause(OTHER, tense)
    if words[0] == "what" and exclaims:
        return Clause(NONE, NONE)
    if any(word in AUXILIARIES or is_past(word) or word in THIRDS for word in words[1:]):
        return Clause(OTHER, UNKNOWN) if words[0] == "what" else Clause(UNKNOWN, UNKNOWN)
    return Clause(NONE, NONE)


def _behind_phrase(words: Words) -> Clause:
    """At last the bus came."""
    for place in range(1, len(words)):
        if words[place] in NOMINATIVE and begins(words, place):
            subject = PRONOUNS[words[place]]
            if (
                words[place - 1] in RELATIVE
                or words[place - 1] in SUBORDINATE
                or any(word in PRONOUNS or word in AUXILIARIES for word in words[1:place])
            ):
                return Clause(UNKNOWN, UNKNOWN)
            return Clause(subject, finite(words, place + 1, subject))
    found = _of_noun(words)
    return found if found.subject == NONE else Clause(found.subject, found.tense)


def is_order(words: Words) -> bool:
    """Whether words begin as an order does: with a verb's base form that is not the subject of another verb."""
    if not words:
        return False
    first, second = words[0], words[1] if len(words) > 1 else ""
    if first == "let":
        return True
    if first not in BASES:
        return _strange(first) and second in OBJECTS
    if first == "do":
        return second not in PRONOUNS or second == "it"
    if second == "n't" and first != "do":
        return False
    if first in NO_ORDER and not (second in OBJECTS and first not in ("last", "like", "mean", "need", "own")):
        return False
    if second in DEFINITE or second == "'s" or second in MODAL:
        return False
    if first == "have" and second in NOMINATIVE | {"you"}:
        return False
    if first == "see" and second == "you":
        return False
    if first in ("hope", "wish", "guess") and second in ("i", "you", "it", "he", "she", "we", "they", "so"):
        return False
    if first == "hope" and second in ("to", "everything", "this", "that", "not"):
        return False
    if first not in NOUNISH:
        return True
    if not second:
        return True
    if (second in THIRDS and second not in DETERMINERS) or (is_past(second) and words[2:3] != ["cars"]):
        return False
    if second in ("of", "and", "or", "in", "for", "on", "between", "to", "has", "had", "does", "did"):
        pass
    for place in range(2, min(len(words), 7)):
        word = words[place]
        if word in PRONOUNS or word in RELATIVE or word in SUBORDINATE or word in QUESTIONS or word == ",":
            break
        if (
            word in DEFINITE
            or word in ("has", "does", "did")
            or (
                word == "'s"
                and words[place + 1 : place + 2]
                and (words[place + 1] in AFTER_IS or words[place + 1] in DETERMINERS)
            )
        ):
            return False
    return second not in ("has", "had", "does", "did")


def _strange(word: str) -> bool:
    """Whether a word is in no closed class and has the form of a verb's base."""
    if word in CLOSED or not word.isalpha() or len(word) < 3:
        return False
    return not word.endswith(("s", "ing", "ed", "ly", "er", "ful", "ous", "y"))


def _of_noun(words: Words) -> Clause:
    """The finite verb of a clause that begins with its subject."""
    tense = scan(words)
    if tense is not None:
        return Clause(OTHER, tense)
    if len([word for word in words if word != ","]) <= FRAGMENT or words[0] in ("no", "not", "good", "happy", "nice"):
        return Clause(NONE, NONE)
    return Clause(UNKNOWN, UNKNOWN)
