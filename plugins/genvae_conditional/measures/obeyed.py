"""Do samples obey what was asked of them, as the rules of English judge, and are they like lines of the same kind?"""

from __future__ import annotations

import re
from typing import Any

import torch

from genvae.core.randomness import Stream
from genvae.evaluation.evaluation import TILE, Evaluation
from genvae.evaluation.ngram import NGramJudge
from genvae_conditional.measures.likeness import fluency, least_various, variety
from genvae_conditional.measures.obedience import Labels, obedience
from genvae_conditional.rules.english import VALUES, labels

ORDER, LEAST = 5, 2  # of the judge; how often a word must be there that it knows

_SYMBOL = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")


def asked_of(evaluation: Evaluation, names: list[str]) -> list[Labels]:
    """What was asked of each of ``evaluation.drawn``: the conditions that were drawn for it, in words."""
    known = evaluation.model.conditions
    found: list[Labels] = []
    for first in range(0, evaluation.generated, TILE):
        items = torch.arange(first, first + TILE)
        rows = known.draw(items, Stream(evaluation.seed, "samples").at("conditions"), {})  # as ``sample_prior`` does
        said = {name: [known[name].said(row) for row in rows[name]] for name in names}
        found += [dict(zip(said, values, strict=True)) for values in zip(*said.values(), strict=True)]
    return found[: evaluation.generated]


def obeyed(evaluation: Evaluation) -> dict[str, Any]:
    """Of samples whose conditions are drawn as training items have them: ``obeyed_NAME``, the share whose form,
    negation, tense, subject or length is what was asked for, as rules of English judge, and ``obeyed_all``, with all of
    these together; ``obeyed_uniform`` is the mean of that over combinations. What the rules cannot tell counts against
    the model: ``obeyed_untold``, a share of all that was asked. Beside evaluated lines of the same conditions in the
    same shares (the rules say what they are): ``conditions_distinct_2_ratio``, and
    ``least_various_distinct_2_ratio`` inside the value whose samples are the least various (``least_various`` names
    it); and, where a judge has lines to learn from, ``conditions_perplexity_ratio`` under a 5-gram judge;
    ``conditions_covered`` is the share of samples whose conditions some evaluated line has."""
    names = [name for name in evaluation.model.conditions if name in VALUES]
    if not evaluation.generated or not names or not all(isinstance(item, str) for item in evaluation.drawn[:TILE]):
        return {}
    asked = asked_of(evaluation, names)
    judged = obedience(asked, [labels(line) for line in evaluation.drawn])
    figures: dict[str, Any] = {f"obeyed_{name}": share for name, share in judged.each.items()}
    figures |= {
        "obeyed_all": judged.together, "obeyed_uniform": judged.uniform, "obeyed_untold": judged.undecided,
    }  # fmt: skip
    return figures | _beside(evaluation, names, asked)


def _beside(evaluation: Evaluation, names: list[str], asked: list[Labels]) -> dict[str, Any]:
    """Fluency and variety beside the evaluated lines."""
    lines = list(evaluation.items)
    samples, real = ([_SYMBOL.findall(line) for line in part] for part in (evaluation.drawn, lines))
    wanted = [tuple(each[name] for name in names) for each in asked]
    found = [labels(line) for line in lines]
    had = [tuple(each[name] for name in names) for each in found]
    various = variety(samples, wanted, real, had)
    if not various.count:
        evaluation.left_out["conditions_distinct_2_ratio"] = "no evaluated line has the conditions of any sample"
        return {}
    figures: dict[str, Any] = {"conditions_distinct_2_ratio": various.ratio, "conditions_lines": various.count}
    poorest = least_various(samples, asked, real, found, names)
    if poorest is not None:
        figures |= {"least_various": poorest[0], "least_various_distinct_2_ratio": poorest[1].ratio}
    if evaluation.judge is not None:
        judge = NGramJudge([_SYMBOL.findall(line) for line in evaluation.judge], ORDER, LEAST)
        fluent = fluency(judge, samples, wanted, real, had)
        figures |= {"conditions_perplexity_ratio": fluent.ratio, "conditions_covered": fluent.covered}
    return figures
