"""The frame of commands that make something of real data in named steps, as a starter model is rebuilt."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genvae.data.read import Location
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


def trained(recipe: Path, data: Location, work: Path, about: Mapping[str, Any]) -> None:
    """A model by a recipe's file, in the work folder's ``model``; a run that was stopped goes on."""
    from genvae.host import default_host
    from genvae.progress import Terminal
    from genvae.recipe import Recipe
    from genvae.training.run import train

    output = work / "model"
    train(
        Recipe.of(str(recipe), default_host()), data, output, resume=(output / "run").is_dir(), reporter=Terminal(),
        about=dict(about),
    )  # fmt: skip


def shipped(
    name: str, work: Path, folder: Path, title: str, asked: Mapping[str, Any], about: Mapping[str, Any],
    dtype: str = "float16",
) -> None:  # fmt: skip
    """Write the work folder's model into ``folder`` in ``dtype`` and evaluate what ships, by ``asked``, once: the
    figures stay in the work folder. The card has them under ``title``, and what is new of it in ``about``."""
    from genvae.progress import Terminal
    from genvae.service import Service
    from genvae.store.bundle import save

    bundle = Service().bundle(str(work / "model"))
    bundle.name, bundle.about = name, {**bundle.about, **about, "scores": {}}
    save(bundle, folder, dtype=dtype)
    kept = work / "figures.json"
    if not kept.exists():
        answer = Service(reporter=Terminal()).run("evaluate", model=str(folder), **asked)
        kept.write_text(json.dumps(answer.to_config()), encoding="utf-8")
    options = " ".join(f"--{option} {value}" for option, value in asked.items())
    figures = json.loads(kept.read_text(encoding="utf-8"))
    bundle.about["scores"][title] = {"command": f"genvae evaluate {name} {options}", **figures}
    save(bundle, folder, dtype=dtype)
