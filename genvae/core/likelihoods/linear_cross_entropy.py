"""The output layer and its cross-entropy as one operation, its gradient whole or sampled.

At a vocabulary of ten thousand they are most of a step's work. Apart, they write the table of logits, its
logarithm, and the gradient of each; as one, a chunk of rows is scored and turned into its gradient in place
while it is in the cache, and no table outlives its chunk (so a large batch needs no more memory than a small one).

Two of the three large products are the gradient's: P weight and P^T hidden, where P (m, v) holds each row's
probabilities less 1 at its target. Sampled, they read a choice of P's columns. In a chunk, symbol v has the mass
s_v = sum of its probabilities over the rows. Its column is kept with probability pi_v = min(1, s_v / tau), the column
of a target always, and what is kept is divided by pi_v. So:

    no bias       the mean over choices is the whole gradient. Losses and the bias's gradient are not sampled at all.
    little noise  let x_r be row r's hidden vector. A symbol that may be left out has s_v < tau <= 1, and the choice
                  adds to the gradient of its weights the variance
                  (1 / pi_v - 1) |sum_r P_rv x_r|^2  <=  tau (1 - pi_v) sum_r P_rv |x_r|^2     (Cauchy and Schwarz)
                                                     <=  tau sum_r P_rv (1 - P_rv) |x_r|^2,
                  which is tau times the variance that this gradient has anyway, because the batch's targets are a
                  draw (from P, where the model is right). Rows' weights enter both sides alike. For what lies
                  beneath hidden the first line holds likewise, if columns were chosen independently: at most tau
                  times the second moment of what a target adds to the gradient.

Bengio and Senecal ("Quick Training of Probabilistic Neural Nets by Importance Sampling", 2003; "Adaptive Importance
Sampling to Accelerate Training of a Neural Probabilistic Language Model", 2008) choose symbols from another model and
estimate the normaliser from them, too, which is cheaper and biased; here the normaliser is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

ROWS = 384  # of a chunk: enough for an efficient product, few enough that its logits stay near the processor
MANY = 16_384  # of a chunk on a GPU, which has no use for the small and waits for the processor between two of them
#: where a row's sum of exp(logit) lies between these, what matters of it is neither too large nor too small for float32
LEAST, MOST = 1e-20, 1e20
LEVEL = 32.0  # nats: a chunk's logits are moved by a multiple of this, which is none for most models


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

    Above 0, ``sampled`` is the tau of the sampled gradient. Its choice takes one number a chunk from torch's global
    generator, as dropout takes its own: training seeds that anew at each step.

    The gradient is worked out beside the value, for rows that weigh the same in the loss (as they do in a sum or a
    mean). Where they turn out to differ, the backward pass computes it anew, from the same choice.
    """
    dtype = hidden.dtype
    if torch.is_autocast_enabled(hidden.device.type):
        dtype = torch.get_autocast_dtype(hidden.device.type)
    if not torch.is_grad_enabled():  # a Function is not told, and would work out a gradient for nobody
        return _chunks(hidden, weight, bias, target, dtype)[0]
    points = torch.rand(-(-len(hidden) // _rows(hidden)), dtype=torch.float64).tolist() if sampled else []
    nats: Tensor = _LinearCrossEntropy.apply(hidden, weight, bias, target, dtype, sampled, points)
    return nats


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, dtype: torch.dtype,
        sampled: float, points: list[float],
    ) -> Tensor:  # fmt: skip
        ctx.how = dtype, sampled, points
        nats, gradients = _chunks(hidden, weight, bias, target, dtype, any(ctx.needs_input_grad), sampled, points)
        ctx.save_for_backward(hidden, weight, bias, target, *gradients)
        return nats

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, target, *gradients = ctx.saved_tensors
        (by_row,) = upstream
        share = by_row[0] if len(by_row) else by_row.new_ones(())
        if not bool((by_row == share).all()):
            dtype, sampled, points = ctx.how
            _, gradients = _chunks(hidden, weight, bias, target, dtype, True, sampled, points, by_row)
            share = by_row.new_ones(())
        of_hidden, of_weight, of_bias = (gradient * share for gradient in gradients)
        found = of_hidden.to(hidden.dtype), of_weight.to(weight.dtype), None if bias is None else of_bias
        return *found, None, None, None, None


def _rows(hidden: Tensor) -> int:
    """How many rows a chunk has."""
    return ROWS if hidden.device.type == "cpu" else MANY


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
    nats = hidden.new_empty(len(hidden), dtype=torch.float32)
    of_hidden = torch.empty_like(hidden, dtype=dtype)
    of_weight = torch.zeros_like(weight, dtype=torch.float32)
    of_bias = weight.new_zeros(len(weight), dtype=torch.float32)
    at_once = _rows(hidden)
    for chunk, first in enumerate(range(0, len(hidden), at_once)):
        rows = slice(first, first + at_once)
        some, right = hidden.detach()[rows].to(dtype), target[rows, None]
        powers, total, nats[rows] = _scored(some, table, bias, right)
        if not wanted:
            continue
        # rows of ``powers`` are to be divided by their totals, and to be weighed
        even = total.reciprocal()
        share = even if by_row is None else even * by_row[rows, None].float()
        powers.scatter_add_(1, right, -total)  # softmax less the target, in place
        mass = powers.T.mv(share[:, 0])
        of_bias += mass
        columns, read = None, table
        if sampled:
            mass = mass if by_row is None else powers.T.mv(even[:, 0])
            columns, times = _choice(mass, right[:, 0], sampled, points[chunk])
            powers, read = powers.index_select(1, columns).mul_(times), table.index_select(0, columns)
        if dtype == torch.float32:  # the rows' shares are put to the narrow tables
            of_hidden[rows] = (powers @ read).mul_(share)
            seen = some * share
        else:
            powers = powers.mul_(share).to(dtype)
            of_hidden[rows], seen = powers @ read, some
        if columns is not None:
            of_weight.index_add_(0, columns, (powers.T @ seen).float())
        elif dtype == torch.float32:
            of_weight.addmm_(powers.T, seen)
        else:
            of_weight += powers.T @ seen
    return nats, [of_hidden, of_weight, of_bias] if wanted else []


def _scored(
    some: Float[Tensor, "m h"], table: Float[Tensor, "v h"], bias: Float[Tensor, " v"] | None, right: Int[Tensor, "m 1"]
) -> tuple[Float[Tensor, "m v"], Float[Tensor, "m 1"], Float[Tensor, " m"]]:
    """exp(logits) up to a factor a row, its sum over symbols, and the targets' nats."""
    start = table.new_zeros(len(table), dtype=torch.float32) if bias is None else bias.detach()
    # the loss does not hold logits at any level, so they may have drifted away together: to where targets' are
    level = ((some.float() * table[right[:, 0]].float()).sum(1) + start[right[:, 0]]).mean()
    start = start - (level / LEVEL).round() * LEVEL
    for shifted in (False, True):
        powers = functional.linear(some, table).float()
        powers += start
        at_target = powers.gather(1, right)
        if shifted:
            highest = powers.amax(1, keepdim=True)
            powers -= highest
            at_target -= highest
        total = powers.exp_().sum(1, keepdim=True)
        # two passes over the table are saved by not looking for the highest: only rows far from each other need it
        if bool(((total > LEAST) & (total < MOST)).all()):
            break
    return powers, total, (total.log() - at_target)[:, 0]


def _choice(
    mass: Float[Tensor, " v"], targets: Int[Tensor, " m"], sampled: float, point: float
) -> tuple[Int[Tensor, " k"], Float[Tensor, " k"]]:
    """The columns that are kept, and by how much each is multiplied: systematic sampling, which keeps the columns at
    which the running sum of their probabilities, begun at ``point`` in [0, 1), reaches another whole number."""
    kept = (mass / sampled).clamp_(max=1.0).index_fill_(0, targets, 1.0)
    ends = (kept.cpu().double().cumsum(0) + point).floor_()  # some devices have no float64
    begins = torch.cat([ends.new_zeros(1), ends[:-1]])
    # rounding may lose a certain column
    columns = ((ends > begins).to(kept.device) | (kept == 1.0)).nonzero()[:, 0]
    return columns, kept[columns].reciprocal()
