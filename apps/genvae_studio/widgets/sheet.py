"""The sheet: a list of sentences that can be copied, saved and picked from, or pictures side by side."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

import gradio as gr

from genvae_studio.asked import Asked
from genvae_studio.pieces import picture_url
from genvae_studio.widgets.text import copy_button, written_down

#: tells Python which sentence was picked; everything else on the sheet works without a round trip
_PICK = """
element.addEventListener('click', (event) => {
  const line = event.target.closest('[data-line]');
  if (line && element.contains(line)) trigger('select', {text: line.textContent});
});
"""


def sheet(value: str, *, elem_id: str) -> gr.HTML:
    """The component; its ``select`` event carries the text of the sentence that was picked."""
    return gr.HTML(value, js_on_load=_PICK, apply_default_css=False, elem_id=elem_id)


def lines(items: Sequence[str], *, shown: Sequence[str] = (), label: str) -> str:
    """A numbered list of sentences, each a button; ``shown`` is their HTML where they carry marks. Arrow keys move
    in the list (static/studio.js), so it is one stop of the tab key however long it is."""
    made = [
        f'<li><button type="button" class="line" data-line tabindex="{0 if number == 0 else -1}" '
        f'title="Take this as your sentence">{(shown or [escape(item) for item in items])[number]}</button></li>'
        for number, item in enumerate(items)
    ]
    return f'<ol class="lines" aria-label="{escape(label)}">{"".join(made)}</ol>'


def as_csv(items: Sequence[str]) -> str:
    """Columns ``number`` and ``sentence``."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["number", "sentence"])
    writer.writerows(enumerate(items, start=1))
    return file.getvalue()


def blank(text: str, *, busy: bool) -> str:
    """Before there is anything to show."""
    return (
        f'<div class="sheet" aria-busy="{str(busy).lower()}"><p class="status" role="status">{escape(text)}</p></div>'
    )


def pictures(items: Sequence[bytes], *, label: str) -> str:
    """PNG files side by side, numbered for who cannot see them."""
    made = [
        f'<li><img src="{picture_url(item)}" alt="picture {number}"></li>' for number, item in enumerate(items, start=1)
    ]
    return f'<ol class="pictures" aria-label="{escape(label)}">{"".join(made)}</ol>'


def filled(asked: Asked, items: Sequence[str | bytes], ways: list[tuple[str, str]], *, address: bool) -> str:
    """The sheet with what has arrived of ``asked.n`` sentences, or pictures as PNG files; ``address`` puts the link
    into the address bar."""
    done = len(items) >= asked.n
    said = [item for item in items if isinstance(item, str)]
    shown = [item for item in items if isinstance(item, bytes)]
    kind = "picture" if shown else "sentence"
    count = f"{len(items)} {kind}{'' if len(items) == 1 else 's'}" if done else f"{len(items)} of {asked.n}"
    status = f'<p class="status" role="status"><b>{count}</b>, seed {asked.seed}</p>'
    busy = "false" if done else "true"
    link = escape(asked.link())
    tools = ""
    if done:
        data = "data:text/csv;charset=utf-8," + quote(as_csv(said))
        text = (
            copy_button(".line", "Copy all", "Copy all sentences")
            + f'<a class="quiet" id="save-csv" download="sentences.csv" href="{escape(data)}">Save CSV</a>'
        )
        tools = (
            '<div class="tools">'
            + ("" if shown else text)
            + f'<a class="quiet" id="link" href="{link}" data-copy-link title="Copies the address of exactly these '
            + f'{kind}s">Copy link</a></div>'
        )
    head = f'<header class="sheet-head">{status}{tools}</header>'
    marks = f'data-address="{link}"' if address and done else ""
    body = pictures(shown, label="Generated pictures") if shown else lines(said, label="Generated sentences")
    return f'<div class="sheet" aria-busy="{busy}" {marks}>{head}{body}{written_down(ways) if done else ""}</div>'
