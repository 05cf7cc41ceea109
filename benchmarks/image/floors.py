"""What needs no model: a typeface's other letters straight from the pixels of the given ones.

The floors of the fonts benchmark. Each is fitted on the training fonts, its numbers chosen on a fifth of their families
by the squared error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.image.fonts import ASKED, Fonts, number

Grey = NDArray[np.floating]
Predictor = Callable[[Grey], Grey]  # (fonts, given pixels) to (fonts, asked pixels)


def pixels(part: Fonts, letters: str) -> Grey:
    """The letters of each font side by side, from 0 to 1."""
    return part.images[:, part.places(letters)].reshape(len(part.images), -1).astype(np.float64) / 255


def nearest(x: Grey, y: Grey) -> Predictor:
    """The letters of the training font whose given letters are nearest."""
    return lambda given: y[_squares(given, x).argmin(1)]


def pca_ridge(x: Grey, y: Grey, components: int, ridge: float) -> Predictor:
    """Ridge regression on the first principal components of the given pixels."""
    middle, mean = x.mean(0), y.mean(0)
    _, _, axes = np.linalg.svd(x - middle, full_matrices=False)
    axes = axes[:components]
    codes = (x - middle) @ axes.T
    weights = np.linalg.solve(codes.T @ codes + ridge * np.eye(len(axes)), codes.T @ (y - mean))
    return lambda given: (given - middle) @ axes.T @ weights + mean


def kernel_ridge(x: Grey, y: Grey, width: float, ridge: float) -> Predictor:
    """Ridge regression under a Gaussian kernel, ``width`` times the median distance wide."""
    mean, squares = y.mean(0), _squares(x, x)
    scale = 2 * width**2 * float(np.median(squares))
    weights = np.linalg.solve(np.exp(-squares / scale) + ridge * np.eye(len(x)), y - mean)
    return lambda given: np.exp(-_squares(given, x) / scale) @ weights + mean


def _squares(a: Grey, b: Grey) -> Grey:
    found: Grey = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.maximum(found, 0.0)


def choices(kind: str) -> Iterator[tuple[float, float]]:
    """What is tried for a floor with two numbers."""
    first = (40, 80, 160) if kind == "PCA + ridge" else (0.35, 0.5, 0.7, 1.0)
    second = (10.0, 30.0, 100.0, 300.0) if kind == "PCA + ridge" else (0.01, 0.03, 0.1, 0.3)
    return ((a, b) for a in first for b in second)


def fitted(kind: str, train: Fonts, given: str) -> tuple[Predictor, list[float]]:
    """A floor by its name, and the numbers that were chosen for it."""
    x, y = pixels(train, given), pixels(train, ASKED)
    if kind == "nearest training font":
        return nearest(x, y), []
    make = pca_ridge if kind == "PCA + ridge" else kernel_ridge
    kept = np.array([number(family) // 5 % 5 == 0 for family in train.families])
    errors = {
        tried: float(((np.clip(make(x[~kept], y[~kept], *tried)(x[kept]), 0, 1) - y[kept]) ** 2).mean())  # type: ignore[arg-type]
        for tried in choices(kind)
    }
    best = min(errors, key=lambda tried: errors[tried])
    return make(x, y, *best), list(best)  # type: ignore[arg-type]


def drawn(predictor: Predictor, part: Fonts, given: str, contrast: float = 1.0) -> NDArray[np.uint8]:
    """The asked letters of each font, (fonts, letters, 32, 32), ink 255 on 0."""
    values = 0.5 + contrast * (predictor(pixels(part, given)) - 0.5)
    return (np.clip(values, 0, 1) * 255).round().astype(np.uint8).reshape(len(part.images), len(ASKED), 32, 32)
