"""What comes back of a line that is encoded and decoded again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from genvae.evaluation.evaluation import Evaluation
from genvae_sentence.measures.tokens import normal
from genvae_sentence.modality import Sentence


class Bleu:
    """Corpus BLEU by sacrebleu from running counts, so that no line is kept."""

    def __init__(self) -> None:
        from sacrebleu.metrics import BLEU  # a second to import

        self._bleu = BLEU()
        self._correct, self._total = np.zeros(4, dtype=int), np.zeros(4, dtype=int)
        self._said = self._wanted = 0

    def add(self, said: Sequence[str], wanted: Sequence[str]) -> None:
        """Take in some lines and what they should have been."""
        score = self._bleu.corpus_score(said, [wanted])
        self._correct, self._total = self._correct + score.counts, self._total + score.totals
        self._said += score.sys_len
        self._wanted += score.ref_len

    @property
    def score(self) -> float | None:
        """BLEU-4, 0 to 100, as sacrebleu gives it for all lines at once; None where no line said has four words."""
        if not self._total[-1]:
            return None
        counts = self._correct.tolist(), self._total.tolist()
        return float(self._bleu.compute_bleu(*counts, self._said, self._wanted, smooth_method="exp").score)


def reconstruction(evaluation: Evaluation) -> dict[str, Any]:
    """Of lines that are decoded greedily from their posterior mean: ``exact_match``, the share that come back
    string for string; ``token_accuracy``, the share of symbols that stand where they stood, of the longer of both;
    ``bleu``, sacrebleu's corpus BLEU (0 to 100, 13a, case and marks count).

    Strings are compared in Unicode's form NFC: the tokenizer reads that form and can say no other, and a line that
    is written another way is canonically the same text. Nothing else is forgiven, white space inside a line
    neither.
    """
    modality = evaluation.modality
    assert isinstance(modality, Sentence)
    bleu = Bleu() if evaluation.full else None
    lines = exact = same = longer = 0
    for _, wanted, said in evaluation.reconstructions():
        lines += len(wanted)
        exact += sum(normal(a) == normal(b) for a, b in zip(wanted, said, strict=True))
        symbols = [modality.prepare({"text": texts})["symbols"] for texts in (wanted, said)]
        for a, b in zip(*symbols, strict=True):
            same += sum(x == y for x, y in zip(a, b, strict=False))
            longer += max(len(a), len(b))
        if bleu is not None:
            bleu.add([normal(text) for text in said], [normal(text) for text in wanted])
    figures = {"exact_match": exact / lines, "token_accuracy": same / longer}
    if bleu is not None and bleu.score is not None:
        figures["bleu"] = bleu.score
    elif bleu is not None:
        evaluation.left_out["bleu"] = "no line that came back has four words"
    return figures
