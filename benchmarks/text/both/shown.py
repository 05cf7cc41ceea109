"""The table, what was asked beside each figure, and the plot of the trade-off."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from benchmarks.text.kept import table
from genvae.evaluation.svg import ticks

Figures = Mapping[str, Any]
Shown = Callable[[Figures], str]

COLUMNS = ("samples", "tuned", "five-gram", "standard-normal", "literal", "plain")
HEADS = ("model", "tuned", "5-gram model", "N(mean, scale)", "N(0, I)", "plain VAE")


def share(key: str, beside: str = "") -> Shown:
    """A share in per cent, and the held-out lines' in brackets."""

    def shown(row: Figures) -> str:
        if row.get(key) is None:
            return ""
        other = f" ({row[beside]:.1%})" if row.get(beside) is not None else ""
        return f"{row[key]:.1%}{other}"

    return shown


def number(key: str, digits: int) -> Shown:
    """A number, where there is one."""
    return lambda row: f"{row[key]:,.{digits}f}" if row.get(key) is not None else ""


#: what is measured, how it is shown, what is asked of the model and of the tuned row
LISTED: tuple[tuple[str, Shown, str, str], ...] = (
    ("exact reconstruction", share("exact_match"), ">= 75 %, goal 85 %", ""),
    ("symbols right", share("token_accuracy"), "", ""),
    ("KL, nats", number("kl", 2), "", ""),
    ("distortion, nats", number("distortion", 2), "", ""),
    ("total, nats", number("total", 2), "", ""),
    ("numbers a sentence", number("numbers", 0), "<= 256", ""),
    ("MB in half precision", number("megabytes", 1), "<= 10", ""),
    ("temperature", number("temperature", 2), "1", "tuned"),
    ("prior scale", number("prior_scale", 2), "1", "tuned"),
    ("LSTM judge: ratio", number("lstm_ratio", 2), "<= 2.0, goal 1.5", "<= 1.15"),
    ("... unknown words spelt", number("lstm_ratio_spelt", 2), "", ""),
    ("... lines without unknown words", number("lstm_ratio_known", 2), "", ""),
    ("5-gram judge: ratio", number("ngram_ratio", 2), "<= 2.0, goal 1.5", "<= 1.15"),
    ("... unknown words spelt", number("ngram_ratio_spelt", 2), "", ""),
    ("... lines without unknown words", number("ngram_ratio_known", 2), "", ""),
    ("unknown words (held-out lines)", share("unknown", "unknown_held"), "", ""),
    ("distinct-2 ratio", number("distinct_2_ratio", 2), "", ">= 0.95"),
    ("reverse ratio, LSTM judge", number("lstm_reverse_ratio", 2), "<= 1.25", "<= 1.25"),
    ("reverse ratio, 5-gram judge", number("ngram_reverse_ratio", 2), "<= 1.25", "<= 1.25"),
    ("copied sentences (held-out lines)", share("copied_sentences", "copied_sentences_held"), "<= 15 %", "<= 15 %"),
    ("copied 4-grams (held-out lines)", share("copied_4grams", "copied_4grams_held"), "", ""),
)  # fmt: skip


def both(found: Mapping[str, Figures]) -> str:
    """The table: a figure a line, a row of the benchmark a column; columns and lines without a figure are left out."""
    rows = {
        **found,
        "samples": {**found.get("samples", {}), **found.get("reconstruction", {})},
        "literal": {"temperature": 1.0, **found["standard-normal"]["literal"]} if found.get("standard-normal") else {},
    }
    there = [column for column in COLUMNS if rows.get(column)]
    heads = ["", "asked", *(HEADS[COLUMNS.index(column)] for column in there)]
    with_tuned = "tuned" in there
    if with_tuned:
        heads.insert(heads.index("tuned"), "asked of tuned")
    lines = []
    for name, shown, asked, asked_of_tuned in LISTED:
        figures = [shown(rows[column]) for column in there]
        if any(figures):
            if with_tuned:
                figures.insert(there.index("tuned"), asked_of_tuned)
            lines.append((name, asked, *figures))
    return table(heads, lines)


def rates(found: Sequence[Figures], kind: str) -> str:
    """The table of rates, lowest first."""
    parts: tuple[tuple[str, Shown], ...] = (
        ("model", lambda row: str(row["model"])), ("KL, nats", number("kl", 1)), ("total, nats", number("total", 1)),
        ("exact", share("exact_match")), (f"{kind} ratio", number(f"{kind}_ratio", 2)),
        ("distinct-2 ratio", number("distinct_2_ratio", 2)),
        ("numbers", number("numbers", 0)), ("MB", number("megabytes", 1)),
    )  # fmt: skip
    ordered = sorted(found, key=lambda row: row.get("kl", math.inf))
    return table([name for name, _ in parts], [[shown(row) for _, shown in parts] for row in ordered])


# -- the plot --------------------------------------------------------------------------------------

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 60, 24, 24, 48
EXACT, RATIO = 0.75, 2.0  # the corner that was asked for
STYLE = """
svg { background: #fff } text { font: 12px system-ui, sans-serif; fill: #63676c } .end { text-anchor: end }
.mid { text-anchor: middle } .grid { stroke: #e2e2dc } .axis { stroke: #63676c } .point { fill: #2f6f8f }
.asked { fill: #2f7d4f; fill-opacity: 0.1 } .label { fill: #1d1f21 }
@media (prefers-color-scheme: dark) { svg { background: #1d2024 } text { fill: #9a9fa6 } .grid { stroke: #32363c }
.axis { stroke: #9a9fa6 } .point { fill: #6fb3d2 } .asked { fill: #7cc795 } .label { fill: #e6e6e3 } }
"""


def plot(found: Sequence[Figures], kind: str) -> str:
    """Exact reconstruction against the samples' perplexity ratio, a point a model with its rate beside it. What was
    asked for is the coloured corner."""
    points = [
        (row[f"{kind}_ratio"], row["exact_match"], f"{row['kl']:.1f} nats" if "kl" in row else "", str(row["model"]))
        for row in found
    ]
    far = max([RATIO + 0.5, *(ratio for ratio, *_ in points)]) * 1.08

    def x(ratio: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (ratio - 1.0) / (far - 1.0)

    def y(exact: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - exact)

    # a ratio below 1 (samples plainer than text) still has a place: at the edge
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="exact reconstruction against perplexity of samples"><style>{STYLE}</style>',
        f'<rect class="asked" x="{LEFT}" y="{y(1.0):.1f}" width="{x(RATIO) - LEFT:.1f}" '
        f'height="{y(EXACT) - y(1.0):.1f}"/>',
    ]
    for share_ in ticks(0.0, 1.0):
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(share_):.1f}" y2="{y(share_):.1f}"/>'
            f'<text class="end" x="{LEFT - 6}" y="{y(share_) + 4:.1f}">{share_:.0%}</text>'
        )
    for ratio in ticks(1.0, far, 9):
        parts.append(f'<text class="mid" x="{x(ratio):.1f}" y="{HEIGHT - BOTTOM + 18}">{ratio:g}</text>')
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(0.0):.1f}" y2="{y(0.0):.1f}"/>')
    for ratio, exact, rate, name in points:
        across, up = x(max(1.0, ratio)), y(exact)
        side, anchor = (across - 8, "label end") if across > WIDTH - 100 else (across + 8, "label")
        parts.append(
            f'<circle class="point" cx="{across:.1f}" cy="{up:.1f}" r="4">'
            f"<title>{escape(f'{name}: {exact:.1%} exact, ratio {ratio:.2f}')}</title></circle>"
            f'<text class="{anchor}" x="{side:.1f}" y="{up + 4:.1f}">{escape(rate)}</text>'
        )
    judge = {"lstm": "LSTM", "ngram": "5-gram"}[kind]
    across_name = f"perplexity of samples over that of held-out lines, {judge} judge, temperature 1"
    parts.append(f'<text class="mid" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}">{across_name}</text>')
    parts.append(
        f'<text class="mid" transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)">'
        "held-out lines that come back exactly</text>"
    )
    return "\n".join([*parts, "</svg>"]) + "\n"
