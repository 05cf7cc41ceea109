"""The training loop: phases, epochs, steps, validations.

A step is a function of the model, the data and the step's number alone, so a run that was killed and
resumed ends with the same tensors as one that was not.
"""

from __future__ import annotations

import copy
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from genvae.core.batch import Batch
from genvae.core.corruption import Corruption
from genvae.core.objectives.base import Objective
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.data.batching import Batches, Rows
from genvae.errors import GenvaeError
from genvae.evaluation.collapse import gaussian_parts, usage_of
from genvae.progress import Reporter
from genvae.recipe.settings import Phase, TrainingSettings
from genvae.training.checkpoints import Checkpoints, State
from genvae.training.diagnostics import diagnose
from genvae.training.metrics import Metrics

UNTIMED = 10  # steps after a start that do not count for the speed


class Interrupted(GenvaeError):
    """Ctrl-C: the run was saved and can be resumed."""


@dataclass
class Validation:
    """What a validation found, in nats per item."""

    criterion: float
    elbo: float
    kl: float
    mutual_information: float
    active_units: int
    named: dict[str, float] = field(default_factory=dict)


class Trainer:
    """Trains a model through its phases."""

    def __init__(
        self,
        *,
        model: VAE,
        fresh: Callable[[], VAE],
        objectives: Sequence[Callable[[VAE], Objective]],
        phases: Sequence[Phase],
        corruptions: Sequence[Corruption],
        train: Batches,
        valid: Batches,
        settings: TrainingSettings,
        checkpoints: Checkpoints,
        metrics: Callable[[int], Metrics],
        reporter: Reporter,
        state: State | None = None,
    ) -> None:
        self.model = model
        self.fresh = fresh
        self.objectives = objectives
        self.phases = phases
        self.corruptions = corruptions
        self.train = train
        self.valid = valid
        self.settings = settings
        self.checkpoints = checkpoints
        self.reporter = reporter
        self.resumed = state is not None
        self.state = state or State()
        self.metrics = metrics(self.state.metrics)
        self.last: Validation | None = None
        self._stop = False
        self._warned = ""

    # -- the run ---------------------------------------------------------------------------------

    def run(self) -> State:
        """Train to the end and leave the best weights in the model."""
        with self._interruptible():
            for number in range(self.state.phase, len(self.phases)):
                if self.state.ended:
                    break
                if number != self.state.phase:
                    self._enter(number)
                self._phase(self.phases[number], self.objectives[number])
        if not self.state.ended:
            self.state.ended = True
            self._save()
        self.metrics.close()
        if self.state.best_step:
            self.checkpoints.load(self.state.best_step, {"model": self.model}, {})
        self.model.eval()
        return self.state

    def _enter(self, number: int) -> None:
        """Begin a later phase: its own steps, epochs and best."""
        state = self.state
        state.phase, state.epoch, state.place, state.phase_step = number, 0, 0, 0
        state.best, state.stale = None, 0

    def _phase(self, phase: Phase, make_objective: Callable[[VAE], Objective]) -> None:
        state = self.state
        if state.phase_step == 0 and phase.reset:
            self._reset(phase.reset)
        self._freeze(phase.frozen)
        self.objective = make_objective(self.model)
        self.optimizers = self._optimizers()
        if self.resumed:
            modules, optimizers = self._parts()
            self.checkpoints.load(state.step, modules, optimizers if state.phase_step else {})
            self.resumed = False
        epochs = phase.epochs or self.settings.epochs
        per_epoch = math.ceil(len(self.train.order(self.settings.seed, 0)) / self.settings.accumulate)
        total = min(phase.max_steps or self.settings.max_steps or epochs * per_epoch, epochs * per_epoch)
        self.reporter.begin(phase.name, total, state.phase_step)
        try:
            self._steps(phase, epochs, total)
        finally:
            self.reporter.end()

    def _steps(self, phase: Phase, epochs: int, total: int) -> None:
        state, settings = self.state, self.settings
        untimed = min(UNTIMED, total // 3)
        while state.epoch < epochs and state.phase_step < total and not self._exhausted():
            order = self.train.order(settings.seed, state.phase * 1_000_003 + state.epoch)
            steps = [order[i : i + settings.accumulate] for i in range(0, len(order), settings.accumulate)]
            while state.place < len(steps) and state.phase_step < total:
                began = time.perf_counter()
                named, cost, items = self._step(steps[state.place], total)
                if untimed:
                    untimed -= 1
                else:
                    state.cost += cost
                    state.items += items
                    state.seconds += time.perf_counter() - began
                state.place += 1
                state.step += 1
                state.phase_step += 1
                if state.phase_step % 20 == 0:
                    self.metrics.write("train", state.step, named)
                    self.reporter.advance(state.phase_step, self._status(named))
                due = state.phase_step % settings.evaluate_every == 0 or state.phase_step == total
                stopping = self._stop  # asked once: a signal between two questions would stop without saving
                if due:
                    self._validate()
                if due or stopping:
                    self._save()
                if stopping:
                    raise Interrupted(
                        f"stopped at step {state.step}; saved. Give the same command with --resume to go on"
                    )
                if self._exhausted():
                    self.reporter.say(
                        f"no gain in {state.stale} validations: {phase.name} ends, the best was step {state.best_step}"
                    )
                    return
            state.epoch += 1
            state.place = 0

    def _exhausted(self) -> bool:
        """Early stopping; part of the state, so a run killed here ends when resumed."""
        return 0 < self.settings.patience <= self.state.stale

    # -- one step --------------------------------------------------------------------------------

    def _step(self, parts: Sequence[Rows], total: int) -> tuple[dict[str, float], float, int]:
        """One optimizer step on one or more batches: as if on one batch of all their items."""
        state, settings = self.state, self.settings
        self.model.train()
        self.objective.train()
        stream = Stream(settings.seed, "train", state.step)
        batches = [self._corrupt(self.train.batch(rows), stream) for rows in parts]
        items = sum(len(batch) for batch in batches)
        named: dict[str, float] = {}
        for player, optimizer in self.optimizers.items():
            found: dict[str, float] = {}
            for group in optimizer.param_groups:
                group["lr"] = self._rate(total)
            optimizer.zero_grad()
            for number, batch in enumerate(batches):
                # modules that only know the global generator, like dropout
                torch.manual_seed(stream.at("modules").again(number).integer())
                with self._precision():
                    terms = self.objective(self.model, batch, state.phase_step, stream, player)
                share = len(batch) / items
                (terms.loss * share).backward()
                for name, value in {**terms.named, "loss": terms.loss.detach()}.items():
                    found[name] = found.get(name, 0.0) + float(value) * share
            norm = torch.nn.utils.clip_grad_norm_(
                [p for group in optimizer.param_groups for p in group["params"]], settings.clip
            )
            if not math.isfinite(float(norm)):
                raise GenvaeError(
                    f"the gradient is not finite at step {state.step + 1} (loss {found['loss']:.4g}); lower "
                    "learning_rate or use precision=float32"
                )
            optimizer.step()
            found["gradient_norm"] = float(norm)
            prefix = f"{player}/" if named else ""  # the first player's figures have their plain names
            named.update({prefix + name: value for name, value in found.items()})
        return named, float(sum(batch.cost.sum() for batch in batches)), items

    def _corrupt(self, batch: Batch, stream: Stream) -> Batch:
        for corruption in self.corruptions:
            batch = corruption(batch, self.state.phase_step, stream)
        return batch

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16")

    def _rate(self, total: int) -> float:
        """The learning rate: a linear rise, then half a cosine down to its final share."""
        settings, step = self.settings, self.state.phase_step
        rise = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
        fall = 0.5 + 0.5 * math.cos(math.pi * min(step / max(total, 1), 1.0))
        return settings.learning_rate * rise * (settings.final_rate + (1 - settings.final_rate) * fall)

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        made: dict[str, torch.optim.Optimizer] = {}
        for player in self.objective.players:
            parameters = [p for p in self.objective.parameters_of(player, self.model) if p.requires_grad]
            if not parameters:
                raise GenvaeError(f"nothing is left to train: phase {self.phases[self.state.phase].name!r} freezes it")
            made[player] = torch.optim.AdamW(
                parameters,
                lr=self.settings.learning_rate,
                weight_decay=self.settings.weight_decay,
                fused=True,
            )
        return made

    def _reset(self, names: Sequence[str]) -> None:
        fresh = self.fresh()
        for name in names:
            self._module(self.model, name).load_state_dict(self._module(fresh, name).state_dict())

    def _freeze(self, names: Sequence[str]) -> None:
        self.model.requires_grad_(True)
        for name in names:
            self._module(self.model, name).requires_grad_(False)

    @staticmethod
    def _module(model: VAE, name: str) -> torch.nn.Module:
        module = dict(model.named_children()).get(name)
        if module is None:
            known = ", ".join(child for child, _ in model.named_children())
            raise GenvaeError(f"a phase names the module {name!r}; the model has: {known}")
        return module

    # -- validation, checkpoints, messages -------------------------------------------------------

    @torch.no_grad()
    def _validate(self) -> None:
        """Judge the model by a criterion that does not move with the KL weight."""
        state = self.state
        self.model.eval()
        self.objective.eval()
        stream = Stream(self.settings.seed, "validation")  # the same noise at every validation
        sums: dict[str, float] = {}
        parts, items = [], 0
        for batch in self.valid.in_order():
            with self._precision():
                terms = self.objective(self.model, batch, None, stream)
                draw = self.model.infer(batch, stream.at("posterior"))
            gaussian = gaussian_parts(draw)
            if gaussian is not None:
                parts.append(gaussian)
            for name, value in {**terms.named, "loss": terms.loss}.items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(batch)
            items += len(batch)
        named = {name: value / items for name, value in sums.items()}
        usage = usage_of(named.get("rate", 0.0), parts, self.model.latent_dim)
        criterion = named["loss"] if self.settings.criterion == "objective" else -named["elbo"]
        self.last = Validation(criterion, named["elbo"], usage.kl, usage.mutual_information, usage.active_units, named)
        if state.best is None or criterion < state.best:
            state.best, state.best_step, state.stale = criterion, state.step, 0
        else:
            state.stale += 1
        figures = {
            **named,
            "mutual_information": usage.mutual_information,
            "active_units": usage.active_units,
        }
        self.metrics.write("validation", state.step, figures)
        self.reporter.say(
            f"step {state.step}: ELBO {named['elbo']:.2f}, KL {usage.kl:.2f}, MI {usage.mutual_information:.2f} nats, "
            f"active {usage.active_units}/{usage.latent_dim}, {self._speed()}"
        )
        warning = diagnose(usage)
        if warning and not self._warned:
            self.reporter.say(warning)
        self._warned = warning

    def _save(self) -> None:
        self.state.metrics = self.metrics.bytes
        modules, optimizers = self._parts()
        self.checkpoints.write(copy.copy(self.state), modules, optimizers)
        self.checkpoints.prune(self.state.best_step, self.settings.keep)

    def _parts(self) -> tuple[dict[str, torch.nn.Module], dict[str, torch.optim.Optimizer]]:
        modules: dict[str, torch.nn.Module] = {"model": self.model}
        if any(True for _ in self.objective.parameters()):
            modules["objective"] = self.objective
        return modules, self.optimizers

    def _speed(self) -> str:
        state = self.state
        if not state.seconds:
            return "speed not yet known"
        return f"{state.cost / state.seconds:,.0f} {self.train.modality.unit}/s"

    def _status(self, named: dict[str, Any]) -> str:
        active = f" active {self.last.active_units}/{self.model.latent_dim}" if self.last else ""
        return f"ELBO {named['elbo']:.2f} KL {named['rate']:.2f}{active} {self._speed()}"

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """The first Ctrl-C ends the run after the step it is in; the second ends it at once."""

        def ask(number: int, frame: Any) -> None:
            # nothing is said here: the signal may have come in the middle of a message
            if self._stop:
                raise KeyboardInterrupt
            self._stop = True

        try:
            before = signal.signal(signal.SIGINT, ask)
        except ValueError:  # not the main thread: nobody to interrupt it
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
