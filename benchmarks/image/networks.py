"""The networks of pythae's benchmarks on MNIST (Chadebec, Vincent and Allassonnière, "Pythae: Unifying Generative
Autoencoders in Python", 2022), layer by layer, as parts of a VAE of genvae's: the same weights, the same arithmetic.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.likelihoods.bernoulli import BernoulliSettings
from genvae.core.posteriors import DiagonalGaussianSettings
from genvae.core.posteriors.base import Features
from genvae.core.priors import StandardNormal
from genvae.core.vae import VAE

LATENT = 16
HIDDEN = 512  # of the fully connected network
WIDE = 1024  # channels of the convolutional one where it is widest


class Encoder(nn.Module):
    """Pictures to one vector."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        if kind == "mlp":
            self.layers = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, HIDDEN), nn.ReLU())
            return
        wide = [1, 128, 256, 512, WIDE]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(wide):
            layers += [nn.Conv2d(before, after, 4, 2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten())

    def forward(self, batch: Batch) -> Features:
        return {"summary": self.layers(batch.views["input"])}


class Decoder(nn.Module):
    """The latent to logits of a picture."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        if kind == "mlp":
            self.layers = nn.Sequential(
                nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 28 * 28), nn.Unflatten(1, (1, 28, 28))
            )
            return
        self.layers = nn.Sequential(
            nn.Linear(LATENT, WIDE * 16), nn.Unflatten(1, (WIDE, 4, 4)),
            nn.ConvTranspose2d(WIDE, 512, 3, 2, padding=1), nn.BatchNorm2d(512), nn.ReLU(),
            nn.ConvTranspose2d(512, 256, 3, 2, padding=1, output_padding=1), nn.BatchNorm2d(256), nn.ReLU(),
            nn.ConvTranspose2d(256, 1, 3, 2, padding=1, output_padding=1),
        )  # fmt: skip

    def forward(self, latents: Mapping[str, Tensor], batch: Batch | None = None) -> Tensor:
        found: Tensor = self.layers(latents["z"])
        return found


def built(kind: str, seed: int) -> VAE:
    """The VAE of a kind, "mlp" or "conv"."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        z = Block(name="z", shape=(LATENT,))
        return VAE(
            blocks=[z], encoder=Encoder(kind), decoder=Decoder(kind), prior=StandardNormal(),
            posterior=DiagonalGaussianSettings(log_variance_floor=-40.0).build([z], HIDDEN if kind == "mlp" else WIDE),
            likelihood=BernoulliSettings().build(),
        )  # fmt: skip
