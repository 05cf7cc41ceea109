"""Recipes: everything that decides a training run, as plain data."""

from genvae.recipe.recipe import PARTS, SECTIONS, Recipe, differences
from genvae.recipe.settings import Phase, TrainingSettings
from genvae.recipe.start import ended, going_on

__all__ = ["PARTS", "SECTIONS", "Phase", "Recipe", "TrainingSettings", "differences", "ended", "going_on"]
