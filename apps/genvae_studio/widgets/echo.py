"""The echo: what a model makes of the user's own sentence."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from genvae_studio.widgets.sheet import lines
from genvae_studio.widgets.text import changed, written_down

HINT = "Write a sentence, or pick one from the list. The model reads it, says it again, and drifts away from it."


def empty() -> str:
    """Before there is a sentence."""
    return f'<div class="echo"><p class="hint">{HINT}</p></div>'


def filled(own: str, back: str, variations: Sequence[str], distance: float, ways: list[tuple[str, str]]) -> str:
    """The reconstruction and the variations; words that the sentence does not have are marked."""
    verdict = "word for word" if back == own else "differences marked"
    return (
        '<div class="echo">'
        f'<h3>Said again <span class="aside">{verdict}</span></h3>'
        f'<p class="back" id="reconstruction">{changed(own, back)}</p>'
        f'<h3>Variations <span class="aside">at distance {distance:g}</span></h3>'
        + lines(variations, shown=[changed(own, item) for item in variations], label="Variations")
        + written_down(ways)
        + "</div>"
    )


def refused(message: str) -> str:
    """Why there is nothing to show."""
    return f'<div class="echo"><p class="notice" role="alert">{escape(message)}</p></div>'
