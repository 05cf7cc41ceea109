"""What a run says while it goes: on standard error, live on a terminal, a line a validation elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@runtime_checkable
class Reporter(Protocol):
    """Where a run's messages go."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def begin(self, title: str, total: int, done: int) -> None:
        """A piece of work of ``total`` steps begins, or goes on after ``done``."""

    def advance(self, done: int, status: str) -> None:
        """``done`` steps are done; ``status`` is what to show beside the bar."""

    def end(self) -> None:
        """The piece of work has ended."""


class Silent:
    """Says nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def begin(self, title: str, total: int, done: int) -> None:
        """Show nothing."""

    def advance(self, done: int, status: str) -> None:
        """Show nothing."""

    def end(self) -> None:
        """Show nothing."""


class Terminal:
    """Progress for people, on standard error."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def say(self, text: str) -> None:
        """A line that stays above the bar."""
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def begin(self, title: str, total: int, done: int) -> None:
        """Show a bar, where there is a terminal to show it on."""
        if not self._live:
            return
        # imported where there is a bar to draw: rich is a tenth of the time a command takes to start
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[status]}"),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._progress.start()
        self._task = self._progress.add_task(title, total=total, completed=done, status="")

    def advance(self, done: int, status: str) -> None:
        """Move the bar."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, status=status)

    def end(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
