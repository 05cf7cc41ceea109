"""What a rewriting keeps of its source, by BLEU (Papineni et al. 2002) as sacrebleu counts it (Post, "A Call for
Clarity in Reporting BLEU Scores", 2018), and what accuracy and content come to together."""

from __future__ import annotations

import math
from collections.abc import Sequence

Percent = float  # 0 to 100


def bleu(outputs: Sequence[str], references: Sequence[Sequence[str]], *, split: bool = False) -> Percent:
    """Corpus BLEU-4, 0 to 100, of outputs against one or more sets of references, each as long as the outputs.

    Words are what white space parts, as the published figures of rewriting on lines that are split already have it;
    ``split`` has sacrebleu part the marks from raw lines, too ("13a"). Raises ValueError where lengths differ.
    """
    import sacrebleu

    for reference in references:
        if len(reference) != len(outputs):
            raise ValueError(f"{len(outputs):,} outputs have {len(reference):,} references")
    if not outputs or not references:
        raise ValueError("BLEU needs outputs and references")
    tokenize = "13a" if split else "none"
    found = sacrebleu.corpus_bleu(list(outputs), [list(each) for each in references], tokenize=tokenize, force=True)
    return float(found.score)


def geometric_mean(*figures: float) -> float:
    """The geometric mean of figures that are at least 0."""
    if not figures or any(figure < 0 for figure in figures):
        raise ValueError("a geometric mean is of figures that are at least 0")
    return 0.0 if 0.0 in figures else math.exp(sum(map(math.log, figures)) / len(figures))


def rewriting(
    inputs: Sequence[str],
    outputs: Sequence[str],
    accuracy: Percent,
    references: Sequence[Sequence[str]] = (),
    *,
    split: bool = False,
) -> dict[str, float]:
    """The figures of a rewriting, all 0 to 100: "accuracy" (by a judge that is not the model's), "self_bleu" against
    the inputs, "reference_bleu" against what people wrote, and "geometric_mean" of the accuracy and the latter, or of
    the accuracy and self-BLEU where there are no references."""
    figures = {"accuracy": accuracy, "self_bleu": bleu(outputs, [inputs], split=split)}
    if references:
        figures["reference_bleu"] = bleu(outputs, references, split=split)
    figures["geometric_mean"] = geometric_mean(accuracy, figures.get("reference_bleu", figures["self_bleu"]))
    return figures
