"""The finite verb of a clause whose subject is no pronoun."""

from __future__ import annotations

from genvae_conditional.rules.classes import (
    ACCUSATIVE,
    AFTER_IS,
    AFTERWARDS,
    ALONE,
    AUXILIARIES,
    BETWEEN,
    CLOSED,
    DEFINITE,
    DETERMINERS,
    MANY,
    MODAL,
    NOUNS,
    OBJECTS,
    PLURALS,
    PREPOSITIONS,
    PRONOUNS,
    QUESTIONS,
    RELATIVE,
    SHORT,
    SPACE,
    SUBORDINATE,
)
from genvae_conditional.rules.finite import OTHER, UNKNOWN, Words, finite, ly
from genvae_conditional.rules.verbs import ALIKE, BASES, NOUNISH, PASTS, PURE_PARTICIPLES, THIRDS, is_ed, is_past


def _alone(words: Words, place: int) -> bool:
    """Whether the determiner before a place is itself the subject: that changes everything, no one came."""
    word, before = words[place], words[place - 1]
    if place > 2 or (place == 2 and (before != "one" or words[0] not in ("no", "every", "each", "any"))):
        return False
    if before not in ALONE:
        return False
    if word in MODAL:
        return word != "can" or words[place + 1 : place + 2] != ["of"]
    if word in THIRDS:
        return before not in MANY and words[place + 1 : place + 2] != ["is"]
    if word in BASES and word not in ALIKE:
        return before in MANY and word not in NOUNISH
    return word in PASTS or word in ALIKE or (is_ed(word) and not _later(words, place - 1))


def _plural(words: Words, place: int) -> bool:
    """Whether the subject that ends before a place is more than one."""
    while place > 1 and (words[place - 1] in BETWEEN or ly(words[place - 1])) and words[place - 1] not in PLURALS:
        place -= 1
    before = words[place - 1]
    if before in PLURALS or "and" in words[:place] or _of_many(before):
        return True
    head = next((at for at in range(1, place) if words[at] in PREPOSITIONS), 0)
    return bool(head) and (_of_many(words[head - 1]) or words[head - 1] in PLURALS) and words[0] not in PREPOSITIONS


def _of_many(word: str) -> bool:
    """Whether a noun has a plural's ending."""
    return word.endswith("s") and word != "'s" and not word.endswith(("ss", "us", "is"))


def scan(words: Words) -> str | None:
    """The tense of the first finite verb that is not inside the subject; '' where it does not tell, None where there
    is no such verb."""
    inside = words[0] in QUESTIONS  # what he said: the first verb is the clause's
    for place in range(1, len(words)):
        word, before = words[place], words[place - 1]
        if word in RELATIVE and before != ",":
            following = words[place + 1] if place + 1 < len(words) else ""
            inside = inside or word != "that" or (following not in DETERMINERS and before not in PREPOSITIONS)
        elif word in PRONOUNS and before not in PREPOSITIONS and before not in ("and", "or", "to"):
            inside = True
        elif word in SUBORDINATE and word not in SPACE:
            return None
        else:
            found = _verb(words, place)
            if found is not None and not inside:
                return found
            inside = inside and found is None
    return None


def _verb(words: Words, place: int) -> str | None:
    """The tense of a word where it is a finite verb; '' where it does not tell, None where it is none."""
    word, before = words[place], words[place - 1]
    following = words[place + 1] if place + 1 < len(words) else ""
    phrase = before in PREPOSITIONS
    if word == "'s":
        return finite(words, place, OTHER) if _is_is(words, place) else None
    if word in AUXILIARIES:
        if before in DETERMINERS and word in NOUNS and not _alone(words, place):
            return None
        if word in ("need", "do", "have") and following not in ("n't", "not") and (
            before == "to" or (word != "have" and not _plural(words, place))
        ):  # fmt: skip
            return None
        return finite(words, place, OTHER)
    if (before in DETERMINERS and before not in AFTERWARDS and not _alone(words, place)) or before == "'s":
        return None  # an adjective or a noun: the broken window, my wishes
    if word in ALIKE or word == "lay":
        return None if phrase or before == "to" else UNKNOWN if _plural(words, place) and word != "lay" else "past"
    if is_past(word):
        if place == 1 and before.endswith("ing") and words[0] not in CLOSED:
            return None  # getting married is
        reduced = following == "by" and any(later in DEFINITE for later in words[place + 2 :])
        joined = is_ed(word) and before in ("and", "very", "most", "so", "well", "more")
        return None if reduced or joined or phrase else "past"
    if before in PRONOUNS and (word in THIRDS or word in BASES):
        return "present"  # what he says is true
    if word in THIRDS:
        return None if following in DEFINITE or phrase or before in ("and", "or") else "present"
    if word in BASES:
        sure = _plural(words, place)
        return "present" if sure and not (following in DEFINITE or phrase or before in ("and", "or", "to")) else None
    acts = following in ACCUSATIVE or (place == 1 and following in OBJECTS and not phrase)
    return "present" if acts and _of_many(word) and word not in CLOSED and len(word) > 3 else None


def _is_is(words: Words, place: int) -> bool:
    """Whether "'s" is a verb, not a possessive."""
    before = words[place - 1]
    if before in SHORT:
        return True
    if place + 1 >= len(words):
        return False
    following = words[place + 1]
    if following in AFTER_IS or following in DETERMINERS or following in PREPOSITIONS:
        return following not in ("own", "old", "new", "first", "last") or not _later(words, place)
    if following.endswith("ing") or is_past(following) or following in PURE_PARTICIPLES:
        return not _later(words, place)
    return not _later(words, place) and len(words) > place + 1


def _later(words: Words, place: int) -> bool:
    """Whether another finite verb comes soon, before the clause is over."""
    for at in range(place + 2, min(len(words), place + 7)):
        word = words[at]
        if word in RELATIVE or word in SUBORDINATE or word in PRONOUNS:
            return False
        if word in AUXILIARIES or is_past(word) or word in THIRDS or (word in BASES and _plural(words, at)):
            return words[at - 1] not in PREPOSITIONS and words[at - 1] != "to"
    return False
