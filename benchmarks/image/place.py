"""Where the pictures lie, and their files; imports nothing of genvae, and nothing heavy before it is needed, for who
measures a child's memory must stay small."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def data_folder() -> Path:
    """Where the data are."""
    return Path(os.environ.get("GENVAE_DATA", Path(__file__).parents[3] / "shared" / "data"))


def pictures_of(name: str, part: str) -> Path:
    """The file of "mnist" or "fashion-mnist" to learn from ("train") or to be measured on ("t10k")."""
    return data_folder() / "image" / name / f"{part}-images-idx3-ubyte.gz"


def idx(path: Path) -> NDArray[np.uint8]:
    """The array of an IDX file of bytes: two zeros, the type, the number of axes, four bytes for each, the numbers."""
    import numpy as np

    with gzip.open(path) as file:
        read = file.read()
    axes = read[3]
    shape = [int.from_bytes(read[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes)]
    return np.frombuffer(read, np.uint8, offset=4 + 4 * axes).reshape(shape)
