"""The training loop: phases, epochs, steps, validations.

A step is a function of the model, the data and the step's number alone, so a run that was killed and
resumed ends with the same tensors as one that was not.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence

import torch

from genvae.core.batch import Batch
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.data.batching import Batches, Rows, Source, Stacked
from genvae.errors import GenvaeError
from genvae.progress import Reporter
from genvae.recipe.settings import TrainingSettings
from genvae.training.aggressive import run_ahead, sides
from genvae.training.average import Average
from genvae.training.checkpoints import Checkpoints, State
from genvae.training.diagnostics import diagnose
from genvae.training.interrupt import Interrupt, Interrupted
from genvae.training.latents import encoded
from genvae.training.metrics import Metrics
from genvae.training.optimizers import optimizers, parameters_in, rate
from genvae.training.stage import Stage, check_order, freeze
from genvae.training.update import Updates, autocast
from genvae.training.validation import Validation, validate

UNTIMED = 10  # steps after a start that do not count for the speed
HELD_AT_ONCE = 1024  # latents a validation looks at together


class Trainer:
    """Trains a model through its phases."""

    def __init__(
        self,
        *,
        model: VAE,
        fresh: Callable[[], VAE],
        stages: Sequence[Stage],
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
        self.stages = stages
        self.train = train
        self.valid = valid
        self.seed = settings.seed
        self.keep = settings.keep
        self.checkpoints = checkpoints
        self.reporter = reporter
        self.resumed = state is not None
        self.state = state or State()
        self.metrics = metrics(self.state.metrics)
        self.last: Validation | None = None
        self.average: Average | None = None
        self.interrupt = Interrupt()
        self._warned = ""

    # -- the run ---------------------------------------------------------------------------------

    def run(self) -> State:
        """Train to the end and leave the best weights in the model."""
        if not self.resumed:
            check_order(self.stages, self.model, self.fresh, len(self.train.rows))
        with self.interrupt.heeded():
            for number in range(self.state.phase, len(self.stages)):
                if self.state.ended:
                    break
                if number != self.state.phase:
                    self._enter(number)
                self._phase(self.stages[number])
        if not self.state.ended:
            self.state.ended = True
            self._save()
        self.metrics.close()
        if self.state.best_step:
            self.checkpoints.load_best(self.state.best_step, self.model)
        self.model.eval()
        return self.state

    def _enter(self, number: int) -> None:
        """Begin a later phase: the weights it begins with, and its own steps, epochs and best."""
        state = self.state
        if self.stages[number].begins_with_best and state.best_step:
            self.checkpoints.load_best(state.best_step, self.model)
        elif self.average is not None:
            self.average.give(self.model)
        state.phase, state.epoch, state.place, state.phase_step = number, 0, 0, 0
        state.best, state.stale, state.halvings, state.waited = None, 0, 0, 0
        state.information, state.caught_up, state.spent = None, False, False

    def _phase(self, stage: Stage) -> None:
        state, self.stage, self.settings = self.state, stage, stage.settings
        phase, settings = stage.phase, stage.settings
        begins = state.phase_step == 0
        if begins and phase.reset:
            self._reset(phase.reset)
        frozen = phase.frozen
        if phase.data == "latents":
            frozen = tuple(name for name, _ in self.model.named_children() if name != "prior")
        freeze(self.model, frozen)
        self.source: Source = self.train.resized(settings.batch_size)
        self.held: Source = self.valid
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(Stream(self.seed, "objective", state.phase).integer())
            self.objective = stage.objective(self.model).to(self.model.device)
        if phase.data == "latents" and begins:
            with torch.no_grad():
                self.objective.begin(self.model, self._encode(), Stream(self.seed, "begin"))
        self.optimizers = optimizers(self.objective, self.model, settings, phase.name)
        self.average = Average(self.model, settings.average) if settings.average else None
        if self.resumed:
            modules = self._modules()
            self.checkpoints.load(state.step, modules, self.optimizers if state.phase_step else {})
            self.resumed = False
            if phase.data == "latents":
                self._encode()  # what encodes does not move in such a phase
        still = [module for name, module in self.model.named_modules() if name in frozen]
        self.update = Updates(self.model, self.objective, settings, still)
        epochs = settings.epochs
        per_epoch = math.ceil(len(self.source.order(self.seed, 0)) / settings.accumulate)
        total = min(settings.max_steps or epochs * per_epoch, epochs * per_epoch)
        self.reporter.begin(phase.name, total, state.phase_step)
        try:
            self._steps(epochs, total)
        finally:
            self.reporter.end()

    def _encode(self) -> Batch:
        """Have the phase's batches hold latents; returns those of the training part."""
        with autocast(self.model, self.settings):
            train, held = (encoded(self.model, items.in_order()) for items in (self.train, self.valid))
        self.source = Stacked(train, self.train.modality, batch_size=self.settings.batch_size)
        self.held = Stacked(held, self.train.modality, batch_size=HELD_AT_ONCE)
        return train

    def _steps(self, epochs: int, total: int) -> None:
        state, settings, name = self.state, self.settings, self.stage.phase.name
        untimed = min(UNTIMED, total // 3) if self.stage.phase.data == "items" else total
        while state.epoch < epochs and state.phase_step < total and not self._exhausted():
            order = self._order()
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
                stopping = self.interrupt.asked  # asked once: a signal between two questions would stop without saving
                if due:
                    self._validate()
                if due or stopping:
                    self._save()
                if stopping:
                    raise Interrupted(
                        f"stopped at step {state.step}; saved. Give the same command with --resume to go on"
                    )
                if self._exhausted():
                    why = f"no gain in {state.stale} validations"
                    if state.spent:
                        why += f" and the learning rate was halved {state.halvings} times"
                    self.reporter.say(f"{why}: {name} ends, the best was step {state.best_step}")
                    return
            state.epoch += 1
            state.place = 0

    def _order(self) -> list[Rows]:
        """The batches of the epoch."""
        return self.source.order(self.seed, self.state.phase * 1_000_003 + self.state.epoch)

    def _exhausted(self) -> bool:
        """Early stopping; part of the state, so a run killed here ends when resumed."""
        return self.state.spent or 0 < self.settings.patience <= self.state.stale

    # -- one step --------------------------------------------------------------------------------

    def _step(self, parts: Sequence[Rows], total: int) -> tuple[dict[str, float], float, int]:
        """One step of every player on one or more batches; its figures, and the cost and number of its items."""
        state = self.state
        stream = Stream(self.seed, "train", state.step)
        cost, items, moved = 0.0, 0, None
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate(self.settings, state.phase_step, total, state.halvings)
        ahead = self.stage.phase.aggressive and not state.caught_up
        if ahead:
            cost, items, moved = self._run_ahead()
        batches = [self._batch(rows, stream) for rows in parts]
        named: dict[str, float] = {}
        for player, optimizer in self.optimizers.items():
            found = self.update(
                player, optimizer, batches, stream, step=state.phase_step, of_run=state.step, moved=moved
            )
            if not named:
                self.objective.learn(found, state.phase_step)
            prefix = f"{player}/" if named else ""  # the first player's figures have their plain names
            named.update({prefix + name: value for name, value in found.items()})
        if self.average is not None:
            self.average.follow(self.model, state.phase_step)
        cost += float(sum(batch.cost.sum() for batch in batches))
        return named, cost, items + sum(len(batch) for batch in batches)

    def _run_ahead(self) -> tuple[float, int, list[torch.nn.Parameter]]:
        """Train the encoder by itself on other batches; their cost and items, and what the step is left to move."""
        state, phase = self.state, self.stage.phase
        player, optimizer = next(iter(self.optimizers.items()))
        inference, rest = sides(self.model, parameters_in(optimizer))
        order = self._order()
        cost, items = 0.0, 0

        def once(number: int) -> float:
            nonlocal cost, items
            stream = Stream(self.seed, f"train/ahead/{number}", state.step)
            batch = self._batch(order[stream.integer() % len(order)], stream)
            cost += float(batch.cost.sum())
            items += len(batch)
            found = self.update(
                player, optimizer, [batch], stream, step=state.phase_step, of_run=state.step, moved=inference
            )
            return found["loss"]

        run_ahead(once, most=phase.aggressive_steps, window=phase.aggressive_window)
        return cost, items, rest

    def _batch(self, rows: Rows, stream: Stream) -> Batch:
        """A batch as the networks read it in training."""
        batch = self.source.batch(rows)
        for corruption in self.stage.corruptions:
            if self.stage.phase.data == "items" or corruption.hides_conditions:  # latents have conditions, too
                batch = corruption(batch, self.state.phase_step, stream)
        return batch

    def _reset(self, names: Sequence[str]) -> None:
        fresh = self.fresh()
        for name in names:
            self._module(self.model, name).load_state_dict(self._module(fresh, name).state_dict())

    @staticmethod
    def _module(model: VAE, name: str) -> torch.nn.Module:
        module = dict(model.named_children()).get(name)
        if module is None:
            known = ", ".join(child for child, _ in model.named_children())
            raise GenvaeError(f"a phase names the module {name!r}; the model has: {known}")
        return module

    # -- validation, checkpoints, messages -------------------------------------------------------

    def _validate(self) -> None:
        """Judge the model, or the average of its weights, and draw the consequences."""
        state, settings = self.state, self.settings
        judged = self.model if self.average is None else self.average.model
        found = self.last = validate(
            judged, self.objective, self.held, self.seed, settings.criterion, lambda: autocast(self.model, settings),
            self.stage.corruptions if self.stage.phase.data == "items" else (),
        )  # fmt: skip
        if state.best is None or found.criterion < state.best:
            state.best, state.best_step, state.stale, state.waited = found.criterion, state.step, 0, 0
        else:
            state.stale += 1
            state.waited += 1
        self.metrics.write("validation", state.step, found.figures())
        self.reporter.say(f"step {state.step}: {found.summary()}, {self._speed()}")
        if found.usage is not None:
            warning = diagnose(found.usage, judged)
            if warning and not self._warned:
                self.reporter.say(warning)
            self._warned = warning
            if self.stage.phase.aggressive and not state.caught_up:
                self._still_ahead(found.usage.mutual_information)
        if settings.decay == "plateau" and state.waited >= settings.decay_patience:
            self._halve()

    def _still_ahead(self, information: float) -> None:
        """The encoder runs ahead only while the mutual information rises."""
        state = self.state
        if state.information is not None and information <= state.information:
            state.caught_up = True
            self.reporter.say(f"mutual information no longer rises: from step {state.step} on, all is trained at once")
        state.information = information if state.information is None else max(state.information, information)

    def _halve(self) -> None:
        """Halve the learning rate and go back to the best weights, or end the phase where that would be too low."""
        state = self.state
        state.waited = 0
        if 0.5 ** (state.halvings + 1) < self.settings.final_rate:
            state.spent = True
            return
        state.halvings += 1
        self.checkpoints.load(state.best_step, self._modules(), self.optimizers)
        self.reporter.say(f"learning rate halved, back to the weights of step {state.best_step}")

    def _save(self) -> None:
        self.state.metrics = self.metrics.bytes
        self.checkpoints.write(copy.copy(self.state), self._modules(), self.optimizers)
        self.checkpoints.prune(self.state.best_step, self.keep)

    def _modules(self) -> dict[str, torch.nn.Module]:
        """Every module that a checkpoint holds."""
        modules: dict[str, torch.nn.Module] = {"model": self.model}
        if self.objective.state_dict():
            modules["objective"] = self.objective
        if self.average is not None:
            modules["average"] = self.average.model
        return modules

    def _speed(self) -> str:
        state = self.state
        if not state.seconds:
            return "speed not yet known"
        return f"{state.cost / state.seconds:,.0f} {self.train.modality.unit}/s"

    def _status(self, named: dict[str, float]) -> str:
        if "elbo" not in named:
            return f"loss {named['loss']:.3f}"
        usage = self.last.usage if self.last else None
        active = f" active {usage.active_units}/{usage.latent_dim}" if usage else ""
        return f"ELBO {named['elbo']:.2f} KL {named['rate']:.2f}{active} {self._speed()}"
