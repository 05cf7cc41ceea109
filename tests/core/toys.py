"""Tiny models whose answers can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.conditions import Categorical, Conditions
from genvae.core.distributions import Capability, DiagonalGaussian, Distribution
from genvae.core.latents import Block, Groups
from genvae.core.likelihoods import CategoricalSequence, LinearHead, SequenceDecoder
from genvae.core.likelihoods.base import FactorisedLikelihood, Likelihood
from genvae.core.likelihoods.gaussian import GaussianSettings
from genvae.core.likelihoods.sequence import State
from genvae.core.posteriors import DiagonalGaussianSettings, Posterior, ProductOfGaussiansSettings
from genvae.core.posteriors.base import Features
from genvae.core.priors import Prior, StandardNormal
from genvae.core.symbols import Symbols
from genvae.core.vae import VAE

Z = Block(name="z", shape=(2,))


class Reads(nn.Module):
    """An encoder whose summary is the input itself."""

    def forward(self, batch: Batch) -> Features:
        return {"summary": batch.views["input"]}


class ReadsPseudo(Reads):
    """The same, and it reads pseudo-inputs: vectors as wide as the input."""

    def __init__(self, width: int = 5) -> None:
        super().__init__()
        self.stretch = nn.Linear(width, width)

    def forward(self, batch: Batch) -> Features:
        return self.read(batch.views["input"])

    def pseudo(self, count: int) -> Tensor:
        return self.stretch(torch.linspace(-2, 2, count)[:, None].expand(-1, self.stretch.in_features))

    def read(self, pseudo: Tensor) -> Features:
        return {"summary": self.stretch(pseudo)}


class Writes(nn.Module):
    """A decoder that is one matrix on all blocks side by side; elements of any shape."""

    def __init__(self, blocks: Sequence[Block], *shape: int) -> None:
        super().__init__()
        self.names = [block.name for block in blocks]
        self.shape = shape
        width = int(torch.Size(shape).numel())
        self.linear = nn.Linear(sum(block.size for block in blocks), width)

    def forward(self, latents: Mapping[str, Tensor], batch: Batch) -> Tensor:
        joined = torch.cat([latents[name].flatten(1) for name in self.names], 1)
        return self.linear(joined).reshape(-1, *self.shape)


def elements(rows: int, width: int = 5, seed: int = 0, first: int = 0, **more: Tensor) -> Batch:
    """A batch of real elements, its items numbered from ``first``."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, width, generator=generator)
    return Batch(
        views={"input": x, "target": x}, items=torch.arange(first, first + rows), cost=torch.ones(rows),
        group=more.pop("group", None), masks={n: v for n, v in more.items() if n == "target"},
        conditions={n: v for n, v in more.items() if n != "target"},
    )  # fmt: skip


def toy(
    blocks: Sequence[Block] = (Z,),
    *,
    width: int = 5,
    prior: Prior | None = None,
    posterior: Posterior | None = None,
    likelihood: Likelihood | None = None,
    encoder: nn.Module | None = None,
    seed: int = 0,
) -> VAE:
    """A linear VAE on real elements, the Gaussian likelihood's sigma fixed at 0.7 unless another is given."""
    numbers = likelihood.per_element if isinstance(likelihood, FactorisedLikelihood) else 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VAE(
            blocks=blocks, encoder=encoder or Reads(), decoder=Writes(blocks, width * numbers),
            prior=prior or StandardNormal(),
            posterior=posterior or DiagonalGaussianSettings().build(blocks, width),
            likelihood=likelihood or GaussianSettings(sigma="fixed", value=0.7).build(),
        )  # fmt: skip


LABEL = Block(name="label", shape=(3,))
CONTENT, STYLE = Block(name="content", shape=(2,)), Block(name="style", shape=(3,), shared=True)
SPLIT = (LABEL, CONTENT, STYLE)


def split_toy(blocks: Sequence[Block] = SPLIT, *, prior: Prior | None = None, seed: int = 0) -> VAE:
    """A linear VAE on groups of real elements: an observed label, a block of each item and one of each group."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        posterior = ProductOfGaussiansSettings().build(blocks, 5)
    return toy(blocks, posterior=posterior, prior=prior, seed=seed)


class ReadsFlat(Reads):
    """The same of items of any shape, as one vector."""

    def forward(self, batch: Batch) -> Features:
        return {"summary": batch.views["input"].flatten(1)}


def picture_toy(side: int = 4, seed: int = 0) -> VAE:
    """``split_toy`` on pictures of one channel."""
    model = toy(SPLIT, width=side**2, posterior=ProductOfGaussiansSettings().build(SPLIT, side**2), seed=seed,
                encoder=ReadsFlat())  # fmt: skip
    model.decoder = Writes(SPLIT, 1, side, side)
    return model


def pictures(*sizes: int, side: int = 4, seed: int = 0) -> Batch:
    """``split_elements`` of pictures of one channel."""
    drawn = torch.rand(sum(sizes), 1, side, side, generator=torch.Generator().manual_seed(seed))
    return split_elements(*sizes, seed=seed).viewing(input=drawn, target=drawn)


def split_elements(*sizes: int, seed: int = 0) -> Batch:
    """A labelled batch of groups of these sizes, the items of one group side by side."""
    rows = sum(sizes)
    return elements(
        rows, seed=seed, group=torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes)),
        label=torch.eye(3)[torch.arange(rows) % 3],
    )  # fmt: skip


COLOUR = Block(name="colour", shape=(3,))
SHARES = (5, 3, 2)  # of each colour


def coloured_toy(prior: Prior | None = None, seed: int = 3) -> VAE:
    """A linear VAE whose decoder sees a condition of three values; nothing is known where an item does not bring it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        blocks = (COLOUR, Z)
        return VAE(
            blocks=blocks, encoder=Reads(), decoder=Writes(blocks, 5), observed=("colour",),
            posterior=DiagonalGaussianSettings().build([Z], 5), prior=prior or StandardNormal(),
            likelihood=GaussianSettings(sigma="fixed", value=0.7).build(),
            conditions=Conditions([Categorical("colour", ["red", "green", "blue"], SHARES)]),
        )  # fmt: skip


def coloured(known: Sequence[int | None], seed: int = 0) -> Batch:
    """Items of which the number of a colour is known, or nothing."""
    rows = torch.zeros(len(known), 3)
    for place, value in enumerate(known):
        if value is not None:
            rows[place, value] = 1.0
    return elements(len(known), seed=seed, colour=rows)


class Pooled(Posterior):
    """A toy posterior that pools a group's evidence: the mean of its items' summaries."""

    def __init__(self, blocks: Sequence[Block], features: int) -> None:
        super().__init__()
        self.heads = nn.ModuleDict({block.name: nn.Linear(features, 2 * block.size) for block in blocks})

    def at(
        self, block: Block, features: Features, before: Mapping[str, Tensor], prior: Distribution, groups: Groups
    ) -> DiagonalGaussian:
        summary = features["summary"]
        if block.shared:
            total = summary.new_zeros(groups.count, summary.shape[1]).index_add(0, groups.of_item, summary)
            summary = total / torch.bincount(groups.of_item)[:, None]
        mean, log_variance = self.heads[block.name](summary).chunk(2, -1)
        return DiagonalGaussian(mean.reshape(-1, *block.shape), log_variance.reshape(-1, *block.shape))


class TopDown(Prior):
    """A toy prior: each block of the chain is Gaussian around what those before it in the chain say, the first
    and any block outside the chain are N(0, I)."""

    capabilities = frozenset(Capability)

    def __init__(self, blocks: Sequence[Block]) -> None:
        super().__init__()
        self.order = [block.name for block in blocks]
        width, layers = 0, {}
        for block in blocks:
            layers[block.name] = nn.Linear(width, 2 * block.size) if width else nn.Identity()
            width += block.size
        self.layers = nn.ModuleDict(layers)

    def at(self, block: Block, before: Mapping[str, Tensor], rows: int) -> DiagonalGaussian:
        layer = self.layers[block.name] if block.name in self.order else None
        if not isinstance(layer, nn.Linear):
            zeros = torch.zeros(rows, *block.shape)
            return DiagonalGaussian(zeros, zeros)
        names = self.order[: self.order.index(block.name)]
        joined = torch.cat([before[name].flatten(1) for name in names], 1)
        assert len(joined) == rows, f"{len(joined)} rows before, {rows} asked for"
        mean, log_variance = layer(joined).tanh().chunk(2, -1)
        return DiagonalGaussian(mean.reshape(rows, *block.shape), log_variance.reshape(rows, *block.shape))


class OnlySamples(Distribution):
    """Draws, and no density: a shifted Laplace variable."""

    def __init__(self, rows: int, shape: tuple[int, ...]) -> None:
        self.rows, self.shape = rows, shape

    @property
    def mean(self) -> Tensor:
        return torch.zeros(self.rows, *self.shape)

    def push(self, noise: Tensor) -> Tensor:
        return noise.sign() * noise.square()


class Implicit(Prior):
    """A toy prior that can be drawn from and nothing else."""

    def at(self, block: Block, before: Mapping[str, Tensor], rows: int) -> OnlySamples:
        return OnlySamples(rows, block.shape)


class TinyRNN(SequenceDecoder):
    """A small recurrent decoder, written out: h' = tanh(A h + E[symbol] + Z z), z being all named blocks."""

    def __init__(self, vocabulary: int, latent: int = 2, hidden: int = 6, names: Sequence[str] = ("z",)) -> None:
        super().__init__()
        self.names = names
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.inner = nn.Linear(hidden, hidden)
        self.outer = nn.Linear(latent, hidden)

    def forward(self, latents: Mapping[str, Tensor], batch: Batch) -> Tensor:
        context = batch.views["context"]
        hidden = torch.zeros(len(context), self.inner.in_features)
        given, every = self._given(latents), []
        for symbols in context.unbind(1):
            hidden = torch.tanh(self.inner(hidden) + self.embedding(symbols) + given)
            every.append(hidden)
        return torch.stack(every, 1)

    def start(self, latents: Mapping[str, Tensor], rows: int) -> State:
        return torch.zeros(rows, self.inner.in_features), self._given(latents)

    def _given(self, latents: Mapping[str, Tensor]) -> Tensor:
        given: Tensor = self.outer(torch.cat([latents[name] for name in self.names], 1))
        return given

    def step(self, symbols: Tensor, state: State) -> tuple[Tensor, State]:
        hidden = torch.tanh(self.inner(state[0]) + self.embedding(symbols) + state[1])
        return hidden, (hidden, state[1])


def sequence_parts(ordinary: int, seed: int = 0, sharpness: float = 3.0) -> tuple[TinyRNN, CategoricalSequence]:
    """A toy decoder and its likelihood over the special symbols and ``ordinary`` others."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vocabulary = Symbols.COUNT + ordinary
        decoder, head = TinyRNN(vocabulary), LinearHead(6, vocabulary)
        with torch.no_grad():
            head.layer.weight *= sharpness
            decoder.outer.weight *= sharpness
        return decoder, CategoricalSequence(head)


class Averages(nn.Module):
    """An encoder of sequences: the mean of its symbols' vectors."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)

    def forward(self, batch: Batch) -> Features:
        mask = batch.masks["input"][..., None]
        return {"summary": (self.embedding(batch.views["input"]) * mask).sum(1) / mask.sum(1)}


def sequence_toy(ordinary: int = 9, seed: int = 0) -> VAE:
    """A VAE on sequences: z is two numbers."""
    decoder, likelihood = sequence_parts(ordinary, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VAE(
            blocks=[Z], encoder=Averages(likelihood.symbols, 5), prior=StandardNormal(),
            posterior=DiagonalGaussianSettings().build([Z], 5), decoder=decoder, likelihood=likelihood,
        )  # fmt: skip


MOOD = Block(name="label", shape=(2,))


def told_sequence_toy(ordinary: int = 9, seed: int = 0) -> VAE:
    """The same, whose decoder is told one of two moods."""
    _, likelihood = sequence_parts(ordinary, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VAE(
            blocks=[MOOD, Z], encoder=Averages(likelihood.symbols, 5), prior=StandardNormal(),
            posterior=DiagonalGaussianSettings().build([Z], 5), observed=("label",),
            decoder=TinyRNN(likelihood.symbols, 4, names=("label", "z")), likelihood=likelihood,
            conditions=Conditions([Categorical("label", ["sad", "glad"], (1, 1))]),
        )  # fmt: skip


def sequences(rows: Sequence[Sequence[int]], first: int = 0) -> Batch:
    """A batch of symbol sequences, with the views of a sequence modality."""
    longest = max(map(len, rows))
    context = torch.full((len(rows), longest + 1), Symbols.PAD)
    target = context.clone()
    inside = torch.full((len(rows), max(longest, 1)), Symbols.PAD)
    for row, symbols in enumerate(rows):
        length = len(symbols)
        context[row, : length + 1] = torch.tensor([Symbols.BEGIN, *symbols])
        target[row, : length + 1] = torch.tensor([*symbols, Symbols.END])
        inside[row, :length] = torch.tensor(symbols, dtype=torch.int64)
    lengths = torch.tensor([len(symbols) for symbols in rows])
    place = torch.arange(longest + 1)
    return Batch(
        views={"input": inside, "context": context, "target": target},
        masks={"target": place <= lengths[:, None], "input": torch.arange(inside.shape[1]) < lengths[:, None]},
        items=torch.arange(first, first + len(rows)), cost=(lengths + 1).float(),
    )  # fmt: skip
