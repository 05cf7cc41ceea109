"""Outlines: closed contours of cubic Bézier curves, in pixels of the picture they came from, and their pictures.

x goes right and y down from the upper left corner of the picture: pixel (row i, column j) covers [j, j+1] x [i, i+1].
Seen as drawn, an outer contour runs clockwise and a hole anticlockwise, as TrueType has it and the non-zero rule needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

STEPS = 16  # chords that a curve is drawn with


@dataclass(frozen=True, eq=False)
class Contour:
    """A closed contour of n pieces. Piece i is the cubic with the control points ``curves[i]``; it ends where the next
    begins. A straight piece has its inner control points on the chord."""

    curves: Float[np.ndarray, "n 4 2"]
    straight: Bool[np.ndarray, " n"]

    def points(self, steps: int = STEPS) -> Float[np.ndarray, "m 2"]:
        """As a polygon: ``steps`` chords a curve, one a straight piece."""
        t = np.arange(steps)[:, None] / steps
        weights = np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], 1)
        parts = [
            piece[:1] if straight else weights @ piece
            for piece, straight in zip(self.curves, self.straight, strict=True)
        ]
        return np.concatenate(parts)

    @property
    def area(self) -> float:
        """Enclosed, in square pixels: positive for an outer contour, negative for a hole."""
        return signed_area(self.points())


@dataclass(frozen=True, eq=False)
class Outline:
    """The contours of one picture of ``width`` by ``height`` pixels; none at all where nothing is drawn."""

    contours: tuple[Contour, ...]
    width: float
    height: float

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """Left, top, right, bottom of the ink; None when there is none."""
        if not self.contours:
            return None
        points = np.concatenate([contour.points() for contour in self.contours])
        (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
        return left, top, right, bottom


def signed_area(points: Float[np.ndarray, "m 2"]) -> float:
    """Of a closed polygon; positive where it runs clockwise as seen with y downwards."""
    x, y = (points - points[0]).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def rasterise(outline: Outline, size: int, finer: int = 16) -> UInt8[np.ndarray, "size size"]:
    """The outline's picture, (size, size), ink 255 on 0: of each pixel the part that is covered.

    Exact along a line, of which ``finer`` a pixel are drawn. What contours that overlap cover is counted once.
    """
    lines, width = size * finer, size + 2
    drawn = np.zeros(lines * width)
    scale = np.array([size / outline.width, size * finer / outline.height])
    for contour in outline.contours:
        points = contour.points() * scale
        (x0, y0), (x1, y1) = points.T, np.roll(points, -1, 0).T
        # Lines are at y = k + 1/2; an edge crosses those from first up to, but not with, last.
        first = np.ceil(np.minimum(y0, y1) - 0.5).astype(int)
        count = np.ceil(np.maximum(y0, y1) - 0.5).astype(int) - first
        edge = np.repeat(np.arange(len(x0)), count)
        line = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
        rise = (line + 0.5 - y0[edge]) / (y1 - y0)[edge]
        x = np.clip(x0[edge] + rise * (x1 - x0)[edge], 0, size)
        way = np.sign(y0 - y1)[edge]  # ink begins where a contour goes up and ends where it goes down
        inside = (line >= 0) & (line < lines)
        line, x, way = line[inside], x[inside], way[inside]
        pixel = x.astype(int)
        place = line * width + pixel
        drawn += np.bincount(place, way * (1 - (x - pixel)), len(drawn))
        drawn += np.bincount(place + 1, way * (x - pixel), len(drawn))
    covered = np.clip(np.cumsum(drawn.reshape(lines, width), 1)[:, :size], 0, 1).reshape(size, finer, size).mean(1)
    return np.asarray((covered * 255).round(), dtype=np.uint8)
