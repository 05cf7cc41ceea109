"""Means, variances and covariances of rows that come in batches: memory does not grow with their number."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


class Moments:
    """Of rows of d numbers, in float64, by the pairwise update of Chan, Golub and LeVeque (1979).

    With ``full`` the d by d covariance is kept, otherwise the variance of each column alone.
    """

    def __init__(self, *, full: bool) -> None:
        self.full = full
        self.count = 0
        self._mean: Tensor | None = None
        self._spread: Tensor | None = None  # the sum of (outer) squares about the mean

    def _square(self, rows: Float[Tensor, "n d"]) -> Tensor:
        return rows.T @ rows if self.full else rows.square().sum(0)

    def add(self, rows: Float[Tensor, "n d"]) -> None:
        """Take in some rows."""
        if not len(rows):
            return
        rows = rows.double()
        mean = rows.mean(0)
        spread = self._square(rows - mean)
        if self._mean is None or self._spread is None:
            self.count, self._mean, self._spread = len(rows), mean, spread
            return
        total = self.count + len(rows)
        gap = mean - self._mean
        self._spread = self._spread + spread + self._square(gap[None]) * (self.count * len(rows) / total)
        self._mean = self._mean + gap * (len(rows) / total)
        self.count = total

    @property
    def mean(self) -> Float[Tensor, " d"]:
        """The mean of all rows; raises ValueError when there are none."""
        if self._mean is None:
            raise ValueError("no rows yet")
        return self._mean

    @property
    def covariance(self) -> Float[Tensor, "d d"]:
        """The unbiased covariance of all rows; raises ValueError for fewer than two."""
        if not self.full:
            raise ValueError("only variances were kept")
        return self._unbiased()

    @property
    def variance(self) -> Float[Tensor, " d"]:
        """The unbiased variance of each column; raises ValueError for fewer than two rows."""
        return self._unbiased().diagonal() if self.full else self._unbiased()

    def _unbiased(self) -> Tensor:
        if self._spread is None or self.count < 2:
            raise ValueError("a variance needs at least two rows")
        return self._spread / (self.count - 1)


def root(matrix: Float[Tensor, "d d"]) -> Float[Tensor, "d d"]:
    """The symmetric square root of a positive semidefinite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0.0).sqrt()) @ vectors.T
