"""Fully connected networks of pictures (Kingma and Welling, "Auto-Encoding Variational Bayes", 2014)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.posteriors.base import Features
from genvae.core.vae import Networks
from genvae.settings import setting
from genvae_image_style.architectures.base import (
    Chain,
    Output,
    PictureEncoder,
    Pictures,
    PictureSettings,
    given,
    joined,
    label_block,
    positive,
)


class MLPEncoder(PictureEncoder):
    """A picture's elements as one vector; the summary is the last hidden layer."""

    def __init__(self, modality: Pictures, hidden: Sequence[int], activation: str) -> None:
        super().__init__(modality)
        self.chain = Chain([modality.channels * modality.size**2, *hidden], activation)

    def features(self, pictures: Float[Tensor, "n c h w"]) -> Features:
        return {"summary": self.chain(pictures.flatten(1))}


class MLPDecoder(nn.Module):
    """All blocks side by side, hidden layers, the elements of a picture."""

    def __init__(
        self, modality: Pictures, blocks: Sequence[Block], hidden: Sequence[int], activation: str, output: Output
    ) -> None:
        super().__init__()
        self.names = [block.name for block in blocks]
        self.size = modality.size
        self.width = output.width
        self.chain = Chain([sum(block.size for block in blocks), *hidden], activation)
        self.last = nn.Linear(hidden[-1], output.width * modality.size**2)
        output.start(self.last)

    def forward(self, latents: Mapping[str, Tensor], batch: Batch | None = None) -> Float[Tensor, "n d h w"]:
        values = self.last(self.chain(joined(latents, self.names)))
        return values.reshape(len(values), self.width, self.size, self.size)


@dataclass(frozen=True, kw_only=True)
class MLPSettings(PictureSettings):
    """Fully connected encoder and decoder."""

    hidden: tuple[int, ...] = setting(
        (512, 512), help="widths of the encoder's hidden layers; the decoder's are the reverse", max_length=32
    )
    latent_dim: int = setting(32, help="numbers in z", ge=1, le=4096)

    def build(self, modality: Pictures, conditions: Sequence[Block] = ()) -> Networks:
        """The networks for a size of pictures."""
        positive("hidden", self.hidden)
        blocks = [*label_block(modality), Block(name="z", shape=(self.latent_dim,)), *conditions]
        likelihood, output = self.scored(modality)
        return Networks(
            blocks=blocks, encoder=MLPEncoder(modality, self.hidden, self.activation), features=self.hidden[-1],
            observed=given(modality),
            decoder=MLPDecoder(modality, blocks, self.hidden[::-1], self.activation, output), likelihood=likelihood,
        )  # fmt: skip
