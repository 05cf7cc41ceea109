"""Where a model of typefaces begins: its linear maps in closed form, its encoder by regression on styles.

A few hundred fonts are too few to find by gradient what the singular vectors of their pictures say at once. The letters
of a font, and of changed copies of it, are brought to a basis of their pictures; the principal components of a whole
font in that basis are its style; and a decoder of linear maps is those components. The encoder then learns which style
the fonts have that it sees a few letters of, without a picture being drawn: the error of a style is that of the
pictures it stands for, as the components are orthogonal: the loss is the bound of linear maps with Gaussian noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from genvae.core.batch import Batch
from genvae.core.latents import Groups
from genvae.core.posteriors.pooled import PooledPosterior
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.training.average import Average
from genvae_image_style.architectures.flat_letters import FlatLetterDecoder, FlatLetterEncoder
from genvae_image_style.restyling import Restyle

Say = Callable[[str], None]

CHANGES = Restyle(share=0.8, slant=0.32, width=0.24, height=0.1, waist=2.4, heavier=0.7, weight=0.8)
MANY = 40  # fonts that are worked on together
LOGIT = 6.0  # between the logits of ink and of paper, where a picture's values are 1 apart
NOISE = 0.02  # variance of a pixel around what its style says
EASY = 4  # the most letters that are shown, but for a few times


@dataclass(frozen=True)
class Wanted:
    """What a model of typefaces is to be good at."""

    heavier: Sequence[str]  # letters that weigh more than others
    by: float  # and by how much
    shown: Sequence[tuple[str, float]]  # letters that are shown together, and how often


@dataclass(frozen=True)
class Codes:
    """Fonts and their copies in a basis of pictures, and the components of them."""

    codes: NDArray[np.float16]  # (fonts, copies, letters, r), less the letters' means; on disk
    basis: Float[Tensor, "p r"]
    mean: Float[Tensor, "l p"]  # of each letter's pictures, from 0 to 1
    maps: Float[Tensor, "l r z"]  # from a style to a letter's code, less its mean
    styles: Float[Tensor, "f c z"]  # of each font and copy: means 0, variances 1
    spread: Float[Tensor, " z"]  # squared pixels (weighed by letter) that a style's number of 1 stands for
    centre: Float[Tensor, "l r"]  # of each letter's codes

    def save(self, file: Path) -> None:
        """Everything but the codes, beside them."""
        held = {field.name: getattr(self, field.name).contiguous() for field in fields(self) if field.name != "codes"}
        save_file(held, str(file.with_suffix(".safetensors")))

    @classmethod
    def load(cls, file: Path) -> Codes:
        """What was saved."""
        return cls(codes=np.load(file, mmap_mode="r"), **load_file(str(file.with_suffix(".safetensors"))))


def copied(pictures: UInt8[Tensor, "f l s s"], number: int) -> Float[Tensor, "f l s s"]:
    """The ``number``-th changed copy of some fonts, from 0 to 1; the fonts as they are at 0."""
    letters = pictures.shape[1]
    old = pictures.float().div(255).flatten(0, 1)[:, None]
    if not number:
        return old.reshape(pictures.shape)
    items = torch.arange(len(old))
    batch = Batch(views={"input": old, "target": old}, items=items, cost=torch.ones(len(old)), group=items // letters)
    return CHANGES(batch, number, Stream(number, "copies")).views["target"].reshape(pictures.shape)


def coded(
    pictures: UInt8[Tensor, "f l s s"], weights: Float[Tensor, " l"], *, copies: int, places: int, styles: int,
    file: Path, say: Say,
) -> Codes:  # fmt: skip
    """The fonts and ``copies`` of each in ``places`` numbers a letter, kept in a file; and ``styles`` components."""
    fonts, letters = pictures.shape[:2]
    total = torch.zeros(letters, pictures[0, 0].numel())
    square = torch.zeros(total.shape[1], total.shape[1])
    drawn = np.lib.format.open_memmap(
        file.with_suffix(".pixels.npy"), mode="w+", dtype=np.uint8, shape=(fonts, copies, *pictures.shape[1:])
    )
    for number in range(copies):
        for first in range(0, fonts, MANY):
            # copies of different fonts are changed differently
            made = copied(pictures[first : first + MANY], number and 1 + number + copies * first)
            drawn[first : first + MANY, number] = made.mul(255).round().byte().numpy()
            flat = made.flatten(2)
            total += flat.sum(0)
            if number % 4 == 0:
                square += torch.einsum("flp,flq,l->pq", flat, flat, weights)
        say(f"copy {number + 1} of {copies}")
    mean = total / (fonts * copies)
    seen = fonts * len(range(0, copies, 4))
    covariance = square / seen - torch.einsum("lp,lq,l->pq", mean, mean, weights)
    basis = torch.linalg.eigh(covariance)[1][:, -places:].flip(1).contiguous()
    codes = np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=(fonts, copies, letters, places))
    for font in range(fonts):
        flat = torch.from_numpy(drawn[font]).float().div(255).flatten(2)
        codes[font] = ((flat - mean) @ basis).half().numpy()
    file.with_suffix(".pixels.npy").unlink()
    say("letters are in their basis")
    found = _components(codes, basis, mean, weights.sqrt(), styles, say)
    found.save(file)
    return found


def _components(
    codes: NDArray[np.float16], basis: Tensor, mean: Tensor, root: Float[Tensor, " l"], styles: int, say: Say
) -> Codes:
    """Principal components of whole fonts, by subspace iteration (Halko, Martinsson and Tropp 2011)."""
    fonts, copies, letters, places = codes.shape

    def rows(first: int) -> Float[Tensor, "n lr"]:
        part = torch.from_numpy(np.ascontiguousarray(codes[first : first + MANY])).float()
        return (part * root[:, None]).reshape(-1, letters * places)

    firsts = range(0, fonts, MANY)
    middle = torch.stack([rows(first).sum(0) for first in firsts]).sum(0) / (fonts * copies)

    def squared(vectors: Tensor) -> Tensor:
        found = torch.zeros_like(vectors)
        for first in firsts:
            part = rows(first) - middle
            found += part.T @ (part @ vectors)
        return found

    generator = torch.Generator().manual_seed(1)
    space = torch.randn(letters * places, styles + 32, generator=generator)
    for _ in range(2):
        space, _ = torch.linalg.qr(squared(space))
    values, vectors = torch.linalg.eigh(space.T @ squared(space))
    axes, spread = (space @ vectors).flip(1)[:, :styles].contiguous(), values.flip(0)[:styles] / (fonts * copies)
    scores = torch.cat([(rows(first) - middle) @ axes for first in firsts]) / spread.sqrt()
    say("fonts are in their components")
    return Codes(
        codes=codes, basis=basis, mean=mean, centre=middle.reshape(letters, places) / root[:, None],
        maps=(axes * spread.sqrt()).reshape(letters, places, styles) / root[:, None, None],
        styles=scores.reshape(fonts, copies, styles), spread=spread,
    )  # fmt: skip


@torch.no_grad()
def give(model: VAE, codes: Codes, given: Given) -> None:
    """The decoder's linear maps, and an encoder that reads in the same basis and gives each letter's part of a font's
    components."""
    decoder, encoder = model.decoder, model.encoder
    assert isinstance(decoder, FlatLetterDecoder) and isinstance(encoder, FlatLetterEncoder)
    read, drawn = encoder.basis.out_features, decoder.letter.weight.shape[1]
    told = encoder.letter.weight.shape[1]
    said = min(told, codes.maps.shape[2])  # wider evidence has places to spare
    for letter, of_letter in enumerate(codes.maps):
        left, value, right = torch.linalg.svd(of_letter, full_matrices=False)
        decoder.place.weight[letter] = left[:, :drawn] * value[:drawn].sqrt()
        decoder.letter.weight[letter] = value[:drawn].sqrt()[:, None] * right[:drawn]
        encoder.letter.weight[letter, :said] = of_letter[:read, :said].T
    decoder.basis.weight.copy_(LOGIT * codes.basis)
    decoder.basis.bias.zero_()
    decoder.own.weight.copy_((LOGIT * (codes.mean + codes.centre @ codes.basis.T - 0.5)).T)
    encoder.basis.weight.copy_(codes.basis[:, :read].T)
    encoder.basis.bias.zero_()
    encoder.own.weight.zero_()
    # what some letters say together varies by about 1
    number = torch.arange(len(codes.styles))
    group, letter = given(len(number)).nonzero().T
    pictures = torch.from_numpy(codes.codes[number[group].numpy(), 0, letter.numpy(), :read]).float()
    evidence = encoder.told(pictures, functional.one_hot(letter, len(codes.maps)).float())
    spread = evidence.new_zeros(len(number), told).index_add(0, group, evidence).std(0)
    encoder.letter.weight.div_(spread.clamp(min=1e-3)[:, None])
    _less_means(encoder, codes, 1)


@torch.no_grad()
def _less_means(encoder: FlatLetterEncoder, codes: Codes, sign: int) -> None:
    """Let the encoder expect pictures (1), or pictures less their letter's mean (-1)."""
    read = encoder.basis.out_features
    said = encoder.letter(codes.mean @ codes.basis[:, :read], torch.eye(len(codes.mean)))
    encoder.own.weight.sub_(sign * said.T)


class Given:
    """Which letters are shown of a font."""

    def __init__(self, letters: str, wanted: Wanted, generator: torch.Generator) -> None:
        self.sets = [(torch.tensor([c in shown for c in letters]), odds) for shown, odds in wanted.shown]
        self.first = torch.tensor([float(c in wanted.heavier) for c in letters])
        self.generator = generator

    def __call__(self, count: int) -> Bool[Tensor, "n l"]:
        """Of so many fonts: one of the wanted sets, or one to four letters, mostly of the heavier; or many."""
        uniform = lambda *shape: torch.rand(*shape, generator=self.generator)  # noqa: E731
        order = uniform(count, len(self.first)) + (uniform(count, 1) < 0.75) * (1 - self.first)
        number = 1 + (uniform(count) * EASY).long()
        many = EASY + (uniform(count) * (len(self.first) - EASY)).long()
        which = uniform(count)
        number = torch.where(which > 0.96, many, number)
        shown = order.argsort(1).argsort(1) < number[:, None]
        at = 0.0
        for letters, odds in self.sets:
            shown[(at <= which) & (which < at + odds)] = letters
            at += odds
        return shown


def regress(
    model: VAE, codes: Codes, given: Given, of: Sequence[int], *, steps: int, rate: float, decay: float, say: Say,
    fonts: int = 256,
) -> None:  # fmt: skip
    """Train encoder and posterior to tell the style of the fonts ``of`` from the letters that ``given`` draws."""
    encoder, generator = model.encoder, given.generator
    assert isinstance(encoder, FlatLetterEncoder) and isinstance(model.posterior, PooledPosterior)
    pool = model.posterior.pools["style"]
    read, chosen = encoder.basis.out_features, torch.tensor(of)
    styles = codes.styles.flatten(0, 1)
    copies, letters = codes.codes.shape[1:3]
    flat = codes.codes.reshape(len(styles), letters, -1)
    _less_means(encoder, codes, -1)
    trained = (encoder.letter, encoder.own, model.posterior)
    moved = [parameter for module in trained for parameter in module.requires_grad_(True).parameters()]
    optimizer = torch.optim.AdamW(moved, lr=rate, weight_decay=decay, fused=True, betas=(0.9, 0.99))
    average, told = Average(model, 0.995), 0.0
    model.train()
    for step in range(steps):
        share = step / steps
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 200) * (0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * share)))
        which = torch.randint(len(chosen) * copies, (fonts,), generator=generator)
        font = chosen[which // copies] * copies + which % copies
        other = font[torch.randperm(fonts, generator=generator)]
        # some fonts lie between two
        apart = 0.4 * torch.rand(fonts, generator=generator) * (torch.rand(fonts, generator=generator) < 0.3)
        group, letter = given(fonts).nonzero().T

        def seen(number: Int[Tensor, " n"], group: Tensor = group, letter: Tensor = letter) -> Float[Tensor, "m r"]:
            return torch.from_numpy(flat[number[group].numpy(), letter.numpy(), :read]).float()

        pictures = torch.lerp(seen(font), seen(other), apart[group, None])
        style = torch.lerp(styles[font], styles[other], apart[:, None])
        features = encoder.told(pictures, functional.one_hot(letter, letters).float())
        found = pool({"style": features}, Groups(group, fonts))
        error = (codes.spread * (style - found.mean).square()).sum(1)
        width = found.log_variance.exp()
        rate_ = 0.5 * (found.mean.square() + width - 1 - found.log_variance).sum(1)
        loss = ((error + (codes.spread * width).sum(1)) / (2 * NOISE) + rate_).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(moved, 1000.0)
        optimizer.step()
        told += float(error.mean().detach())
        if step % 5 == 0:
            average.follow(model, step // 5)
        if (step + 1) % 500 == 0:
            say(f"step {step + 1} of {steps}: {told / 500:.1f} squared pixels, {float(rate_.mean().detach()):.0f} nats")
            told = 0.0
    average.give(model)
    _less_means(encoder, codes, 1)
