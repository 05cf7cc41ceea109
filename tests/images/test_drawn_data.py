"""Data that a recipe says are drawn, as black and white, are drawn wherever the model is measured."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from genvae.cli.main import main
from genvae.core.batch import Batch
from genvae.core.corruption.binarise import Binarise
from genvae.core.randomness import Stream
from genvae.service import Service

SETTINGS = ("size=8", "architecture=image-mlp", "hidden=[8]", "latent_dim=2", "max_steps=6", "evaluate_every=3",
            "batch_size=16", "validation=0.3", "seed=1", "corruptions=[binarise]")  # fmt: skip


def test_they_are_drawn_in_validation_at_the_end_and_by_evaluate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, Tensor]] = []
    draw = Binarise.__call__

    def watched(self: Binarise, batch: Batch, step: int, stream: Stream) -> Batch:
        made = draw(self, batch, step, stream)
        seen.append((step, made.views["target"]))
        return made

    monkeypatch.setattr(Binarise, "__call__", watched)
    data = tmp_path / "grey.npz"
    np.savez(data, images=np.full((64, 8, 8), 128, np.uint8))
    settings = [part for value in SETTINGS for part in ("--set", value)]
    assert main(["train", "image", "--data", str(data), "--output", str(tmp_path / "model"), *settings]) == 0
    assert sum(step < sys.maxsize for step, _ in seen) == 6, "one batch a step"
    measured = [len(target) for step, target in seen if step == sys.maxsize]
    assert len(measured) > 2 and set(measured) == {19}, "two validations, and the figures of the card"

    seen.clear()
    service = Service()
    one, two = (service.run("evaluate", model=str(tmp_path / "model"), data=str(data)).to_config() for _ in range(2))
    assert {name: one[name] for name in ("nll", "elbo")} == {name: two[name] for name in ("nll", "elbo")}
    assert seen and all(set(target.unique().tolist()) == {0.0, 1.0} for _, target in seen)
