"""Ctrl-C: a run ends where it can be resumed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from genvae.errors import GenvaeError


class Interrupted(GenvaeError):
    """Ctrl-C: the run was saved and can be resumed."""


class Interrupt:
    """Whether somebody asked for the end."""

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """The first Ctrl-C ends the run after the step it is in; the second ends it at once."""

        def ask(number: int, frame: Any) -> None:
            # nothing is said here: the signal may have come in the middle of a message
            if self.asked:
                raise KeyboardInterrupt
            self.asked = True

        try:
            before = signal.signal(signal.SIGINT, ask)
        except ValueError:  # not the main thread: nobody to interrupt it
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
