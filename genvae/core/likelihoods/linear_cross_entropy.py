"""The output layer and its cross-entropy as one operation, its gradient whole or sampled.

At a vocabulary of ten thousand they are most of a step's work. Apart, they write the table of logits, its
logarithm, and the gradient of each; as one, the table is exponentiated and turned into its gradient in place. It lies
symbol by symbol, powers (v, m): so its products write rows that begin a line of the cache (see
``genvae.core.products``), a choice of symbols is a choice of rows, and what is said of a symbol or of a row is not said
of the table but of the narrow tables that it is multiplied with. With f_v = exp(bias_v), E = exp(weight hidden^T) and
t_r = sum_v f_v E_vr,

    nats        log t_r - log f E at the target
    of hidden   E^T (f weight) / t
    of weight   f (E (hidden / t)), E less t / f at the targets.

Two of the three large products are the gradient's. Sampled, they read a choice of symbols for every few rows (``FEW``).
Let P_vr = f_v E_vr / t_r; of some rows, symbol v has the mass s_v = sum_r P_vr. It is kept with probability
pi_v = min(1, s_v / tau), a target always, and what is kept is divided by pi_v. So:

    no bias       the mean over choices is the whole gradient. Losses and the bias's gradient are not sampled at all.
    little noise  let x_r be row r's hidden vector. A symbol that may be left out has s_v < tau <= 1, and the choice
                  adds to the gradient of its weights the variance
                  (1 / pi_v - 1) |sum_r P_vr x_r|^2  <=  tau (1 - pi_v) sum_r P_vr |x_r|^2     (Cauchy and Schwarz)
                                                     <=  tau sum_r P_vr (1 - P_vr) |x_r|^2,
                  which is tau times the variance that this gradient has anyway, because the batch's targets are a
                  draw (from P, where the model is right). Rows' weights enter both sides alike. For what lies
                  beneath hidden the first line holds likewise, if symbols were chosen independently: at most tau
                  times the second moment of what a target adds to the gradient.
    little work   the bound holds for any number of rows, and the fewer share a choice, the fewer symbols it needs: of
                  k rows about k / tau, and each of them is multiplied k times.

Bengio and Senecal ("Quick Training of Probabilistic Neural Nets by Importance Sampling", 2003; "Adaptive Importance
Sampling to Accelerate Training of a Neural Probabilistic Language Model", 2008) choose symbols from another model and
estimate the normaliser from them, too, which is cheaper and biased; here the normaliser is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from genvae.core.products import product

#: numbers in the largest table of a chunk of rows: 32 MB, the most that the C library hands out again after use (it
#: gives anything larger back to the system, which clears each page of the next), and fewer, larger products
NUMBERS = 8_000_000
MANY = 160_000_000  # on a GPU, which has no use for the small and waits for the processor between two of them
FEW = 128  # rows that share a choice of symbols: few need few symbols, too few make small products
#: where a row's sum of exp(logit) lies between these, what matters of it is neither too large nor too small for float32
LEAST, MOST = 1e-20, 1e20
LEVEL = 32.0  # nats: a chunk's logits are moved by a multiple of this, which is none for most models
NARROW = 20.0  # nats: biases between minus and plus this are factors that float32 holds beside LEAST and MOST


def reference(
    hidden: Float[Tensor, "m h"],
    weight: Float[Tensor, "v h"],
    bias: Float[Tensor, " v"] | None,
    target: Int[Tensor, " m"],
) -> Float[Tensor, " m"]:
    """The plain version that the fused one is tested against: nats of each row."""
    return functional.cross_entropy(functional.linear(hidden, weight, bias).float(), target, reduction="none")


def linear_cross_entropy(
    hidden: Float[Tensor, "m h"],
    weight: Float[Tensor, "v h"],
    bias: Float[Tensor, " v"] | None,
    target: Int[Tensor, " m"],
    sampled: float = 0.0,
) -> Float[Tensor, " m"]:
    """-log softmax(hidden @ weight.T + bias) at each row's target, in nats.

    Above 0, ``sampled`` is the tau of the sampled gradient. Its choice takes one number for every ``FEW`` rows from
    torch's global generator, as dropout takes its own: training seeds that anew at each step.

    The gradient is worked out beside the value, for rows that weigh the same in the loss (as they do in a sum or a
    mean). Where they turn out to differ, the backward pass computes it anew, from the same choice.
    """
    dtype = hidden.dtype
    if torch.is_autocast_enabled(hidden.device.type):
        dtype = torch.get_autocast_dtype(hidden.device.type)
    if not torch.is_grad_enabled():  # a Function is not told, and would work out a gradient for nobody
        return _chunks(hidden, weight, bias, target, dtype)[0]
    points: list[float] = []
    if sampled:
        count = sum(len(_few(chunk, weight)) for chunk in _chunked(len(hidden), weight))
        points = torch.rand(count, dtype=torch.float64).tolist()
    nats: Tensor = _LinearCrossEntropy.apply(hidden, weight, bias, target, dtype, sampled, points)
    return nats


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, dtype: torch.dtype,
        sampled: float, points: list[float],
    ) -> Tensor:  # fmt: skip
        ctx.how = dtype, sampled, points
        nats, ctx.gradients = _chunks(hidden, weight, bias, target, dtype, any(ctx.needs_input_grad), sampled, points)
        ctx.save_for_backward(hidden, weight, bias, target)
        return nats

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, target = ctx.saved_tensors
        (by_row,) = upstream
        gradients, ctx.gradients = ctx.gradients, []  # who gets them may change them: they are given once
        share = by_row[0] if len(by_row) else by_row.new_ones(())
        if gradients and bool((by_row == share).all()):
            gradients = [gradient.mul_(share) for gradient in gradients]
        else:
            dtype, sampled, points = ctx.how
            _, gradients = _chunks(hidden, weight, bias, target, dtype, True, sampled, points, by_row)
        of_hidden, of_weight, of_bias = gradients
        found = of_hidden.to(hidden.dtype), of_weight.to(weight.dtype), None if bias is None else of_bias
        return *found, None, None, None, None


def _cut(first: int, last: int, at_most: int) -> list[slice]:
    """Rows from first to last in parts of nearly one size, at most so many each."""
    count = -(-(last - first) // at_most)
    ends = [first + (last - first) * number // count for number in range(count + 1)] if count else []
    return [slice(*pair) for pair in pairwise(ends)]


def _chunked(rows: int, table: Tensor) -> list[slice]:
    """The chunks of rows."""
    numbers = NUMBERS if table.device.type == "cpu" else MANY
    return _cut(0, rows, max(1, numbers // len(table)))


def _few(chunk: slice, table: Tensor) -> list[slice]:
    """The rows of a chunk, counted from its first, that share a choice."""
    rows = chunk.stop - chunk.start
    return _cut(0, rows, FEW if table.device.type == "cpu" else rows)


def _chunks(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    dtype: torch.dtype,
    wanted: bool = False,
    sampled: float = 0.0,
    points: Sequence[float] = (),
    by_row: Tensor | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Each row's nats and, when wanted, the gradients of their sum weighted ``by_row``: the products in ``dtype``,
    every sum in float32."""
    table = weight.detach().to(dtype)
    factor, held = _parted(bias, table)
    nats = hidden.new_empty(len(hidden), dtype=torch.float32)
    of_hidden = torch.empty_like(hidden, dtype=dtype)
    of_weight = torch.zeros_like(weight, dtype=torch.float32)
    of_bias = torch.zeros_like(factor)
    point = iter(points)
    for chunk in _chunked(len(hidden), table):
        some, right = hidden.detach()[chunk].to(dtype), target[chunk]
        powers, total, nats[chunk] = _scored(some, table, factor, held, right)
        if not wanted:
            continue
        even = total.reciprocal()
        share = even if by_row is None else even * by_row[chunk].float()
        powers.scatter_add_(0, right[None], -(total / factor[right])[None])  # less the targets, in place
        seen = (some * share[:, None]).to(dtype)
        for rows in _few(chunk, table) if sampled else [slice(None)]:
            part, read, weigh = powers[:, rows], table, factor
            mass = part.mv(share[rows])
            of_bias += mass
            symbols = None
            if sampled:
                mass = mass if by_row is None else part.mv(even[rows])
                symbols, times = _choice(mass * factor, right[rows], sampled, next(point))
                part, read = part.index_select(0, symbols), table.index_select(0, symbols)
                weigh = factor[symbols] * times
            part = part.to(dtype)
            of_hidden[chunk][rows] = (part.T @ (read * weigh[:, None]).to(dtype)).mul_(share[rows, None])
            found = (part @ seen[rows]).float().mul_(weigh[:, None])
            if symbols is not None:
                of_weight.index_add_(0, symbols, found)
            elif chunk.start:
                of_weight += found
            else:
                of_weight = found
    return nats, [of_hidden, of_weight, of_bias.mul_(factor)] if wanted else []


def _parted(bias: Tensor | None, table: Tensor) -> tuple[Float[Tensor, " v"], Float[Tensor, " v"] | None]:
    """Of each symbol, what its exp(logit) is multiplied by, and what its logit holds: the bias is one of both."""
    if bias is None:
        return table.new_ones(len(table), dtype=torch.float32), None
    bias = bias.detach().float()
    if bool(bias.abs().max() < NARROW):
        return bias.exp(), None
    return torch.ones_like(bias), bias


def _scored(
    some: Float[Tensor, "m h"],
    table: Float[Tensor, "v h"],
    factor: Float[Tensor, " v"],
    held: Float[Tensor, " v"] | None,
    right: Int[Tensor, " m"],
) -> tuple[Float[Tensor, "v m"], Float[Tensor, " m"], Float[Tensor, " m"]]:
    """exp(logits) up to a factor a symbol and one a row, each row's sum over symbols, and the targets' nats."""
    beside = factor[right].log()
    # the loss does not hold logits at any level, so they may have drifted away together: to where targets' are
    own = (some.float() * table[right].float()).sum(1) + beside
    level = float(((own if held is None else own + held[right]).mean() / LEVEL).round()) * LEVEL
    for shifted in (False, True):
        powers = product(table, some.T).float()
        if held is not None:
            powers += held[:, None]
        if level:
            powers -= level
        own = powers.gather(0, right[None])[0]
        if shifted:
            highest = powers.amax(0)
            powers -= highest
            own -= highest
        total = powers.exp_().T.mv(factor)
        # two passes over the table are saved by not looking for the highest: only rows far from each other need it
        if bool(((total > LEAST) & (total < MOST)).all()):
            break
    return powers, total, total.log() - own - beside


def _choice(
    mass: Float[Tensor, " v"], targets: Int[Tensor, " m"], sampled: float, point: float
) -> tuple[Int[Tensor, " k"], Float[Tensor, " k"]]:
    """The symbols that are kept, and by how much each is multiplied: systematic sampling, which keeps the symbols at
    which the running sum of their probabilities, begun at ``point`` in [0, 1), reaches another whole number."""
    kept = (mass / sampled).clamp_(max=1.0).index_fill_(0, targets, 1.0)
    ends = (kept.cpu().double().cumsum(0) + point).floor_()  # some devices have no float64
    begins = torch.cat([ends.new_zeros(1), ends[:-1]])
    # rounding may lose a certain symbol
    symbols = ((ends > begins).to(kept.device) | (kept == 1.0)).nonzero()[:, 0]
    return symbols, kept[symbols].reciprocal()
