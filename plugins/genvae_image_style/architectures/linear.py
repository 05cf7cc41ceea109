"""Linear maps between pictures and z, of their own for each value of a condition, and a filter behind.

A VAE with linear networks is probabilistic PCA (Tipping and Bishop, "Probabilistic Principal Component Analysis", 1999;
Lucas et al., "Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse", 2019), and its best weights are
known in closed form: principal components. So training begins there. A hundred components of shirts draw a shirt as
sharp as several hundred of all clothes do.

Each value's components are turned so that they lie as near to those of all pictures as they can (Schönemann, "A
Generalized Solution of the Orthogonal Procrustes Problem", 1966): the density is the same, and z says of one value
about what it says of another, by how much a picture departs from the mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.likelihoods import Gaussian
from genvae.core.likelihoods.gaussian import GaussianSettings
from genvae.core.posteriors import DiagonalGaussianPosterior
from genvae.core.posteriors.base import BlockHead, Features
from genvae.core.vae import VAE, Networks
from genvae.errors import LacksCapability, SettingError
from genvae.settings import setting
from genvae_image_style.architectures.base import (
    Output,
    PictureEncoder,
    Pictures,
    PictureSettings,
    given,
    label_block,
)
from genvae_image_style.architectures.flat_letters import Filter, PerLetter

LARGEST = 4_096  # numbers of a picture: a covariance has their square
HELD = 1 << 30  # bytes of pictures that are looked at; of more the first
OWN = 16.0  # pictures: a covariance of so many is half its value's own and half that of all
SURE = 1e-6  # smallest share of a component's variance that is not noise


def of_values(known: Float[Tensor, "n k"]) -> Float[Tensor, "n v"]:
    """How much of each value a row has, and last how much is unknown."""
    return torch.cat([known, 1.0 - known.sum(1, keepdim=True)], 1)


class LinearEncoder(PictureEncoder):
    """The posterior's mean by a linear map of each value's own."""

    def __init__(self, modality: Pictures, told: Sequence[Block], width: int) -> None:
        super().__init__(modality)
        self.told = [(block.name, block.size) for block in told]
        values = 1 + sum(block.size for block in told)
        self.maps = PerLetter(values, modality.channels * modality.size**2, width)
        self.own = nn.Linear(values, width, bias=False)

    def forward(self, batch: Batch) -> Features:
        return self.read_as(batch.views["input"], rows_of(batch.conditions, self.told, len(batch), batch.items.device))

    def features(self, pictures: Float[Tensor, "n c h w"]) -> Features:
        """Of pictures of which nothing is known."""
        return self.read_as(pictures, rows_of({}, self.told, len(pictures), pictures.device))

    def read_as(self, pictures: Float[Tensor, "n c h w"], told: Float[Tensor, "n k"]) -> Features:
        """Of pictures of these values."""
        values = of_values(told)
        return {"summary": self.maps(pictures.flatten(1), values) + self.own(values)}


class LinearDecoder(nn.Module):
    """A value's mean picture and the sum of its components, weighed by z; then a ``Filter``, if any."""

    def __init__(
        self, modality: Pictures, told: Sequence[Block], z: Block, settings: LinearSettings, output: Output
    ) -> None:
        super().__init__()
        self.told = [(block.name, block.size) for block in told]
        self.z = z.name
        values = 1 + sum(block.size for block in told)
        self.shape = (output.width, modality.size, modality.size)
        pixels = output.width * modality.size**2
        self.maps = PerLetter(values, z.size, pixels)
        self.own = nn.Linear(values, pixels, bias=False)
        with torch.no_grad():
            self.own.weight.fill_(output.first or 0.0)
        self.filter = Filter(output.width, settings.filter_dim, settings.activation) if settings.filter_dim else None

    def forward(self, latents: Mapping[str, Tensor], batch: Batch | None = None) -> Float[Tensor, "n d h w"]:
        z = latents[self.z].flatten(1)
        values = of_values(rows_of(latents, self.told, len(z), z.device))
        picture: Tensor = (self.maps(z, values) + self.own(values)).reshape(-1, *self.shape)
        return picture if self.filter is None else self.filter(picture)

    @torch.no_grad()
    def begin(self, model: VAE, batches: Iterable[Batch]) -> None:
        """Maps, posterior and likelihood in closed form; nothing where the model's parts are none that it knows."""
        posterior, likelihood = model.posterior, model.likelihood
        encoder = next((part for part in model.modules() if isinstance(part, LinearEncoder)), None)
        if encoder is None or not isinstance(posterior, DiagonalGaussianPosterior) or posterior.scale is not None:
            return
        if not isinstance(likelihood, Gaussian) or likelihood.per_element != 1:
            return
        pictures, told = _held(batches, self.told)
        found = components(pictures, of_values(told), self.maps.weight.shape[2])
        self.maps.weight.copy_(found.components)
        self.own.weight.copy_(found.means.T)
        reading = found.components.transpose(1, 2) * found.shrinking
        encoder.maps.weight.copy_(reading)
        encoder.own.weight.copy_(-torch.einsum("vkp,vp->kv", reading, found.means))
        head = posterior.heads[self.z]
        assert isinstance(head, BlockHead)
        size = head.in_features
        head.weight.copy_(torch.cat([torch.eye(size), torch.zeros(size, size)]))
        head.bias.copy_(torch.cat([torch.zeros(size), found.variances.log()]))
        likelihood.log_variance.fill_(found.noise.log())


@dataclass(frozen=True)
class Components:
    """Principal components of each value, and last of pictures of which nothing is known."""

    means: Float[Tensor, "v p"]
    components: Float[Tensor, "v p k"]  # orthonormal
    noise: Float[Tensor, ""]  # variance of an element that no component explains
    shrinking: Float[Tensor, "k 1"]  # of z to the posterior's mean
    variances: Float[Tensor, " k"]  # of the posterior


def components(pictures: Float[Tensor, "n p"], values: Float[Tensor, "n v"], count: int) -> Components:
    """By the covariances' eigenvectors. Of few pictures of a value the covariance is mixed with that of all; a value
    that no picture has, and the unknown one, has that alone where all are known."""
    mean, whole = _moments(pictures)
    every, spread = _first(whole, count)
    means, found, left = [], [], []
    variances = torch.zeros(count)
    for value in range(values.shape[1]):
        own = pictures[values[:, value] == 1.0]
        if not len(own):
            means.append(mean)
            found.append(every)
            continue
        middle, covariance = _moments(own)
        share = len(own) / (len(own) + OWN)
        axes, explained = _first(share * covariance + (1 - share) * whole, count)
        left.append(len(own) * (covariance.diagonal().sum() - (covariance @ axes * axes).sum()).clamp(min=0))
        u, _, v = torch.linalg.svd(axes.T @ every)
        turn = u @ v
        variances += len(own) / len(pictures) * (turn.square().T @ explained)
        means.append(middle)
        found.append(axes @ turn)
    noise = torch.stack(left).sum() / len(pictures) / (pictures.shape[1] - count)
    noise = noise.clamp(min=SURE * spread.sum())
    known = (1 - noise / variances.clamp(min=SURE)).clamp(SURE, 1.0)
    return Components(torch.stack(means), torch.stack(found), noise, known[:, None], noise * known)


def _moments(pictures: Float[Tensor, "n p"]) -> tuple[Float[Tensor, " p"], Float[Tensor, "p p"]]:
    mean = pictures.mean(0)
    apart = pictures - mean
    return mean, apart.T @ apart / len(pictures)


def _first(covariance: Float[Tensor, "p p"], count: int) -> tuple[Float[Tensor, "p k"], Float[Tensor, " k"]]:
    """The first eigenvectors and their variances."""
    variances, axes = torch.linalg.eigh(covariance)
    return axes[:, -count:].flip(1), variances[-count:].flip(0).clamp(min=0)


def rows_of(
    rows: Mapping[str, Tensor], told: Sequence[tuple[str, int]], count: int, device: torch.device
) -> Float[Tensor, "n k"]:
    """The rows of the blocks that networks are told, side by side; zeros for those that are not there."""
    for name, size in told:
        if name in rows and rows[name].shape[1] != size:
            raise LacksCapability(
                f"image-linear has maps for each value of a condition that has few; {name!r} has "
                f"{rows[name].shape[1]:,}"
            )
    found = [rows[name].flatten(1) if name in rows else torch.zeros(count, size, device=device) for name, size in told]
    return torch.cat(found, 1) if found else torch.zeros(count, 0, device=device)


def _held(
    batches: Iterable[Batch], told: Sequence[tuple[str, int]]
) -> tuple[Float[Tensor, "n p"], Float[Tensor, "n k"]]:
    """As many pictures as there is room for, and what is known of them."""
    pictures: list[Tensor] = []
    values: list[Tensor] = []
    room = HELD
    for batch in batches:
        pictures.append(batch.views["target"].flatten(1))
        values.append(rows_of(batch.conditions, told, len(batch), batch.items.device))
        room -= pictures[-1].numel() * pictures[-1].element_size()
        if room <= 0:
            break
    return torch.cat(pictures), torch.cat(values)


@dataclass(frozen=True, kw_only=True)
class LinearSettings(PictureSettings):
    """Linear maps between pictures and z, of their own for each value of a condition."""

    likelihood: Any = setting(
        None, help="p(x|z): an id or {likelihood: ID, ...}; default: gaussian, with which it begins in closed form",
        parts="likelihood",
    )  # fmt: skip
    latent_dim: int = setting(96, help="numbers in z: components of each value", ge=1, le=4096)
    filter_dim: int = setting(0, help="channels of a filter behind the linear picture (0: none)", ge=0, le=1024)

    def build(self, modality: Pictures, conditions: Sequence[Block] = ()) -> Networks:
        """The networks for a size of pictures."""
        pixels = modality.channels * modality.size**2
        if not self.latent_dim < pixels <= LARGEST:
            raise SettingError(
                f"image-linear is for pictures of more numbers than latent_dim = {self.latent_dim} and of at most "
                f"{LARGEST:,}; these have {pixels:,}"
            )
        told = [*label_block(modality), *conditions]
        if len(told) > 1:
            raise SettingError(
                f"image-linear has maps for the values of one condition; it is told {len(told)}: "
                + ", ".join(block.name for block in told)
            )
        z = Block(name="z", shape=(self.latent_dim,))
        scoring = self if self.likelihood is not None else replace(self, likelihood=GaussianSettings())
        likelihood, output = scoring.scored(modality)
        return Networks(
            blocks=[*told, z], encoder=LinearEncoder(modality, told, self.latent_dim), features=self.latent_dim,
            observed=given(modality), decoder=LinearDecoder(modality, told, z, self, output), likelihood=likelihood,
        )  # fmt: skip
