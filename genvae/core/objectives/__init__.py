"""Objectives: what training minimises."""

from genvae.core.objectives.base import Objective, Terms
from genvae.core.objectives.elbo import Elbo, ElboSettings
from genvae.core.objectives.fit_prior import FitPrior, FitPriorSettings
from genvae.core.objectives.target_rate import TargetRate, TargetRateSettings

__all__ = [
    "Elbo", "ElboSettings", "FitPrior", "FitPriorSettings", "Objective", "TargetRate", "TargetRateSettings", "Terms",
]  # fmt: skip
