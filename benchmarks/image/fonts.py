"""The pictures of the fonts benchmark: which are trained on, which held out, and the letters of the task."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.image.place import data_folder
from genvae_image_style.starters.corpus import CAPITALS, FONTS, held_out, number

GIVEN = "ABRS"
ASKED = "".join(letter for letter in CAPITALS if letter not in GIVEN)  # the 22 that are scored


def validated(family: str) -> bool:
    """Of the others, whether a family is kept back to choose by."""
    return not held_out(family) and number(family) // 5 % 20 == 0


@dataclass(frozen=True)
class Fonts:
    """Pictures (fonts, letters, 32, 32), uint8, and the names of both axes."""

    images: NDArray[np.uint8]
    letters: str
    names: tuple[str, ...]
    families: tuple[str, ...]

    def part(self, chosen: NDArray[np.bool_]) -> Fonts:
        """Some of the fonts."""
        rows = np.flatnonzero(chosen).tolist()
        return Fonts(
            self.images[rows], self.letters, tuple(self.names[r] for r in rows), tuple(self.families[r] for r in rows)
        )

    def places(self, letters: str) -> list[int]:
        """Where letters stand on the second axis."""
        return [self.letters.index(letter) for letter in letters]

    @property
    def parts(self) -> tuple[Fonts, Fonts, Fonts]:
        """Trained on, chosen by, held out."""
        held = np.array([held_out(family) for family in self.families])
        kept = np.array([validated(family) for family in self.families])
        return self.part(~held & ~kept), self.part(kept), self.part(held)


def read(path: Path | None = None) -> Fonts:
    """The pictures of a file, or of the real data."""
    with np.load(path or data_folder() / FONTS, allow_pickle=False) as file:
        return Fonts(
            file["images"], "".join(file["chars"].tolist()), tuple(file["font"].tolist()),
            tuple(file["family"].tolist()),
        )  # fmt: skip
