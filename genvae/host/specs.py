"""Specs: what a plugin says about its parts before anything heavy is imported."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from genvae import settings
from genvae.errors import PluginError, SettingError, nearest

KINDS: dict[str, str] = {
    "modality": "a kind of item: how it is read, encoded, batched and shown",
    "architecture": "encoder and decoder networks for a modality",
    "posterior": "q(z|x)",
    "prior": "p(z)",
    "likelihood": "p(x|z)",
    "objective": "what training minimises, in nats per item",
    "term": "an addition to an objective's loss",
    "schedule": "a number as a function of the step",
    "corruption": "noise on what the networks read in training",
    "condition": "what may be known of an item, and asked for",
    "labeller": "rules that say what an item is, without a model",
    "measure": "figures about a trained model",
    "source": "where data comes from",
    "operation": "something that can be asked of the service",
    "starter": "a trained model that ships with a plugin",
    "app": "a program on top of the service",
    "page": "a page of the studio",
}

#: what the factory of a part has, for its kind; where nothing is said, it is called
METHODS: dict[str, tuple[str, ...]] = {
    "modality": ("select", "fit", "restore", "recipe"),
    **dict.fromkeys(("architecture", "posterior", "prior", "likelihood", "objective", "term"), ("build",)),
    "schedule": ("at",),
    "condition": ("fit", "restore"),
}

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def resolve(path: str) -> Any:
    """The object that "package.module:attribute" names; imports the module."""
    module, _, attribute = path.partition(":")
    target: Any = importlib.import_module(module)
    for name in attribute.split("."):
        target = getattr(target, name)
    return target


@dataclass(frozen=True, kw_only=True)
class Part:
    """One registered part. ``factory`` is "package.module:attribute" and is imported on first use."""

    kind: str
    id: str
    factory: str
    summary: str
    version: int = 1
    modality: str = ""  # the one modality this part is for; "": any

    #: attributes that hold lazy paths; checked for form now, imported by `genvae plugins check`
    lazy: ClassVar[tuple[str, ...]] = ("factory",)
    #: those among them that the command line derives from: torch-free dataclasses, imported with the plugin
    light: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise PluginError(f"unknown kind of part {self.kind!r}; {nearest(self.kind, KINDS)}")
        if not _ID.fullmatch(self.id):
            raise PluginError(f"{self.kind} id {self.id!r} must be lower-case words joined by '-'")
        for name in self.lazy:
            path = getattr(self, name)
            if path and not _FACTORY.fullmatch(path):
                raise PluginError(f"{self.kind} {self.id!r}: {name} {path!r} must be 'package.module:attribute'")

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.id

    def load(self) -> Any:
        """Import and return what ``factory`` names."""
        return resolve(self.factory)


@dataclass(frozen=True, kw_only=True)
class ModalityPart(Part):
    """A modality; ``rendering`` names the torch-free settings of how latents become items again, and ``media`` is the
    MIME type in which an app shows its items and takes them: text/plain, or image/png for what has a method ``png``."""

    kind: str = "modality"
    rendering: str = ""
    media: str = "text/plain"
    lazy: ClassVar[tuple[str, ...]] = ("factory", "rendering")
    light: ClassVar[tuple[str, ...]] = ("rendering",)

    def options(self, values: Mapping[str, Any]) -> Any:
        """The rendering settings of some values, None where the modality has none; raises SettingError for one that it
        does not have."""
        if self.rendering:
            return settings.build(resolve(self.rendering), values, where=f"rendering of {self.id}")
        if values:
            raise SettingError(f"{self.id} has no rendering settings: leave out {', '.join(values)}")
        return None


@dataclass(frozen=True, kw_only=True)
class OperationPart(Part):
    """An operation: a frozen request (torch-free module), a handler (``factory``) and its response.

    The service method, the command and the "equivalent Python" line all derive from ``request``.
    """

    kind: str = "operation"
    request: str
    examples: tuple[str, ...] = ()
    model: bool = True  # the request's first field names a model
    renders: bool = False  # takes the modality's rendering settings beside the request's own
    lazy: ClassVar[tuple[str, ...]] = ("factory", "request")
    light: ClassVar[tuple[str, ...]] = ("request",)


@dataclass(frozen=True, kw_only=True)
class SourcePart(Part):
    """A data source and the file endings it claims (".csv"; ".gz" may follow each).

    ``folder`` says that it also reads a folder in one call, with all that lies under it; where it does not, a folder's
    files are read one by one and put below each other.
    """

    kind: str = "source"
    endings: tuple[str, ...] = ()
    folder: bool = False


#: kinds whose parts say more than a Part does
SPECS: dict[str, type[Part]] = {"modality": ModalityPart, "operation": OperationPart, "source": SourcePart}
