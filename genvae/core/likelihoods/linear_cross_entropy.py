"""The output layer and its cross-entropy as one operation.

At a vocabulary of ten thousand they are most of a step's work. Apart, they write the table of logits, its
logarithm, and the gradient of each; as one, a chunk of rows is scored and turned into its gradient in place
while it is in the cache, and no table outlives its chunk (so a large batch needs no more memory than a small one).
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

ROWS = 384  # of a chunk: enough for an efficient product, few enough that its logits stay near the processor


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
) -> Float[Tensor, " m"]:
    """-log softmax(hidden @ weight.T + bias) at each row's target, in nats.

    The gradient is worked out beside the value, for rows that weigh the same in the loss (as they do in a sum or a
    mean). Where they turn out to differ, the backward pass computes it anew.
    """
    nats: Tensor = _LinearCrossEntropy.apply(hidden, weight, bias, target)
    return nats


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor) -> Tensor:
        wanted = any(ctx.needs_input_grad)
        dtype = torch.get_autocast_dtype(hidden.device.type)
        ctx.dtype = dtype if torch.is_autocast_enabled(hidden.device.type) else hidden.dtype
        nats, gradients = _chunks(hidden, weight, bias, target, None, wanted, ctx.dtype)
        ctx.save_for_backward(hidden, weight, bias, target, *gradients)
        return nats

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, target, *gradients = ctx.saved_tensors
        (by_row,) = upstream
        share = by_row[0] if len(by_row) else by_row.new_ones(())
        if not bool((by_row == share).all()):
            _, gradients = _chunks(hidden, weight, bias, target, by_row, True, ctx.dtype)
            share = by_row.new_ones(())
        of_hidden, of_weight, of_bias = (gradient * share for gradient in gradients)
        return of_hidden.to(hidden.dtype), of_weight.to(weight.dtype), None if bias is None else of_bias, None


def _chunks(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    by_row: Tensor | None,
    wanted: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, list[Tensor]]:
    """Each row's nats and, when wanted, the gradients of their sum weighted ``by_row``: the products in ``dtype``,
    every sum in float32."""
    table = weight.detach().to(dtype)
    nats = hidden.new_empty(len(hidden), dtype=torch.float32)
    of_hidden = torch.empty_like(hidden, dtype=dtype)
    of_weight = torch.zeros_like(weight, dtype=torch.float32)
    of_bias = weight.new_zeros(len(weight), dtype=torch.float32)
    for first in range(0, len(hidden), ROWS):
        rows = slice(first, first + ROWS)
        some, right = hidden.detach()[rows].to(dtype), target[rows, None]
        logits = functional.linear(some, table).float()
        if bias is not None:
            logits += bias.detach()
        at_target = logits.gather(1, right)
        highest = logits.amax(1, keepdim=True)
        logits.sub_(highest).exp_()
        total = logits.sum(1, keepdim=True)
        nats[rows] = (total.log() + highest - at_target)[:, 0]
        if not wanted:
            continue
        scale = torch.ones_like(total) if by_row is None else by_row[rows, None].float()
        logits.mul_(scale / total).scatter_add_(1, right, -scale)  # softmax less the target, in place
        of_bias += logits.sum(0)
        gradient = logits.to(dtype)
        of_hidden[rows] = gradient @ table
        if dtype == torch.float32:
            of_weight.addmm_(gradient.T, some)
        else:
            of_weight += gradient.T @ some
    return nats, [of_hidden, of_weight, of_bias] if wanted else []
