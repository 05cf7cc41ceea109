"""What every page is given: the service, the model the pages open with, and how errors are told."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from genvae.errors import CheckpointError, GenvaeError
from genvae.operations import Response
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

    def models(self) -> list[str]:
        """Names to choose from: the page's own model and every starter that can be read."""
        listed: list[dict[str, Any]] = getattr(self.run("models"), "items")  # noqa: B009 - of a response in general
        return list(dict.fromkeys([self.model, *(str(entry["name"]) for entry in listed)]))

    def at_hand(self, name: str) -> None:
        """Refuse a model that is not on this machine: following a link must never fetch one from the hub."""
        if name not in self.models() and not Path(name).expanduser().is_dir():
            raise CheckpointError(
                f"the model {name!r} is not on this machine; to use a model from the hub, type its id under Model"
            )


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
