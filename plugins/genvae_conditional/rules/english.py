"""What rules say of a line of English: its form, negation, tense, subject and length. They label and they judge.

Every rule goes by words and their order. What each label means:

- form: question (a question mark, or a question's order of words), command (an imperative, "let's" among them),
  exclamation (an exclamation mark that is no command's; "what a day"; an interjection), statement.
- negation: yes where a negative word stands anywhere (not, never, no, nobody, nothing, none, neither, nor ...), apart
  from an answer's "no," and from tags ("isn't it?").
- tense, by the finite verb of the main clause: past; present, the perfect and can, may and must among it; future (will,
  shall, "is going to"); conditional (would, could, should, might, "had better"); none where there is no such verb,
  and of commands.
- subject, of the main clause: I, you, he, she, it, we, they where it is that pronoun; other where it is anything else;
  none of commands and where there is none.
- length in words, as white space parts them: 1-3, 4-5, 6-7, 8-10, 11-15, 16+.

An empty label says that the rule does not know. A line of several sentences has the labels on which they agree.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping

from genvae_conditional.rules.classes import AUXILIARIES, INTERJECTIONS, NEGATIVE, PRONOUNS, QUESTIONS
from genvae_conditional.rules.finite import NONE, UNKNOWN, Clause, Words
from genvae_conditional.rules.leading import main_clause
from genvae_conditional.rules.questions import question, without_tag
from genvae_conditional.rules.statements import statement
from genvae_conditional.rules.words import fold, sentences, split

FORMS = ("statement", "question", "command", "exclamation")
TENSES = ("past", "present", "future", "conditional", "none")
SUBJECTS = ("I", "you", "he", "she", "it", "we", "they", "other", "none")
NEGATIONS = ("no", "yes")
LONGEST = (3, 5, 7, 10, 15)  # words of each bin
LENGTHS = ("1-3", "4-5", "6-7", "8-10", "11-15", "16+")

FAR = 60  # words of a sentence that are looked at for its main clause

#: each label and its values, in a fixed order
VALUES: Mapping[str, tuple[str, ...]] = {
    "form": FORMS, "negation": NEGATIONS, "tense": TENSES, "subject": SUBJECTS, "length": LENGTHS,
}  # fmt: skip

EMPTY = dict.fromkeys(VALUES, UNKNOWN)


def labels(line: str) -> dict[str, str]:
    """Every label of a line."""
    line = fold(line).strip()
    if not line:
        return dict(EMPTY)
    parts = sentences(line)
    found = _of_sentence(parts[0]) if len(parts) == 1 else _agreed([_of_sentence(part) for part in parts])
    found["length"] = LENGTHS[bisect.bisect_left(LONGEST, len(line.split()))]
    return {name: found[name] for name in VALUES}


def _agreed(each: list[dict[str, str]]) -> dict[str, str]:
    """What sentences agree on; calls of a word or two have no say."""
    whole = [found for found in each if found["length"] != "call"] or each
    made = {name: values.pop() if len(values := {found[name] for found in whole}) == 1 else UNKNOWN for name in VALUES}
    made["negation"] = "yes" if any(found["negation"] == "yes" for found in each) else "no"
    return made


def _of_sentence(sentence: str) -> dict[str, str]:
    text = sentence.strip()
    quoted = '"' in text
    if quoted and text[0] == '"' and text.count('"') == 2 and text.rstrip(".?!").endswith('"'):
        text, quoted = text.replace('"', ""), False
    words = split(text)
    mark = text.rstrip("\"')")[-1:]
    asked = "?" in text[-3:]
    plain = without_tag(words) if asked else words
    made = {"negation": negation(plain), "length": ""}
    if not words:
        return {**EMPTY, **made}
    if quoted:
        asks = asked and text[-1] == "?"
        return {**EMPTY, "form": "question" if asks else UNKNOWN, **made}
    clause_words = main_clause(list(plain[:FAR]), asked)
    if asked:
        found = question(clause_words)
    else:
        found = _told(clause_words, mark)
    made["form"] = form(words, clause_words, found, asked, mark)
    made["tense"], made["subject"] = found.tense, found.subject
    if made["form"] in ("command",):
        made["tense"] = made["subject"] = NONE
    if len(words) <= 2 and found.subject == NONE and not found.order:
        made["length"] = "call"
    return made


def _told(words: Words, mark: str) -> Clause:
    """A clause without a question mark; asked, where it has no end mark and a question's order."""
    if not mark.isalnum() or not words:
        return statement(words)
    second = words[1] if len(words) > 1 else ""
    turned = (words[0] in QUESTIONS and second in AUXILIARIES) or (words[0] in AUXILIARIES and second in PRONOUNS)
    if not turned or words[0] == "need":
        return statement(words)
    found = question(words)
    return Clause(found.subject, found.tense, asks=True)


def form(words: Words, clause: Words, found: Clause, asked: bool, mark: str) -> str:
    """Statement, question, command or exclamation."""
    if asked or found.asks:
        return "question"
    if (
        clause
        and clause[0] in ("what", "how")
        and len(clause) > 1
        and (
            clause[1] in ("a", "an")
            if clause[0] == "what"
            else found.subject == NONE and clause[1] not in ("to", "about")
        )
    ):
        return "exclamation"
    if found.order:
        return "command"
    if mark == "!" or all(word in INTERJECTIONS for word in words):
        return "exclamation"
    return "statement"


def negation(words: Words) -> str:
    """Whether a negative word stands in a sentence."""
    for place, word in enumerate(words):
        if word not in NEGATIVE:
            continue
        following = words[place + 1] if place + 1 < len(words) else ""
        if word == "no" and following[:1].isdigit():  # No. 5
            continue
        answers = following == "," or not following
        if word == "no" and answers and (place == 0 or words[place - 1] in (",", "or")):
            continue
        if word == "not" and (following == "only" or (place and words[place - 1] == "or" and not following)):
            continue
        return "yes"
    return "no"
