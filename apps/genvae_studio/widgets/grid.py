"""The sheets of the page Mix: a table of mixes, and a specimen of letters."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from genvae_studio.pieces import Piece, Table, picture_url
from genvae_studio.widgets.text import written_down
from genvae_studio.widgets.tray import face


def link(content: bytes, name: str, text: str, *, elem_id: str, kind: str) -> str:
    """A link that saves a file, held in the page."""
    data = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return f'<a class="quiet" id="{elem_id}" download="{escape(name)}" href="{data}">{escape(text)}</a>'


def refused(message: str) -> str:
    """Why there is nothing to show."""
    return f'<div class="sheet" aria-busy="false"><p class="notice" role="alert">{escape(message)}</p></div>'


def _sheet(status: str, tools: str, body: str, ways: Sequence[tuple[str, str]]) -> str:
    head = f'<header class="sheet-head"><p class="status" role="status">{status}</p><div class="tools">{tools}</div>'
    return f'<div class="sheet" aria-busy="false">{head}</header>{body}{written_down(list(ways))}</div>'


def mixes(table: Table, items: Sequence[Any], tools: str, ways: Sequence[tuple[str, str]]) -> str:
    """The items as a table: the last tray gives the columns, the others the rows."""
    *down, across = [tray.heads() for tray in table.trays]
    columns = len(across)
    rows = [list(items[start : start + columns]) for start in range(0, len(items), columns)]
    beside = _beside(down, len(rows))
    count = f"{len(rows)} &times; {columns}" if down else str(columns)
    status = f"<b>{count}</b> {escape(_title(table))}"
    label = escape(f"Mixes of {' and '.join(tray.name for tray in table.trays)}")
    if not table.pictures and not down:
        body = "".join(f'<li><span class="line">{escape(str(item))}</span></li>' for item in items)
        return _sheet(status, tools, f'<ol class="lines" aria-label="{label}">{body}</ol>', ways)
    kind = "pictures" if table.pictures else "texts"
    head = "".join(f'<th scope="col">{_head(one, table)}</th>' for one in across)
    corner = "<td></td>" if down else ""
    body = "".join(
        f"<tr>{f'<th scope=row>{_head(beside[number], table)}</th>' if down else ''}"
        + "".join(f"<td>{_cell(item, table)}</td>" for item in row)
        + "</tr>"
        for number, row in enumerate(rows)
    )
    made = (
        f'<div class="scroll"><table class="mixes {kind}" style="--columns: {columns}" aria-label="{label}">'
        f"<thead><tr>{corner}{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    return _sheet(status, tools, made, ways)


def _title(table: Table) -> str:
    names = [tray.name for tray in table.trays]
    if len(names) == 1:
        return f"taken from {names[0]}"
    return f"{', '.join(names[:-1])} down, {names[-1]} across"


def _beside(down: Sequence[Sequence[str | Piece]], count: int) -> list[Sequence[str | Piece]]:
    """The heads of each row: one of every block but the last."""
    made: list[Sequence[str | Piece]] = [[]]
    for heads in down:
        made = [[*before, head] for before in made for head in heads]
    return made if len(made) == count else [[]] * count


def _head(head: Sequence[str | Piece] | str | Piece, table: Table) -> str:
    several = [head] if isinstance(head, str | Piece) else head
    between = "" if table.pictures else " &middot; "
    return between.join(
        f"<small>{escape(one)}</small>" if isinstance(one, str) else face(one, table) for one in several
    )


def _cell(item: Any, table: Table) -> str:
    if not table.pictures:
        return f'<span class="line">{escape(str(item))}</span>'
    kind = ' class="ink"' if table.ink else ""
    return f'<img src="{picture_url(item.png())}" alt=""{kind}>'


def specimen(
    letters: Mapping[str, Any], given: set[str], table: Table, tools: str, ways: Sequence[tuple[str, str]]
) -> str:
    """Every letter under its name; those that were given are marked."""
    made = "".join(
        f"<li{' class=given' if letter in given else ''}>{_cell(picture, table)}<small>{escape(letter)}</small></li>"
        for letter, picture in letters.items()
    )
    status = f"<b>{len(letters)}</b> letters from {len(given)}"
    return _sheet(status, tools, f'<ul class="specimen" aria-label="Completed letters">{made}</ul>', ways)
