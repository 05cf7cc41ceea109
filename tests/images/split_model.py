"""Tiny models with blocks of content and style, trained in seconds on shapes of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

SIZE = 16
FINER = 8
SHAPES: dict[str, list[tuple[tuple[int, int], ...]]] = {
    "I": [((8, 2), (8, 13))], "H": [((4, 2), (4, 13)), ((12, 2), (12, 13)), ((4, 8), (12, 8))],
    "L": [((4, 2), (4, 13), (12, 13))], "T": [((3, 3), (13, 3)), ((8, 3), (8, 13))],
    "V": [((3, 2), (8, 13), (13, 2))], "Z": [((3, 3), (13, 3), (3, 13), (13, 13))],
}  # fmt: skip
STYLES = [(width, slant) for width in (1.2, 2.0, 3.0) for slant in (-0.2, 0.0, 0.25)]


def shape(content: str, style: int) -> np.ndarray:
    """A shape of lines as wide and as slanted as the style says, bright on dark."""
    width, slant = STYLES[style]
    image = Image.new("L", (SIZE * FINER, SIZE * FINER))
    pen = ImageDraw.Draw(image)
    for line in SHAPES[content]:
        moved = [((x + slant * (8 - y)) * FINER, y * FINER) for x, y in line]
        pen.line(moved, 255, round(width * FINER), joint="curve")
    return np.asarray(image.reduce(FINER))


def rows(styles: range | None = None) -> list[dict[str, Any]]:
    """Every shape in every style."""
    return [
        {"image": shape(content, style), "content": content, "style": f"s{style}"}
        for style in styles or range(len(STYLES)) for content in SHAPES
    ]  # fmt: skip


SETTINGS = [
    f"size={SIZE}", "modality.group=style", "posterior=product-of-gaussians", "architecture=content-style", "width=8",
    "hidden_dim=48", "style_hidden=24", "style_dim=6", "evaluate_every=150", "max_steps=150", "batch_size=54",
    "epochs=10000", "learning_rate=0.004", "warmup_steps=10", "beta=0.2", "validation=0.15", "patience=0", "seed=1",
]  # fmt: skip
KINDS = {
    "split": ["content_dim=2", "max_steps=140", "evaluate_every=140"],
    "labelled": ["modality.labels=true", "content=label"],
}
_made: dict[str, Path] = {}


def split_folder(factory: pytest.TempPathFactory, kind: str = "split") -> Path:
    """The folder of a model, trained once whichever folder of tests asks first. "split" infers its content;
    "labelled" is told it."""
    from genvae.host import default_host
    from genvae.progress import Silent
    from genvae.recipe import Recipe
    from genvae.training.run import train

    if kind not in _made:
        _made[kind] = factory.mktemp("models") / kind
        recipe = Recipe.of("image", default_host())
        recipe.set([*SETTINGS, *KINDS[kind]])
        train(recipe, rows(), _made[kind], resume=False, reporter=Silent())
    return _made[kind]
