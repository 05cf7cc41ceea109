"""A ladder of latents, z1 next to the picture and zL on top (Sønderby, Raiko, Maaløe, Sønderby and Winther, "Ladder
Variational Autoencoders", 2016).

The encoder goes up once and gives each block what it saw at that height; prior and posterior "ladder" go down block
by block. The decoder reads every block, so none has to carry what another said (the skip connections of Maaløe et al.,
"BIVA", 2019).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.posteriors.base import Features
from genvae.core.vae import Networks
from genvae.errors import SettingError
from genvae.settings import setting
from genvae_image_style.architectures.base import (
    ACTIVATIONS,
    Chain,
    Output,
    PictureEncoder,
    Pictures,
    PictureSettings,
    given,
    joined,
    label_block,
    positive,
    sides,
)
from genvae_image_style.architectures.conv import Doubled, laid_out
from genvae_image_style.architectures.mlp import MLPDecoder
from genvae_image_style.architectures.residual import blocks_of

MLP, CONVOLUTIONAL = "mlp", "convolutional"
NEEDS = {"prior": "ladder", "posterior": "ladder"}  # with others no block knows of another, and it is no ladder


class MLPClimb(PictureEncoder):
    """Fully connected: two layers from each height to the next, the feature of a block the vector at its height."""

    def __init__(self, modality: Pictures, names: Sequence[str], hidden: Sequence[int], activation: str) -> None:
        super().__init__(modality)
        wide = [modality.channels * modality.size**2, *hidden]
        self.steps = nn.ModuleDict({
            name: Chain([below, above, above], activation)
            for name, below, above in zip(names, wide, wide[1:], strict=False)
        })  # fmt: skip

    def features(self, pictures: Float[Tensor, "n c h w"]) -> Features:
        found, vector = {}, pictures.flatten(1)
        for name, step in self.steps.items():
            found[name] = vector = step(vector)
        return found


def resolutions(size: int, layers: int) -> list[int]:
    """The side of each block's map, z1's first: the smallest sides there are, at most half the picture's, evenly."""
    below = sides(size)[1:][-layers:]
    return [below[layer * len(below) // layers] for layer in range(layers)]


def checked(asked: Sequence[int], size: int, layers: int) -> list[int]:
    """The sides that are asked for, z1's first; raises SettingError for what convolutions do not come by."""
    there = sides(size)[1:]
    falls = all(below >= above for below, above in itertools.pairwise(asked))
    if len(asked) != layers or not falls or not set(asked) <= set(there) or asked[-1] != there[-1]:
        raise SettingError(
            f"sides = {list(asked)} must be one for each of {layers} latents, z1's first, each at most the one before, "
            f"some of {', '.join(map(str, there))}, and {there[-1]} the last"
        )
    return list(asked)


class ConvClimb(PictureEncoder):
    """Strided convolutions to the side of each block and residual blocks there. The feature of a block is the map at
    its height, channels last."""

    def __init__(
        self, modality: Pictures, names: Sequence[str], at: Sequence[int], width: int, blocks: int, activation: str
    ) -> None:
        super().__init__(modality)
        steps, channels, place = {}, modality.channels, 0
        every = sides(modality.size)
        for name, side in zip(names, at, strict=True):
            layers: list[nn.Module] = []
            while every[place] != side:
                layers.append(nn.Conv2d(channels, width, 3, stride=2, padding=1))
                channels, place = width, place + 1
            steps[name] = nn.Sequential(*layers, *blocks_of(blocks, width, activation, len(names), squeeze=False))
        self.steps = nn.ModuleDict(steps)
        self.activation = ACTIVATIONS[activation]

    def features(self, pictures: Float[Tensor, "n c h w"]) -> Features:
        found, maps = {}, laid_out(pictures)
        for name, step in self.steps.items():
            maps = step(maps)
            found[name] = self.activation(maps).movedim(1, -1)
        return found


class ConvDescent(nn.Module):
    """From the top block's map down: each block is added where its side is reached, residual blocks behind it. Other
    blocks (conditions) are added at the top, the same at every place."""

    def __init__(
        self,
        modality: Pictures,
        ladder: Sequence[Block],
        others: Sequence[Block],
        width: int,
        blocks: int,
        activation: str,
        output: Output,
    ) -> None:
        super().__init__()
        self.others = [block.name for block in others]
        self.beside = nn.Linear(sum(block.size for block in others), width) if others else None
        self.reads = nn.ModuleDict({block.name: nn.Linear(block.shape[-1], width) for block in ladder})
        every = sides(modality.size)
        place = len(every) - 1
        steps = {}
        for number, block in enumerate(ladder):
            layers = blocks_of(blocks, width, activation, len(ladder), squeeze=False)
            after = ladder[number + 1].shape[0] if number + 1 < len(ladder) else modality.size
            while every[place] != after:
                place -= 1
                layers.append(Doubled(width, width if place else max(width // 2, 1), every[place]))
            steps[block.name] = nn.Sequential(*layers)
        self.steps = nn.ModuleDict(steps)
        self.activation = ACTIVATIONS[activation]
        self.last = nn.Conv2d(max(width // 2, 1), output.width, 3, padding=1)
        output.start(self.last)

    def forward(self, latents: Mapping[str, Tensor], batch: Batch | None = None) -> Float[Tensor, "n d h w"]:
        maps = None
        for name, step in self.steps.items():
            read = self.reads[name](latents[name])
            if maps is None and self.beside is not None:
                read = read + self.beside(joined(latents, self.others))[:, None, None]
            read = laid_out(read.movedim(-1, 1))
            maps = step(read if maps is None else maps + read)
        assert maps is not None
        return self.last(self.activation(maps))


@dataclass(frozen=True, kw_only=True)
class LadderSettings(PictureSettings):
    """Latents z1 ... zL, each more of an outline than the one below. Made for prior: ladder and posterior: ladder."""

    network: str = setting(
        MLP, help="vectors by fully connected layers, or maps by convolutions", choices=(MLP, CONVOLUTIONAL)
    )
    latents: tuple[int, ...] | None = setting(
        None, help="numbers in z1, z2 ... zL, for maps at each place; default: 64, 32, 16, or for maps 4, 8, 16",
        max_length=64,
    )  # fmt: skip
    sides: tuple[int, ...] | None = setting(
        None, help="convolutional: sides of the maps of z1, z2 ... zL, of the picture's halves; default: all halves, "
        "evenly", max_length=64,
    )  # fmt: skip
    hidden: tuple[int, ...] | None = setting(
        None, help="mlp: widths of the encoder at z1, z2 ... zL; default: 512, 256 and on by halves, 64 at least",
        max_length=64,
    )  # fmt: skip
    width: int = setting(48, help="convolutional: channels at every height", ge=1, le=1024)
    blocks: int = setting(1, help="convolutional: residual blocks at each height", ge=1, le=32)

    def build(self, modality: Pictures, conditions: Sequence[Block] = ()) -> Networks:
        """The networks for a size of pictures."""
        latents = self.latents or ((64, 32, 16) if self.network == MLP else (4, 8, 16))
        positive("latents", latents)
        if len(latents) < 2:
            raise SettingError(
                "a ladder has at least two latents; for one take image-mlp, image-conv or image-residual"
            )
        names = [f"z{number}" for number in range(1, len(latents) + 1)]
        label = label_block(modality)
        likelihood, output = self.scored(modality)
        if self.network == MLP:
            hidden = self.hidden or tuple(max(512 >> height, 64) for height in range(len(latents)))
            positive("hidden", hidden)
            if len(hidden) != len(latents):
                raise SettingError(f"hidden has {len(hidden)} widths for {len(latents)} latents; give one for each")
            ladder = [Block(name=name, shape=(size,)) for name, size in zip(names, latents, strict=True)][::-1]
            blocks = [*label, *ladder, *conditions]
            return Networks(
                blocks=blocks, encoder=MLPClimb(modality, names, hidden, self.activation), features=0,
                observed=given(modality), needs=NEEDS,
                own=dict(zip(names, hidden, strict=True)), likelihood=likelihood,
                decoder=MLPDecoder(modality, blocks, [hidden[0]] * 2, self.activation, output),
            )  # fmt: skip
        at = resolutions(modality.size, len(latents))
        if self.sides is not None:
            at = checked(self.sides, modality.size, len(latents))
        ladder = [
            Block(name=name, shape=(side, side, size)) for name, side, size in zip(names, at, latents, strict=True)
        ][::-1]
        return Networks(
            blocks=[*label, *ladder, *conditions], features=0, own=dict.fromkeys(names, self.width),
            observed=given(modality), needs=NEEDS,
            encoder=ConvClimb(modality, names, at, self.width, self.blocks, self.activation), likelihood=likelihood,
            decoder=ConvDescent(
                modality, ladder, [*label, *conditions], self.width, self.blocks, self.activation, output
            ),
        )  # fmt: skip
