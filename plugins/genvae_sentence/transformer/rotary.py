"""Su, Lu, Pan, Murtadha, Wen and Liu, "RoFormer: Enhanced Transformer with Rotary Position Embedding" (2021).

A query or key at position t is turned by the angle t * 10000 ** (-2i / d) in its i-th plane, so that the product of
a query and a key depends on their distance alone. Plane i is spanned by the dimensions i and i + d / 2.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

BASE = 10_000.0


class Rotary(nn.Module):
    """The angles of positions, for heads of an even width."""

    _speed: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        speed = BASE ** (-torch.arange(0, width, 2, dtype=torch.float32) / width)
        self.register_buffer("_speed", speed, persistent=False)

    def forward(self, first: int, count: int) -> Float[Tensor, "2 t d"]:
        """Cosines and sines of ``count`` positions from ``first`` on, in float32."""
        places = torch.arange(first, first + count, dtype=torch.float32, device=self._speed.device)
        angles = places[:, None] * self._speed
        return torch.stack([angles.cos(), angles.sin()])


def turn(x: Float[Tensor, "n h t w"], angles: Float[Tensor, "2 t d"]) -> Float[Tensor, "n h t w"]:
    """Queries or keys, each turned by the angle of its position."""
    cosine, sine = angles.to(x.dtype)
    one, two = x.chunk(2, -1)
    return torch.cat([one * cosine - two * sine, two * cosine + one * sine], -1)
