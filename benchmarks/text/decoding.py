"""Sentences per second: genvae's decoding against the textbook's, from the same weights and the same latents.

The textbook takes one cached nn.LSTM step at a time on all rows, always to the end, draws by torch.multinomial, and
sorts the vocabulary for a nucleus. The model has been trained a little, so that sentences end where sentences do; it
is kept in the folder for temporary files.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.text.engine import threads
from benchmarks.text.ours import recipe
from benchmarks.text.textbook import same_weights
from genvae.core.decoding.decode import decode
from genvae.core.decoding.options import Decoding
from genvae.core.likelihoods import CategoricalSequence, SequenceDecoder
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.host import default_host
from genvae.progress import Silent
from genvae.store.bundle import load
from genvae.training.run import train

#: name -> (temperature, nucleus)
WAYS = {"greedy": (0.0, 1.0), "temperature 0.8": (0.8, 1.0), "nucleus 0.9": (1.0, 0.9)}
AT_LEAST = 64  # sentences in one timing, in as many calls as it takes

Sentences = list[list[int]]


def trained(data: str, size: str, steps: int) -> VAE:
    """The model, from the folder of a run before where there is one."""
    made = recipe(size, 32, max_steps=steps)
    key = hashlib.sha256(json.dumps(made.to_config()).encode() + Path(data).read_bytes()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"genvae-benchmarks-decoding-{key}"
    if not (folder / "manifest.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        train(made, data, folder, resume=False, reporter=Silent())
    return load(folder, default_host()).vae


def ours(model: VAE, z: torch.Tensor, first: int, length: int, temperature: float, top_p: float) -> Sentences:
    """genvae's sentences."""
    assert isinstance(model.likelihood, CategoricalSequence) and isinstance(model.decoder, SequenceDecoder)
    options = Decoding(
        temperature=temperature, top_p=top_p, max_length=length, min_length=0, allow_unknown=True
    )  # fmt: skip
    items = torch.arange(first, first + len(z))
    stepper = model.likelihood.stepper(model.decoder)
    return decode(stepper, {"z": z}, items, options, Stream(0, "benchmark"), longest=length)


def rate(call: Callable[[torch.Tensor, int], Sentences], latents: torch.Tensor, batch: int) -> float:
    """Sentences per second in calls of ``batch`` latents."""
    began = time.perf_counter()
    for first in range(0, len(latents), batch):
        call(latents[first : first + batch], first)
    return len(latents) / (time.perf_counter() - began)


def run(data: str, size: str, steps: int, batches: list[int], length: int, repeats: int, count: int) -> dict[str, Any]:
    """Each way at each batch size, both sides in turn, ``repeats`` times: medians and ranges."""
    threads(count)
    model = trained(data, size, steps)
    textbook = same_weights(model).eval()
    found = []
    for batch in batches:
        latents = torch.randn(max(batch, AT_LEAST), model.latent_dim, generator=torch.Generator().manual_seed(0))
        for way, (temperature, top_p) in WAYS.items():

            def genvae(z: torch.Tensor, first: int, t: float = temperature, p: float = top_p) -> Sentences:
                return ours(model, z, first, length, t, p)

            def plain(z: torch.Tensor, first: int, t: float = temperature, p: float = top_p) -> Sentences:
                return textbook.decode(z, length, temperature=t, top_p=p)

            said = genvae(latents[:batch], 0), plain(latents[:batch], 0)
            speeds = [(rate(genvae, latents, batch), rate(plain, latents, batch)) for _ in range(repeats)]
            mine, theirs = zip(*speeds, strict=True)
            line = {
                "batch": batch, "way": way, "genvae": _spread(mine), "textbook": _spread(theirs),
                "times": median(a / b for a, b in speeds),
                "words": [sum(map(len, sentences)) / batch for sentences in said],
            }  # fmt: skip
            if not temperature:
                line["alike"] = sum(a == b for a, b in zip(*said, strict=True)) / batch
            found.append(line)
    return {"lines": found}


def _spread(values: tuple[float, ...]) -> dict[str, float]:
    return {"median": median(values), "least": min(values), "most": max(values)}
