"""The trainings of image_likelihood, each one process that ends in time: for a GPU that is lent for minutes.

    python -m benchmarks.image.mnist_job NAME --device cuda --seconds 400 --out FOLDER [--data FOLDER] [--steps N]

NAME is mlp, ladder or ladderflat. FOLDER gets NAME.json and the models as folders. With --steps so many steps are
trained and little is evaluated, to see that everything runs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

BEGAN = time.time()
REPLAY = "GENVAE_REPLAY"  # 0: steps are not recorded as CUDA graphs

from benchmarks.image import checkout  # noqa: E402, F401 - first of all; the clock runs from the start
from benchmarks.image.arrays import Pictures, parts  # noqa: E402
from benchmarks.image.bounding import binary, likelihood  # noqa: E402
from benchmarks.image.clocked import Trained, recipe_of, train  # noqa: E402
from benchmarks.image_likelihood import ROWS  # noqa: E402
from genvae.host import default_host  # noqa: E402
from genvae.recipe import Recipe  # noqa: E402

SHARES = {"mlp": 0.2, "mlp, importance weighted": 0.22, "mlp, learned prior": 0.33}  # of the time


class Job:
    """What a job is told, and where its figures go: the file is whole at any time."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.name: str = arguments.name
        self.device = torch.device(arguments.device)
        self.data: Path | None = arguments.data
        self.out: Path = arguments.out
        self.steps: int | None = arguments.steps
        self.end = BEGAN + arguments.seconds
        self.seconds: float = arguments.seconds
        self.replay = os.environ.get(REPLAY, "1") != "0"
        self.host = default_host()
        self.figures: dict[str, Any] = {"job": self.name, "device": self._device(), "torch": torch.__version__}
        self.out.mkdir(parents=True, exist_ok=True)

    def _device(self) -> str:
        return torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu"

    def say(self, text: str) -> None:
        """A line with the time."""
        print(f"[{self.name} {time.time() - BEGAN:6.1f} s] {text}", flush=True)

    def keep(self, name: str, figures: dict[str, Any]) -> None:
        """Add figures to the job's file."""
        self.figures[name] = figures
        staged = self.out / f".{self.name}.json"
        staged.write_text(json.dumps(self.figures, indent=1) + "\n", encoding="utf-8")
        staged.replace(self.out / f"{self.name}.json")
        self.say(f"{name}: " + json.dumps({key: value for key, value in figures.items() if key != "curve"}))

    def train(self, name: str, recipe: Recipe, pictures: Pictures, share: float, keep: bool = True) -> Trained:
        """Train for a share of the time, keep the training's figures, and the model where it is wanted."""
        seconds = min(share * self.seconds, self.end - time.time() - 10)
        if self.device.type == "cpu":
            recipe.set(["training.precision=float32"])  # convolutions in bfloat16 crawl on most processors
        made = train(
            recipe, pictures, name=name, seconds=seconds, seed=0, device=self.device,
            say=self.say, most=self.steps, replay=self.replay,
            about={"command": f"python -m benchmarks.image.mnist_job {self.name} --seconds {self.seconds:g}"},
        )  # fmt: skip
        if keep:
            made.save(self.out / folder_of(name))
        self.keep(name, made.figures())
        return made


def folder_of(name: str) -> str:
    """The folder of a row's model."""
    return name.replace(", ", "-").replace(" ", "-")


# -- likelihood ----------------------------------------------------------------------------------


def mlp(job: Job) -> None:
    """The fully connected rows."""
    learnt, tested = parts("mnist", job.data)
    samples, count = (5000, len(tested)) if job.steps is None else (5, 200)
    for number, (name, share) in enumerate(SHARES.items()):
        _, recipe, changes, _ = ROWS[name]
        made = job.train(name, recipe_of(recipe, job.host, changes), learnt, share, keep="weighted" not in name)
        values = binary(torch.from_numpy(np.array(tested.images[:count]))[:, None].to(job.device))
        left = (job.end - time.time() - 5) - sum(list(SHARES.values())[number + 1 :]) * job.seconds
        until = time.time() + left / (len(SHARES) - number)
        few = 200 if job.steps is None else 2
        job.keep(f"{name}, bound", likelihood(made.vae, values, samples=samples, at_once=5000, until=until, few=few))


def ladder(job: Job) -> None:
    """The convolutional ladder, or ("ladderflat") the fully connected one."""
    flat = job.name == "ladderflat"
    name = "ladder, flat" if flat else "ladder"
    learnt, tested = parts("mnist", job.data)
    made = job.train(name, recipe_of(ROWS[name][1], job.host), learnt, 0.7)
    count, few, samples, at_once = (len(tested), 50, 1000, 500 if flat else 2500)
    if job.steps is not None:
        count, few, samples, at_once = 20, 1, 2, 10
    values = binary(torch.from_numpy(np.array(tested.images[:count]))[:, None].to(job.device))
    found = likelihood(made.vae, values, samples=samples, at_once=at_once, until=job.end - 8, few=few)
    job.keep(f"{name}, bound", found)


JOBS: dict[str, Callable[[Job], None]] = {"mlp": mlp, "ladder": ladder, "ladderflat": ladder}


def main() -> None:
    """One job; where a recorded step does not work, the whole of it again without."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=tuple(JOBS))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=400.0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path(".gpu") if Path(".gpu/mnist.xz").is_file() else None)
    parser.add_argument("--steps", type=int, default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(1 if arguments.device != "cpu" else torch.get_num_threads())
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    job = Job(arguments)
    try:
        JOBS[arguments.name](job)
        job.say("done")
    except Exception:
        traceback.print_exc()
        left = job.end - time.time()
        if not job.replay or left < 60:
            raise
        job.say("once more, no step recorded")
        command = [sys.executable, "-m", "benchmarks.image.mnist_job", *sys.argv[1:], "--seconds", f"{left:.0f}"]
        os.execve(sys.executable, command, {**os.environ, REPLAY: "0"})


if __name__ == "__main__":
    main()
