"""The tab of the page Mix that completes a set: a few letters with their pictures, and all letters in their style."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from genvae.errors import DataError, LacksCapability
from genvae_studio.pages.generate import TURN
from genvae_studio.pieces import GALLERY, Piece, Table, archive, drawn, made_by, read, uploaded
from genvae_studio.studio import Studio, said
from genvae_studio.widgets import grid, sheet
from genvae_studio.widgets import tray as trays
from genvae_studio.widgets.text import notice

EACH: dict[str, Any] = {**TURN, "trigger_mode": "multiple"}
USUAL = "ABRS"
PICTURES = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".svg"]
FONTS = [".ttf", ".otf"]


@dataclass
class Examples:
    """The letters that are given: pictures, or a font file of the visitor's."""

    table: Table = field(default_factory=Table)
    letters: dict[str, Piece] = field(default_factory=dict)
    font: str = ""
    styles: list[Piece] = field(default_factory=list)
    seed: int = 1
    drawings: int = 0
    complaint: str = ""

    @property
    def values(self) -> list[str]:
        """The letters that the model knows."""
        return next((tray.values for tray in self.table.trays if tray.values), [])

    def request(self, *, names: bool = False) -> dict[str, Any]:
        """The keywords of the operation ``complete``."""
        if self.font:
            return {"model": self.table.model, "font": Path(self.font).name if names else self.font}
        if not self.letters:
            raise DataError("Give at least one letter: draw it, upload it, or take a style of the model's")
        if names:
            bare = {letter: piece.name.partition("=")[2] or piece.name for letter, piece in self.letters.items()}
            return {"model": self.table.model, "examples": bare}
        return {"model": self.table.model, "examples": {one: piece.content for one, piece in self.letters.items()}}


def tab(studio: Studio, table: gr.State, tab: gr.Tab) -> None:
    """Build the tab; it is filled when it is opened."""
    given = gr.State(None)
    with gr.Row(elem_id="complete-bench"):
        with gr.Column(elem_id="examples", min_width=0):
            box = trays.tray(elem_id="example-tray")
            with gr.Row(elem_classes="adding"):
                letter = gr.Textbox(
                    label="Letter",
                    show_label=False,
                    container=False,
                    lines=1,
                    max_lines=1,
                    placeholder="Letter, or none: recognised",
                    elem_id="letter",
                    min_width=0,
                )
                upload = gr.UploadButton("Upload", file_count="multiple", file_types=PICTURES, size="sm",
                                         elem_id="upload-letters", min_width=0)  # fmt: skip
                font = gr.UploadButton("Font file", file_types=FONTS, size="sm", elem_id="upload-font", min_width=0)
                pad = trays.pad(elem_id="pad-letter")
        with gr.Column(elem_id="complete-middle", min_width=0):
            paper = gr.HTML(sheet.blank("Waking the model", busy=True), apply_default_css=False, elem_id="specimen")
            files = gr.Button("Make a font and a drawing", elem_id="make-font", size="sm", visible=False)
            made = gr.HTML("", apply_default_css=False, elem_id="font-files")
    outputs = [given, box, paper, made]
    tab.select(lambda laid: _opened(studio, laid or Table()), table, [*outputs, pad, files], **TURN)
    _events(studio, given, letter, outputs, box, upload, font, pad)
    files.click(lambda examples: _files(studio, examples), given, made, **TURN)


def _opened(studio: Studio, laid: Table) -> list[Any]:
    """The tab for the model of the page, with examples of its own."""
    examples = Examples(laid)
    able = examples.values and any(tray.block["shared"] for tray in laid.trays)
    if not able:
        why = f"{laid.model!r} completes no sets: it has no block that a set shares beside one given by name"
        text = said(LacksCapability(why)) if laid.model else "No model is open."
        return [examples, "", grid.refused(text), "", "", gr.update(visible=False)]
    try:
        examples.styles = styles(studio, examples)
        take(studio, examples, 0)
    except Exception as error:
        examples.complaint = said(error)
    return [*_answer(studio, examples), trays.drawing(laid, "a letter"), gr.update(visible=True)]


def _answer(studio: Studio, examples: Examples) -> list[Any]:
    return [examples, filled(examples), completed(studio, examples), ""]


def styles(studio: Studio, examples: Examples) -> list[Piece]:
    """A letter in styles that the model draws from its prior: every fourth item of ``_in_styles``."""
    return _in_styles(studio, examples, _shown(examples)[:1])


def _shown(examples: Examples) -> list[str]:
    """The letters that a style of the model's is given by."""
    usual = [letter for letter in USUAL if letter in examples.values]
    return usual or examples.values[:4]


def _in_styles(studio: Studio, examples: Examples, letters: list[str]) -> list[Piece]:
    """Letters in the styles of the gallery, letter by letter."""
    table = examples.table
    named = next(tray for tray in table.trays if tray.values)
    draws = {f"{tray.name}_draw": GALLERY if tray.block["shared"] else 1 for tray in table.trays if tray is not named}
    values = {named.name: letters, **draws, **{f"{name}_draw": 1 for name in table.others}}
    answer: Any = studio.run("mix", model=table.model, seed=examples.seed, **values)
    return [
        made_by(table, item, f"style-{examples.seed}-{number % GALLERY + 1}-{letters[number // GALLERY]}",
                letters[number // GALLERY])
        for number, item in enumerate(answer.items)
    ]  # fmt: skip


def take(studio: Studio, examples: Examples, place: int) -> None:
    """Have a style of the gallery give the examples."""
    letters = _shown(examples)
    drawn_in = _in_styles(studio, examples, letters)
    examples.letters = {letter: drawn_in[GALLERY * number + place] for number, letter in enumerate(letters)}
    examples.font = ""


def _events(
    studio: Studio, given: gr.State, letter: gr.Textbox, outputs: list[Any], box: gr.HTML, upload: gr.UploadButton,
    font: gr.UploadButton, pad: gr.HTML,
) -> None:  # fmt: skip
    def changing(change: Any, examples: Examples | None) -> list[Any]:
        if examples is None:  # a click on what is not there yet
            return [gr.skip()] * 4
        examples.complaint = ""
        try:
            change()
        except Exception as error:
            examples.complaint = said(error)
            return [examples, filled(examples), gr.skip(), gr.skip()]
        return _answer(studio, examples)

    def act(examples: Examples, event: gr.EventData) -> list[Any]:
        do, at = str(event.do), int(event.at)

        def change() -> None:
            if do == "pick" and 0 <= at < len(examples.styles):
                take(studio, examples, at)
            elif do == "drop" and 0 <= at < len(examples.letters):
                del examples.letters[list(examples.letters)[at]]
            elif do == "clear":
                examples.letters, examples.font = {}, ""
            elif do == "others":
                examples.seed += 1
                examples.styles = styles(studio, examples)

        return changing(change, examples)

    def add(examples: Examples, paths: list[str] | None, told: str) -> list[Any]:
        return [*changing(lambda: lay(studio, examples, uploaded(paths or []), told), examples), ""]

    def draw(examples: Examples, told: str, event: gr.EventData) -> list[Any]:
        def change() -> None:
            lay(studio, examples, drawn(event.data, f"drawing-{examples.drawings + 1}.png"), told)
            examples.drawings += 1

        return [*changing(change, examples), ""]

    def face(examples: Examples, path: str | None) -> list[Any]:
        before = examples.font

        def change() -> None:
            examples.font = str(path or "")
            studio.run("complete", **examples.request())

        answer = changing(change, examples)
        if examples and examples.complaint:
            name = Path(str(path)).name
            examples.complaint = examples.complaint.replace(str(path), name)
            examples.font = before
            answer[1] = filled(examples)
        return answer

    box.act(act, given, outputs, **EACH)
    upload.upload(add, [given, upload, letter], [*outputs, letter], **EACH)
    pad.drawn(draw, [given, letter], [*outputs, letter], **EACH)
    font.upload(face, [given, font], outputs, **EACH)


def lay(studio: Studio, examples: Examples, items: list[tuple[str, Any]], told: str) -> None:
    """Add pictures of letters. Which letter one shows is told, said by its file's name, or recognised."""
    told = (told or "").strip()
    if told and told not in examples.values:
        raise DataError(f"{told!r} is none of the letters that the model knows: {''.join(examples.values)}")
    if told and len(items) > 1:
        raise DataError("the letter is told of one picture at a time")
    for piece, (name, _) in zip(read(studio, examples.table, items), items, strict=True):
        recognised, stem = piece.name.partition("=")[0], Path(name).stem
        examples.letters[told or (stem if stem in examples.values else recognised)] = piece
    examples.font = ""


def filled(examples: Examples) -> str:
    """The tray of examples."""
    count = len(examples.letters)
    said_of = Path(examples.font).name if examples.font else f"{count} letter{'' if count == 1 else 's'}"
    chosen = "" if examples.font else "".join(
        f'<li><button type="button" class="piece" data-do="drop" data-at="{place}" title="{escape(piece.name)}: take '
        f'it away">{trays.face(piece, examples.table)}</button><small>{escape(letter)}</small></li>'
        for place, (letter, piece) in enumerate(examples.letters.items())
    )  # fmt: skip
    offered = "".join(
        f'<li><button type="button" class="piece" data-do="pick" data-at="{place}" title="Take this style">'
        f"{trays.face(piece, examples.table)}</button></li>"
        for place, piece in enumerate(examples.styles)
    )
    clear = '<button type="button" class="quiet" data-do="clear">Clear</button>' if count or examples.font else ""
    return (
        f'<header><h2>Examples</h2><span class="aside">{escape(said_of)}</span>{clear}</header>'
        + notice(examples.complaint)
        + f'<ol class="chosen pictures" aria-label="Examples">{chosen}</ol>'
        + '<div class="gallery"><h3>Styles drawn by the model<button type="button" class="quiet" data-do="others">'
        + f'Others</button></h3><ul class="pictures" aria-label="Styles">{offered}</ul></div>'
    )


def completed(studio: Studio, examples: Examples) -> str:
    """The specimen, or why there is none."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "letters.png"
            answer: Any = studio.run("complete", **examples.request(), output=str(file))
            content = file.read_bytes()
        tools = grid.link(content, "letters.png", "Save PNG", elem_id="save-letters", kind="image/png")
        if examples.letters and not examples.font:
            pieces = archive(list(examples.letters.values()))
            tools += grid.link(pieces, "letters.zip", "Save pieces", elem_id="save-examples", kind="application/zip")
        written = examples.request(names=True)
        ways = [
            ("Python", studio.service.python("complete", **written)),
            ("Shell", studio.service.command("complete", **written)),
        ]
        given = set(examples.letters) if not examples.font else set()
        return grid.specimen(answer.letters, given, examples.table, tools, ways)
    except Exception as error:
        return grid.refused(said(error))


def _files(studio: Studio, examples: Examples) -> str:
    """Links to the letters as a font and as a drawing."""
    try:
        links = []
        with tempfile.TemporaryDirectory() as folder:
            for name, text, kind in (
                ("letters.ttf", "Save font (.ttf)", "font/ttf"),
                ("letters.svg", "Save drawing (.svg)", "image/svg+xml"),
            ):  # fmt: skip
                file = Path(folder) / name
                studio.run("complete", **examples.request(), output=str(file))
                links.append(grid.link(file.read_bytes(), name, text, elem_id=f"save-{file.suffix[1:]}", kind=kind))
        return f'<div class="tools files">{"".join(links)}</div>'
    except Exception as error:
        return notice(said(error))
