"""Lines of two versions matched by what they say, where nothing says which verse a line is.

A line is the rarity of its words' beginnings, in the directions in which lines differ most (Deerwester et al.,
"Indexing by Latent Semantic Analysis", 1990): what both versions spell alike, names above all, holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.text.verses.parts import stems
from genvae_conditional.matching import Pairs, matched

DIRECTIONS = 256


def vectors(lines: Sequence[str]) -> Float[Tensor, "n d"]:
    """A vector a line, of all lines together."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    rare = TfidfVectorizer(analyzer=stems, sublinear_tf=True, min_df=2).fit_transform(lines).astype(np.float32)
    directions = min(DIRECTIONS, rare.shape[1] - 1)
    made = TruncatedSVD(directions, random_state=0, n_iter=2).fit_transform(rare)
    return torch.from_numpy(np.ascontiguousarray(made, dtype=np.float32))


def found(first: Sequence[str], second: Sequence[str], rounds: int = 1) -> Pairs:
    """The pairs of lines that are each other's nearest."""
    both = vectors([*first, *second])
    return matched(both[: len(first)], both[len(first) :], rounds)
