"""A trade-off as a plot: how much of the style that is asked for is reached, against what is kept of the content, for
each stand of a dial; of text and of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from genvae.evaluation.svg import ticks

WIDTH, HEIGHT = 640, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 24, 24, 48
COLOURS = ("#2f6f8f", "#b0562f", "#5c7d2f")
STYLE = """
svg { background: #fff } text { font: 12px system-ui, sans-serif; fill: #63676c } .end { text-anchor: end }
.mid { text-anchor: middle } .grid { stroke: #e2e2dc } .axis { stroke: #63676c } .line { fill: none; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) { svg { background: #1d2024 } text { fill: #9a9fa6 } .grid { stroke: #32363c }
.axis { stroke: #9a9fa6 } }
"""

#: of a curve: what its dial stood at, what is reached and what is kept, in percent
Point = tuple[float, float, float]


def plot(curves: Mapping[str, Sequence[Point]], across: str, up: str) -> str:
    """A line a dial, its points in order; ``across`` says what is reached, ``up`` what is kept."""
    low = min(kept for points in curves.values() for *_, kept in points)
    floor = max(0.0, 10.0 * int(low / 10.0))

    def x(share: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * share / 100.0

    def y(kept: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (kept - floor) / (100.0 - floor))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(up)} against {escape(across)}"><style>{STYLE}</style>'
    ]
    for kept in ticks(floor, 100.0):
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(kept):.1f}" y2="{y(kept):.1f}"/>'
            f'<text class="end" x="{LEFT - 6}" y="{y(kept) + 4:.1f}">{kept:g}</text>'
        )
    for share in ticks(0.0, 100.0, 9):
        parts.append(f'<text class="mid" x="{x(share):.1f}" y="{HEIGHT - BOTTOM + 18}">{share:g} %</text>')
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(floor):.1f}" y2="{y(floor):.1f}"/>')
    for number, (name, points) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x(share):.1f},{y(kept):.1f}" for _, share, kept in points)
        parts.append(f'<polyline class="line" stroke="{colour}" points="{path}"/>')
        parts += [
            f'<circle fill="{colour}" cx="{x(share):.1f}" cy="{y(kept):.1f}" r="3.5"><title>'
            f"{escape(f'{name} {dial:g}: {across} {share:.1f} %, {up} {kept:.1f}')}</title></circle>"
            f'<text x="{x(share) + 6:.1f}" y="{y(kept) - 6 + 20 * number:.1f}">{dial:g}</text>'
            for dial, share, kept in points
        ]
        parts.append(
            f'<circle fill="{colour}" cx="{LEFT + 16}" cy="{HEIGHT - BOTTOM - 22 - 18 * number}" r="3.5"/>'
            f'<text x="{LEFT + 26}" y="{HEIGHT - BOTTOM - 18 - 18 * number}">{escape(name)}</text>'
        )
    parts.append(
        f'<text class="mid" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}">'
        f"{escape(across)}</text>"
        f'<text class="mid" transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)">'
        f"{escape(up)}</text>"
    )
    return "\n".join([*parts, "</svg>"]) + "\n"
