"""Fast products of matrices on a CPU.

Float32 ones go by oneDNN, where they are as exact as the usual ones. PyTorch has one switch,
``torch.backends.mkldnn.matmul.fp32_precision``: at "bf16" a product may be rounded to bfloat16. On processors whose
oneDNN has no such kernel it leaves the library's own float32 kernel in charge, which is exact, and on some faster than
the default path (the project's benchmarks tell). Which of both a machine does is found by trying.

Wide ones should write rows that begin a line of the cache (``product``): a core with AVX2 that multiplies (702, 256) by
(256, 10003) does 48 GFLOP/s, with rows 10,016 numbers apart 80, and 87 are all that it ever does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.randomness import Stream

EXACT = 1e-5  # largest relative error of a product in float32; one rounded to bfloat16 has 3e-3
SHAPES = ((128, 784, 512), (64, 512, 2048), (7, 33, 1000))  # rows, inner, columns

LINE = 64  # bytes of a line of the cache
LINES = 16  # in this many, or a multiple, rows would share a few places in the cache


def product(one: Float[Tensor, "m k"], two: Float[Tensor, "k n"]) -> Float[Tensor, "m n"]:
    """``one @ two``, without gradients, its rows so far apart that each begins a line of the cache."""
    columns = two.shape[1]
    line = LINE // one.element_size()
    lines = -(-columns // line)
    lines += lines % LINES == 0
    return torch.mm(one, two, out=one.new_empty(len(one), lines * line)[:, :columns])


def _switch() -> Any:
    """What holds the switch; None in a build without it."""
    matmul = getattr(getattr(torch.backends, "mkldnn", None), "matmul", None)
    return matmul if hasattr(matmul, "fp32_precision") and torch.backends.mkldnn.is_available() else None


def error() -> float:
    """The largest error of a few products and of their gradients, relative to the largest number in them."""
    worst = 0.0
    for number, (rows, inner, columns) in enumerate(SHAPES):
        stream = Stream(0, "products", number)
        a = stream.at("a").normal(torch.arange(rows), inner)
        b = stream.at("b").normal(torch.arange(columns), inner)
        pairs = ((a @ b.T, a.double() @ b.double().T), (a.T @ (a @ b.T), a.double().T @ (a.double() @ b.double().T)))
        for found, exact in pairs:
            worst = max(worst, float((found - exact).abs().max() / exact.abs().max()))
    return worst


@contextmanager
def exact_products(device: torch.device) -> Iterator[bool]:
    """Have oneDNN do the products of float32 matrices for a while, where this machine's is exact; says whether it does.

    The switch is one for the whole process: it stands as it was afterwards. On a GPU nothing changes.
    """
    switch = _switch()
    if device.type != "cpu" or switch is None:
        yield False
        return
    before = switch.fp32_precision
    switch.fp32_precision = "bf16"
    try:
        exact = error() < EXACT
        if not exact:
            switch.fp32_precision = before
        yield exact
    finally:
        switch.fp32_precision = before
