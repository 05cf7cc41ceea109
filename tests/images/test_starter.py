"""The starter model ``typefaces``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import genvae
from genvae.context import Context
from genvae.latent.tools import Tools
from genvae.service import Service
from genvae_image_style.starters import corpus, typefaces

GIVEN, ASKED = "ABRS", "CDEFGHIJKLMNOPQTUVWXYZ"


@pytest.fixture(scope="module")
def model() -> genvae.Model:
    return genvae.load("typefaces")


@pytest.fixture(scope="module")
def held_out(shared_data: Path) -> dict[str, np.ndarray]:
    """Capitals of some fonts of families that the model was never trained on, (fonts, 26, 32, 32)."""
    with np.load(shared_data / corpus.FONTS) as file:
        families = [str(family) for family in file["family"]]
        kept = [row for row, f in enumerate(families) if corpus.held_out(f)][::20]
        letters = "".join(file["chars"].tolist())
        return {c: file["images"][kept, letters.index(c)] for c in GIVEN + ASKED}


def test_fits_in_ten_megabytes_and_its_card_says_whose_fonts_it_learned_from() -> None:
    assert sum(path.stat().st_size for path in typefaces().iterdir()) <= 10_000_000
    card = (typefaces() / "README.md").read_text(encoding="utf-8")
    for word in ("attribution", "OFL", "never trained on", "starters.build"):
        assert word in card.lower() or word in card


def test_letters_of_an_unseen_font_are_nearer_than_those_of_any_average(
    model: genvae.Model, held_out: dict[str, np.ndarray]
) -> None:
    """Less than 0.17 root mean square error over these fonts, and the mean of these very fonts is further from them."""
    errors, from_mean = [], []
    mean = {c: held_out[c].astype(float).mean(0) / 255 for c in ASKED}
    for font in range(len(held_out["A"])):
        found = model.complete({c: held_out[c][font] for c in GIVEN}, letters=ASKED)
        for letter in ASKED:
            true = held_out[letter][font] / 255
            errors.append(float(((found[letter] / 255 - true) ** 2).mean()))
            from_mean.append(float(((mean[letter] - true) ** 2).mean()))
    assert np.mean(errors) ** 0.5 < 0.17 < np.mean(from_mean) ** 0.5


def test_more_letters_narrow_the_style(held_out: dict[str, np.ndarray]) -> None:
    bundle = Service().bundle("typefaces")
    rates = []
    for shown in ("A", GIVEN):
        items = [{"image": held_out[c][0], "content": c, "style": "one"} for c in shown]
        batch = bundle.modality.collate([bundle.modality.example(item) for item in items], range(len(items)))
        features = bundle.vae.encode(batch)
        rates.append(float(bundle.vae.posterior.pools["style"](features, batch.groups).log_variance.mean()))
    assert rates[1] < rates[0]


def test_styles_of_the_prior_differ(model: genvae.Model) -> None:
    """The same letter in four styles: no two pictures are alike, by a tenth of the range at least."""
    grid = np.stack([np.asarray(item) for item in model.mix(content=["A", "g"], style_draw=4, seed=3)]) / 255
    for letter in grid.reshape(2, 4, -1):
        apart = np.sqrt(((letter[:, None] - letter[None]) ** 2).mean(2))
        assert apart[~np.eye(4, dtype=bool)].min() > 0.1


def test_a_letter_that_says_nothing_of_itself_is_recognised(held_out: dict[str, np.ndarray]) -> None:
    """Capitals of two unseen fonts, nine in ten. What a style costs must not count: some letters say it much more
    cheaply than others, and would be seen everywhere."""
    service = Service()
    context = Context(service.host, loaded=service.bundle("typefaces"))
    letters = GIVEN + ASKED
    with torch.no_grad():
        batch = Tools(context).batch([held_out[c][font] for font in range(2) for c in letters])
    names = list(service.bundle("typefaces").modality.contents)
    read = [names[int(row.argmax())] for row in batch.conditions["label"]]
    assert np.mean([a == b for a, b in zip(read, 2 * letters, strict=True)]) >= 0.9
