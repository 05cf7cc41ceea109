"""Training for so many seconds, on a GPU or a CPU: genvae's own model, objective, terms, corruptions and average of the
weights, by a recipe; without a validation, a checkpoint or a look at the loss in between, so that a GPU never waits.

What is trained is what ``genvae train RECIPE`` trains: the loop there counts steps, saves and can be resumed; this one
goes by the clock, because a benchmark on a borrowed machine must end in time.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.image.arrays import Held, Pictures
from benchmarks.image.made import RECIPES
from benchmarks.image.replayed import Replayed
from genvae import settings
from genvae.core.priors.labelled import LabelledPrior
from genvae.core.randomness import Stream
from genvae.core.schedules import Cyclical, Ramp
from genvae.core.vae import VAE
from genvae.host import Host
from genvae.recipe import Recipe
from genvae.recipe.settings import Phase, TrainingSettings
from genvae.store.bundle import Bundle, save
from genvae.training.average import Average
from genvae.training.optimizers import optimizers, parameters_in
from genvae.training.stage import Stage
from genvae_image_style.modality import SAVED, Image

FULL_FROM = 0.85  # of the time: from here on in float32, whatever the recipe's precision
LOOK = 250  # steps between two looks at the figures, which wait for the device
KEPT = 60  # looks that are kept
FIRST, AGAIN = 20, 250  # the step that is first recorded; steps until it is recorded anew while schedules move

Say = Callable[[str], None]


@dataclass
class Trained:
    """A model, its averaged weights inside, and how it came about."""

    bundle: Bundle
    objective: nn.Module
    seconds: float = 0.0
    steps: int = 0
    items: int = 0
    replayed: bool = False
    curve: list[dict[str, float]] = field(default_factory=list)

    @property
    def vae(self) -> VAE:
        """The model."""
        return self.bundle.vae

    def figures(self) -> dict[str, Any]:
        """What is kept of the training."""
        return {
            "weights": sum(p.numel() for p in self.vae.parameters()), "seconds": round(self.seconds, 1),
            "steps": self.steps, "images": self.items, "images_per_second": round(self.items / max(self.seconds, 1e-9)),
            "replayed": self.replayed, "curve": self.curve,
        }  # fmt: skip

    def save(self, folder: Path, dtype: str = "float16") -> None:
        """Write the model as any of genvae's; half precision changes a figure in its fourth digit."""
        device = self.vae.device
        self.vae.to("cpu")
        save(self.bundle, folder, dtype=dtype)
        self.vae.to(device)


def recipe_of(name: str, host: Host, changes: tuple[str, ...] = ()) -> Recipe:
    """A recipe of the plugin's, with some settings changed."""
    recipe = Recipe.of(str(RECIPES / f"{name}.yaml"), host)
    recipe.set(changes)
    return recipe


def modality_of(recipe: Recipe, pictures: Pictures) -> Image:
    """The modality, which knows the contents that there are."""
    with tempfile.TemporaryDirectory() as folder:
        contents = sorted(set(pictures.content.tolist()) - {""})
        (Path(folder) / SAVED).write_text(json.dumps({"contents": contents}), encoding="utf-8")
        made: Any = recipe.modality_settings().restore(Path(folder))
        assert isinstance(made, Image)
        return made


def ends(settings_of: Any) -> int:
    """The step at which the last schedule inside some settings has come to its end."""
    if isinstance(settings_of, Ramp):
        return settings_of.wait + settings_of.steps
    if isinstance(settings_of, Cyclical):
        return settings_of.period * settings_of.cycles
    if isinstance(settings_of, Mapping):
        return max(map(ends, settings_of.values()), default=0)
    if isinstance(settings_of, list | tuple):
        return max(map(ends, settings_of), default=0)
    return max(map(ends, vars(settings_of).values()), default=0) if is_dataclass(settings_of) else 0


class Run:
    """One training by the clock: ``seconds`` of it, or ``most`` steps. The learning rate falls with the time."""

    def __init__(
        self,
        recipe: Recipe,
        pictures: Pictures,
        *,
        name: str,
        seconds: float,
        seed: int,
        device: torch.device,
        say: Say = print,
        about: Mapping[str, Any] | None = None,
        most: int | None = None,
        replay: bool = False,
    ) -> None:
        self.name, self.seconds, self.seed, self.device, self.say, self.most = name, seconds, seed, device, say, most
        self.training = settings.build(TrainingSettings, recipe.sections["training"], where="training")
        modality = modality_of(recipe, pictures)
        self.held = Held(modality, pictures, device)
        self.model = recipe.build(modality, seed).to(device)
        if isinstance(self.model.prior, LabelledPrior) and self.held.label is not None:
            self.model.prior.known = bool((self.held.label >= 0).all())
        self.stage = Stage.of(Phase(), self.training, recipe, self.model)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(Stream(seed, "objective", 0).integer())
            self.objective = self.stage.objective(self.model).to(device)
        ((_, self.optimizer),) = optimizers(self.objective, self.model, self.training, name).items()
        self.moved = parameters_in(self.optimizer)
        self.average = Average(self.model, self.training.average) if self.training.average else None
        self.made = Trained(Bundle(name, self.model, modality, recipe, dict(about or {})), self.objective)
        self.replay = replay and device.type == "cuda"
        self.recorded: Replayed | None = None
        self.recorded_at = 0
        self.moving = ends(getattr(self.objective, "settings", None))
        self.halved = self.training.precision == "bfloat16"

    def __call__(self) -> Trained:
        """Train; the averaged weights are in the model afterwards."""
        made, training = self.made, self.training
        self.model.train()
        self.objective.train()
        began = time.perf_counter()
        for rows in self._batches():
            share = (time.perf_counter() - began) / self.seconds if self.most is None else made.steps / self.most
            if share >= 1.0:
                break
            rise = min(1.0, (made.steps + 1) / max(training.warmup_steps, 1))
            fall = training.final_rate + (1 - training.final_rate) * (0.5 + 0.5 * math.cos(math.pi * share))
            self.optimizer.param_groups[0]["lr"] = training.learning_rate * rise * fall
            figures = self._step(rows, share)
            if made.steps % LOOK == 0 or made.steps == 1:
                look = {key: round(float(value), 4) for key, value in figures.items()}
                made.curve.append({"step": made.steps, "seconds": round(time.perf_counter() - began, 1), **look})
                self.say(f"{self.name} {made.curve[-1]}")
        self.recorded = None
        if self.average is not None:
            self.average.give(self.model)
        if isinstance(self.model.prior, LabelledPrior):
            self.model.prior.known = False
        self.model.eval().requires_grad_(False)
        made.seconds = time.perf_counter() - began
        made.curve = made.curve[:: max(len(made.curve) // KEPT, 1)]
        self.say(f"{self.name}: {made.steps:,} steps, {made.items:,} pictures in {made.seconds:.0f} s")
        return made

    def _batches(self) -> Iterator[Tensor]:
        """The rows of one batch after the other, without end."""
        batches = self.held.order(self.training.batch_size, self.training.per_group)
        epoch = 0
        while True:
            yield from self.held.epoch(batches, self.seed, epoch, self.training.batch_size)
            epoch += 1

    def _step(self, rows: Tensor, share: float) -> dict[str, Tensor]:
        made = self.made
        if self.halved and share >= FULL_FROM:
            self.halved, self.recorded = False, None
        if self.replay and len(rows) == self.training.batch_size and self._due():
            self.recorded = None
            self._record(rows)
        if self.recorded is not None and len(rows) == len(self.recorded.rows):
            figures = self.recorded(rows, made.steps)
        else:
            self._clear()
            figures = self._body(rows, Stream(self.seed, "train", made.steps))
            if self.recorded is not None:  # gradients that are none of the recording's
                self.recorded = None
        self._move(figures["norm"])
        if self.average is not None:
            self.average.follow(self.model, made.steps)
        made.steps += 1
        made.items += len(rows)
        return figures

    def _record(self, rows: Tensor) -> None:
        """Record the step; where that does not work, go on without."""
        try:
            self.recorded = Replayed(self._body, rows, self.seed, self._clear)
        except Exception as error:
            self.replay = False
            torch.cuda.synchronize()  # raises where the device is lost for this process
            self.say(f"{self.name}: not recorded ({type(error).__name__}: {' '.join(str(error).split())[:200]})")
            return
        self.made.replayed, self.recorded_at = True, self.made.steps
        self.say(f"{self.name}: recorded at step {self.made.steps}")

    def _due(self) -> bool:
        """Whether to record: first of all, and anew while schedules move, whose numbers a recording has for good."""
        if self.recorded is None:
            return self.made.steps >= FIRST
        return self.recorded_at < self.moving and self.made.steps >= min(self.recorded_at + AGAIN, self.moving)

    def _body(self, rows: Tensor, stream: Stream) -> dict[str, Tensor]:
        """The step but for the optimizer's part."""
        batch, step = self.held.batch(rows), self.made.steps
        for corruption in self.stage.corruptions:
            batch = corruption(batch, step, stream)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.halved, cache_enabled=not self.replay):
            terms = self.objective(self.model, batch, step, stream)
        terms.loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.moved, self.training.clip)
        return {**terms.named, "norm": norm}

    def _clear(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)

    def _move(self, norm: Tensor) -> None:
        """The optimizer's part; nothing where the gradient is not finite, which on a GPU the processor is not told."""
        if norm.device.type == "cuda":
            optimizer: Any = self.optimizer
            optimizer.found_inf, optimizer.grad_scale = (~norm.isfinite()).float(), None
        elif not math.isfinite(float(norm)):
            return
        self.optimizer.step()


def train(recipe: Recipe, pictures: Pictures, **settings_of_run: Any) -> Trained:
    """Train by a recipe, as ``Run`` says."""
    return Run(recipe, pictures, **settings_of_run)()
