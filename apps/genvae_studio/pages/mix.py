"""The page Mix: blocks of a model's latent from other items, and sets completed from a few of their items.

Its controls come from the model's blocks, whatever the modality: a tray for each, filled from files, drawings or lines
of the visitor's and from what the model itself offers.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from genvae.errors import DataError
from genvae_studio.pages import completion
from genvae_studio.pages.conditions import declared
from genvae_studio.pages.generate import TURN
from genvae_studio.pieces import TRAYS, Table, Tray, archive, drawn, gallery, lay_out, read, uploaded
from genvae_studio.studio import Studio, said
from genvae_studio.widgets import grid, sheet
from genvae_studio.widgets import tray as trays

#: several clicks in a row all count; one is answered after the other
EACH: dict[str, Any] = {**TURN, "trigger_mode": "multiple"}
FREE: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
PICTURES = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".svg"]  # an SVG is told why it is none


def _first(studio: Studio) -> str:
    """The model that the page opens with: what is asked by conditions has the page Generate; what is to be mixed lies
    in blocks of its own."""
    return studio.opens_with("image/", likes=lambda name: not declared(studio, name))


def page(studio: Studio, blocks: gr.Blocks) -> None:
    """Build the page."""
    first = _first(studio)
    table = gr.State(None)
    with gr.Row(elem_id="mix-top"):
        model = gr.Dropdown([first], value=first, allow_custom_value=True, label="Model", elem_id="mix-model")
    if "complete" in studio.service.operations():
        with gr.Tabs(elem_id="mix-tabs"):
            with gr.Tab("Mix", id="mix", elem_id="mix-tab"):
                opened = _mixing(studio, table)
            with gr.Tab("Complete a set", id="complete", elem_id="complete-tab") as tab:
                completion.tab(studio, table, tab)
    else:
        opened = _mixing(studio, table)
    _open(studio, blocks, model, table, opened)


def _mixing(studio: Studio, table: gr.State) -> list[Any]:
    """The trays and the sheet; gives what is filled when a model is opened: columns, trays, uploads, lines, pads, and
    the sheet."""
    columns, boxes, uploads, lines, pads = [], [], [], [], []
    with gr.Row(elem_id="mix-bench"):
        with gr.Column(elem_id="trays", min_width=0):
            for number in range(TRAYS):
                with gr.Column(visible=False, elem_id=f"panel-{number}", min_width=0) as column:
                    boxes.append(trays.tray(elem_id=f"tray-{number}"))
                    with gr.Row(elem_classes="adding"):
                        uploads.append(gr.UploadButton("Upload", file_count="multiple", file_types=PICTURES, size="sm",
                                                       elem_id=f"upload-{number}", min_width=0))  # fmt: skip
                        lines.append(gr.Textbox(show_label=False, container=False, lines=1, max_lines=3, min_width=0,
                                                placeholder="A line of yours", elem_id=f"line-{number}"))  # fmt: skip
                        pads.append(trays.pad(elem_id=f"pad-{number}"))
                columns.append(column)
        with gr.Column(elem_id="mix-middle", min_width=0):
            paper = gr.HTML(sheet.blank("Waking the model", busy=True), apply_default_css=False, elem_id="mix-sheet")
    for number in range(TRAYS):
        _trayed(studio, table, number, boxes[number], uploads[number], lines[number], pads[number], paper)
    return [*columns, *boxes, *uploads, *lines, *pads, paper]


def _trayed(
    studio: Studio, table: gr.State, number: int, box: gr.HTML, upload: gr.UploadButton, line: gr.Textbox, pad: gr.HTML,
    paper: gr.HTML,
) -> None:  # fmt: skip
    """The events of one tray: each changes what lies in it, and mixes anew."""

    def changing(change: Callable[[Table, Tray], None]) -> Callable[[Table | None], tuple[Any, ...]]:
        def changed(laid: Table | None) -> tuple[Any, ...]:
            if laid is None or number >= len(laid.trays):  # a click on what is not there yet, or no longer
                return gr.skip(), gr.skip(), gr.skip()
            tray = laid.trays[number]
            tray.complaint = ""
            try:
                change(laid, tray)
            except Exception as error:
                tray.complaint = said(error)
                return laid, trays.filled(tray, laid), gr.skip()
            return laid, trays.filled(tray, laid), mixed(studio, laid)

        return changed

    def act(laid: Table | None, event: gr.EventData) -> tuple[Any, ...]:
        asked = (str(event.do), int(event.at), str(event.value))
        return changing(lambda laid, tray: acted(studio, laid, tray, *asked))(laid)

    def add(laid: Table | None, paths: list[str] | None) -> tuple[Any, ...]:
        return changing(lambda laid, tray: tray.add(read(studio, laid, uploaded(paths or []))))(laid)

    def write(laid: Table | None, text: str) -> tuple[Any, ...]:
        return (*changing(lambda laid, tray: tray.add(read(studio, laid, [("", text or "")])))(laid), "")

    def draw(laid: Table | None, event: gr.EventData) -> tuple[Any, ...]:
        def put(laid: Table, tray: Tray) -> None:
            tray.add(read(studio, laid, drawn(event.data, f"drawing-{tray.name}-{tray.drawings + 1}.png")))
            tray.drawings += 1

        return changing(put)(laid)

    box.act(act, table, [table, box, paper], **EACH)
    upload.upload(add, [table, upload], [table, box, paper], **EACH)
    line.submit(write, [table, line], [table, box, paper, line], **EACH)
    pad.drawn(draw, table, [table, box, paper], **EACH)


def acted(studio: Studio, laid: Table, tray: Tray, do: str, at: int, value: str) -> None:
    """What a click or a changed number in a tray asks for."""
    if do == "pick" and 0 <= at < len(tray.gallery):
        piece = tray.gallery[at]
        places = [place for place, other in enumerate(tray.pieces) if other.name == piece.name]
        if places:
            tray.drop(places[0])
        else:
            tray.add([piece])
    elif do == "drop":
        tray.drop(at)
    elif do == "clear":
        tray.pieces, tray.weights = [], []
    elif do == "how" and value in tray.hows():
        tray.how = value
    elif do == "count" and value.isdecimal():
        tray.count = min(max(int(value), trays.FEWEST), trays.LONGEST)
    elif do == "weigh" and 0 <= at < len(tray.weights):
        try:
            tray.weights[at] = float(value)
        except ValueError:
            raise DataError(f"the weight {value!r} is not a number") from None
    elif do == "again":
        laid.seed = secrets.randbelow(1_000_000)
    elif do == "others":
        tray.seed += 1
        tray.gallery = gallery(studio, laid, tray)


def mixed(studio: Studio, laid: Table) -> str:
    """The sheet for what is laid out; what keeps it from being made, in its place."""
    try:
        columns = len(laid.trays[-1].heads())
        ending = ".png" if laid.pictures else ".csv" if len(laid.trays) > 1 else ".txt"
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"mix{ending}"
            answer: Any = studio.run("mix", **laid.request(), output=str(file))
            content = file.read_bytes()
        assert len(answer.items) % columns == 0
        kinds = {".png": ("image/png", "PNG"), ".csv": ("text/csv", "CSV"), ".txt": ("text/plain", "text")}
        kind, name = kinds[ending]
        tools = grid.link(content, f"mix{ending}", f"Save {name}", elem_id="save-mix", kind=kind)
        pieces = [piece for tray in laid.trays for piece in tray.pieces if piece.content]
        if pieces:
            tools += grid.link(
                archive(pieces), "pieces.zip", "Save pieces", elem_id="save-pieces", kind="application/zip"
            )
        written = laid.request(names=True)
        ways = [
            ("Python", studio.service.python("mix", **written)),
            ("Shell", studio.service.command("mix", **written)),
        ]
        return grid.mixes(laid, answer.items, tools, ways)
    except Exception as error:
        return grid.refused(said(error))


def _open(studio: Studio, blocks: gr.Blocks, model: gr.Dropdown, table: gr.State, filled: list[Any]) -> None:
    """The events that lay out a model's blocks: the page is opened, or another model chosen."""

    def lay(name: str) -> list[Any]:
        try:
            laid = lay_out(studio, (name or "").strip())
        except Exception as error:
            hidden = [gr.update(visible=False)] * TRAYS
            return [Table(), *hidden, *[gr.skip()] * (4 * TRAYS), grid.refused(said(error))]
        count = len(laid.trays)
        shown = [gr.update(visible=number < count) for number in range(TRAYS)]
        boxes = [trays.filled(tray, laid) for tray in laid.trays] + [gr.skip()] * (TRAYS - count)
        uploads = [gr.update(visible=laid.pictures)] * TRAYS
        lines = [gr.update(visible=not laid.pictures)] * TRAYS
        drawings = [trays.drawing(laid, tray.name) if laid.pictures else "" for tray in laid.trays]
        pads = [gr.update(value=text, visible=bool(text)) for text in drawings] + [gr.skip()] * (TRAYS - count)
        return [laid, *shown, *boxes, *uploads, *lines, *pads, mixed(studio, laid)]

    def load(request: gr.Request) -> list[Any]:
        asked = dict(request.query_params).get("model", "")
        complaint = ""
        if asked:
            try:
                studio.at_hand(asked)
            except Exception as error:
                asked, complaint = "", said(error)
        name = asked or _first(studio)
        try:
            names = studio.models()
        except Exception as error:
            said(error)
            names = []
        made = lay(name)
        if complaint:
            made[-1] = grid.refused(complaint)
        return [gr.Dropdown(list(dict.fromkeys([*names, name])), value=name), *made]

    blocks.load(load, None, [model, table, *filled], **TURN)
    model.input(lay, model, [table, *filled], **TURN)
