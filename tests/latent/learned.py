"""A tiny model that has learned eight sentences by heart, so that what the tools give can be told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.training.run import train

KNOWN = [
    "the grey cat waits for the train", "a small bird sings", "our neighbour looks at seven tall trees",
    "my left shoe climbs over the gate", "the old clock forgets", "a bowl of soup runs past the garden",
    "the evening train sings about soup", "seven birds wait",
]  # fmt: skip


def learned_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder of the model: words, four latent dimensions, a rate that costs little."""
    return _trained(factory, "learned", KNOWN * 6, [
        "tokenizer=word", "embedding_dim=16", "hidden_dim=32", "latent_dim=4", "max_length=60", "max_steps=250",
        "evaluate_every=250", "batch_size=64", "epochs=10000", "learning_rate=0.02", "warmup_steps=0", "beta=0.02",
        "free_bits=0", "patience=0", "validation=0.1",
    ])  # fmt: skip


def language_model_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder of a model without a latent, hardly trained."""
    return _trained(factory, "language-model", KNOWN * 2, [
        "tokenizer=char", "embedding_dim=8", "hidden_dim=12", "latent_dim=0", "max_length=60", "max_steps=6",
        "batch_size=8",
    ])  # fmt: skip


_made: dict[str, Path] = {}


def _trained(factory: pytest.TempPathFactory, name: str, lines: list[str], settings: list[str]) -> Path:
    """Trained once, whichever folder of tests asks first."""
    if name not in _made:
        _made[name] = factory.mktemp("models") / name
        recipe = Recipe.of("sentence", default_host())
        recipe.set(settings)
        train(recipe, lines, _made[name], resume=False, reporter=Silent())
    return _made[name]
