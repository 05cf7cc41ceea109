"""A grey picture to outlines: a finer picture, its contours at half ink, their corners, and curves between these.

A grey pixel at an edge says how much of it is covered. So the finer picture, at first interpolated (bicubic), is
corrected until its own pixels' average is the picture again (back-projection after Irani and Peleg, 1991, "Improving
Resolution by Image Registration"). That keeps hairlines thinner than a pixel, whose grey never reaches half ink, and
makes corners sharp. Contours are those of marching squares at 1/2 (Lorensen and Cline, 1987, in the plane), with points
interpolated on the edges of the grid.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from PIL import Image

from genvae.errors import DataError
from genvae_image_style.fonts.fitting import fit_chain
from genvae_image_style.fonts.outline import Contour, Outline, signed_area

Points = Float[np.ndarray, "m 2"]

FINE = 128  # the finer picture's side is at least so much
MOST = 2048  # pixels of a side
ROUNDS = 12  # corrections of the finer picture
STEP = 0.6  # of what is missing, in each of them
SHARP = 1.5  # slope of ink at an edge of the finer picture; 2 SHARP STEP must be below 2, or flat grey oscillates
WINDOW = 0.9  # pixels before and behind a point over which its turn is measured
TURN = math.radians(50)  # a sharper turn is a corner
CLOSEST = 0.6  # pixels between corners
SPECK = 0.3  # square pixels; a smaller contour is dropped
TOLERANCE = 0.12  # pixels between contour and curves


def trace(image: NDArray[Any], *, tolerance: float = TOLERANCE, speck: float = SPECK) -> Outline:
    """The outline of a grey picture, (h, w), uint8 with ink 255 on 0 or floats with ink 1 on 0.

    Lengths are in pixels of a picture 32 high: ``tolerance`` between the contour at half ink and its curves, and
    ``speck``, the area under which a contour is dropped. A picture without ink has an outline without contours.
    Raises DataError for what is no such picture.
    """
    values = _values(image)
    height, width = values.shape
    unit = max(height, width) / 32  # of the lengths above, in pixels of this picture
    finer = max(1, math.ceil(FINE / max(height, width)))
    field = _finer(values, finer)
    inked = values.max() >= 0.5
    box = np.array(covered_box(values)).reshape(2, 2) if inked else np.array([[0.0, 0.0], [width, height]])
    contours = []
    for grid in marching_squares(field):
        points = np.clip(grid / finer - 1, *box) / unit  # one pixel of no ink had been put around
        if abs(signed_area(points)) >= speck:
            contours.append(_fitted(points, tolerance, unit))
    return Outline(tuple(contours), float(width), float(height))


def covered_box(ink: Float[np.ndarray, "h w"]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the ink of a picture, some of it at least 1/2.

    Of an outermost row or column that part counts which its fullest pixel says is covered.
    """
    seen = []
    for most in (ink.max(0), ink.max(1)):
        there = np.flatnonzero(most >= 0.5)
        first, last = int(there[0]), int(there[-1])
        before, after = (float(most[i]) if 0 <= i < len(most) else 0.0 for i in (first - 1, last + 1))
        start = first - before if before > 0.02 else first + 1 - float(most[first])
        end = last + 1 + after if after > 0.02 else last + float(most[last])
        seen.append((start, end))
    (left, right), (top, bottom) = seen
    return left, top, max(right, left + 0.5), max(bottom, top + 0.5)


def marching_squares(field: Float[np.ndarray, "h w"], level: float = 0.5) -> list[Points]:
    """The closed contours at ``level`` of values at the middles of the pixels of a grid, which are below it all around.

    Points are (x, y) in pixels of the grid, with more than ``level`` to the right of the way as seen with y downwards:
    clockwise around it. Where a square has two corners above the level across from each other, their mean decides.
    """
    high = field >= level
    if not high.any():
        return []
    following, points = _segments(field, high, level)
    nexts: list[int] = following.tolist()
    contours = []
    for start in np.flatnonzero(following >= 0).tolist():
        if nexts[start] < 0:
            continue
        way = []
        at = start
        while nexts[at] >= 0:
            way.append(at)
            nexts[at], at = -1, nexts[at]
        contours.append(points[np.array(way)])
    return contours


def _segments(
    field: Float[np.ndarray, "h w"], high: NDArray[np.bool_], level: float
) -> tuple[Int[np.ndarray, " e"], Float[np.ndarray, "e 2"]]:
    """For each edge of the grid the edge that follows it on a contour (-1: none), and where the contour crosses it.

    The edge between (i, j) and (i, j+1) has the number i w + j, that between (i, j) and (i+1, j) h w more."""
    rows, columns = field.shape
    number = np.arange(rows * columns).reshape(rows, columns)
    points = np.zeros((2, rows, columns, 2))
    y, x = np.mgrid[0.5:rows, 0.5:columns]
    points[..., 0], points[..., 1] = x, y
    with np.errstate(divide="ignore", invalid="ignore"):
        points[0, :, :-1, 0] += np.nan_to_num((level - field[:, :-1]) / np.diff(field, axis=1))
        points[1, :-1, :, 1] += np.nan_to_num((level - field[:-1]) / np.diff(field, axis=0))
    a, b, c, d = high[:-1, :-1], high[:-1, 1:], high[1:, 1:], high[1:, :-1]
    case = a * 1 + b * 2 + c * 4 + d * 8
    mean = (field[:-1, :-1] + field[:-1, 1:] + field[1:, 1:] + field[1:, :-1]) / 4 >= level
    case = np.where((case == 5) & ~mean, 16, np.where((case == 10) & ~mean, 17, case))
    # top, right, bottom and left edge of each square
    edges = (number[:-1, :-1], rows * columns + number[:-1, 1:], number[1:, :-1], rows * columns + number[:-1, :-1])
    following = np.full(2 * rows * columns, -1)
    for which, ways in WAYS.items():
        here = case == which
        for enter, leave in ways:
            following[edges[enter][here]] = edges[leave][here]
    return following, points.reshape(-1, 2)


# By which corners are above the level (upper left 1, upper right 2, lower right 4, lower left 8; 16 and 17 are 5 and 10
# with a middle below it): through which edges (top 0, right 1, bottom 2, left 3) the contour enters and leaves.
WAYS: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((0, 3),), 2: ((1, 0),), 3: ((1, 3),), 4: ((2, 1),), 5: ((0, 1), (2, 3)), 6: ((2, 0),), 7: ((2, 3),),
    8: ((3, 2),), 9: ((0, 2),), 10: ((3, 0), (1, 2)), 11: ((1, 2),), 12: ((3, 1),), 13: ((0, 1),), 14: ((3, 0),),
    16: ((0, 3), (2, 1)), 17: ((1, 0), (3, 2)),
}  # fmt: skip


def _values(image: NDArray[Any]) -> Float[np.ndarray, "h w"]:
    values = np.asarray(image)
    if values.ndim != 2 or not values.size:
        raise DataError(f"a picture of shape {values.shape} cannot be traced; it must be (h, w)")
    if max(values.shape) > MOST:
        raise DataError(f"a picture of {values.shape[1]} x {values.shape[0]} pixels; at most {MOST} a side are traced")
    if values.dtype == np.uint8:
        return values / 255.0
    if values.dtype.kind != "f" or not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise DataError("a picture is traced from uint8, ink 255 on 0, or from numbers from 0 to 1")
    return values.astype(float)


def _finer(values: Float[np.ndarray, "h w"], finer: int) -> Float[np.ndarray, "H W"]:
    """A picture with a pixel of no ink around it, so many times finer, whose ink above 1/2 averages to ``values``."""
    values = np.pad(values, 1)
    if finer == 1:
        return values
    height, width = values.shape

    def enlarged(picture: NDArray[np.floating[Any]], way: Image.Resampling) -> NDArray[np.floating[Any]]:
        image = Image.fromarray(picture.astype(np.float32))
        return np.asarray(image.resize((width * finer, height * finer), way), dtype=np.float32)

    field = enlarged(values, Image.Resampling.BICUBIC)
    frame = _frame(values, finer) if values.max() >= 0.5 else np.inf
    for _ in range(ROUNDS):
        field = np.minimum(field, frame)
        ink = np.clip((field - 0.5) * (SHARP * finer / 2) + 0.5, 0, 1)
        missing = values - ink.reshape(height, finer, width, finer).mean((1, 3))
        if float(np.abs(missing).max()) < 1 / 255:
            break
        field = field + STEP * enlarged(missing, Image.Resampling.BILINEAR)
    return np.minimum(field, frame).astype(float)


def _frame(values: Float[np.ndarray, "h w"], finer: int) -> Float[np.ndarray, "H W"]:
    """What no value of the finer picture may exceed: so no contour leaves the box of the ink, flat ends are flat."""
    left, top, right, bottom = (finer * side for side in covered_box(values))
    y, x = (np.arange(side * finer) + 0.5 for side in values.shape)
    inside = np.minimum(np.minimum(y - top, bottom - y)[:, None], np.minimum(x - left, right - x)[None, :])
    return 0.5 + inside / (SHARP * finer / 2)


def _fitted(points: Points, tolerance: float, unit: float) -> Contour:
    """Curves through a closed chain of points, in units of 1/32 of the picture, cut at its corners."""
    chain = points[:, 0] + 1j * points[:, 1]
    chain = chain[np.abs(chain - np.roll(chain, 1)) > 1e-6]
    corners = _corners(chain)
    way = None
    if not corners:  # the chain is cut anywhere, and both ends share the tangent there
        corners = [0]
        way = complex(chain[1] - chain[-1])
        way /= abs(way)
    ring = np.concatenate([chain, chain, chain[:1]])
    parts = [
        fit_chain(ring[start : end + 1], tolerance, way, None if way is None else -way)
        for start, end in zip(corners, [*corners[1:], corners[0] + len(chain)], strict=True)
    ]
    curves = np.concatenate([pieces for pieces, _ in parts]) * unit
    return Contour(np.stack([curves.real, curves.imag], -1), np.concatenate([straight for _, straight in parts]))


def _corners(chain: NDArray[np.complexfloating[Any, Any]]) -> list[int]:
    """Where a closed chain turns sharply, in order."""
    steps = np.abs(np.roll(chain, -1) - chain)
    around = float(steps.sum())
    reach = min(WINDOW, around / 8)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    places, closed = along[:-1], np.concatenate([chain, chain[:1]])

    def at(place: NDArray[np.floating[Any]]) -> NDArray[np.complexfloating[Any, Any]]:
        return np.interp(place % around, along, closed)

    turn = np.abs(np.angle((at(places + reach) - chain) * np.conj(chain - at(places - reach))))
    kept: list[int] = []
    for candidate in np.flatnonzero(turn >= TURN)[np.argsort(-turn[turn >= TURN], kind="stable")].tolist():
        gaps = [abs(places[candidate] - places[other]) for other in kept]
        if all(min(gap, around - gap) >= CLOSEST for gap in gaps):
            kept.append(candidate)
    return sorted(kept)
