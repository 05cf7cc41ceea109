"""Are samples as various as text, and are they copied?"""

from __future__ import annotations

from typing import Any

from genvae.evaluation.evaluation import Evaluation
from genvae.evaluation.sequences import copies, distinct, self_bleu
from genvae_sentence.measures.tokens import tokens

ORDERS = (1, 2, 3)


def diversity(evaluation: Evaluation) -> dict[str, Any]:
    """Of samples, and beside it (``..._data``) of as many evaluated lines, for both fall with the number of lines
    (``diversity_lines``): ``distinct_n``, different n-grams of words and marks over all n-grams (Li et al. 2016);
    ``self_bleu``, the mean BLEU-4 of each sample against all the others, 0 to 100 (Zhu et al. 2018), by a count of
    our own that equals sacrebleu's sentence BLEU. High self-BLEU means that samples are alike."""
    if not evaluation.generated:
        return {}
    count = min(evaluation.generated, evaluation.count)
    sets = {
        "": [tokens(line) for line in evaluation.drawn[:count]],
        "_data": [tokens(line) for line in evaluation.some_items(count)],
    }
    figures: dict[str, Any] = {"diversity_lines": count}
    for order in ORDERS:
        figures.update({f"distinct_{order}{end}": distinct(lines, order) for end, lines in sets.items()})
    figures.update({f"self_bleu{end}": self_bleu(lines) for end, lines in sets.items()})
    return figures


def copied(evaluation: Evaluation) -> dict[str, Any]:
    """How much of the samples, and beside it (``..._data``) of as many evaluated lines, occurs in the text that the
    model was trained on: ``copied_sentences``, the share of whole lines, and ``copied_4grams``, the share of runs of
    four words and marks. Text that is like the training text has some by chance: a model copies where it has more
    than the evaluated lines have."""
    if not evaluation.generated or evaluation.train is None:
        return {}
    count = min(evaluation.generated, evaluation.count)
    lists = [evaluation.drawn[:count], evaluation.some_items(count)]
    found = copies([[tokens(line) for line in lines] for lines in lists], map(tokens, evaluation.train))
    figures: dict[str, Any] = {}
    for end, share in zip(("", "_data"), found, strict=True):
        figures[f"copied_sentences{end}"] = share.whole
        if share.grams is None:
            evaluation.left_out[f"copied_4grams{end}"] = "no line has four words and marks"
        else:
            figures[f"copied_4grams{end}"] = share.grams
    return figures
