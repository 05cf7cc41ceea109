"""genvae's side: the recipe of a size, and training by the library's own call."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks.text.ptb import LONGEST, SIZES, SYMBOLS
from genvae.data.batching import Batches, split
from genvae.data.prepare import prepare
from genvae.data.read import read
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.training.run import train


def recipe(size: str, batch: int, precision: str = "float32", sampled_gradient: float = 0.0, **training: Any) -> Recipe:
    """The plain LSTM VAE of a size: loss = distortion + rate, Adam at 0.001, no dropout; the output layer's gradient
    whole, or sampled."""
    embedding, hidden, latent = SIZES[size]
    sections = {
        "modality": {"modality": "sentence", "tokenizer": "word", "vocab_size": SYMBOLS, "max_length": LONGEST},
        "architecture": {"architecture": "lstm", "embedding_dim": embedding, "hidden_dim": hidden,
                         "latent_dim": latent, "tied": False, "dropout": 0.0,
                         "sampled_gradient": sampled_gradient},
        "objective": {"objective": "elbo", "beta": 1.0, "free_bits": 0.0},
        "training": {"batch_size": batch, "precision": precision, "learning_rate": 1e-3, "decay": "constant",
                     "warmup_steps": 0, "patience": 0, "epochs": 100_000, "evaluate_every": 10**9,
                     "validation": 0.0005, **training},
    }  # fmt: skip
    return Recipe(sections, default_host())


def run(
    data: str, size: str, batch: int, steps: int, threads: int, precision: str, sampled_gradient: float = 0.0
) -> dict[str, Any]:
    """Train for some steps; answers the target tokens that were in them."""
    torch.set_num_threads(threads)
    made = recipe(size, batch, precision, sampled_gradient, max_steps=steps)
    with tempfile.TemporaryDirectory() as folder:
        outcome = train(made, data, Path(folder) / "model", resume=False, reporter=Silent())
    assert outcome.state.step == steps
    return {"tokens": tokens(made, data, outcome.bundle.modality, steps), "weights": _weights(outcome.bundle.vae)}


def tokens(made: Recipe, data: str, modality: Any, steps: int) -> int:
    """The target tokens of the first steps of a run: the costs of its batches, in its own order."""
    settings = made.sections["training"]
    selected, _ = made.modality_settings().select(read(data, made.host))
    examples = prepare(selected, modality)
    rows, _ = split(len(selected), settings["validation"], settings["seed"])
    batches = Batches(examples, rows, modality, batch_size=settings["batch_size"])
    orders = (batches.order(settings["seed"], epoch) for epoch in itertools.count())
    costs = dict(zip(rows.tolist(), batches.costs.tolist(), strict=True))
    first = itertools.islice(itertools.chain.from_iterable(orders), steps)
    return sum(costs[row] for rows_of_batch in first for row in rows_of_batch.tolist())


def _weights(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
