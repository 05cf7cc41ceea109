"""Rebuilds the starter model ``typefaces`` from the real data.

    python -m genvae_image_style.starters.build --data ../shared/data --work runs/typefaces

The maps of the decoder are found in closed form, the encoder learns to tell styles (``beginning.py``) of all families
but some, of these the filter learns (``sharpening.py``), and the encoder goes on with all. The work folder keeps what
each step made, so a build that was stopped goes on with the next; the model itself replaces the one in the package.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from genvae.cli.steps import in_steps, shipped
from genvae.core.vae import VAE
from genvae.data.conditions import select
from genvae.data.read import read
from genvae.host import default_host
from genvae.progress import Terminal
from genvae.recipe import Recipe
from genvae.service import Service
from genvae.store.bundle import Bundle, save
from genvae_image_style.architectures.flat_letters import FlatLetterDecoder
from genvae_image_style.modality import Image
from genvae_image_style.starters import typefaces
from genvae_image_style.starters.beginning import Codes, Given, Wanted, coded, give, regress
from genvae_image_style.starters.corpus import CAPITALS, FONTS, held_out, kept_back
from genvae_image_style.starters.sharpening import sharpen


@dataclass(frozen=True)
class Learning:
    """How long a step of the build learns, and how fast at most."""

    steps: int
    rate: float


RECIPE = Path(__file__).parents[1] / "recipes" / "typefaces.yaml"
#: type designers begin with a few capitals; from A alone and from A, B, R and S the figures are measured
WANTED = Wanted(heavier=CAPITALS, by=3.0, shown=(("ABRS", 0.3), ("A", 0.12)))
COPIES, DECAY = 40, 0.03
LOOKED_AT, SAMPLES = 1_240, 10  # letters that the card's figures are of, and samples of the bound
READ = Learning(steps=4_000, rate=1.0e-3)
SHARPEN = Learning(steps=1_000, rate=3.0e-3)
FINISH = Learning(steps=4_000, rate=7.0e-4)

ABOUT: dict[str, Any] = {
    "summary": "Letters of a typeface from a few of its letters: complete, mix, invent styles.",
    "licence": "apache-2.0",
    "data": (
        "62 letters and digits of 691 freely licensed fonts, 32 x 32, of families chosen by a hash of their names; "
        "the fonts of the other fifth of the families were never trained on. No picture of a font ships with the model."
    ),
    "size": "9.6 million weights, stored as whole numbers of a byte, a scale a row.",
    "limits": (
        "It knows A-Z, a-z and 0-9 at 32 x 32. What it draws is its guess of a style: it may come near a font that it "
        "was trained on, whose licence is then to be kept."
    ),
    "command": "python -m genvae_image_style.starters.build --data ../shared/data --work runs/typefaces",
}


def main() -> None:
    """Choose the fonts, find the maps, let encoder and filter learn, write the model and its card."""
    steps = {"fonts": _fonts, "codes": _codes, "read": _read, "sharpen": _sharpen, "finish": _finish, "ship": _ship}
    in_steps(__doc__ or "", steps)


def _fonts(data: Path, work: Path) -> None:
    """The fonts of the families that are trained on, and those of the others, in files of the same kind."""
    work.mkdir(parents=True, exist_ok=True)
    with np.load(data / FONTS, allow_pickle=False) as file:
        others = np.array([held_out(str(family)) for family in file["family"]])
        for name, chosen in (("train", ~others), ("held", others)):
            columns = {column: file[column][chosen] for column in ("images", "font", "family")}
            np.savez(work / f"{name}.npz", chars=file["chars"], **columns)


@dataclass(frozen=True)
class Fonts:
    """The fonts that are trained on, as the model knows them."""

    recipe: Recipe
    modality: Image
    letters: str
    pictures: UInt8[Tensor, "f l s s"]
    kept: tuple[int, ...]  # the fonts that the filter learns from

    @classmethod
    def of(cls, work: Path) -> Fonts:
        """By the recipe, from the file of the step before."""
        recipe = Recipe.of(str(RECIPE), default_host())
        settings = recipe.modality_settings()
        table, _ = select(read(work / "train.npz", default_host()), settings, {})
        modality = settings.fit(table)
        assert isinstance(modality, Image)
        letters = "".join(modality.contents)
        with np.load(work / "train.npz", allow_pickle=False) as file:
            order = ["".join(file["chars"].tolist()).index(letter) for letter in letters]
            kept = tuple(row for row, family in enumerate(file["family"]) if kept_back(str(family)))
            return cls(recipe, modality, letters, torch.from_numpy(file["images"][:, order]), kept)

    @property
    def weights(self) -> Float[Tensor, " l"]:
        """What each letter weighs."""
        return torch.tensor([WANTED.by if letter in WANTED.heavier else 1.0 for letter in self.letters])

    def given(self, seed: int) -> Given:
        """What draws the letters that are shown."""
        return Given(self.letters, WANTED, torch.Generator().manual_seed(seed))

    def model(self) -> VAE:
        """One whose weights are drawn."""
        return self.recipe.build(self.modality, 1)

    def save(self, model: VAE, folder: Path) -> None:
        """A model of a step, whole."""
        save(Bundle(folder.name, model.eval(), self.modality, self.recipe, dict(ABOUT)), folder)


def _codes(data: Path, work: Path) -> None:
    """The fonts and their copies in a basis of pictures, and its components."""
    if (work / "codes.safetensors").exists():
        return
    fonts = Fonts.of(work)
    decoder = fonts.model().decoder
    assert isinstance(decoder, FlatLetterDecoder)
    coded(
        fonts.pictures, fonts.weights, copies=COPIES, places=decoder.basis.in_features,
        styles=decoder.letter.weight.shape[-1], file=work / "codes.npy", say=Terminal().say,
    )  # fmt: skip


def _read(data: Path, work: Path) -> None:
    """The encoder of most families."""
    if _made(work / "read"):
        return
    fonts, codes = Fonts.of(work), Codes.load(work / "codes.npy")
    model, given = fonts.model(), fonts.given(2)
    give(model, codes, given)
    most = [row for row in range(len(fonts.pictures)) if row not in fonts.kept]
    regress(model, codes, given, most, steps=READ.steps, rate=READ.rate, decay=DECAY, say=Terminal().say)
    fonts.save(model, work / "read")


def _sharpen(data: Path, work: Path) -> None:
    """The filter, of the others."""
    if _made(work / "sharpened"):
        return
    fonts, model = Fonts.of(work), Service().bundle(str(work / "read")).vae
    pictures = fonts.pictures[list(fonts.kept)]
    sharpen(
        model, pictures, fonts.weights, fonts.given(3), steps=SHARPEN.steps, rate=SHARPEN.rate, say=Terminal().say
    )  # fmt: skip
    fonts.save(model, work / "sharpened")


def _finish(data: Path, work: Path) -> None:
    """The encoder of all families."""
    if _made(work / "model"):
        return
    fonts, model = Fonts.of(work), Service().bundle(str(work / "sharpened")).vae
    every = range(len(fonts.pictures))
    regress(
        model, Codes.load(work / "codes.npy"), fonts.given(4), every, steps=FINISH.steps, rate=FINISH.rate,
        decay=DECAY, say=Terminal().say,
    )  # fmt: skip
    fonts.save(model, work / "model")


def _made(folder: Path) -> bool:
    return (folder / "manifest.json").exists()


def _ship(data: Path, work: Path) -> None:
    """Write the model into the package, with whose fonts it was trained on, and its figures of the other families."""
    with np.load(data / FONTS, allow_pickle=False) as file:
        families = sorted({str(f) for f in file["family"] if not held_out(str(f))})
        packages = sorted(
            {str(p) for p, f in zip(file["package"], file["family"], strict=True) if not held_out(str(f))}
        )
    attribution = (
        f"Trained on pictures of the fonts of these packages, each under its own free licence (OFL, GPL with the font "
        f"exception, MIT, CC0 and others): {', '.join(packages)}. The families: {', '.join(families)}."
    )
    asked = {"data": str(work / "held.npz"), "limit": LOOKED_AT, "samples": SAMPLES}
    shipped(
        "typefaces", work, typefaces(), "On families never trained on", asked, {**ABOUT, "attribution": attribution},
        dtype="int8",
    )  # fmt: skip


if __name__ == "__main__":
    main()
