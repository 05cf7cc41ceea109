"""The frame of commands that make something of real data in named steps, as a starter model is rebuilt."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from genvae.errors import GenvaeError

#: what a step is given: the folder of real data, and the folder that keeps what was made so far
Step = Callable[[Path, Path], object]


def in_steps(about: str, steps: Mapping[str, Step], arguments: Sequence[str] | None = None) -> None:
    """Take ``--data`` and ``--work`` and do the steps in their order, or the one that ``--only`` names.

    The first line of ``about`` says what the command does; a GenvaeError ends the program with its line.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of real data")
    parser.add_argument("--work", type=Path, required=True, help="a folder for what is made on the way")
    parser.add_argument("--only", choices=list(steps), help=f"one step of: {', '.join(steps)}")
    chosen = parser.parse_args(arguments)
    try:
        for name, step in steps.items():
            if chosen.only in (None, name):
                step(chosen.data, chosen.work)
    except GenvaeError as error:
        sys.exit(str(error))
