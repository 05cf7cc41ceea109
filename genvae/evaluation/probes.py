"""Alain and Bengio, "Understanding intermediate layers using linear classifier probes" (2017).

What a linear classifier reads from codes that it has not seen: multinomial logistic regression by scikit-learn.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genvae.errors import LacksCapability

HELD = 0.3  # share of the items that the probe is tested on
CLASSES = 100  # most values of a label: the work grows with their number
FEWEST = 5  # items of a value, below which it is left out


@dataclass(frozen=True)
class Probed:
    """``accuracy`` on ``tested`` items that were not among the ``trained``; ``majority`` is that of the answer that is
    always the value most frequent among the trained: what no code at all is worth."""

    accuracy: float
    majority: float
    trained: int
    tested: int
    classes: int


def held_out(keys: Sequence[bytes], share: float = HELD) -> NDArray[np.bool_]:
    """Which items are for the test, by a hash of their keys alone: an item that is there twice is on one side, and an
    item keeps its side whatever is evaluated beside it."""
    limit = round(share * 2**64)
    return np.array([int.from_bytes(hashlib.sha256(key).digest()[:8], "big") < limit for key in keys], dtype=bool)


def labelled(labels: Sequence[Hashable]) -> NDArray[np.bool_]:
    """Which items have a value that is not None, has ``FEWEST`` items, and is one of the ``CLASSES`` most frequent."""
    counts = Counter(value for value in labels if value is not None)
    ranked = sorted(counts.items(), key=lambda entry: (-entry[1], repr(entry[0])))
    kept = {value for value, count in ranked[:CLASSES] if count >= FEWEST}
    return np.array([value in kept for value in labels], dtype=bool)


def probe(codes: NDArray[np.floating], labels: Sequence[Hashable], keys: Sequence[bytes]) -> Probed:
    """How well a linear classifier reads the labels (n) from the codes (n, d), trained on the items that ``held_out``
    leaves and tested on the others. Codes are scaled to variance 1; the penalty is scikit-learn's own (C = 1).

    Raises LacksCapability where fewer than two values have enough items on both sides.
    """
    from sklearn.exceptions import ConvergenceWarning  # a second to import
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    usable = labelled(labels)
    test = held_out(keys)
    chosen = [value for value, use in zip(labels, usable, strict=True) if use]
    numbers = {value: number for number, value in enumerate(dict.fromkeys(chosen))}
    truth = np.array([numbers[value] for value in chosen], dtype=np.int64)
    rows, test = np.asarray(codes, dtype=np.float64)[usable], test[usable]
    # a value that no trained item has cannot be answered: it counts as wrong, as it should
    counts = Counter(truth[~test].tolist())
    if len(counts) < 2 or not test.any():
        raise LacksCapability(
            f"a probe needs at least two values with {FEWEST} items or more, on both sides of a split; of "
            f"{len(labels):,} items {len(chosen):,} have one"
        )
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the accuracy has long settled by then
        model.fit(rows[~test], truth[~test])
    common = max(counts, key=lambda value: (counts[value], -value))
    return Probed(
        accuracy=float((model.predict(rows[test]) == truth[test]).mean()),
        majority=float((truth[test] == common).mean()),
        trained=int((~test).sum()), tested=int(test.sum()), classes=len(numbers),
    )  # fmt: skip
