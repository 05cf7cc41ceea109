"""A tray: the pieces of one block, how they are taken, and what the model itself offers. And a pad to draw on."""

from __future__ import annotations

from html import escape

import gradio as gr

from genvae_studio.pieces import FEWEST, HOWS, LONGEST, Piece, Table, Tray
from genvae_studio.widgets.text import notice

#: tells Python what was done: a click on data-do, or a changed number
_ACTS = """
const tell = (node, value) => trigger('act', {do: node.dataset.do, at: Number(node.dataset.at ?? -1), value});
element.addEventListener('click', (event) => {
  const node = event.target.closest('button[data-do]');
  if (node && element.contains(node)) tell(node, node.dataset.value ?? '');
});
element.addEventListener('change', (event) => {
  if (event.target.matches('input[data-do]')) tell(event.target, event.target.value);
});
// what is dropped here goes the way of the upload button beside it
const files = () => element.parentElement.querySelector('input[type=file]');
for (const name of ['dragover', 'dragleave', 'drop']) element.addEventListener(name, (event) => {
  if (!files()) return;
  event.preventDefault();
  element.classList.toggle('over', name === 'dragover');
  if (name !== 'drop' || !event.dataTransfer.files.length) return;
  files().files = event.dataTransfer.files;
  files().dispatchEvent(new Event('change', {bubbles: true}));
});
element.addEventListener('input', (event) => {
  const shown = event.target.parentElement.querySelector('output');
  if (shown) shown.textContent = event.target.value;
});
"""

#: strokes on a canvas; the drawing leaves the page when it is added
_DRAWS = """
const canvas = () => element.querySelector('canvas');
const wipe = () => {
  const at = canvas(), pen = at.getContext('2d');
  pen.fillStyle = at.dataset.ground;
  pen.fillRect(0, 0, at.width, at.height);
  at.dataset.drawn = '';
};
const place = (event) => {
  const at = canvas(), box = at.getBoundingClientRect();
  return [(event.clientX - box.left) * at.width / box.width, (event.clientY - box.top) * at.height / box.height];
};
let last = null;
const stroke = (event) => {
  const at = canvas(), pen = at.getContext('2d'), to = place(event);
  if (!at.dataset.ready) { wipe(); at.dataset.ready = '1'; }
  Object.assign(pen, {lineWidth: Number(at.dataset.width), lineCap: 'round', lineJoin: 'round',
                      strokeStyle: element.querySelector('input[type=color]')?.value ?? at.dataset.ink});
  pen.beginPath();
  pen.moveTo(...last);
  pen.lineTo(...to);
  pen.stroke();
  last = to;
  at.dataset.drawn = '1';
};
element.addEventListener('pointerdown', (event) => {
  if (event.target !== canvas()) return;
  event.preventDefault();
  canvas().setPointerCapture(event.pointerId);
  last = place(event);
  stroke(event);
});
element.addEventListener('pointermove', (event) => { if (last && event.target === canvas()) stroke(event); });
for (const name of ['pointerup', 'pointercancel']) element.addEventListener(name, () => { last = null; });
element.addEventListener('click', (event) => {
  const what = event.target.closest('button')?.dataset.pad;
  if (what === 'clear') wipe();
  if (what === 'add' && canvas().dataset.drawn) {
    trigger('drawn', {data: canvas().toDataURL('image/png')});
    wipe();
  }
});
"""

PAD = 224  # pixels of a side of the pad


def tray(*, elem_id: str) -> gr.HTML:
    """The component; its event ``act`` carries what is to be done, where and with which value."""
    return gr.HTML("", js_on_load=_ACTS, apply_default_css=False, elem_id=elem_id, elem_classes="tray")


def pad(*, elem_id: str) -> gr.HTML:
    """A drawing area; its event ``drawn`` carries the drawing as a PNG data URL."""
    return gr.HTML("", js_on_load=_DRAWS, apply_default_css=False, elem_id=elem_id, elem_classes="pad")


def drawing(table: Table, label: str) -> str:
    """The pad for a model: dark on paper for ink, bright on dark for other grey pictures."""
    ground, pen = ("#fff", "#111") if table.ink or table.colour else ("#000", "#fff")
    width = round(PAD * (0.085 if table.ink else 0.075))
    colour = '<input type="color" value="#202020" aria-label="Colour">' if table.colour else ""
    return (
        f'<details><summary class="quiet">Draw</summary><canvas width="{PAD}" height="{PAD}" data-ground="{ground}" '
        f'data-ink="{pen}" data-width="{width}" style="background:{ground}" role="img" '
        f'aria-label="Drawing area for {escape(label)}"></canvas><div class="pad-tools">{colour}'
        '<button type="button" class="quiet" data-pad="clear">Clear</button>'
        '<button type="button" class="small" data-pad="add">Add drawing</button></div></details>'
    )


def face(piece: Piece, table: Table) -> str:
    """What is seen of a piece."""
    if piece.shown.startswith("data:"):
        kind = ' class="ink"' if table.ink else ""
        return f'<img src="{escape(piece.shown)}" alt="{escape(piece.name)}"{kind}>'
    return f"<span>{escape(piece.shown)}</span>"


def filled(tray: Tray, table: Table) -> str:
    """The tray as it is."""
    count = len(tray.pieces)
    said = f"{count} chosen" if count else "none chosen"
    return (
        f'<header><h2>{escape(tray.name.capitalize())}</h2><span class="aside">{said}</span>{_clear(count)}</header>'
        + notice(tray.complaint)
        + _chosen(tray, table)
        + _how(tray)
        + _gallery(tray, table)
    )


def _clear(count: int) -> str:
    return '<button type="button" class="quiet" data-do="clear">Clear</button>' if count else ""


def _chosen(tray: Tray, table: Table) -> str:
    weighed = tray.taken() == "mean"
    made = []
    for place, piece in enumerate(tray.pieces):
        weight = (
            f'<input type="number" data-do="weigh" data-at="{place}" value="{tray.weights[place]:g}" min="0" '
            f'step="any" aria-label="Weight of {escape(piece.name)}">'
        ) if weighed else ""  # fmt: skip
        made.append(
            f'<li><button type="button" class="piece" data-do="drop" data-at="{place}" '
            f'title="{escape(piece.name)}: take it away">{face(piece, table)}</button>{weight}</li>'
        )
    kind = "pictures" if table.pictures else "texts"
    label = f"{tray.name.capitalize()}: chosen"
    return f'<ol class="chosen {kind}" aria-label="{escape(label)}">{"".join(made)}</ol>'


def _how(tray: Tray) -> str:
    """How the pieces are taken, and how many there are to be where that is asked."""
    buttons = "".join(
        f'<button type="button" data-do="how" data-value="{how}" aria-pressed="{str(how == tray.how).lower()}" '
        f'title="{_MEANING[how]}">{HOWS[how]}</button>'
        for how in tray.hows()
    )
    made = f'<div class="seg" role="group" aria-label="How {escape(tray.name)} is taken">{buttons}</div>'
    if tray.how in ("walk", "new"):
        word = "Steps" if tray.how == "walk" else "How many"
        made += (
            f'<label class="count">{word}<input type="range" min="{FEWEST}" max="{LONGEST}" value="{tray.count}" '
            f'data-do="count"><output>{tray.count}</output></label>'
        )
    if tray.how == "new":
        made += '<button type="button" class="quiet" data-do="again">Draw others</button>'
    return made


_MEANING = {
    "each": "each piece by itself", "mean": "their weighted mean", "one": "examples of one and the same",
    "walk": "from the first to the last", "new": "new ones, drawn from the prior, behind those chosen",
}  # fmt: skip


def _gallery(tray: Tray, table: Table) -> str:
    """What the model offers: a click takes it."""
    chosen = {piece.name for piece in tray.pieces}
    made = "".join(
        f'<li><button type="button" class="piece" data-do="pick" data-at="{place}" '
        f'aria-pressed="{str(piece.name in chosen).lower()}" title="Take {escape(piece.name)}">'
        f"{face(piece, table)}</button></li>"
        for place, piece in enumerate(tray.gallery)
    )
    kind = "pictures" if table.pictures and not tray.values else "texts" if not tray.values else "names"
    others = "" if tray.values else '<button type="button" class="quiet" data-do="others">Others</button>'
    title = "Known" if tray.values else "Drawn by the model" if table.pictures else "Said by the model"
    return (
        f'<div class="gallery"><h3>{title}{others}</h3>'
        f'<ul class="{kind}" aria-label="{escape(tray.name.capitalize())}: gallery">{made}</ul></div>'
    )
