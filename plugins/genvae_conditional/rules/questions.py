"""The subject and tense of English questions."""

from __future__ import annotations

from genvae_conditional.rules.classes import (
    AUXILIARIES,
    DETERMINERS,
    NOMINATIVE,
    OBJECTS,
    PREPOSITIONS,
    PRONOUNS,
    QUESTIONS,
    members,
)
from genvae_conditional.rules.finite import NONE, OTHER, UNKNOWN, Clause, Words, begins, finite, skip
from genvae_conditional.rules.scanning import scan
from genvae_conditional.rules.statements import statement
from genvae_conditional.rules.verbs import BASES, PURE_PARTICIPLES, is_past

TAGS = members("right okay ok huh eh correct yes no")


def without_tag(words: Words) -> Words:
    """The words before ", isn't it" and the like."""
    if "," not in words:
        return words
    last = len(words) - 1 - list(words)[::-1].index(",")
    tail = [word for word in words[last + 1 :] if word not in ("n't", "not")]
    if len(tail) == 2 and tail[0] in AUXILIARIES and (tail[1] in PRONOUNS or tail[1] in ("there", "that")):
        return words[:last]
    if len(tail) == 1 and (tail[0] in TAGS or tail[0] not in AUXILIARIES):  # a name that is called, too
        return words[:last] if last else words
    return words


def question(words: Words) -> Clause:
    """The subject and tense of a clause that is asked."""
    if not words:
        return Clause(NONE, NONE)
    first, second = words[0], words[1] if len(words) > 1 else ""
    if first in QUESTIONS or (first in PREPOSITIONS and second in QUESTIONS):
        return _wh(words)
    if first in AUXILIARIES:
        return _turned(words, 0)
    told = statement(words)
    if told.order or (first in BASES and not told.subject):
        return Clause(NONE, UNKNOWN)  # "Need help?", "Want some?": of whom is not said
    if first in PREPOSITIONS:
        for place in range(1, len(words) - 1):
            if words[place] in AUXILIARIES and words[place + 1] in PRONOUNS:
                return _turned(words, place)
    return told


def _asks(words: Words) -> bool:
    """Whether another question begins."""
    return bool(words) and (words[0] in QUESTIONS or words[0] in AUXILIARIES)


def _turned(words: Words, place: int) -> Clause:
    """An auxiliary at a place, then the subject."""
    at = place + 1
    while at < len(words) and words[at] in ("n't", "not", "ever", "even", "just", "really", "still", ","):
        at += 1
    if at >= len(words):
        return Clause(UNKNOWN, UNKNOWN)
    subject = OTHER
    joined = words[at + 1 : at + 2] in (["and"], ["or"]) and not _asks(words[at + 2 :])  # you and Tom
    if words[at] in PRONOUNS and not joined:
        subject = PRONOUNS[words[at]]
    auxiliary = words[place]
    if auxiliary == "'d":
        rest = skip(words, at + 1)
        base = rest < len(words) and words[rest] in BASES
        tense = UNKNOWN if base or subject == OTHER else "past"
        if rest < len(words) and words[rest] == "like":
            tense = "conditional"
    elif auxiliary == "had":
        tense = "past"
    else:
        # the verb group without its subject: is ... going to leave
        tense = finite([auxiliary, *words[at + 1 :]], 0, subject) if subject != OTHER else _with_noun(words, place, at)
    return Clause(subject, tense, asks=True)


def _with_noun(words: Words, place: int, at: int) -> str:
    for going in range(at + 1, min(len(words) - 2, at + 6)):
        if words[going] == "going" and words[going + 1] == "to":
            return finite([words[place], *words[going:]], 0, OTHER)
    return finite([words[place], "so"], 0, OTHER)


def _wh(words: Words) -> Clause:
    first, second = words[0], words[1] if len(words) > 1 else ""
    if len(words) == 1:
        return Clause(NONE, NONE)
    if second in ("about", "to") or (first, second) == ("why", "not") or words in (["what", "else"], ["who", "else"]):
        return Clause(NONE, NONE)
    if (first == "how" and second == "come") or (first == "what" and second == "if"):
        return statement(words[2:])
    for place in range(1, min(len(words), 10)):
        word = words[place]
        named = word in NOMINATIVE or (word in ("you", "it") and begins(words, place))
        if named and words[place - 1] not in AUXILIARIES:  # "Who you are?"
            return Clause(PRONOUNS[word], finite(words, place + 1, PRONOUNS[word]))
        if word in AUXILIARIES and word != "need" and not (words[place - 1] in OBJECTS and word in ("can", "will")):
            if place + 1 >= len(words):
                return Clause(OTHER, finite(words, place, OTHER))
            found = _turned(words, place)
            return Clause(OTHER, found.tense) if _has_it(words, place, found) else found
        if is_past(word) and words[place - 1] not in DETERMINERS:
            return Clause(OTHER, "past")
    tense = None
    if first in ("who", "what", "which", "whose", "how"):
        tense = scan(["people" if first == "how" else "someone", *words[1:]])
    if tense is None:
        return Clause(NONE, NONE) if len(words) <= 3 else Clause(UNKNOWN, UNKNOWN)
    return Clause(OTHER, tense)


def _has_it(words: Words, place: int, found: Clause) -> bool:
    """Whether what follows a form of "have" is its object: who has it?"""
    if words[0] not in ("who", "what", "which") or found.subject not in ("it", "you"):
        return False
    after = words[place + 2] if place + 2 < len(words) else ""
    participle = is_past(after) or after in PURE_PARTICIPLES or after in BASES
    return words[place] in ("has", "have", "had", "'ve") and not participle
