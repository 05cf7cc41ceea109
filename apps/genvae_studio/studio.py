"""What every page is given: the service, the model the pages open with, and how errors are told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genvae import settings
from genvae.asking import Response
from genvae.errors import CheckpointError, GenvaeError
from genvae.host import ModalityPart
from genvae.host.specs import resolve
from genvae.service import Service

log = logging.getLogger("genvae_studio")


class Studio:
    """The service and the default model, which is loaded in the background."""

    def __init__(self, service: Service, model: str) -> None:
        self.service = service
        self.model = model
        self._waking: threading.Thread | None = None

    def wake(self) -> None:
        """Load the default model in the background: the first click then need not wait for torch."""
        self._waking = threading.Thread(target=self._load, name="studio-wake", daemon=True)
        self._waking.start()

    def _load(self) -> None:
        try:
            self.service.run("generate", model=self.model, n=1)
        except Exception as error:  # whoever asks next meets it again and is told in the page
            log.info("the model %r could not be loaded: %s", self.model, error)

    def run(self, operation: str, /, **values: Any) -> Response:
        """The service's ``run``, once the default model is awake: two threads would import torch for one."""
        if self._waking is not None:
            self._waking.join()
        return self.service.run(operation, **values)

    def models(self, kind: str = "") -> list[str]:
        """Names to choose from: the studio's own model and every starter that can be read, of those whose items are of
        a kind ("text/", "image/")."""
        listed: list[dict[str, Any]] = getattr(self.run("models"), "items")  # noqa: B009 - of a response in general
        able = [str(entry["name"]) for entry in listed if _media(self._part(str(entry["modality"]))).startswith(kind)]
        return list(dict.fromkeys([self.opens_with(kind), *able]))

    def opens_with(self, kind: str, likes: Callable[[str], bool] = bool) -> str:
        """The model that a page of such items opens with: the studio's own, unless its items are known to be of
        another kind and there is a starter whose are; one that the page ``likes``, where there is one. No model is
        loaded for this."""
        own = self.media(self.model)
        starters = [part.id for part in self.service.host.parts("starter")] if own and not own.startswith(kind) else []
        able = [name for name in starters if self.media(name).startswith(kind)]
        return next(iter([*filter(likes, able), *able, self.model]))

    def media(self, name: str) -> str:
        """The MIME type of a model's items; '' of a model that is not on this machine or cannot be read."""
        return _media(self._modality(name))

    def renders_by(self, name: str, setting: str) -> bool:
        """Whether how a model's items are rendered has such a setting; a model that cannot be read yet may have it."""
        part = self._modality(name)
        if part is None:
            return True
        return bool(part.rendering) and setting in settings.names(resolve(part.rendering))

    def _modality(self, name: str) -> ModalityPart | None:
        """The modality of a model; None of a model that is not on this machine or cannot be read."""
        starter = any(part.id == name for part in self.service.host.parts("starter"))
        if not starter and not Path(name).expanduser().is_dir():
            return None
        try:
            answer: Any = self.service.run("models", name=name)
        except GenvaeError:
            return None
        return self._part(str(answer.items[0]["modality"]))

    def _part(self, modality: str) -> ModalityPart | None:
        parts = {part.id: part for part in self.service.host.parts("modality")}
        found = parts.get(modality)
        return found if isinstance(found, ModalityPart) else None

    def at_hand(self, name: str) -> None:
        """Refuse a model that is not on this machine: following a link must never fetch one from the hub."""
        if name not in self.models() and not Path(name).expanduser().is_dir():
            raise CheckpointError(
                f"the model {name!r} is not on this machine; to use a model from the hub, type its id under Model"
            )


def _media(part: ModalityPart | None) -> str:
    return part.media if part is not None else ""


def said(error: Exception) -> str:
    """One line for the page. What was not foreseen also goes to the terminal, with its traceback."""
    if isinstance(error, GenvaeError):
        return sentence(" ".join(str(error).split()))
    log.error("unforeseen, while answering the page", exc_info=error)
    return f"Something went wrong that nobody foresaw ({type(error).__name__}); the terminal says more."


def sentence(text: str) -> str:
    """The line as a sentence: a capital first where it is a word, and a full stop."""
    first, _, rest = text.partition(" ")
    if first.isalpha() and not rest.startswith("="):  # the name of a setting stays as it is
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else text + "."
