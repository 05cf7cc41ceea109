"""Dowson and Landau, "The Frechet Distance between Multivariate Normal Distributions" (1982).

Used on vectors of a pretrained encoder, as Heusel et al. (2017) do: the distance between the Gaussians with the means
and covariances of two sets of vectors. It has a bias that falls with the number of vectors, so compare equal numbers.
"""

from __future__ import annotations

import torch

from genvae.evaluation.moments import Moments, root


def frechet(a: Moments, b: Moments) -> float:
    """|m_a - m_b|^2 + Tr(C_a + C_b - 2 (C_a C_b)^(1/2)), in the square of the vectors' unit.

    The last trace is that of (R C_b R)^(1/2) with R the root of C_a, which is symmetric.
    """
    first = root(a.covariance)
    inner = first @ b.covariance @ first
    cross = torch.linalg.eigvalsh((inner + inner.T) / 2).clamp(min=0.0).sqrt().sum()
    distance = (a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace() - 2 * cross
    return max(0.0, float(distance))
