"""Small pieces of HTML.

Values reach ``gr.HTML`` as finished HTML under its plain ``${value}`` template. Its Handlebars templates would be
evaluated as JavaScript after filling in, so a sentence with ``${...}`` in it would run: never use them for text.
"""

from __future__ import annotations

import difflib
import re
from html import escape

#: a copy button; static/studio.js looks for data-copy, and copies the text of what it names
COPY = '<button type="button" class="quiet" data-copy="{what}" aria-label="{label}">{text}</button>'


def copy_button(what: str, text: str, label: str) -> str:
    """A button that copies the text of the elements that the selector ``what`` finds in the same widget."""
    return COPY.format(what=escape(what), text=escape(text), label=escape(label))


def notice(message: str) -> str:
    """A message to the user, or nothing."""
    return f'<p class="notice" role="alert">{escape(message)}</p>' if message else ""


def changed(before: str, after: str) -> str:
    """``after`` with the words marked that ``before`` does not have in that place."""
    old, new = re.split(r"(\s+)", before), re.split(r"(\s+)", after)
    pieces = []
    for kind, _, _, start, stop in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        text = escape("".join(new[start:stop]))
        if text:
            pieces.append(text if kind == "equal" or not text.strip() else f"<mark>{text}</mark>")
    return "".join(pieces)


def _words(line: str) -> str:
    """Each word in a box of its own, so that a line breaks between words and never inside ``--seed``."""
    return " ".join(f"<span>{escape(word)}</span>" for word in line.split(" "))


def written_down(rows: list[tuple[str, str]]) -> str:
    """The equivalent lines: a name, the line, a button that copies it."""
    made = [
        f'<div class="way {escape(name.lower())}"><dt>{escape(name)}</dt><dd><code>{_words(line)}</code>'
        + copy_button("code", "Copy", f"Copy the {name} line")
        + "</dd></div>"
        for name, line in rows
    ]
    return f'<dl class="ways">{"".join(made)}</dl>'
