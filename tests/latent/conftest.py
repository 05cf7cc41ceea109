"""The models that these tests ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from genvae.service import Model, load
from tests.latent.learned import language_model_folder, learned_folder


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that knows eight sentences by heart."""
    return load(learned_folder(tmp_path_factory))


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model without a latent."""
    return language_model_folder(tmp_path_factory)
