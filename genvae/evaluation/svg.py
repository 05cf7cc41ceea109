"""Bar charts as inline SVG: nothing but text, coloured by the page's own style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 40  # margins, for the axes' numbers and names


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most ``most`` round numbers in [low, high], at a distance of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    rough = (high - low) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def histogram(values: Sequence[float], bins: int = 40) -> tuple[list[int], list[float]]:
    """Counts of ``bins`` equal bins and their edges; a value on an edge is in the upper bin."""
    low, high = min(values), max(values)
    if high == low:
        low, high = low - 0.5, high + 0.5
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((value - low) / (high - low) * bins))] += 1
    return counts, [low + (high - low) * edge / bins for edge in range(bins + 1)]


def bars(
    heights: Sequence[float],
    edges: Sequence[float],
    *,
    across: str,
    up: str,
    labels: Sequence[str],
    mark: float | None = None,
) -> str:
    """A chart of bars between ``edges`` (one more than bars) with axes named ``across`` and ``up``.

    ``labels`` are shown where the pointer rests on a bar, ``mark`` is a place on the lower axis with a line.
    """
    top = max([*heights, 0.0]) or 1.0
    low, high = edges[0], edges[-1]
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(value: float) -> float:
        return LEFT + inner_width * (value - low) / (high - low)

    def y(value: float) -> float:
        return TOP + inner_height * (1 - value / top)

    name = escape(f"{up or 'values'} against {across}")
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{name}">']
    for value in ticks(0.0, top, 5):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text class="end" x="{LEFT - 6}" y="{y(value) + 4:.1f}">{value:g}</text>')
    for height, left, right, label in zip(heights, edges[:-1], edges[1:], labels, strict=True):
        gap = min(1.0, 0.15 * (x(right) - x(left)))
        parts.append(
            f'<rect class="bar" x="{x(left) + gap / 2:.2f}" y="{y(max(0.0, height)):.2f}" '
            f'width="{x(right) - x(left) - gap:.2f}" height="{y(0.0) - y(max(0.0, height)):.2f}">'
            f"<title>{escape(label)}</title></rect>"
        )
    floor = y(0.0)
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor:.1f}" y2="{floor:.1f}"/>')
    for value in ticks(low, high, 9):
        parts.append(f'<text class="mid" x="{x(value):.1f}" y="{floor + 16:.1f}">{value:g}</text>')
    if mark is not None:
        parts.append(f'<line class="mark" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="{TOP}" y2="{floor:.1f}"/>')
    parts.append(f'<text class="mid name" x="{LEFT + inner_width / 2:.0f}" y="{HEIGHT - 6}">{escape(across)}</text>')
    parts.append(
        f'<text class="mid name" transform="translate(12 {TOP + inner_height / 2:.0f}) rotate(-90)">{escape(up)}</text>'
    )
    return "".join([*parts, "</svg>"])


def bars_of_list(values: Sequence[float]) -> str:
    """A bar a number, in order."""
    labels = [f"{place}: {value:.4g}" for place, value in enumerate(values)]
    edges = [place - 0.5 for place in range(len(values) + 1)]
    return bars(values, edges, across="place in the list", up="", labels=labels)


def bars_of_counts(values: Sequence[float], *, across: str) -> str:
    """How values are spread, with a line at their mean."""
    counts, edges = histogram(values, bins=max(5, min(40, len(values) // 5)))
    labels = [f"{low:.4g} to {high:.4g}: {n}" for n, low, high in zip(counts, edges[:-1], edges[1:], strict=True)]
    return bars(counts, edges, across=across, up="items", labels=labels, mark=sum(values) / len(values))
