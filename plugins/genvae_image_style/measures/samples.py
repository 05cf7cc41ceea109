"""Are samples like the data, and do they have all that it has?"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch

from genvae.data.batching import some
from genvae.errors import LacksCapability
from genvae.evaluation import neighbours as formulas
from genvae.evaluation.evaluation import Evaluation
from genvae.evaluation.frechet import frechet
from genvae.evaluation.moments import Moments
from genvae_image_style.measures.classifier import Classifier
from genvae_image_style.measures.formulas import Pictures, stacked, total_variation
from genvae_image_style.measures.spaces import NO_JUDGE, classifier, space

MOST = 10_000  # pictures of each kind: the work grows with their square
NEAREST = 5  # neighbours that density and coverage count


def _count(evaluation: Evaluation) -> int:
    others = [] if evaluation.judge is None else [len(evaluation.judge)]
    return min(evaluation.generated, evaluation.count, MOST, *others)


def _of_judge(evaluation: Evaluation, count: int) -> Pictures | None:
    """As many of the judge's pictures, chosen by the seed."""
    if evaluation.judge is None:
        return None
    rows = some(np.arange(len(evaluation.judge)), count, evaluation.seed)
    return stacked([evaluation.judge[int(row)] for row in rows])


def neighbours(evaluation: Evaluation) -> dict[str, Any]:
    """Of as many samples as real pictures (``neighbours_pictures``), by balls to the k-th nearest neighbour:
    ``precision`` and ``recall`` (Kynkaanniemi et al. 2019, k = 3), the share of samples where real pictures are, and
    of real pictures where samples are; ``density`` and ``coverage`` (Naeem et al. 2020, k = 5), in how many real balls
    a sample is, over k, and the share of real balls with a sample inside. Low recall or coverage means missed modes.
    ``..._data`` is what as many of the judge's pictures reach. ``neighbours_space`` says in which space."""
    if not evaluation.generated:
        return {}
    count = _count(evaluation)
    if count <= NEAREST:
        raise LacksCapability(f"{NEAREST} neighbours need more than {NEAREST} samples and pictures; there are {count}")
    real = evaluation.some_items(count)
    compared = space(evaluation, real)
    vectors = compared.vectors(stacked(real))
    figures: dict[str, Any] = {"neighbours_pictures": count, "neighbours_space": compared.said}
    for end, pictures in (("", stacked(evaluation.drawn[:count])), ("_data", _of_judge(evaluation, count))):
        if pictures is not None:
            found = formulas.neighbours(vectors, compared.vectors(pictures), k_density=NEAREST)
            figures |= {
                f"precision{end}": found.precision, f"recall{end}": found.recall,
                f"density{end}": found.density, f"coverage{end}": found.coverage,
            }  # fmt: skip
    return figures


def distance(evaluation: Evaluation) -> dict[str, Any]:
    """``frechet_distance`` of the samples from as many real pictures (``frechet_pictures``) on the features of a
    locally trained classifier: **not comparable with the Inception distances of papers**, nor with that of another
    judge. It has a bias that falls with the number of pictures, so it stands beside ``frechet_distance_data``, that
    of as many of the judge's pictures."""
    if not evaluation.generated or evaluation.judge is None:
        return {}
    judge = classifier(evaluation)
    if judge is None:
        raise LacksCapability(NO_JUDGE)
    count = _count(evaluation)
    if count < 2:
        raise LacksCapability("a distance of distributions needs at least two samples and two pictures")
    real = _moments(judge, stacked(evaluation.some_items(count)))
    own = _of_judge(evaluation, count)
    assert own is not None
    return {
        "frechet_pictures": count,
        "frechet_distance": frechet(_moments(judge, stacked(evaluation.drawn[:count])), real),
        "frechet_distance_data": frechet(_moments(judge, own), real),
    }


def _moments(judge: Classifier, pictures: Pictures) -> Moments:
    found = Moments(full=True)
    found.add(judge.features(pictures))
    return found


def class_histogram(evaluation: Evaluation) -> dict[str, Any]:
    """What the samples show, as a locally trained classifier sees it, beside what it sees in the evaluated pictures:
    ``class_shares_samples`` and ``class_shares_data``, in the order of the classes' names; ``class_distance``, their
    total variation (0: alike, 1: nothing in common); ``class_distance_chance``, that of equally many draws from the
    data's own shares, on average; ``classes_missed``, of ``classes`` that the data has, those that no sample shows."""
    if not evaluation.generated or evaluation.judge is None:
        return {}
    judge = classifier(evaluation)
    if judge is None:
        raise LacksCapability(NO_JUDGE)
    real = evaluation.some_items(MOST)
    ours = _counts(judge, stacked(evaluation.drawn[:MOST]))
    theirs = _counts(judge, stacked(real))
    shares = theirs / theirs.sum()
    return {
        "classes": int((theirs > 0).sum()), "classes_missed": int(((theirs > 0) & (ours == 0)).sum()),
        "class_distance": total_variation(ours / ours.sum(), shares),
        "class_distance_chance": _by_chance(shares, int(ours.sum()), len(real), evaluation.seed),
        "class_shares_samples": (ours / ours.sum()).tolist(), "class_shares_data": shares.tolist(),
    }  # fmt: skip


def _counts(judge: Classifier, pictures: Pictures) -> torch.Tensor:
    found = Counter(judge.predicted(pictures))
    return torch.tensor([found[name] for name in judge.classes], dtype=torch.float64)


def _by_chance(shares: torch.Tensor, ours: int, theirs: int, seed: int, times: int = 200) -> float:
    """The mean total variation of two sets of draws from the same shares."""
    generator = np.random.default_rng(seed)
    pairs = [generator.multinomial(count, shares.numpy(), size=times) / count for count in (ours, theirs)]
    return float(np.abs(pairs[0] - pairs[1]).sum(1).mean() / 2)
