"""Dieng, Kim, Rush and Blei, "Avoiding Latent Variable Collapse with Generative Skip Models" (2019).

z goes to the output layer past everything between: h' = W_h h + W_z z, so that what the layers between make of z
cannot lose it. W_h is left out: the output layer's own matrix comes next.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class Skip(nn.Module):
    """W_z z of each row, to be added to the vectors that go to the output layer."""

    def __init__(self, latents: int, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(latents, width, bias=False)

    def forward(self, z: Float[Tensor, "n z"]) -> Float[Tensor, "n h"]:
        return self.project(z)
