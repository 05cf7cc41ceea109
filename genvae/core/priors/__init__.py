"""Priors over the blocks of a latent."""

from genvae.core.priors.base import Prior
from genvae.core.priors.fitted import FittedPrior
from genvae.core.priors.standard_normal import StandardNormal

__all__ = ["FittedPrior", "Prior", "StandardNormal"]
