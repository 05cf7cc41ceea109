"""What a mix is asked for: from what each block of the latent is taken. Torch-free.

Every block has a name; so has what it is taken from. ``content=[a, b], style=[x, y]`` are two contents and two styles,
``style_steps=5`` walks from the first style to the last, ``style_weights=[0.3, 0.7]`` is their weighted mean,
``style_draw=4`` are four new ones from the prior. On the command line the same names are options.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genvae import settings
from genvae.asking import Items, as_items, model_setting, output_setting, seed_setting
from genvae.errors import SettingError
from genvae.settings import setting

SOURCES = 256  # most of what one block is taken from
EXAMPLES = 1_024  # most items of one block


def _one(value: Any) -> Any:
    """A number, from the command line as the text of one word."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        number = _number(value)
        return int(number) if isinstance(number, float) and number.is_integer() else number
    return value


def _number(text: Any) -> Any:
    """The number that a text spells; what spells none stays, for the check that names it."""
    try:
        return float(text) if isinstance(text, str) else text
    except ValueError:
        return text


def _flag(value: Any) -> Any:
    """An option without a value is true."""
    return True if value in ([], ()) else value


def _weights(value: Any) -> Any:
    """Numbers, or rows of them; from the command line as text."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_weights(entry) if isinstance(entry, list | tuple) else _number(entry) for entry in value]
    return value


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What one block is taken from; what is drawn comes after what is given."""

    items: tuple[Any, ...] = setting(
        (), help="one row an item; a list among them holds examples of one thing, whose evidence is pooled",
        convert=as_items, max_length=SOURCES,
    )  # fmt: skip
    pool: bool = setting(False, help="all items are examples of one thing", convert=_flag)
    weights: Any = setting(None, help="a number an item: their weighted mean; lists of numbers: a row each",
                           convert=_weights)  # fmt: skip
    steps: int | None = setting(None, help="a walk through the items, both ends counted", ge=2, le=1_000, convert=_one)
    draw: int = setting(0, help="that many from the prior", ge=0, le=1_000, convert=_one)


def by_block(given: Any) -> Any:
    """``{"style": items, "style_steps": 5}`` as ``{"style": {"items": items, "steps": 5}}``."""
    if not isinstance(given, Mapping):
        return given
    first, *others = settings.names(Taken)
    found: dict[str, dict[str, Any]] = {}
    for key, value in given.items():
        block, mark, last = str(key).replace("-", "_").rpartition("_")
        name, field = (block, last) if mark and block and last in others else (str(key), first)
        found.setdefault(name, {})[field] = value
    return found


@dataclass(frozen=True, kw_only=True)
class Mix:
    """Blocks of the latent from other items: the content of one in the style of another."""

    model: str = model_setting()
    items: tuple[Any, ...] = setting(
        (), help="what blocks are taken from that are not named: the mean of these", argument=True, convert=as_items,
        max_length=64,
    )  # fmt: skip
    blocks: dict[str, Any] = setting(
        {}, help="better by their names, --BLOCK ITEM ...: a row or column for each item; --BLOCK-pool: they are "
        "examples of one; --BLOCK-weights NUMBER ...: their weighted mean; --BLOCK-steps N: a walk through them; "
        "--BLOCK-draw N: new ones from the prior. As JSON: {\"style\": [\"a.png\"], \"style_steps\": 5}",
        keywords=True, convert=by_block,
    )  # fmt: skip
    weights: Any = setting(
        None, help='of items: a number each, or block name -> such, as JSON: {"style": [0, 1]}; default: equal weights'
    )
    path: str = setting("spherical", help="of a walk through the latent space", choices=("spherical", "linear"))
    prior_scale: float = setting(1.0, help="of what is drawn from the prior", ge=0.0, le=10.0)
    seed: int = seed_setting()
    output: str | None = output_setting()

    def taken(self) -> dict[str, Taken]:
        """What each named block is taken from; raises SettingError for what does not fit."""
        made = {name: settings.build(Taken, values, where=name) for name, values in self.blocks.items()}
        for name, taken in made.items():
            _check(name, taken)
        return made


def _check(name: str, taken: Taken) -> None:
    """Raise SettingError for what contradicts itself."""
    asked = [word for word in ("pool", "weights", "steps") if getattr(taken, word) not in (None, False)]
    if asked and not taken.items:
        raise SettingError(f"{name}_{asked[0]} needs items: {name} = items")
    if not taken.items and not taken.draw:
        raise SettingError(f"no items are given for the block {name!r}: {name} = items, or {name}_draw = how many")
    if len(asked) > 1:
        raise SettingError(f"{name}_{asked[0]} and {name}_{asked[1]} exclude each other")
    if taken.steps is not None and len(taken.items) < 2:
        raise SettingError(f"{name}_steps walks from item to item and needs at least 2; got {len(taken.items)}")
    if any(isinstance(entry, list | tuple) and not entry for entry in taken.items):
        raise SettingError(f"the block {name!r} has a list of examples that is empty")
    examples = sum(len(entry) if isinstance(entry, list | tuple) else 1 for entry in taken.items)
    if examples > EXAMPLES:
        raise SettingError(f"the block {name!r} has {examples:,} items; at most {EXAMPLES:,}")


@dataclass(frozen=True)
class Mixed(Items):
    """The mixes, and how many rows each named block had: ``items`` go through them in that order, the last fastest."""

    shape: dict[str, int] = field(default_factory=dict)

    def at(self, *place: int) -> Any:
        """The item at a place, a number a named block."""
        where = 0
        for number, count in zip(place, self.shape.values(), strict=True):
            where = where * count + number
        return self.items[where]
