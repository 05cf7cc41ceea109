"""A training step recorded once as a CUDA graph and replayed: a small model on a large GPU waits for Python otherwise.

What is recorded is the step as it is, its numbers for that moment and all. So what changes from step to step lies in
tensors: which rows, and the step's number, from which a ``Clock`` makes the step's random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genvae.core.randomness import Stream

WARM = 4  # steps before the recording, in which libraries choose their kernels
NEAR = 0.05  # how far the first replay may be from the step as it is, for all that is summed in another order


@dataclass(frozen=True)
class Clock(Stream):
    """A stream whose step is a number on the device: (seed, name, draw, step, item) say each number."""

    now: Tensor | None = None

    def at(self, name: str) -> Clock:
        return Clock(self.seed, f"{self.name}/{name}", self.step, self.draw, self.now)

    def again(self, draw: int) -> Clock:
        return Clock(self.seed, self.name, self.step, draw, self.now)

    def uniform(self, items: Int[Tensor, " n"], *shape: int) -> Float[Tensor, "n ..."]:
        assert self.now is not None
        return super().uniform(items + (self.now << 32), *shape)


#: rows and the stream of a step, to its figures; it leaves gradients behind
Body = Callable[[Tensor, Stream], dict[str, Tensor]]


class Replayed:
    """A body recorded for batches of one size. Raises RuntimeError where it cannot be recorded or is not the same."""

    def __init__(self, body: Body, rows: Tensor, seed: int, clear: Callable[[], None]) -> None:
        self.rows = rows.clone()
        self.now = torch.zeros((), dtype=torch.int64, device=rows.device)
        stream = Clock(seed, "train", now=self.now)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM):
                clear()
                plain = {name: float(value) for name, value in body(self.rows, stream).items()}
        torch.cuda.current_stream().wait_stream(side)
        clear()
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.figures = body(self.rows, stream)
        self._check(plain)

    def _check(self, plain: dict[str, float]) -> None:
        self.graph.replay()
        torch.cuda.synchronize()
        for name in ("elbo", "norm"):
            found = float(self.figures[name])
            if not abs(found - plain[name]) <= NEAR * abs(plain[name]):
                raise RuntimeError(f"the recorded step gives {name} = {found}, the step itself {plain[name]}")

    def __call__(self, rows: Tensor, step: int) -> dict[str, Any]:
        """One step; its figures lie in tensors that the next step writes anew."""
        self.rows.copy_(rows)
        self.now.fill_(step)
        self.graph.replay()
        return self.figures
