"""How near training comes to the machine's own matrix products.

    ceiling = FLOPs of a step's products / the time that the machine takes for the same products, one by one
    reached = FLOPs of a step's products / the time of a step

Both on one batch of median length, in float32. A forward product (m, k) (k, n) has two backward ones of the same
2 m k n FLOPs: its input's gradient (m, n) (n, k) and its weight's (n, m) (m, k). A forward product's time is the better
of torch.matmul's and of that into rows that begin a line of the cache (``genvae.core.products``). With the output
layer's gradient sampled a step does fewer FLOPs; its time stands beside, and the tokens a second that it makes.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from benchmarks.text.engine import Engine, Training, threads
from benchmarks.text.ptb import SIZES
from genvae.core.batch import Batch
from genvae.core.products import product as aligned

SHOWN = 12  # operations that are listed by themselves

#: what operations are for, by how their names begin; the first that fits
KINDS = {
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm", "aten::mkldnn_linear"),
    "LSTM kernel": ("aten::mkldnn_rnn", "aten::lstm", "aten::_thnn"),
    "optimizer": ("aten::_fused_adam", "aten::_foreach", "Optimizer.", "aten::linalg_vector_norm"),
    "logits to cross-entropy": (
        "aten::exp",
        "aten::amax",
        "aten::log",
        "aten::sub_",
        "aten::scatter",
        "aten::gather",
        "aten::mv",
        "aten::addmv",
        "aten::reciprocal",
        "aten::_log_softmax",
        "aten::nll_loss",
        "_LinearCrossEntropy",
        "aten::sum",
        "aten::div",
    ),
    "tables of embeddings": ("aten::embedding", "aten::index"),
    "copies": ("aten::copy_", "aten::cat", "aten::clone", "aten::fill_", "aten::zero"),
    "making the batch": ("making the batch",),
}


@dataclass(frozen=True)
class Product:
    """``count`` forward products (m, k) (k, n) of a step."""

    name: str
    count: int
    m: int
    k: int
    n: int

    @property
    def flops(self) -> int:
        """Forward and backward."""
        return 3 * 2 * self.m * self.k * self.n * self.count


def products(rows: int, length: int, tokens: int, symbols: int, size: tuple[int, int, int]) -> list[Product]:
    """The products of the LSTM VAE for ``rows`` sentences padded to ``length`` words, with ``tokens`` real targets
    (the output layer sees no padding)."""
    embedding, hidden, latent = size
    return [
        Product("encoder, words to gates", 1, rows * length, embedding, 4 * hidden),
        Product("encoder, state to gates", length, rows, hidden, 4 * hidden),
        Product("posterior", 1, rows, hidden, 2 * latent),
        Product("z to first state", 1, rows, latent, hidden),
        Product("decoder, words and z to gates", 1, rows * (length + 1), embedding + latent, 4 * hidden),
        Product("decoder, state to gates", length + 1, rows, hidden, 4 * hidden),
        Product("output layer", 1, tokens, hidden, symbols),
    ]


def of_batch(batch: Batch, symbols: int, size: tuple[int, int, int]) -> list[Product]:
    """The products of a batch."""
    rows, length = batch.views["input"].shape
    return products(rows, length, int(batch.cost.sum()), symbols, size)


def seconds_of(call: Callable[[], Any], repeats: int) -> float:
    """The median time of a call."""
    call()
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return median(found)


def timed(product: Product, repeats: int) -> float:
    """Seconds that the machine takes for a product and its two backward ones, ``count`` times."""
    one, weight = torch.randn(product.m, product.k), torch.randn(product.n, product.k)
    above = torch.randn(product.m, product.n)
    forward = min(seconds_of(partial(way, one, weight.T), repeats) for way in (torch.matmul, aligned))
    backward = sum(seconds_of(partial(torch.matmul, *pair), repeats) for pair in ((above, weight), (above.T, one)))
    return product.count * (forward + backward)


def kind(operation: str) -> str:
    """What an operation is for."""
    return next((name for name, begins in KINDS.items() if operation.startswith(begins)), "other operations")


def breakdown(engine: Engine, training: Training, rows: Any, steps: int) -> dict[str, dict[str, float]]:
    """Where the time of a step goes by torch.profiler: the share of each kind of operation in its own time, and of
    the largest operations by themselves. "outside" is what no operation accounts for: Python, and the profiler."""
    began = time.perf_counter()
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for number in range(steps):
            with record_function("making the batch"):
                batch = engine.batches.batch(rows)
            training.step(batch, number)
    whole = (time.perf_counter() - began) * 1e6
    events = sorted(seen.key_averages(), key=lambda event: -event.self_cpu_time_total)
    shares = {event.key: event.self_cpu_time_total / whole for event in events}
    kinds: dict[str, float] = dict.fromkeys(KINDS, 0.0)
    for operation, share in shares.items():
        kinds[kind(operation)] = kinds.get(kind(operation), 0.0) + share
    kinds["outside"] = max(0.0, 1 - sum(shares.values()))
    return {"kinds": kinds, "operations": dict(list(shares.items())[:SHOWN])}


def run(
    data: str, size: str, batch: int, steps: int, repeats: int, count: int, precision: str, sampled_gradient: float
) -> dict[str, Any]:
    """The ceiling of the products, the share of it that training reaches, and where the rest goes."""
    threads(count)
    engine = Engine.of(data, size, batch, precision)
    by_length = sorted(engine.batches.order(0, 0), key=lambda rows: engine.batches.costs[rows].max())
    rows = by_length[len(by_length) // 2]
    made = engine.batches.batch(rows)
    training = engine.trained(0)
    listed = of_batch(made, engine.modality.vocabulary, SIZES[size])
    flops = sum(product.flops for product in listed)
    spent = {product.name: timed(product, repeats) for product in listed}
    numbers = itertools.count()
    of_step, sampled = (
        seconds_of(lambda one=one: one.step(engine.batches.batch(rows), next(numbers)), steps)
        for one in (training, Engine.of(data, size, batch, precision, sampled_gradient).trained(0))
    )
    ceiling, reached = flops / sum(spent.values()) / 1e9, flops / of_step / 1e9
    return {
        "batch": {"sentences": len(made), "words": made.views["input"].shape[1], "tokens": int(made.cost.sum())},
        "gflop": flops / 1e9, "ceiling": ceiling, "reached": reached, "share": reached / ceiling,
        "step_seconds": of_step, "sampled_step_seconds": sampled,
        "tokens_per_second": float(made.cost.sum()) / of_step,
        "sampled_tokens_per_second": float(made.cost.sum()) / sampled,
        "ceiling_tokens_per_second": float(made.cost.sum()) / sum(spent.values()),
        "products": [
            {"product": p.name, "share_of_flops": p.flops / flops, "gflops": p.flops / spent[p.name] / 1e9}
            for p in listed
        ],
        "breakdown": breakdown(engine, training, rows, max(2, steps // 2)),
    }  # fmt: skip
