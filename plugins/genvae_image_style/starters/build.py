"""Rebuilds the starter model ``typefaces`` from the real data.

    python -m genvae_image_style.starters.build --data ../shared/data --work runs/typefaces

The work folder keeps the fonts that are trained on, where the model begins (``beginning.py``) and the run, which
resumes; the model itself replaces the one in the package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from genvae.cli.steps import in_steps
from genvae.data.conditions import select
from genvae.data.read import read
from genvae.host import default_host
from genvae.progress import Terminal
from genvae.recipe import Recipe
from genvae.service import Service
from genvae.store.bundle import Bundle, save
from genvae.training.run import train
from genvae.training.start import Start
from genvae_image_style.architectures.flat_letters import FlatLetterDecoder
from genvae_image_style.modality import Image
from genvae_image_style.starters import typefaces
from genvae_image_style.starters.beginning import Given, Wanted, coded, give, regress
from genvae_image_style.starters.corpus import CAPITALS, FONTS, held_out

RECIPE = Path(__file__).parents[1] / "recipes" / "typefaces.yaml"
#: type designers begin with a few capitals; from A alone and from A, B, R and S the figures are measured
WANTED = Wanted(heavier=CAPITALS, by=3.0, shown=(("ABRS", 0.3), ("A", 0.12)))
COPIES, STEPS, RATE, DECAY = 40, 5_000, 1.0e-3, 0.03

ABOUT: dict[str, Any] = {
    "summary": "Letters of a typeface from a few of its letters: complete, mix, invent styles.",
    "licence": "apache-2.0",
    "data": (
        "62 letters and digits of 691 freely licensed fonts, 32 x 32, of families chosen by a hash of their names; "
        "the fonts of the other fifth of the families were never trained on. No picture of a font ships with the model."
    ),
    "size": "8.6 million weights, stored as whole numbers of a byte, a scale a row.",
    "limits": (
        "It knows A-Z, a-z and 0-9 at 32 x 32. What it draws is its guess of a style: it may come near a font that it "
        "was trained on, whose licence is then to be kept."
    ),
    "command": "python -m genvae_image_style.starters.build --data ../shared/data --work runs/typefaces",
}


def main() -> None:
    """Choose the fonts, find where to begin, train, write the model and its card."""
    in_steps(__doc__ or "", {"fonts": _fonts, "begin": _begin, "train": _train, "ship": _ship})


def _fonts(data: Path, work: Path) -> None:
    """The fonts of the families that are trained on, in a file of the same kind."""
    work.mkdir(parents=True, exist_ok=True)
    with np.load(data / FONTS, allow_pickle=False) as file:
        kept = np.array([not held_out(str(family)) for family in file["family"]])
        columns = {name: file[name][kept] for name in ("images", "font", "family")}
        np.savez(work / "train.npz", chars=file["chars"], **columns)


def _recipe() -> Recipe:
    return Recipe.of(str(RECIPE), default_host())


def _begin(data: Path, work: Path) -> None:
    """The model before it is trained end to end, in the folder ``start``."""
    if (work / "start" / "manifest.json").exists():
        return
    recipe, say = _recipe(), Terminal().say
    settings = recipe.modality_settings()
    table, _ = select(read(work / "train.npz", default_host()), settings, {})
    modality = settings.fit(table)
    assert isinstance(modality, Image)
    model = recipe.build(modality, 1)
    letters = "".join(modality.contents)
    with np.load(work / "train.npz", allow_pickle=False) as file:
        order = ["".join(file["chars"].tolist()).index(letter) for letter in letters]
        pictures = torch.from_numpy(file["images"][:, order])
    decoder = model.decoder
    assert isinstance(decoder, FlatLetterDecoder)
    weights = torch.tensor([WANTED.by if letter in WANTED.heavier else 1.0 for letter in letters])
    codes = coded(
        pictures, weights, copies=COPIES, places=decoder.basis.in_features, styles=decoder.letter.weight.shape[-1],
        file=work / "codes.npy", say=say,
    )  # fmt: skip
    given = Given(letters, WANTED, torch.Generator().manual_seed(2))
    give(model, codes, given)
    regress(model, codes, given, steps=STEPS, rate=RATE, decay=DECAY, say=say)
    save(Bundle("start", model, modality, recipe, dict(ABOUT)), work / "start")


def _train(data: Path, work: Path) -> None:
    """End to end, from there."""
    output = work / "model"
    resume = (output / "run").is_dir()
    start = Start.asked(None if resume else str(work / "start"), output, default_host(), resume=resume)
    recipe = _recipe() if start is None else start.recipe(str(RECIPE), [])
    train(recipe, work / "train.npz", output, resume=resume, reporter=Terminal(), start=start, about=dict(ABOUT))


def _ship(data: Path, work: Path) -> None:
    """Write the model into the package, with whose fonts it was trained on."""
    bundle = Service().bundle(str(work / "model"))
    bundle.name = "typefaces"
    bundle.about.update(ABOUT)
    with np.load(data / FONTS, allow_pickle=False) as file:
        families = sorted({str(f) for f in file["family"] if not held_out(str(f))})
        packages = sorted(
            {str(p) for p, f in zip(file["package"], file["family"], strict=True) if not held_out(str(f))}
        )
    bundle.about["attribution"] = (
        f"Trained on pictures of the fonts of these packages, each under its own free licence (OFL, GPL with the font "
        f"exception, MIT, CC0 and others): {', '.join(packages)}. The families: {', '.join(families)}."
    )
    save(bundle, typefaces(), dtype="int8")


if __name__ == "__main__":
    main()
