"""Small classifiers on the prior's noise: what they are, how they learn, where they are kept."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from genvae.core.randomness import Stream
from genvae.errors import CheckpointError
from genvae.store.folders import fault, staged, write_json
from genvae.store.weights import load_module, save_module

WEIGHTS, CONFIG = "classifier.safetensors", "classifier.json"
FORMAT = 1
BATCH, EPOCHS, PATIENCE = 256, 60, 6
HELD = 0.15  # share of the items that say when to stop, and how good it is
FEWEST = 10  # items


class NoiseClassifier(nn.Module):
    """log p(value | noise), by a linear map or one hidden layer. Computes in float64 in use, so that a row does not
    depend on the rows beside it."""

    def __init__(self, size: int, values: Sequence[str], hidden: int) -> None:
        super().__init__()
        self.values = tuple(values)
        self.size, self.hidden = size, hidden
        self.first = nn.Linear(size, hidden) if hidden else nn.Identity()
        self.last = nn.Linear(hidden or size, len(values))

    def forward(self, noise: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        inner = self.first(noise)
        found: Tensor = self.last(functional.silu(inner) if self.hidden else inner)
        return found.log_softmax(1)


@dataclass(frozen=True)
class Fitted:
    """A classifier and what it is worth."""

    network: NoiseClassifier
    about: dict[str, Any]


def fit(
    name: str, noise: Float[Tensor, "n d"], labels: Sequence[str], values: Sequence[str], hidden: int, seed: int
) -> Fitted:
    """Learn a label's ``values`` from rows of noise, all of them labelled.

    Adam with weight decay on the larger part; the weights that are best on the rest are kept. Order, start and what is
    held out are the seed's.
    """
    number = {value: place for place, value in enumerate(values)}
    wanted = torch.tensor([number[label] for label in labels])
    stream = Stream(seed, f"teach/{name}")
    order = stream.at("held").uniform(torch.arange(len(wanted)), 1)[:, 0].argsort()
    held = max(1, round(HELD * len(wanted)))
    learnt, tested = order[held:], order[:held]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream.integer())
        network = NoiseClassifier(noise.shape[1], values, hidden)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.05)
    best, since, kept = math.inf, 0, copy.deepcopy(network.state_dict())
    for epoch in range(EPOCHS):
        shuffled = learnt[stream.at("order").again(epoch).uniform(learnt, 1)[:, 0].argsort()]
        for rows in shuffled.split(BATCH):
            loss = functional.nll_loss(network(noise[rows]), wanted[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        nats = _nats(network, noise[tested], wanted[tested])
        if nats < best:
            best, since, kept = nats, 0, copy.deepcopy(network.state_dict())
        else:
            since += 1
            if since >= PATIENCE:
                break
    network.load_state_dict(kept)
    network.requires_grad_(False).eval()
    right = (network(noise[tested]).argmax(1) == wanted[tested]).double().mean()
    commonest = torch.bincount(wanted[tested], minlength=len(values)).max() / len(tested)
    about = {
        "values": list(values), "items": len(wanted), "held_out": len(tested), "accuracy": float(right),
        "commonest": float(commonest), "nats": best,
    }  # fmt: skip
    return Fitted(network, about)


@torch.no_grad()
def _nats(network: NoiseClassifier, noise: Float[Tensor, "n d"], wanted: Int[Tensor, " n"]) -> float:
    return float(functional.nll_loss(network(noise), wanted))


# -- kept beside a model ---------------------------------------------------------------------------


def keep(place: Path, name: str, fitted: Fitted, weights: str) -> None:
    """Write a classifier, whole or not at all. ``weights`` is the checksum of the model's, which it is for."""
    network = fitted.network
    with staged(place / name) as stage:
        save_module(network, stage / WEIGHTS)
        write_json(stage / CONFIG, {
            "format": FORMAT, "label": name, "size": network.size, "hidden": network.hidden, "model": weights,
            **fitted.about,
        })  # fmt: skip


def kept(place: Path) -> list[str]:
    """The labels that there are classifiers for."""
    return sorted(path.parent.name for path in place.glob(f"*/{CONFIG}"))


def restored(place: Path, name: str, weights: str) -> NoiseClassifier:
    """A classifier that was kept; raises CheckpointError where it is damaged, or another model's."""
    folder = place / name
    wrong = fault(folder)
    if wrong:
        raise CheckpointError(f"the classifier in {folder} is damaged: {wrong}")
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if config["model"] != weights:
        raise CheckpointError(f"the classifier in {folder} is for other weights than the model's: teach it again")
    network = NoiseClassifier(config["size"], config["values"], config["hidden"])
    load_module(network, folder / WEIGHTS)
    return network.requires_grad_(False).eval()
