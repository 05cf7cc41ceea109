"""What a typeface is completed from, and what comes of it. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genvae.asking import Items, listed, model_setting, output_setting
from genvae.errors import SettingError
from genvae.settings import setting


def as_examples(value: Any) -> Any:
    """``{"A": picture}``, or pairs of letter and picture, or texts "A=a.png", as pairs."""
    if isinstance(value, Mapping):
        return tuple((str(letter), picture) for letter, picture in value.items())
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    return tuple(_pair(entry) for entry in value)


def _pair(entry: Any) -> tuple[str, Any]:
    if isinstance(entry, tuple | list) and len(entry) == 2:
        return str(entry[0]), entry[1]
    letter, mark, picture = entry.partition("=") if isinstance(entry, str) else ("", "", "")
    if not letter or not mark or not picture:
        said = entry if isinstance(entry, str) else type(entry).__name__
        raise SettingError(f"an example is a letter and its picture, like A=a.png or {{'A': picture}}; got {said!r}")
    return letter, picture


def as_letters(value: Any) -> Any:
    """Letters one after the other, or a list of them, as one text without repetition."""
    if isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value):
        value = "".join(value)
    return "".join(dict.fromkeys(value)) if isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True)
class Complete:
    """All letters of a typeface, drawn in the style of a few."""

    model: str = model_setting()
    examples: tuple[Any, ...] = setting(
        (), help="letters and their pictures, A=a.png B=b.png ...: dark on bright or bright on dark, of any size",
        convert=as_examples, several=True, max_length=1_024,
    )  # fmt: skip
    letters: str | None = setting(
        None, help="the letters to draw; default: all that the model knows. With --font: those that are taken from it, "
        "and all are drawn", convert=as_letters,
    )  # fmt: skip
    font: str | None = setting(None, help="a font file (TTF, OTF) whose letters are the examples; default: all it has")
    redraw: bool = setting(False, help="the given letters are drawn by the model, too, and not kept as they are")
    family: str = setting("Completed", help="the name of a font that is written")
    output: str | None = output_setting()


@dataclass(frozen=True)
class Completed(Items):
    """A picture for each letter, and the file they were written into, if any."""

    result = "letters"
    letters: dict[str, Any] = field(default_factory=dict)

    def to_config(self) -> dict[str, Any]:
        """The pictures by their letters, and the file."""
        return {"letters": listed(self.letters), **({"output": self.output} if self.output else {})}

    def lines(self) -> list[str]:
        """Where they are; without a file each letter, drawn by characters."""
        if self.output:
            return [f"{self.output}: {len(self.letters)} letters"]
        return [line for letter, picture in self.letters.items() for line in (f"{letter}:", str(picture))]
