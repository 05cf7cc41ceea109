"""Where the pictures lie; imports nothing heavy, for who measures a child's memory must stay small."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path:
    """Where the data are."""
    return Path(os.environ.get("GENVAE_DATA", Path(__file__).parents[3] / "shared" / "data"))


def training_pictures() -> Path:
    """The training pictures of MNIST."""
    return data_folder() / "image" / "mnist" / "train-images-idx3-ubyte.gz"
