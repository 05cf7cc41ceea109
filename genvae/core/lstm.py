"""The fused LSTM under mixed precision, on any processor."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn


@cache
def _bfloat16_kernel() -> bool:
    """Whether the processor's kernel computes in bfloat16: those without such instructions have none, and torch
    raises where it should fall back."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class LSTM(nn.LSTM):
    """``nn.LSTM`` that stays in float32 under autocast where the processor has no kernel for bfloat16."""

    def forward(  # type: ignore[override]  # no packed sequences
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        if input.device.type != "cpu" or not torch.is_autocast_enabled("cpu") or _bfloat16_kernel():
            return super().forward(input, hx)
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.float(), None if hx is None else (hx[0].float(), hx[1].float()))

    def weights(self, layer: int) -> tuple[Tensor, Tensor, Tensor]:
        """The weights of a layer: of its input, of its state, and both biases, for a step that is written by hand: the
        kernel reorders its weights at each call."""
        found = [getattr(self, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        return found[0], found[1], found[2] + found[3]


def gated(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """State and cell of a layer after one step, from the sums that its gates get, in the kernel's order."""
    enter, keep, new, out = gates.chunk(4, -1)
    cell = keep.sigmoid() * cell + enter.sigmoid() * new.tanh()
    return out.sigmoid() * cell.tanh(), cell
