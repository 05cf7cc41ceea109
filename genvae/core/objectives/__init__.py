"""Objectives: what training minimises."""

from genvae.core.objectives.base import Objective, Terms
from genvae.core.objectives.elbo import Elbo, ElboSettings

__all__ = ["Elbo", "ElboSettings", "Objective", "Terms"]
