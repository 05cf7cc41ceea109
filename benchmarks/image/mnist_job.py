"""The trainings of the picture benchmarks, each one process that ends in time: for a GPU that is lent for minutes.

    python -m benchmarks.image.mnist_job NAME --device cuda --seconds 400 --out FOLDER [--data FOLDER] [--steps N]

NAME is split-0, split-1 ... (mnist-split with that seed, and the plain VAE beside it), mlp, ladder, or more (the cures
on Fashion-MNIST, emoji, letters of 64 x 64). FOLDER gets NAME.json and the models as folders. With --steps so many
steps are trained and little is evaluated, to see that everything runs.
"""

from __future__ import annotations

import argparse
import json
import math
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

from benchmarks.image.arrays import Held, Pictures, parts  # noqa: E402 - the clock runs from the start
from benchmarks.image.bounding import binary, likelihood  # noqa: E402
from benchmarks.image.clocked import Trained, modality_of, recipe_of, train  # noqa: E402
from genvae.evaluation.probes import probe  # noqa: E402
from genvae.host import default_host  # noqa: E402

MLP_ROWS = {  # recipe, changes, share of the time
    "mlp": ("mnist-mlp", (), 0.2),
    "mlp, importance weighted": ("mnist-mlp", ("objective={objective: importance-weighted, samples: 8}",), 0.22),
    "mlp, learned prior": ("mnist-mlp-learned-prior", (), 0.33),
}
CURES = {  # recipe is "fashion"; changes
    "before": (),
    "likelihood": ("architecture.likelihood={likelihood: discretised-logistic-mixture}",),
    "ladder": (
        "architecture={architecture: image-ladder, network: convolutional, sides: [14, 7, 4], latents: [4, 8, 16], "
        "width: 48}", "prior={prior: ladder, width: 48}", "posterior={posterior: ladder, width: 48}",
    ),
    "prior": ("prior={prior: autoregressive, hidden: 256}",),
    "all": (
        "architecture={architecture: image-ladder, network: convolutional, sides: [14, 7, 4], latents: [4, 8, 16], "
        "width: 48, likelihood: {likelihood: discretised-logistic-mixture}}",
        "prior={prior: ladder, width: 48}", "posterior={posterior: ladder, width: 48}",
    ),
}  # fmt: skip


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

    def train(self, name: str, recipe: str, pictures: Pictures, share: float, seed: int = 0,
              changes: tuple[str, ...] = (), replay: bool = False, keep: bool = True) -> Trained:  # fmt: skip
        """Train for a share of the time, keep the training's figures, and the model where it is wanted."""
        seconds = min(share * self.seconds, self.end - time.time() - 10)
        if self.device.type == "cpu":
            changes = (*changes, "training.precision=float32")  # convolutions in bfloat16 crawl on most processors
        made = train(
            recipe_of(recipe, self.host, changes), pictures, name=name, seconds=seconds, seed=seed, device=self.device,
            say=self.say, most=self.steps, replay=replay and self.replay,
            about={"command": f"python -m benchmarks.image.mnist_job {self.name} --seconds {self.seconds:g}"},
        )  # fmt: skip
        if keep:
            made.save(self.out / folder_of(name))
        self.keep(name, made.figures())
        return made


def folder_of(name: str) -> str:
    """The folder of a row's model."""
    return name.replace(", ", "-").replace(" ", "-")


# -- split ---------------------------------------------------------------------------------------


def split(job: Job) -> None:
    """The split with a seed, and the plain VAE of twenty numbers; errors of both, and a first look at the codes. What
    the table holds is measured from the saved models, by genvae's own measures."""
    seed = int(job.name.partition("-")[2] or 0)
    learnt, tested = parts("mnist", job.data)
    for name, recipe, share in ((f"split-{seed}", "mnist-split", 0.6), (f"plain-{seed}", "mnist-plain", 0.25)):
        made = job.train(name, recipe, learnt, share, seed=seed, replay=recipe == "mnist-plain",
                         keep=recipe == "mnist-split")  # fmt: skip
        job.keep(f"{name}, test", job.figures.get(f"{name}, test", {}) | coded(made, tested, job))


@torch.no_grad()
def coded(made: Trained, tested: Pictures, job: Job) -> dict[str, Any]:
    """Errors and rates on the test part from single pictures, and what a probe reads."""
    modality = modality_of(made.bundle.recipe, tested)
    tested = tested.take(slice(2000)) if job.steps is not None else tested
    held = Held(modality, tested, job.device)
    squared = absolute = distortion = 0.0
    rates: dict[str, float] = {}
    codes: dict[str, list[Any]] = {}
    for batch in held.in_order(1000):
        draw = made.vae.infer(batch)
        blocks = [block for block in made.vae.blocks if block.name in draw.posteriors]
        gap = made.vae.likelihood.mean(made.vae.decoder(draw.latents, batch).float()) - batch.views["target"]
        squared += float(gap.square().mean((1, 2, 3)).sum())
        absolute += float(gap.abs().mean((1, 2, 3)).sum())
        distortion += float(made.vae.distortion(draw.latents, batch).sum())
        for block in blocks:
            rates[block.name] = rates.get(block.name, 0.0) + float(draw.rate(block).sum())
            codes.setdefault(block.name, []).append(draw.latents[block.name].flatten(1).double().cpu().numpy())
    count = len(tested)
    figures: dict[str, Any] = {"rmse": math.sqrt(squared / count), "l1": absolute / count,
                               "distortion_at_mean": distortion / count}  # fmt: skip
    figures |= {f"rate/{name}": value / count for name, value in rates.items()}
    keys = [picture.tobytes() for picture in tested.images]
    for name, several in codes.items():
        figures[f"digit from {name}"] = probe(np.concatenate(several), tested.content.tolist(), keys).accuracy
    return figures


# -- likelihood ----------------------------------------------------------------------------------


def mlp(job: Job) -> None:
    """The fully connected rows."""
    learnt, tested = parts("mnist", job.data)
    samples, count = (5000, len(tested)) if job.steps is None else (5, 200)
    for number, (name, (recipe, changes, share)) in enumerate(MLP_ROWS.items()):
        made = job.train(name, recipe, learnt, share, changes=changes, replay=True, keep="weighted" not in name)
        values = binary(torch.from_numpy(np.array(tested.images[:count]))[:, None].to(job.device))
        left = (job.end - time.time() - 5) - sum(row[2] for row in list(MLP_ROWS.values())[number + 1 :]) * job.seconds
        until = time.time() + left / (len(MLP_ROWS) - number)
        few = 200 if job.steps is None else 2
        job.keep(f"{name}, bound", likelihood(made.vae, values, samples=samples, at_once=2500, until=until, few=few))


def ladder(job: Job) -> None:
    """The convolutional ladder."""
    learnt, tested = parts("mnist", job.data)
    made = job.train("ladder", "mnist-ladder", learnt, 0.7, replay=True)
    count, few, samples, at_once = (len(tested), 50, 1000, 1000) if job.steps is None else (20, 1, 2, 10)
    values = binary(torch.from_numpy(np.array(tested.images[:count]))[:, None].to(job.device))
    until = job.end - 8
    found = likelihood(made.vae, values, samples=samples, at_once=at_once, until=until, few=few, halved=False)
    job.keep("ladder, bound", found)


# -- the rest ------------------------------------------------------------------------------------


def more(job: Job) -> None:
    """The cures, emoji, and letters of 64 x 64."""
    emoji, _ = parts("emoji", job.data)
    job.train("emoji", "emoji-split", emoji, 0.27)
    fashion, _ = parts("fashion", job.data)
    for name, changes in CURES.items():
        job.train(f"fashion-{name}", "fashion", fashion, 0.09 if name not in ("ladder", "all") else 0.12,
                  changes=changes)  # fmt: skip
    letters, _ = parts("letters", job.data)
    job.train("letters64", "letters64-split", letters, 0.12)


JOBS: dict[str, Callable[[Job], None]] = {"split": split, "mlp": mlp, "ladder": ladder, "more": more}


def main() -> None:
    """One job; where a recorded step does not work, the whole of it again without."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=400.0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path(".gpu") if Path(".gpu/mnist.xz").is_file() else None)
    parser.add_argument("--steps", type=int, default=None)
    arguments = parser.parse_args()
    kind = arguments.name.partition("-")[0]
    if kind not in JOBS:
        parser.error(f"no job {arguments.name!r}; there are: split-0, split-1 ..., mlp, ladder, more")
    torch.set_num_threads(1 if arguments.device != "cpu" else torch.get_num_threads())
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    job = Job(arguments)
    try:
        JOBS[kind](job)
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
