"""Does the fast path learn what the plain one learns? The same batches four times:

    fused        the output layer and its cross-entropy as one operation, in the precision asked for
    sampled      the same from the same weights with the same noise, the output layer's gradient sampled
    reference    the plain operations in float32, from the same weights, with the same noise
    another seed the fused path from other weights with other noise: how large a gap says nothing

Losses are in nats per target token, smoothed by a running mean; a gap is a difference of two smoothed curves.
"""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.text.engine import Engine, threads
from genvae.core.likelihoods import CategoricalSequence


def smoothed(losses: list[float], window: int) -> torch.Tensor:
    """The running mean over ``window`` steps."""
    return torch.tensor(losses, dtype=torch.float64).unfold(0, min(window, len(losses)), 1).mean(-1)


def gap(one: list[float], two: list[float], window: int) -> dict[str, float]:
    """Of the smoothed curves, in nats per token."""
    between = (smoothed(one, window) - smoothed(two, window)).abs()
    return {"largest": float(between.max()), "mean": float(between.mean())}


def curve(engine: Engine, steps: int, *, fused: bool, seed: int) -> list[float]:
    """The losses of the first steps."""
    training = engine.trained(seed)
    likelihood = training.model.likelihood
    assert isinstance(likelihood, CategoricalSequence)
    likelihood.fused = fused
    return [training.step(engine.batches.batch(rows), number) for number, rows in enumerate(engine.order(steps))]


def run(
    data: str, size: str, batch: int, steps: int, window: int, count: int, precision: str, sampled_gradient: float
) -> dict[str, Any]:
    """The four curves and their gaps."""
    threads(count)
    engine, plain = (Engine.of(data, size, batch, name) for name in (precision, "float32"))
    sampling = Engine.of(data, size, batch, precision, sampled_gradient)
    fused = curve(engine, steps, fused=True, seed=0)
    sampled = curve(sampling, steps, fused=True, seed=0)
    reference = curve(plain, steps, fused=False, seed=0)
    other = curve(engine, steps, fused=True, seed=1)
    curves = {"fused": fused, "sampled": sampled, "reference": reference, "another seed": other}
    return {
        "fused - reference": gap(fused, reference, window),
        "sampled - reference": gap(sampled, reference, window),
        "fused - another seed": gap(fused, other, window),
        "last": {name: float(smoothed(losses, window)[-1]) for name, losses in curves.items()},
        "curves": {name: [round(x, 4) for x in smoothed(losses, window)[:: max(1, window // 2)].tolist()]
                   for name, losses in curves.items()},
    }  # fmt: skip
