"""The operation ``complete``: a typeface from a few of its letters, as pictures, a sheet, a drawing or a font file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genvae.context import Context
from genvae.core.randomness import Stream
from genvae.data.modality import Example
from genvae.errors import DataError, LacksCapability, SettingError
from genvae.latent.complete import completed, told_apart_by
from genvae.latent.output import Output
from genvae.latent.tools import Tools
from genvae.store.whole import check_place, write_whole
from genvae_image_style.completing import Complete, Completed
from genvae_image_style.fonts import LETTERS, open_face, polarity, render_font, to_font, to_svg
from genvae_image_style.modality import Image
from genvae_image_style.picture import Picture

COLUMNS = 13  # of a sheet
DRAWING, FONT = ".svg", ".ttf"


def complete(context: Context, request: Complete) -> Completed:
    """Every letter in the style of the given ones. Raises GenvaeError, before anything is drawn, for examples that are
    no letters, a font without the letters, or a file that cannot be written."""
    tools = Tools(context)
    modality = context.bundle.modality
    if not isinstance(modality, Image):
        what = context.bundle.modality_id
        raise LacksCapability(f"complete draws letters; {context.bundle.name!r} is a model of the modality {what!r}")
    told_apart_by(tools)
    if request.letters == "":
        raise SettingError("letters = '' names none; leave it out for all that the model knows")
    write = _writer(modality, request)
    given = _given(request, modality)
    examples = {letter: _read(modality, item) for letter, item in given.items()}
    letters = request.letters
    if letters is None or request.font is not None:
        letters = "".join(sorted(modality.contents, key=_place))
    kept = {} if request.redraw else {letter: modality.item(example) for letter, example in examples.items()}
    wanted = [letter for letter in letters if letter not in kept]
    drawn = completed(tools, list(given.values()), wanted, Stream(0, "complete"))
    made = {**kept, **dict(zip(wanted, drawn, strict=True))}
    made = {letter: Picture(made[letter]) for letter in letters}
    return Completed(list(made.values()), write(made), made)


def _given(request: Complete, modality: Image) -> dict[str, dict[str, Any]]:
    """The examples as items, by their letters."""
    if request.font is not None and request.examples:
        raise SettingError("give examples or a font, not both")
    if request.font is not None:
        path = Path(request.font).expanduser()
        letters = request.letters
        if letters is None:
            known = open_face(path).known
            letters = "".join(letter for letter in modality.contents if letter in known)
            if not letters:
                raise DataError(
                    f"{path.name} has none of the letters that the model knows: {''.join(modality.contents)}"
                )
        _check(letters, modality)
        pictures: Mapping[str, Any] = render_font(path, letters, modality.size)
    else:
        pictures = dict(request.examples)
        if len(pictures) < len(request.examples):
            raise SettingError("a letter is given twice; one picture for each letter")
        _check(list(pictures), modality)
    if not pictures:
        raise DataError("no examples are given: a letter and its picture, like --examples A=a.png, or a --font")
    return {letter: {"image": picture, "content": letter} for letter, picture in pictures.items()}


def _place(letter: str) -> tuple[int, str]:
    """A-Z, a-z and 0-9 in this order, then what else there is."""
    return (LETTERS.index(letter) if letter in LETTERS else len(LETTERS)), letter


def _read(modality: Image, item: dict[str, Any]) -> Example:
    try:
        return modality.example(item)
    except DataError as error:
        raise DataError(f"the example {item['content']}: {error}") from None


def _check(letters: str | list[str], modality: Image) -> None:
    for letter in letters:
        if letter not in modality.contents:
            raise SettingError(f"{letter!r} is none of the letters that the model knows: {''.join(modality.contents)}")


def _writer(modality: Image, request: Complete) -> Any:
    """What writes the letters into the asked file and gives its name."""
    ending = Path(request.output).suffix.lower() if request.output else ""
    if ending not in (DRAWING, FONT):
        if ending and ending not in modality.endings:
            known = ", ".join((*modality.endings, DRAWING, FONT))
            raise SettingError(f"output = {request.output!r} must end in one of: {known}")
        output = Output(modality, request.output)
        return lambda made: output.write(list(made.values()), COLUMNS)
    path = Path(str(request.output)).expanduser()
    check_place(path, "output")

    def write(made: Mapping[str, Picture]) -> str:
        made = _inked(made)
        if ending == FONT:
            return str(to_font(made, path, request.family))
        write_whole(path, to_svg(made, COLUMNS).encode(), "output")
        return str(path)

    return write


def _inked(made: Mapping[str, Picture]) -> Mapping[str, Picture]:
    """The letters bright on dark, as outlines are looked for: a model that learned dark ones on white draws them so."""
    bright = [polarity(picture) for picture in made.values()]
    return made if 2 * sum(bright) >= len(bright) else {letter: Picture(255 - p) for letter, p in made.items()}
