"""Schneider, 1990, "An Algorithm for Automatically Fitting Digitized Curves" (Graphics Gems): cubics through points.

A chain of points between two corners becomes as few cubic Bézier curves as keep within a tolerance, by least squares on
the lengths of the two handles, with Newton's correction of the points' parameters. Where one curve does not do, the
chain is cut at its worst point and both parts share the tangent there. Points of the plane are complex numbers here,
x + iy: the chains are short, and one operation on both coordinates costs half of two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Complex
from numpy.typing import NDArray

Reals = NDArray[np.floating[Any]]  # (m,)
Plane = NDArray[np.complexfloating[Any, Any]]  # (m,)
Curve = tuple[complex, complex, complex, complex]

ROUNDS = 3  # corrections of the parameters before a chain is cut
HOPELESS = 25.0  # times the squared tolerance: a chain so far off is cut at once
REACH = 1.0  # the length of chain over which a tangent is measured
STRAIGHT = 0.05  # the sine of the angle to a given tangent up to which a chord keeps to it


def fit_chain(
    points: Complex[np.ndarray, " m"], tolerance: float, first: complex | None = None, last: complex | None = None
) -> tuple[Complex[np.ndarray, "n 4"], Bool[np.ndarray, " n"]]:
    """Curves through a chain of two points or more, from its first to its last, and which of them are straight.

    ``first`` and ``last`` are the directions, of length 1, in which it must leave and arrive (the latter pointing back
    into the chain); None lets the points decide. No point is farther than ``tolerance`` from the curves.
    """
    pieces: list[Curve] = []
    straight: list[bool] = []
    along = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(points)))])
    waiting = [(0, len(points) - 1, first, last)]
    while waiting:
        low, high, leave, arrive = waiting.pop()
        part, length = points[low : high + 1], along[low : high + 1] - along[low]
        if _is_line(part, tolerance, leave, arrive):
            start, end = complex(part[0]), complex(part[-1])
            pieces.append((start, (2 * start + end) / 3, (start + 2 * end) / 3, end))
            straight.append(True)
            continue
        begin = _tangent(part, length) if leave is None else leave
        back = _tangent(part[::-1], length[-1] - length[::-1]) if arrive is None else arrive
        curve, worst = _fit(part, length / length[-1], begin, back, tolerance)
        if curve is not None:
            pieces.append(curve)
            straight.append(False)
            continue
        cut = low + worst
        middle = _middle(points, along, low, cut, high)
        waiting.append((cut, high, middle, arrive))  # a stack: the earlier part comes out first
        waiting.append((low, cut, leave, -middle))
    return np.array(pieces), np.array(straight, dtype=bool)


def _tangent(part: Plane, length: Reals) -> complex:
    """The direction in which a chain leaves its first point: that of a parabola through the first stretch of it."""
    here = max(2, int(np.searchsorted(length, min(REACH, length[-1] / 2), side="right")))
    t, d = length[1:here], part[1:here] - part[0]
    if len(t) < 3:
        return _unit(complex(d[-1]))
    # d = a t + b t²: the normal equations of two unknowns, solved for a.
    square = t * t
    s2, s3, s4 = float(t @ t), float(square @ t), float(square @ square)
    return _unit(complex(s4 * (t @ d) - s3 * (square @ d)) if s2 * s4 - s3**2 > 1e-12 else complex(d[-1]))


def _middle(points: Plane, along: Reals, low: int, cut: int, high: int) -> complex:
    """The direction of a chain at an inner point of it."""
    reach = min(REACH, along[cut] - along[low], along[high] - along[cut])
    before = min(max(low, int(np.searchsorted(along, along[cut] - reach))), cut - 1)
    after = max(min(high, int(np.searchsorted(along, along[cut] + reach, side="right")) - 1), cut + 1)
    return _unit(complex(points[after] - points[before]))


def _unit(vector: complex) -> complex:
    length = abs(vector)
    return vector / length if length > 0 else 1 + 0j


def _is_line(part: Plane, tolerance: float, leave: complex | None, arrive: complex | None) -> bool:
    """Whether the chord does: near enough to all points, and along the tangents that are given."""
    if len(part) <= 2:
        return True
    chord = complex(part[-1] - part[0])
    if chord == 0:
        return False
    way = _unit(chord)
    for given, sign in ((leave, 1), (arrive, -1)):
        if given is not None:
            turned = sign * given * way.conjugate()
            if abs(turned.imag) > STRAIGHT or turned.real < 0:
                return False
    return float(np.abs(((part - part[0]) * way.conjugate()).imag).max()) <= tolerance


def _fit(part: Plane, t: Reals, begin: complex, back: complex, tolerance: float) -> tuple[Curve | None, int]:
    """One curve within the tolerance, or None, and the point that is farthest from it."""
    worst = len(part) // 2
    for _ in range(ROUNDS + 1):
        s = 1 - t
        b1, b2 = 3 * t * s * s, 3 * t * t * s
        b0 = s * s * s + b1  # the weights of both first, and of both last control points
        curve = _least_squares(part, b0, b1, b2, begin, back)
        p0, p1, p2, p3 = curve
        off = p0 * b0 + (p1 - p0) * b1 + (p2 - p3) * b2 + p3 * (1 - b0) - part
        squared = off.real**2 + off.imag**2
        worst = min(max(int(squared.argmax()), 1), len(part) - 2)
        if squared[worst] <= tolerance**2:
            return curve, worst
        if squared[worst] > HOPELESS * tolerance**2:
            break
        t = _corrected(curve, s, t, off)
    return None, worst


def _least_squares(part: Plane, b0: Reals, b1: Reals, b2: Reals, begin: complex, back: complex) -> Curve:
    """The curve with given ends and directions whose handles' lengths fit best; a third of the chord where none do."""
    start, end = complex(part[0]), complex(part[-1])
    rest = part - end - (start - end) * b0
    c00, c11 = float(b1 @ b1), float(b2 @ b2)
    c01 = float(b1 @ b2) * (begin * back.conjugate()).real
    x0, x1 = (complex(b1 @ rest) * begin.conjugate()).real, (complex(b2 @ rest) * back.conjugate()).real
    determinant = c00 * c11 - c01**2
    chord = abs(end - start)
    left = right = chord / 3
    if determinant > 1e-9:
        one, two = (x0 * c11 - x1 * c01) / determinant, (c00 * x1 - c01 * x0) / determinant
        if 1e-3 * chord < min(one, two) and max(one, two) < 4 * max(chord, 1e-6):
            left, right = one, two
    return start, start + left * begin, end + right * back, end


def _corrected(curve: Curve, s: Reals, t: Reals, off: Plane) -> Reals:
    """One step of Newton towards the parameter of the curve's point nearest to each point."""
    p0, p1, p2, p3 = curve
    d0, d1, d2 = 3 * (p1 - p0), 3 * (p2 - p1), 3 * (p3 - p2)
    speed = d0 * (s * s) + (2 * d1) * (s * t) + d2 * (t * t)
    turn = 2 * (d1 - d0) * s + 2 * (d2 - d1) * t
    slope = speed.real**2 + speed.imag**2 + off.real * turn.real + off.imag * turn.imag
    step = (off.real * speed.real + off.imag * speed.imag) / np.where(slope > 1e-9, slope, np.inf)
    moved = np.minimum(np.maximum(t - step, 0.0), 1.0)
    moved[0], moved[-1] = 0.0, 1.0
    return np.asarray(np.maximum.accumulate(moved))
