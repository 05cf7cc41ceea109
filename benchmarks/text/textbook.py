"""The textbook's side: the same LSTM VAE and the same loss in plain PyTorch, as tutorials write them.

nn.LSTM over padded batches, float32, nn.CrossEntropyLoss over every position with padding ignored, torch.optim.Adam as
it is constructed by default, clip_grad_norm_. Decoding is one cached nn.LSTM step at a time on all rows.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.text.ptb import SYMBOLS

PAD, BEGIN, END, UNKNOWN = 0, 1, 2, 3
FIRST = 5  # the first word; five special symbols, as genvae has, for tables of the same size


class TextbookVAE(nn.Module):
    """z beside every word the decoder reads, and in its first state."""

    def __init__(self, symbols: int, embedding: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.read = nn.Embedding(symbols, embedding)
        self.encoder = nn.LSTM(embedding, hidden, batch_first=True)
        self.to_posterior = nn.Linear(hidden, 2 * latent)
        self.say = nn.Embedding(symbols, embedding)
        self.first = nn.Linear(latent, hidden)
        self.decoder = nn.LSTM(embedding + latent, hidden, batch_first=True)
        self.output = nn.Linear(hidden, symbols)
        self.loss = nn.CrossEntropyLoss(ignore_index=PAD, reduction="sum")

    def posterior(self, words: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance from the state after the last word."""
        states, _ = self.encoder(self.read(words))
        last = states[torch.arange(len(words)), lengths - 1]
        mean, log_variance = self.to_posterior(last).chunk(2, -1)
        return mean, log_variance

    def forward(self, words: Tensor, noise: Tensor | None = None) -> Tensor:
        """The negative ELBO in nats per sentence; ``words`` (n, t) are padded behind each sentence."""
        lengths = (words != PAD).sum(1)
        mean, log_variance = self.posterior(words, lengths)
        noise = torch.randn_like(mean) if noise is None else noise
        z = mean + noise * (log_variance / 2).exp()
        context = torch.cat([words.new_full((len(words), 1), BEGIN), words], 1)
        target = torch.cat([words, words.new_full((len(words), 1), PAD)], 1)
        target[torch.arange(len(words)), lengths] = END
        beside = z[:, None].expand(-1, context.shape[1], -1)
        hidden, _ = self.decoder(torch.cat([self.say(context), beside], -1), self.start(z))
        logits = self.output(hidden)
        distortion = self.loss(logits.reshape(-1, logits.shape[-1]), target.reshape(-1))
        rate = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        return (distortion + rate) / len(words)

    def start(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's first state."""
        cell = self.first(z)[None]
        return cell.tanh(), cell

    @torch.no_grad()
    def decode(self, z: Tensor, length: int, *, temperature: float, top_p: float = 1.0) -> list[list[int]]:
        """Words for each row of z, by ``length`` steps of all rows; temperature 0 takes the likeliest."""
        state = self.start(z)
        word = torch.full((len(z),), BEGIN)
        written = []
        for _ in range(length):
            hidden, state = self.decoder(torch.cat([self.say(word), z], -1)[:, None], state)
            logits = self.output(hidden[:, 0])
            if temperature == 0:
                word = logits.argmax(-1)
            elif top_p == 1.0:
                word = torch.multinomial((logits / temperature).softmax(-1), 1)[:, 0]
            else:
                weights, words = (logits / temperature).softmax(-1).sort(-1, descending=True)
                weights = weights.masked_fill(weights.cumsum(-1) - weights >= top_p, 0.0)
                word = words.gather(-1, torch.multinomial(weights, 1))[:, 0]
            written.append(word)
        return [_until_end(row) for row in torch.stack(written, 1).tolist()]


def _until_end(row: list[int]) -> list[int]:
    return row[: row.index(END)] if END in row else row


def same_weights(vae: Any) -> TextbookVAE:
    """The textbook's model with the very weights of genvae's."""
    encoder, decoder, head = vae.encoder, vae.decoder, vae.likelihood.head.layer
    symbols, embedding = encoder.embedding.weight.shape
    model = TextbookVAE(symbols, embedding, decoder.lstm.hidden_size, vae.latent_dim)
    (of_posterior,) = vae.posterior.heads.values()
    for mine, theirs in (
        (model.read, encoder.embedding), (model.encoder, encoder.forwards), (model.to_posterior, of_posterior),
        (model.say, decoder.embedding), (model.first, decoder.first), (model.decoder, decoder.lstm),
        (model.output, head),
    ):  # fmt: skip
        mine.load_state_dict(theirs.state_dict())
    return model


# -- training ------------------------------------------------------------------------------------


def sentences(path: Path) -> tuple[list[Tensor], int]:
    """The lines of a file as numbers of words, the commonest first; and how many symbols there are."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    counted = Counter(word for words in lines for word in words if word != "<unk>")
    number = {word: FIRST + place for place, (word, _) in enumerate(counted.most_common(SYMBOLS - FIRST))}
    rows = [torch.tensor([number.get(word, UNKNOWN) for word in words]) for words in lines if words]
    return rows, FIRST + len(number)


def padded(rows: list[Tensor]) -> Tensor:
    """A batch as long as its longest sentence."""
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)


def random_batches(rows: list[Tensor], batch: int, seed: int) -> Iterator[list[Tensor]]:
    """Epoch after epoch of batches of any sentences."""
    generator = random.Random(seed)
    while True:
        order = generator.sample(rows, len(rows))
        yield from (order[i : i + batch] for i in range(0, len(order), batch))


def equal_batches(rows: list[Tensor], batch: int, seed: int) -> Iterator[list[Tensor]]:
    """Epoch after epoch of batches of sentences of one length, in random order."""
    generator = random.Random(seed)
    while True:
        order = sorted(generator.sample(rows, len(rows)), key=len)
        groups = [list(group) for _, group in itertools.groupby(order, key=len)]
        batches = [group[i : i + batch] for group in groups for i in range(0, len(group), batch)]
        yield from generator.sample(batches, len(batches))


def run(data: str, size: tuple[int, int, int], batch: int, steps: int, threads: int, batching: str) -> dict[str, Any]:
    """Train for some steps; answers the target tokens that were in them. ``batching`` is random or equal."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    rows, symbols = sentences(Path(data))
    batches = {"random": random_batches, "equal": equal_batches}[batching](rows, batch, seed=0)
    model = TextbookVAE(symbols, *size)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    tokens = 0
    for some in itertools.islice(batches, steps):
        optimizer.zero_grad()
        loss = model(padded(some))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        loss.item()  # every loop looks at its loss
        tokens += sum(len(row) + 1 for row in some)
    return {"tokens": tokens, "weights": sum(p.numel() for p in model.parameters())}
