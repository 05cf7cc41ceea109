"""The models of the picture benchmarks: those that lie in a folder, the others trained into it.

``trained`` does as ``genvae train RECIPE`` does: so many steps, and a run that was stopped goes on. ``jobs`` is for a
GPU that is lent for minutes: one process a job, by the clock.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

RECIPES = Path(__file__).parents[2] / "plugins" / "genvae_image_style" / "recipes"


def command(about: str, rows: Iterable[str] = ()) -> argparse.ArgumentParser:
    """The command line of a benchmark of models: their folder, the device, and one of its rows where it has names."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("runs/image"), help="folder of the models")
    if names := tuple(rows):
        parser.add_argument("--only", metavar="ROW", choices=names, help="one row alone")
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto")
    return parser


def named_device(name: str) -> str:
    """cpu or cuda, where it is left to us."""
    if name != "auto":
        return name
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def trained(recipe: str, data: Path, folder: Path, *, changes: Sequence[str] = (), device: str = "auto") -> Path:
    """See that the model of a recipe lies in a folder, and give the folder back; ends the program where it fails."""
    from genvae.errors import GenvaeError
    from genvae.progress import Terminal
    from genvae.service import Service

    if (folder / "manifest.json").is_file():
        return folder
    try:
        Service(reporter=Terminal()).run(
            "train", target=str(RECIPES / f"{recipe}.yaml"), data=str(data), output=str(folder), set=list(changes),
            resume=(folder / "run").is_dir(), device=device,
        )  # fmt: skip
    except GenvaeError as error:
        sys.exit(f"{folder.name}: {error}")
    return folder


def training_of(folder: Path) -> dict[str, Any]:
    """What a training was: its steps, the pictures they read, the seconds they took, and which step was the best."""
    states = sorted((folder / "run" / "checkpoints").glob("step-*/state.json"))
    if not states:  # the model alone was brought here
        return {}
    state = json.loads(states[-1].read_text(encoding="utf-8"))
    return {"steps": state["step"], "best_step": state["best_step"], "pictures": state["items"],
            "seconds": round(state["seconds"], 1)}  # fmt: skip


def jobs(names: Sequence[str], folder: Path, device: str, seconds: float) -> Path:
    """See that the jobs' figures lie in the folder, and give it back; ends the program where one fails."""
    for name in names:
        if (folder / f"{name}.json").is_file():
            continue
        command = [sys.executable, "-m", "benchmarks.image.mnist_job", name, "--device", device,
                   "--seconds", str(seconds), "--out", str(folder)]  # fmt: skip
        print(" ".join(command[1:]), flush=True)
        if subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode:
            sys.exit(f"{name} failed")
    return folder
