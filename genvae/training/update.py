"""One step of one optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from genvae.core.batch import Batch
from genvae.core.objectives.base import Objective
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.errors import GenvaeError
from genvae.recipe.settings import TrainingSettings
from genvae.training.optimizers import parameters_in


def autocast(model: VAE, settings: TrainingSettings) -> torch.autocast:
    """The arithmetic that the settings ask for."""
    return torch.autocast(model.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16")


def reseed(device: torch.device, seed: int) -> None:
    """Seed what modules draw from that only know the global generator, like dropout.

    For a model on the processor that is the processor's: torch.manual_seed tells every kind of device there is, and
    formats a traceback for each that is not in use, which takes 0.6 ms.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


class Updates:
    """Steps of the optimizers of one phase, on one or more batches as if on one batch of all their items."""

    def __init__(
        self, model: VAE, objective: Objective, settings: TrainingSettings, frozen: Sequence[nn.Module] = ()
    ) -> None:
        self.model = model
        self.objective = objective
        self.settings = settings
        #: what keeps statistics of its own in a frozen module; they would move in training mode. The rest stays in
        #: that mode: a fused recurrent kernel passes no gradient back in the other
        self.still = [
            part for module in frozen for part in module.modules() if any(True for _ in part.buffers(recurse=False))
        ]
        self._train()

    def _train(self) -> None:
        """Training mode throughout: a walk over every module, which only a validation makes needful again."""
        self.model.train()
        self.objective.train()

    def __call__(
        self,
        player: str,
        optimizer: torch.optim.Optimizer,
        batches: Sequence[Batch],
        stream: Stream,
        *,
        step: int,
        of_run: int,
        moved: Sequence[nn.Parameter] | None = None,
    ) -> dict[str, float]:
        """Step once; returns the objective's figures, the loss and the norm of the gradient.

        ``step`` is the phase's, for schedules, and ``of_run`` the run's, for messages. Where ``moved`` are given,
        everything else stays as it is. Raises GenvaeError, with nothing moved, when the gradient is not finite.
        """
        if not (self.model.training and self.objective.training):
            self._train()
        for part in self.still:
            part.eval()
        every = parameters_in(optimizer)
        moved = every if moved is None else moved
        items = sum(len(batch) for batch in batches)
        parts: list[tuple[str, torch.Tensor]] = []
        optimizer.zero_grad()
        with _alone(moved, every):
            for number, batch in enumerate(batches):
                reseed(self.model.device, stream.at("modules").again(number).integer())
                with autocast(self.model, self.settings):
                    terms = self.objective(self.model, batch, step, stream, player)
                share = len(batch) / items
                (terms.loss * share).backward()
                parts += [(name, value.detach() * share) for name, value in {**terms.named, "loss": terms.loss}.items()]
            norm = torch.nn.utils.get_total_norm([p.grad for p in moved if p.grad is not None])
            found = _read([*parts, ("gradient_norm", norm)])
            if not math.isfinite(found["gradient_norm"]):
                raise GenvaeError(
                    f"the gradient is not finite at step {of_run + 1} (loss {found['loss']:.4g}); lower "
                    "learning_rate or use precision=float32"
                )
            # its value is known by now: most gradients are short enough, and a pass over all of them changes nothing
            if found["gradient_norm"] >= self.settings.clip:
                torch.nn.utils.clip_grads_with_norm_(moved, self.settings.clip, norm)
            optimizer.step()
        return found


def _read(parts: Sequence[tuple[str, torch.Tensor]]) -> dict[str, float]:
    """Sums by name. All are fetched at once: a GPU stands still at every number that the processor waits for."""
    found: dict[str, float] = {}
    for (name, _), value in zip(parts, torch.stack([value for _, value in parts]).tolist(), strict=True):
        found[name] = found.get(name, 0.0) + value
    return found


@contextmanager
def _alone(moved: Sequence[nn.Parameter], every: Sequence[nn.Parameter]) -> Iterator[None]:
    """Only ``moved`` of ``every`` parameter gets a gradient; an optimizer passes over one that has none."""
    chosen = {id(parameter) for parameter in moved}
    others = [parameter for parameter in every if id(parameter) not in chosen]
    for parameter in others:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in others:
            parameter.requires_grad_(True)
