"""Recipes: everything that decides a training run, as plain data."""

from genvae.recipe.recipe import PARTS, SECTIONS, Recipe
from genvae.recipe.settings import Phase, TrainingSettings

__all__ = ["PARTS", "SECTIONS", "Phase", "Recipe", "TrainingSettings"]
