"""Where pictures are compared: the features of a classifier that is trained here, or principal components."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from genvae.core.randomness import Stream
from genvae.evaluation.evaluation import Evaluation, Items
from genvae_image_style.measures.classifier import Classifier
from genvae_image_style.measures.formulas import Pictures, numbers, stacked

CONTENT, STYLE = "content", "style"  # columns of the data, and blocks of a split
LARGEST = 32  # side of what principal components are taken of
COMPONENTS = 64
NO_JUDGE = "it needs a judge: give labelled pictures of their own with --judge"


def classifier(evaluation: Evaluation) -> Classifier | None:
    """The judge, trained on the judge's pictures and their content; None where there are none, or they show one thing.

    Raises LacksCapability for too few of them.
    """

    def make() -> Classifier | None:
        found = evaluation.judge
        contents = found.column(CONTENT) if isinstance(found, Items) else None
        if found is None or contents is None:
            return None
        known = [place for place, content in enumerate(contents) if content not in (None, "")]
        labels = [str(contents[place]) for place in known]
        if len(set(labels)) < 2:
            return None
        return Classifier(stacked(found[:])[known], labels, reporter=evaluation.reporter)

    return evaluation.once("image-classifier", make)


@dataclass(frozen=True)
class Space:
    """Vectors of pictures; ``said`` is what they are, in words."""

    vectors: Callable[[Pictures], Float[Tensor, "n d"]]
    said: str


def space(evaluation: Evaluation, real: Sequence[Any]) -> Space:
    """The judge's features where there is a judge, else the principal components of the real pictures."""
    judge = classifier(evaluation)
    if judge is not None:
        return Space(judge.features, f"features of a locally trained classifier ({judge.settings.features} numbers)")
    from sklearn.decomposition import PCA  # a second to import

    flat = _small(stacked(real))
    count = min(COMPONENTS, *flat.shape)
    seed = Stream(evaluation.seed, "components").integer() % 2**32
    fitted = PCA(count, svd_solver="randomized", random_state=seed).fit(flat)
    share = float(fitted.explained_variance_ratio_.sum())
    return Space(
        lambda pictures: torch.from_numpy(fitted.transform(_small(pictures))),
        f"pixels in {count} principal components of the real pictures ({share:.0%} of their variance); "
        "with labelled pictures for a judge it would be the features of a classifier",
    )


def _small(pictures: Pictures) -> np.ndarray:
    """Pictures as vectors, averaged down to ``LARGEST`` pixels a side where they are larger."""
    whole = numbers(pictures)
    size = (min(whole.shape[2], LARGEST), min(whole.shape[3], LARGEST))
    return functional.adaptive_avg_pool2d(whole, size).flatten(1).double().numpy()
