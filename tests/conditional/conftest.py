"""A tiny model of lines that is told their form and negation."""

from __future__ import annotations

from pathlib import Path

import pytest

from genvae_conditional.rules.english import labels
from tests.conditional.english_lines import LINES

NAMES = ("form", "negation")


def labelled_rows() -> list[dict[str, str]]:
    """Our own lines with what the rules say of them."""
    return [{"text": line, **{name: labels(line)[name] for name in NAMES}} for line, _ in LINES]


@pytest.fixture(scope="session")
def told_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder."""
    from genvae.host import default_host
    from genvae.progress import Silent
    from genvae.recipe import Recipe
    from genvae.training.run import train

    folder = tmp_path_factory.mktemp("told") / "model"
    recipe = Recipe.of("sentence", default_host())
    recipe.set([
        "conditions={form: {kind: class}, negation: {kind: class}}", "tokenizer=word", "vocab_size=400",
        "max_length=90",
        "embedding_dim=8", "hidden_dim=16", "latent_dim=4", "max_steps=16", "evaluate_every=16", "batch_size=16",
    ])  # fmt: skip
    train(recipe, labelled_rows(), folder, resume=False, reporter=Silent())
    return folder
