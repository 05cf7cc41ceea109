"""A world of our own in which every row takes a second: its figures mean nothing."""

from __future__ import annotations

import itertools
from pathlib import Path

from benchmarks.text.both.lines import JUDGE, SENTENCES
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.training.run import train

WHO = ("the red kite", "a tired baker", "my uncle", "the last bus", "her new piano", "that tall man", "nobody here")
DOES = ("waits for", "looks at", "forgets", "sings about", "walks round", "cannot find")
WHAT = ("the wooden bridge", "two green apples", "an empty room", "the north wind", "his old map", "a good answer")
MARKS = (".", "!", " today.")
HELD = 60

COMMON = [
    "tokenizer=word", "embedding_dim=16", "hidden_dim=32", "batch_size=64", "learning_rate=0.02", "warmup_steps=0",
    "max_length=60", "evaluate_every=1000", "epochs=1000",
]  # fmt: skip
MODEL = {
    "modality": {"modality": "sentence"}, "architecture": {"architecture": "lstm-places", "places": 8, "place_dim": 3},
    "prior": {"prior": "recurrent", "hidden": 16, "codes": 24}, "objective": {"objective": "elbo", "beta": 0.02},
    "phases": [
        {"name": "autoencode", "frozen": ["prior"], "max_steps": 70},
        {"name": "prior", "data": "latents", "objective": "fit-prior", "max_steps": 30},
    ],
}  # fmt: skip


def data(folder: Path) -> Path:
    """A data folder with lines to train on and lines for the judges."""
    made = [f"{w} {d} {x}{m}" for w, d, x, m in itertools.product(WHO, DOES, WHAT, MARKS)]
    mixed = [made[i * 101 % len(made)] for i in range(len(made))]
    for name, lines in ((SENTENCES, mixed[:460]), (JUDGE, mixed[460:700])):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def models(folder: Path, lines: list[str]) -> tuple[Path, Path]:
    """The folders of a model with a learned prior and of one without."""
    for name, target, more in (("model", MODEL, []), ("plain", "sentence", ["latent_dim=3", "max_steps=20"])):
        recipe = Recipe.of(target, default_host()) if isinstance(target, str) else Recipe(target, default_host())
        recipe.set([*COMMON, *more])
        train(recipe, lines, folder / name, resume=False, reporter=Silent())
    return folder / "model", folder / "plain"
