"""Posteriors q(z|x) over the blocks of a latent."""

from genvae.core.posteriors.base import Posterior
from genvae.core.posteriors.diagonal_gaussian import DiagonalGaussianPosterior, DiagonalGaussianSettings
from genvae.core.posteriors.product_of_gaussians import ProductOfGaussiansPosterior, ProductOfGaussiansSettings

__all__ = [
    "DiagonalGaussianPosterior", "DiagonalGaussianSettings", "Posterior", "ProductOfGaussiansPosterior",
    "ProductOfGaussiansSettings",
]  # fmt: skip
