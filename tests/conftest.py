"""What tests share: text of our own making, and one tiny trained model."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from genvae.service import Model

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models gain nothing from more, and lose much beside others

#: settings that keep a model tiny
TINY = ["embedding_dim=12", "hidden_dim=24", "latent_dim=4", "vocab_size=300"]


def own_lines(count: int = 240) -> list[str]:
    """Short lines from a grammar of our own."""
    who = ["the grey cat", "a small bird", "our neighbour", "the old clock", "my left shoe"]
    does = ["waits for", "looks at", "runs past", "forgets", "sings about", "climbs over"]
    what = ["the garden gate", "a bowl of soup", "seven tall trees", "the evening train"]
    mark = [".", "!"]
    made = [f"{w} {d} {x}{m}" for w, d, x, m in itertools.product(who, does, what, mark)]
    return [made[(i * 37) % len(made)] for i in range(min(count, len(made)))]


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No test reads or writes the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["GENVAE_CACHE"] = str(folder)
    return folder


@pytest.fixture
def lines_file(tmp_path: Path) -> Path:
    """A text file of our own lines."""
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(own_lines()) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny character model, trained for a few steps on our own lines."""
    from genvae.host import default_host
    from genvae.progress import Silent
    from genvae.recipe import Recipe
    from genvae.training.run import train

    folder = tmp_path_factory.mktemp("models") / "tiny"
    recipe = Recipe.of("sentence", default_host())
    recipe.set([*TINY, "tokenizer=char", "max_steps=40", "evaluate_every=20", "batch_size=16"])
    train(recipe, own_lines(), folder, resume=False, reporter=Silent())
    return folder


@pytest.fixture(scope="session")
def split_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model with the blocks content and style (tests/images/split_model.py)."""
    from tests.images.split_model import split_folder

    return split_folder(tmp_path_factory)


@pytest.fixture(scope="session")
def labelled_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, its content given by name."""
    from tests.images.split_model import split_folder

    return split_folder(tmp_path_factory, "labelled")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data, or a skip that says what is missing."""
    folder = Path(os.environ.get("GENVAE_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}: set GENVAE_DATA")
    return folder


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that knows eight sentences by heart."""
    from genvae.service import load
    from tests.latent.learned import learned_folder

    return load(learned_folder(tmp_path_factory))


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model without a latent."""
    from tests.latent.learned import language_model_folder

    return language_model_folder(tmp_path_factory)
