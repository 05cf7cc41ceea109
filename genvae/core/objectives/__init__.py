"""Objectives: what training minimises."""

from genvae.core.objectives.base import Objective, Terms
from genvae.core.objectives.elbo import Elbo, ElboSettings
from genvae.core.objectives.fit_prior import FitPrior, FitPriorSettings
from genvae.core.objectives.importance_weighted import ImportanceWeighted, ImportanceWeightedSettings
from genvae.core.objectives.target_rate import TargetRate, TargetRateSettings

__all__ = [
    "Elbo", "ElboSettings", "FitPrior", "FitPriorSettings", "ImportanceWeighted", "ImportanceWeightedSettings",
    "Objective", "TargetRate", "TargetRateSettings", "Terms",
]  # fmt: skip
