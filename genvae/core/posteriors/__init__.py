"""Posteriors q(z|x) over the blocks of a latent."""

from genvae.core.posteriors.base import Posterior
from genvae.core.posteriors.diagonal_gaussian import DiagonalGaussianPosterior, DiagonalGaussianSettings

__all__ = ["DiagonalGaussianPosterior", "DiagonalGaussianSettings", "Posterior"]
