"""The finite verb behind a pronoun or an auxiliary: its tense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genvae_conditional.rules.classes import AUXILIARIES, BE, BETWEEN, CONDITIONAL, FUTURE, NO_ADVERBS, PAST, PRESENT
from genvae_conditional.rules.verbs import ALIKE, BASES, PURE_PARTICIPLES, THIRDS, is_past

Words = Sequence[str]

UNKNOWN = ""
NONE = "none"
OTHER = "other"


@dataclass(frozen=True)
class Clause:
    """What a main clause says of itself; '' where that is not known."""

    subject: str
    tense: str
    order: bool = False  # an imperative
    asks: bool = False  # in the order of a question


def skip(words: Words, place: int) -> int:
    """The next place that is no adverb, no negation and no comma."""
    while place < len(words) and (words[place] in BETWEEN or words[place] == "," or ly(words[place])):
        place += 1
    return place


def ly(word: str) -> bool:
    return len(word) > 4 and word.endswith("ly") and word not in NO_ADVERBS


def finite(words: Words, place: int, subject: str) -> str:
    """The tense of the finite verb at a place or, adverbs skipped, behind it."""
    place = skip(words, place)
    if place >= len(words):
        return UNKNOWN
    verb = words[place]
    after = skip(words, place + 1)
    following = words[after] if after < len(words) else ""
    if verb in FUTURE:
        return "future"
    if verb in CONDITIONAL:
        return "conditional"
    if verb in ("'d", "had"):
        near = words[place + 1] if place + 1 < len(words) else ""
        if near in ("better", "best", "rather") or (following == "rather"):
            return "conditional"
        if verb == "had" or following in PURE_PARTICIPLES or is_past(following) or following == "had":
            return "past"
        return UNKNOWN if following in ALIKE or following in ("come", "become", "run") else "conditional"
    if verb in PAST:
        return "past"
    if verb in BE and following == "going" and after + 2 < len(words) and words[after + 1] == "to":
        goal = words[skip(words, after + 2) if skip(words, after + 2) < len(words) else after + 2]
        if goal in BASES:
            return UNKNOWN if goal in ("work", "sleep", "dance") else "future"
        return "present"
    if verb in PRESENT:
        return "present"
    if verb in ALIKE:
        return "past" if subject in ("he", "she", "it") else "present" if verb == "bet" else UNKNOWN
    if is_past(verb):
        return "past"
    if verb in BASES or verb in THIRDS:
        return "present"
    if subject in ("he", "she", "it") and verb.endswith("s") and not verb.endswith("ss"):
        return "present"
    return UNKNOWN


def begins(words: Words, place: int) -> bool:
    """Whether a pronoun at a place is followed by what may be its finite verb."""
    after = skip(words, place + 1)
    if after >= len(words):
        return False
    verb = words[after]
    return verb in AUXILIARIES or verb in BASES or verb in THIRDS or is_past(verb) or verb in ALIKE
