"""What a visitor has laid out on the page Mix: for each block of the model some pieces, and how they are taken."""

from __future__ import annotations

import base64
import binascii
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genvae.errors import DataError, GenvaeError
from genvae_studio.studio import Studio

USUAL = 0.6  # of the prior's noise: what the model itself offers is likelier than most of what it draws
GALLERY = 12  # pieces drawn by the model, for each block
MOST = 12  # pieces of one block
DRAWN = 4_000_000  # characters of a drawing that is sent
FEWEST, LONGEST = 2, 12  # of a walk, and of new ones

#: how the pieces of a block are taken, and what it is called
HOWS = {"each": "Each", "mean": "Mean", "one": "As one", "walk": "Walk", "new": "New"}


@dataclass(frozen=True)
class Piece:
    """One thing that a block can be taken from: what the service is given, its name, and how it is shown."""

    name: str
    item: Any
    shown: str  # the data URL of a picture, or text
    content: bytes = b""  # of its file


@dataclass
class Tray:
    """The pieces of a block, those the model offers for it, and how they are taken."""

    block: Mapping[str, Any]
    pieces: list[Piece] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    gallery: list[Piece] = field(default_factory=list)
    how: str = "each"
    count: int = 6
    seed: int = 1
    drawings: int = 0
    complaint: str = ""

    @property
    def name(self) -> str:
        """What the block is called on the page and in requests."""
        return str(self.block["called"] or self.block["name"])

    @property
    def values(self) -> list[str]:
        """The names of the block's values, where it is observed."""
        return list(self.block["values"])

    def hows(self) -> list[str]:
        """The ways that make sense."""
        able = {"one": self.block["shared"], "new": not self.values}
        return [how for how in HOWS if able.get(how, True)]

    def taken(self) -> str:
        """The way that is taken: one piece alone is itself, however it is asked for."""
        return "each" if self.how in ("mean", "one", "walk") and len(self.pieces) < 2 else self.how

    def add(self, pieces: Sequence[Piece]) -> None:
        """Lay pieces down; raises DataError where there is no room."""
        if len(self.pieces) + len(pieces) > MOST:
            raise DataError(f"at most {MOST} at once; take one away first")
        self.pieces += pieces
        self.weights += [1.0] * len(pieces)

    def drop(self, place: int) -> None:
        """Take one away."""
        if 0 <= place < len(self.pieces):
            del self.pieces[place], self.weights[place]

    def request(self, *, names: bool) -> dict[str, Any]:
        """The keywords of the operation ``mix``; with the pieces' ``names`` instead of them, to be written down."""
        how = self.taken()
        made: dict[str, Any] = {}
        if self.pieces:
            made[self.name] = [piece.name if names else piece.item for piece in self.pieces]
        elif how != "new":
            raise DataError(f"Choose at least one for {self.name}")
        if how == "mean":
            made[f"{self.name}_weights"] = [_plain(weight) for weight in self.weights]
        elif how == "one":
            made[f"{self.name}_pool"] = True
        elif how == "walk":
            made[f"{self.name}_steps"] = max(self.count, FEWEST)
        elif how == "new":
            made[f"{self.name}_draw"] = self.count
        return made

    def heads(self) -> list[str | Piece]:
        """What stands over each of its rows or columns."""
        how = self.taken()
        if how == "each":
            return list(self.pieces)
        if how in ("mean", "one"):
            return ["mean" if how == "mean" else "as one"]
        if how == "new":
            return [*self.pieces, *["new"] * self.count]
        steps, last = max(self.count, FEWEST), len(self.pieces) - 1
        made: list[str | Piece] = [""] * steps
        for number in range(steps):
            place = number * last / (steps - 1)
            if abs(place - round(place)) < 1e-9:
                made[number] = self.pieces[round(place)]
        return made


def _plain(number: float) -> float | int:
    return int(number) if float(number).is_integer() else number


@dataclass
class Table:
    """All trays of one visitor, and the model they are of."""

    model: str = ""
    media: str = "text/plain"
    trays: list[Tray] = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # blocks that have no tray; drawn once
    seed: int = 0
    colour: bool = False

    @property
    def pictures(self) -> bool:
        """Whether items are pictures."""
        return self.media.startswith("image/")

    @property
    def ink(self) -> bool:
        """Whether pictures are ink, to be shown dark on paper."""
        return self.media.endswith(";ink")

    def request(self, *, names: bool = False) -> dict[str, Any]:
        """The keywords of the operation ``mix``."""
        made: dict[str, Any] = {"model": self.model}
        for tray in self.trays:
            made.update(tray.request(names=names))
        made.update({f"{name}_draw": 1 for name in self.others})
        return {**made, "seed": self.seed} if any(name.endswith("_draw") for name in made) else made


TRAYS = 4  # blocks that are laid out; a ladder may have more


def lay_out(studio: Studio, model: str) -> Table:
    """A table for a model, with some pieces of its own on it."""
    answer: Any = studio.run("blocks", model=model)
    names = {block["name"] for block in answer.blocks}
    # a label that stands for what another block says need not be chosen
    blocks = [block for block in answer.blocks if block["called"] not in names]
    # where there are too many, conditions that are drawn when they are not given go first
    able = sorted(blocks, key=lambda block: bool(block["condition"]) and not block["called"])[:TRAYS]
    left = [block["name"] for block in blocks if block not in able and not block["condition"]]
    table = Table(
        model,
        answer.media,
        [Tray(block, seed=number) for number, block in enumerate([b for b in blocks if b in able], 1)],
        left,
    )
    for tray in table.trays:
        tray.gallery = gallery(studio, table, tray)
    if len(table.trays) == 1:
        table.trays[0].add(table.trays[0].gallery[:2])
        table.trays[0].how, table.trays[0].count = "walk", 7
        return table
    for number, tray in enumerate(reversed(table.trays)):  # the last gives the columns, the one before it the rows
        tray.add(_spread(tray.gallery) if number < 2 else tray.gallery[:1])
    return table


def _spread(pieces: Sequence[Piece], count: int = 6) -> list[Piece]:
    """The first of few; of many some, evenly, of those whose names are words or letters where there are such."""
    if len(pieces) <= GALLERY:
        return list(pieces[:count])
    named = [piece for piece in pieces if piece.name.isalpha()] or list(pieces)
    return named[:: max(len(named) // count, 1)][:count]


def gallery(studio: Studio, table: Table, tray: Tray) -> list[Piece]:
    """What the model itself offers for a block: the values of an observed one; else its own drawings, all of one
    value where there is an observed block beside it, so that they can be compared."""
    if tray.values:
        return [Piece(value, value, value) for value in tray.values]
    observed = next((other for other in table.trays if other.values), None)
    if observed is None:
        answer: Any = studio.run("generate", model=table.model, n=GALLERY, seed=tray.seed)
        known = ""
    else:
        known = next((value for value in observed.values if value.isalpha()), observed.values[0])
        others = [other for other in table.trays if other not in (tray, observed) and not other.values]
        draws = {f"{other.name}_draw": 1 for other in others}
        draws |= {f"{name}_draw": 1 for name in table.others}
        values = {observed.name: [known], f"{tray.name}_draw": GALLERY, **draws}
        answer = studio.run("mix", model=table.model, seed=tray.seed, prior_scale=USUAL, **values)
    table.colour = any(getattr(item, "ndim", 2) == 3 for item in answer.items)
    kind = f"gallery-{tray.seed}"
    return [made_by(table, item, f"{kind}-{number}", known) for number, item in enumerate(answer.items, start=1)]


def made_by(table: Table, item: Any, name: str, known: str) -> Piece:
    """An item that the service gave, as a piece; ``known`` is what it shows, where that is known."""
    if not table.pictures:
        return Piece(str(item), str(item), str(item))
    content, file = item.png(), f"{name}.png"
    shown = _picture(table, content, known)
    return Piece(f"{known}={file}" if known else file, shown, picture_url(content), content)


def _picture(table: Table, content: bytes, known: str) -> Any:
    """A picture as the service is given it, with what it shows where that is known and the modality has a place for
    it; conditions that a recipe declares are no part of an item."""
    observed = next((tray for tray in table.trays if tray.values), None)
    part = observed is not None and bool(observed.block["called"])
    return {"image": content, observed.name: known} if observed and part and known else content


def picture_url(content: bytes) -> str:
    """A picture as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(content).decode()


def read(studio: Studio, table: Table, given: Sequence[tuple[str, Any]]) -> list[Piece]:
    """Names and items of the visitor's, as the model reads them; raises GenvaeError for what it cannot read. What an
    observed block is of an item that does not say it is recognised now, once."""
    try:
        answer: Any = studio.run("reconstruct", model=table.model, items=tuple(item for _, item in given))
    except GenvaeError as error:
        text = str(error)
        for name, item in given:  # a place on this machine says nothing to who sent the file
            text = text.replace(item, name) if isinstance(item, str) else text
        raise type(error)(text) from None
    if not table.pictures:
        return [Piece(str(item), str(item), str(item)) for item in answer.originals]
    observed = next((tray for tray in table.trays if tray.values), None)
    known = answer.values.get(observed.block["name"], []) if observed else []
    made = []
    for number, (original, (name, _)) in enumerate(zip(answer.originals, given, strict=True)):
        shows, content = known[number] if known else "", original.png()
        stem = name if name.lower().endswith(".png") else f"{Path(name).stem}.png"
        made.append(
            Piece(f"{shows}={stem}" if shows else stem, _picture(table, content, shows), picture_url(content), content)
        )
    return made


def uploaded(paths: Sequence[str]) -> list[tuple[str, Any]]:
    """Files that came through the browser, by their own names."""
    return [(Path(path).name, str(path)) for path in paths]


def drawn(data: Any, name: str) -> list[tuple[str, Any]]:
    """A drawing of the page's, a PNG data URL; raises DataError for anything else."""
    head, _, body = data.partition(",") if isinstance(data, str) else ("", "", "")
    if head != "data:image/png;base64" or len(body) > DRAWN:
        raise DataError("the drawing could not be read")
    try:
        return [(name, base64.b64decode(body, validate=True))]
    except binascii.Error:
        raise DataError("the drawing could not be read") from None


def archive(pieces: Sequence[Piece]) -> bytes:
    """The pictures of pieces as a ZIP file, under the names that the written lines use."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for piece in {piece.name: piece for piece in pieces if piece.content}.values():
            entry = zipfile.ZipInfo(piece.name.partition("=")[2] or piece.name)
            packed.writestr(entry, piece.content)
    return file.getvalue()
