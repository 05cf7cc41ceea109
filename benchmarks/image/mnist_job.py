"""The trainings of the picture benchmarks, each one process that ends in time: for a GPU that is lent for minutes.

    python -m benchmarks.image.mnist_job NAME --device cuda --seconds 400 --out FOLDER [--data FOLDER] [--steps N]

NAME is split-0, split-1 ... (mnist-split with that seed, and for a tenth of the time the plain VAE), plain-0 ... (that
alone, for the whole time), splitconv-0 ... (by convolutions), mlp, ladder, ladderflat, or more (the cures on
Fashion-MNIST, emoji, letters of 64 x 64). FOLDER gets NAME.json and the models as folders. With --steps so many steps
are trained and little is evaluated, to see that everything runs.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

BEGAN = time.time()
REPLAY = "GENVAE_REPLAY"  # 0: steps are not recorded as CUDA graphs

from benchmarks.image import checkout  # noqa: E402, F401 - first of all; the clock runs from the start
from benchmarks.image.arrays import Pictures, parts  # noqa: E402
from benchmarks.image.bounding import binary, likelihood  # noqa: E402
from benchmarks.image.clocked import Trained, modality_of, recipe_of, train  # noqa: E402
from benchmarks.image.looks import look  # noqa: E402
from genvae.host import default_host  # noqa: E402
from genvae.recipe import Recipe  # noqa: E402

MLP_ROWS = {  # recipe, changes, share of the time
    "mlp": ("mnist-mlp", (), 0.2),
    "mlp, importance weighted": ("mnist-mlp", ("objective={objective: importance-weighted, samples: 8}",), 0.22),
    "mlp, learned prior": ("mnist-mlp-learned-prior", (), 0.33),
}
LADDER = (
    "architecture={architecture: image-ladder, latents: [32, 16, 8], hidden: [512, 256, 128]}",
    "prior={prior: ladder, layers: 1}", "posterior={posterior: ladder, layers: 1}",
)  # fmt: skip
CALIBRATED = "architecture.likelihood={likelihood: gaussian, sigma: optimal}"
CURES: dict[str, tuple[str, ...]] = {  # recipe is "fashion"; changes
    "before": (),
    "likelihood": (CALIBRATED,),
    "ladder": LADDER,
    "prior": ("prior={prior: autoregressive, hidden: 256}",),
    "all": (*LADDER, CALIBRATED),
}


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

    def train(self, name: str, recipe: Recipe, pictures: Pictures, share: float, seed: int = 0, replay: bool = False,
              keep: bool = True, start: Trained | None = None) -> Trained:  # fmt: skip
        """Train for a share of the time, keep the training's figures, and the model where it is wanted."""
        seconds = min(share * self.seconds, self.end - time.time() - 10)
        if self.device.type == "cpu":
            recipe.set(["training.precision=float32"])  # convolutions in bfloat16 crawl on most processors
        made = train(
            recipe, pictures, name=name, seconds=seconds, seed=seed, device=self.device,
            say=self.say, most=self.steps, replay=replay and self.replay, start=start,
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
    """The plain VAE of twenty numbers; the split with a seed, in two stages: a look at the training pictures after the
    first says what the second should weigh more (``adjusted``). What the table holds is measured from the saved model,
    on the test part, by genvae's own measures."""
    kind, _, number = job.name.partition("-")
    seed, ending = int(number or 0), "-conv" if kind == "splitconv" else ""
    learnt, tested = parts("mnist", job.data)
    if job.steps is not None:
        tested = tested.take(slice(2000))
    some = learnt.take(slice(len(learnt) - len(tested), None))
    recipe = recipe_of(f"mnist-split{ending}", job.host)
    plain = job.train(
        f"plain-{seed}", recipe_of(f"mnist-plain{ending}", job.host), learnt, 0.1, seed=seed, replay=True, keep=False
    )
    errors = []
    for part, pictures in (("train", some), ("test", tested)):
        figures = look(plain.vae, modality_of(plain.bundle.recipe, pictures), pictures, job.device)
        job.keep(f"plain-{seed}, {part}", figures)
        errors.append(figures["rmse"])
    # a swap is read again, which costs a third of a step: there is nothing to read at first
    first = job.train(f"split-{seed}, first", without(recipe, "swap"), learnt, 0.46, seed=seed, replay=True, keep=False)
    modality = modality_of(recipe, learnt)
    found = look(first.vae, modality, some, job.device)
    job.keep(f"split-{seed}, first, train", found)
    recipe, changed = adjusted(recipe, found, found["rmse"] / errors[0])
    job.keep("changed", changed)
    made = job.train(f"split-{seed}", recipe, learnt, 0.4, seed=seed, replay=True, start=first)
    job.keep(f"split-{seed}, train", look(made.vae, modality, some, job.device))
    job.keep(f"split-{seed}, test", look(made.vae, modality, tested, job.device))


def plain(job: Job) -> None:
    """The plain VAE alone, for the whole time: what a split is measured against must not have been trained less."""
    seed = int(job.name.partition("-")[2] or 0)
    learnt, tested = parts("mnist", job.data)
    if job.steps is not None:
        tested = tested.take(slice(2000))
    made = job.train(f"plain-{seed}", recipe_of("mnist-plain", job.host), learnt, 0.92, seed=seed, replay=True)
    modality = modality_of(made.bundle.recipe, tested)
    job.keep(f"plain-{seed}, test", look(made.vae, modality, tested, job.device))


def without(recipe: Recipe, name: str) -> Recipe:
    """A recipe whose objective lacks a term."""
    objective = copy.deepcopy(recipe.sections["objective"])
    objective["terms"] = [term for term in objective["terms"] if term["term"] != name]
    return Recipe({**recipe.sections, "objective": objective}, recipe.host)


def adjusted(recipe: Recipe, found: dict[str, Any], ratio: float) -> tuple[Recipe, dict[str, float]]:
    """The recipe of the second stage, and by what each weight was multiplied.

    More adversary where style tells digits, a narrower content where swaps do not take the style's slant, a wider style
    where the error is more than the plain VAE's (``ratio`` times it).
    """
    leak, slanted = found["digit from style"], min(found["slant"] / 0.81, found["slant within"] / 0.9)
    changed = {
        "adversary": 6.0 if leak > 0.3 else 3.0 if leak > 0.16 else 1.0,
        "content": 1.0 if slanted >= 1.0 else 2.0 if slanted > 0.93 else 4.0,
        "style": 1.0 if ratio < 1.05 else 0.7 if ratio < 1.1 else 0.5,
    }
    objective = copy.deepcopy(recipe.sections["objective"])
    for name, block in objective["blocks"].items():
        beta = block["beta"]
        block["beta"] = (beta["stop"] if isinstance(beta, Mapping) else beta) * changed[name]
    for term in objective["terms"]:
        against = term["term"] == "adversary" or term.get("blocks") == ["label", "style"]
        term["weight"] *= changed["adversary"] if against else 1.0
        if isinstance(term.get("strength"), Mapping):
            term["strength"] = term["strength"]["stop"]
    return Recipe({**recipe.sections, "objective": objective}, recipe.host), changed


# -- likelihood ----------------------------------------------------------------------------------


def mlp(job: Job) -> None:
    """The fully connected rows."""
    learnt, tested = parts("mnist", job.data)
    samples, count = (5000, len(tested)) if job.steps is None else (5, 200)
    for number, (name, (recipe, changes, share)) in enumerate(MLP_ROWS.items()):
        own = recipe_of(recipe, job.host, changes)
        made = job.train(name, own, learnt, share, replay=True, keep="weighted" not in name)
        values = binary(torch.from_numpy(np.array(tested.images[:count]))[:, None].to(job.device))
        left = (job.end - time.time() - 5) - sum(row[2] for row in list(MLP_ROWS.values())[number + 1 :]) * job.seconds
        until = time.time() + left / (len(MLP_ROWS) - number)
        few = 200 if job.steps is None else 2
        job.keep(f"{name}, bound", likelihood(made.vae, values, samples=samples, at_once=5000, until=until, few=few))


def ladder(job: Job) -> None:
    """The convolutional ladder, or ("ladderflat") the fully connected one."""
    flat = job.name == "ladderflat"
    name = "ladder, flat" if flat else "ladder"
    learnt, tested = parts("mnist", job.data)
    made = job.train(name, recipe_of(f"mnist-ladder{'-flat' if flat else ''}", job.host), learnt, 0.7, replay=True)
    count, few, samples, at_once = (len(tested), 50, 1000, 500 if flat else 2500)
    if job.steps is not None:
        count, few, samples, at_once = 20, 1, 2, 10
    values = binary(torch.from_numpy(np.array(tested.images[:count]))[:, None].to(job.device))
    found = likelihood(made.vae, values, samples=samples, at_once=at_once, until=job.end - 8, few=few)
    job.keep(f"{name}, bound", found)


# -- the rest ------------------------------------------------------------------------------------


def more(job: Job) -> None:
    """The cures, emoji, and letters of 64 x 64."""
    emoji, _ = parts("emoji", job.data)
    job.train("emoji", recipe_of("emoji-split", job.host), emoji, 0.27)
    fashion, _ = parts("fashion", job.data)
    for name, changes in CURES.items():
        share = 0.12 if name in ("ladder", "all") else 0.09
        job.train(f"fashion-{name}", recipe_of("fashion", job.host, changes), fashion, share, replay=True)
    letters, _ = parts("letters", job.data)
    job.train("letters64", recipe_of("letters64-split", job.host), letters, 0.12)


JOBS: dict[str, Callable[[Job], None]] = {
    "split": split, "splitconv": split, "plain": plain, "mlp": mlp, "ladder": ladder, "ladderflat": ladder,
    "more": more,
}  # fmt: skip


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
        parser.error(
            f"no job {arguments.name!r}; there are: split-0, ..., splitconv-0, ..., mlp, ladder, ladderflat, more"
        )
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
