"""What requests and responses are made of, for operations of the engine and of plugins. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from genvae.errors import SettingError
from genvae.settings import plain, setting

MOST = 10_000  # items of one request


def as_items(value: Any) -> Any:
    """One item alone is a list of one."""
    return value if value is None or isinstance(value, list | tuple) else (value,)


class Response:
    """What an operation answers. ``result`` names the field that the Python method returns ('': a dict)."""

    result: ClassVar[str] = "items"

    def to_config(self) -> dict[str, Any]:
        """As plain data, for ``--json``."""
        return {name: listed(value) for name, value in vars(self).items()}

    def lines(self) -> list[str]:
        """For people."""
        return [str(item) for item in getattr(self, "items", ())]


def listed(value: Any) -> Any:
    """Arrays as lists, whatever they are in; what says itself how it is written (``to_config``), as it says."""
    if hasattr(value, "to_config"):
        return value.to_config()
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): listed(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [listed(entry) for entry in value]
    return plain(value)


def model_setting() -> Any:
    """The field of a request that names the model."""
    return setting(help="a starter's name, a folder or a hub id", argument=True)


def seed_setting() -> Any:
    """The field of a request that seeds its draws."""
    return setting(0, help="of every random draw: the same seed gives the same answer", ge=0, lt=2**63)


def output_setting() -> Any:
    """The field of a request whose items can be written into a file."""
    return setting(None, help="a file to write the items into: a sheet.png of pictures, a .txt, .csv or .json of text")


@dataclass(frozen=True)
class Items(Response):
    """Items, and the file they were written into, if any."""

    items: list[Any]
    output: str = ""

    def to_config(self) -> dict[str, Any]:
        """Without the name of a file that there is not."""
        return {name: value for name, value in super().to_config().items() if name != "output" or value}

    def lines(self) -> list[str]:
        """The items, or where they are."""
        return [f"{self.output}: {len(self.items):,} items"] if self.output else super().lines()


def as_conditions(value: Any) -> Any:
    """``{"form": "question"}``, or texts "form=question", as a dictionary."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    found: dict[str, Any] = {}
    for entry in value:
        name, mark, own = entry.partition("=") if isinstance(entry, str) else ("", "", "")
        if not name or not mark or not own:
            raise SettingError(f"a condition is given as NAME=VALUE, like form=question; got {entry!r}")
        if name in found:
            raise SettingError(f"the condition {name!r} is asked for twice")
        found[name] = own
    return found


def conditions_setting() -> Any:
    """The field of a request that asks for conditions."""
    return setting(
        {}, help="what the items are to be, NAME=VALUE ...; what is not asked for is drawn as the training items have "
        "it, and NAME=unknown leaves it to the model; `genvae blocks MODEL` lists names and values",
        convert=as_conditions, several=True, flags=("--condition",),
    )  # fmt: skip


def guidance_setting() -> Any:
    """The field of a request that says how much conditions count."""
    return setting(1.0, help="how much conditions count: above 1 more than the model has learned", ge=0.0, le=50.0)
