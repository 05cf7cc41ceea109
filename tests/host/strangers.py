"""Plugins by strangers: modules written to a folder, and the entry points that name them."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from genvae.host import Host, Record

_numbers = itertools.count()

HEAD = """
from genvae.host import ModalityPart, OperationPart, Part, SourcePart, hookimpl

genvae_api = "1.0"
"""

#: the engine's own parts and the first-party plugin, as they are installed
OWN = [
    EntryPoint(name="engine", value="genvae.parts", group="genvae"),
    EntryPoint(name="sentence", value="genvae_sentence.plugin", group="genvae"),
]

Stranger = Callable[..., EntryPoint]


def schedule(part_id: str, factory: str = "genvae.core.schedules:Linear") -> str:
    """The source of a plugin that registers one schedule."""
    return f"""{HEAD}
@hookimpl
def genvae_parts():
    return [Part(kind="schedule", id="{part_id}", factory="{factory}", summary="a stranger's")]
"""


def parts(expression: str) -> str:
    """The source of a plugin whose hook gives an expression."""
    return f"{HEAD}\n@hookimpl\ndef genvae_parts():\n    return {expression}\n"


def writer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Stranger:
    """A function that writes a plugin's module, under a name of its own, and gives its entry point."""
    monkeypatch.syspath_prepend(folder)

    def write(name: str, source: str) -> EntryPoint:
        module = f"stranger_{next(_numbers)}"
        (folder / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        return EntryPoint(name=name, value=module, group="genvae")

    return write


def record(host: Host, name: str) -> Record:
    """The one record of a plugin."""
    (found,) = [r for r in host.records if r.name == name]
    return found
