"""genvae's side of the training speed: the library's own call, on the networks of pythae's benchmarks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks.image.networks import built
from genvae.core.conditions import Conditions
from genvae.core.vae import VAE
from genvae.data.modality import Modality
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.training.run import train


class Given(Recipe):
    """A recipe whose networks are given, not named: everything else is as it always is."""

    kind = "mlp"

    def build(self, modality: Modality, seed: int = 0, conditions: Conditions | None = None) -> VAE:
        """The networks, whatever the modality; nothing is told to them."""
        return built(self.kind, seed)


def run(data: str, kind: str, batch: int, steps: int, threads: int) -> dict[str, Any]:
    """Train for some steps; answers the pictures that were in them."""
    torch.set_num_threads(threads)
    sections = {
        "modality": {"modality": "image", "size": 28},
        "architecture": {"architecture": "image-mlp"},
        "objective": {"objective": "elbo"},
        "training": {"batch_size": batch, "learning_rate": 1e-3, "decay": "constant", "warmup_steps": 0, "patience": 0,
                     "epochs": 100_000, "max_steps": steps, "evaluate_every": 10**9, "validation": 0.0005,
                     "clip": 1e9},
    }  # fmt: skip
    recipe = Given(sections, default_host())
    recipe.kind = kind
    with tempfile.TemporaryDirectory() as folder:
        outcome = train(recipe, data, Path(folder) / "model", resume=False, reporter=Silent(), device="cpu")
    assert outcome.state.step == steps
    return {"images": batch * steps, "weights": sum(p.numel() for p in outcome.bundle.vae.parameters())}
