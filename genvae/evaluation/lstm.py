"""An LSTM judge of sequences: a small recurrent language model (Hochreiter and Schmidhuber, "Long Short-Term
Memory", 1997) that knows nothing of the models it judges.

It takes a minute or two to train on some 40,000 short sequences on one core, so its weights are kept in the cache.
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from genvae.data.batching import split
from genvae.errors import LacksCapability
from genvae.evaluation.kept import keep, place_of, restored
from genvae.evaluation.ngram import END, UNKNOWN, frequent
from genvae.progress import Reporter, Silent
from genvae.settings import setting

VERSION = 1  # of the training: part of the cache's key
FEWEST = 20  # sequences a judge can be trained on
PATIENCE = 2  # epochs in a row that are no better, and end the training
IGNORED = -100  # a target of padding
COMMON, RARE = 1_000, 6_000  # symbols whose logits are always worked out; where the rarest cluster begins


@dataclass(frozen=True, kw_only=True)
class LSTMJudgeSettings:
    """Size and training of the judge."""

    width: int = setting(256, help="of a symbol's vector and of the state", ge=1)
    dropout: float = setting(0.35, help="of the vectors before and after the recurrent layer", ge=0.0, lt=1.0)
    learning_rate: float = setting(4e-3, help="of Adam at the beginning; it falls to 0", gt=0)
    batch_size: int = setting(128, help="sequences of one step", ge=1)
    epochs: int = setting(6, help="most passes over the sequences", ge=1)
    symbols: int = setting(1_400_000, help="most symbols to train on, all passes together", ge=1)
    held_out: float = setting(0.05, help="share of the sequences that say when to stop", gt=0.0, lt=1.0)
    least: int = setting(2, help="rarer symbols are one unknown class", ge=1)
    seed: int = setting(0, help="of weights, order, dropout and the held-out part", ge=0)


class _Network(nn.Module):
    """Logits are cheap for common symbols: the softmax is adaptive (Grave et al. 2017) for a large vocabulary."""

    def __init__(self, count: int, width: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(count + 1, width)  # the last one begins a sequence
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        cutoffs = [cut for cut in (COMMON, RARE) if cut < 0.8 * count]
        self.head: nn.Module = (
            nn.AdaptiveLogSoftmaxWithLoss(width, count, cutoffs, div_value=2.0) if cutoffs else nn.Linear(width, count)
        )

    def forward(self, context: Int[Tensor, "n t"], target: Int[Tensor, "n t"]) -> Float[Tensor, " m"]:
        """Nats of each real target (those that are not ``IGNORED``), row by row."""
        hidden, _ = self.lstm(self.dropout(self.embedding(context)))
        real = target != IGNORED
        states, wanted = self.dropout(hidden[real]), target[real]
        if isinstance(self.head, nn.AdaptiveLogSoftmaxWithLoss):
            nats: Tensor = -self.head(states, wanted).output
            return nats
        return functional.cross_entropy(self.head(states), wanted, reduction="none")


class LSTMJudge:
    """A one-layer LSTM language model; see ``genvae.evaluation.ngram.SequenceJudge``.

    Symbols outside the vocabulary are one class, in what it is trained on as in what it judges. Raises
    LacksCapability for fewer than ``FEWEST`` sequences and DataError when the cache cannot be written.
    """

    def __init__(
        self,
        sequences: Sequence[Sequence[Hashable]],
        settings: LSTMJudgeSettings | None = None,
        vocabulary: Collection[Hashable] | None = None,
        *,
        cached: bool = True,
        reporter: Reporter | None = None,
    ) -> None:
        self.settings = settings or LSTMJudgeSettings()
        if len(sequences) < FEWEST:
            raise LacksCapability(
                f"an LSTM judge needs at least {FEWEST} sequences to be trained on; there are {len(sequences)}"
            )
        known = frequent(sequences, self.settings.least) if vocabulary is None else frozenset(vocabulary)
        self.vocabulary = known
        seen = Counter(symbol for sequence in sequences for symbol in sequence if symbol in known)
        # the adaptive softmax wants the common ones first
        listed = sorted(known, key=lambda symbol: (-seen[symbol], repr(symbol)))
        self._numbers: dict[Hashable, int] = {END: 0, UNKNOWN: 1}
        self._numbers.update((symbol, place) for place, symbol in enumerate(listed, 2))
        self._begin = len(self._numbers)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            self._network = _Network(len(self._numbers), self.settings.width, self.settings.dropout)
            place = self._place(sequences) if cached else None
            if place is None or not restored(self._network, place):
                self._train([self._symbols(sequence) for sequence in sequences], reporter or Silent())
                if place is not None:
                    keep(self._network, place)
        self._network.eval().requires_grad_(False)

    # -- the judge -------------------------------------------------------------------------------

    def score(self, sequences: Sequence[Sequence[Hashable]]) -> list[float]:
        """-log p of each sequence and its end, in nats."""
        return [float(nats) for nats in self._nats([self._symbols(sequence) for sequence in sequences])]

    @torch.no_grad()
    def _nats(self, numbered: list[list[int]]) -> np.ndarray:
        self._network.eval()
        found = np.zeros(len(numbered))
        for rows in self._cut(np.argsort([len(row) for row in numbered], kind="stable"), numbered):
            context, target = self._batch([numbered[row] for row in rows])
            row = (target != IGNORED).nonzero()[:, 0]
            nats = self._network(context, target).double()
            found[rows] = torch.zeros(len(rows), dtype=torch.float64).index_add(0, row, nats).numpy()
        return found

    # -- its training ----------------------------------------------------------------------------

    def _symbols(self, sequence: Sequence[Hashable]) -> list[int]:
        # looked up only when it is in the vocabulary: END and UNKNOWN are no symbols of a sequence
        return [self._numbers[symbol] if symbol in self.vocabulary else 1 for symbol in sequence]

    def _cut(self, order: np.ndarray, numbered: list[list[int]]) -> Iterator[np.ndarray]:
        """Batches of rows that come in the order of their lengths, none with much more to do than the mean one."""
        mean = sum(map(len, numbered)) / len(numbered) + 1
        budget = self.settings.batch_size * mean
        first = 0
        for place, row in enumerate(order):
            if place > first and (len(numbered[row]) + 1) * (place - first + 1) > budget:
                yield order[first:place]
                first = place
        if first < len(order):
            yield order[first:]

    def _batch(self, rows: list[list[int]]) -> tuple[Int[Tensor, "n t"], Int[Tensor, "n t"]]:
        longest = max(map(len, rows)) + 1
        context = torch.zeros(len(rows), longest, dtype=torch.int64)
        target = torch.full((len(rows), longest), IGNORED)
        context[:, 0] = self._begin
        for number, row in enumerate(rows):
            symbols = torch.tensor(row, dtype=torch.int64)
            context[number, 1 : len(row) + 1] = symbols
            target[number, : len(row)] = symbols
            target[number, len(row)] = 0  # the end
        return context, target

    def _train(self, numbered: list[list[int]], reporter: Reporter) -> None:
        """Adam with a rate that falls to 0 in a straight line; the best weights by the held-out part are kept, and
        two epochs in a row that are no better end it."""
        chosen, network = self.settings, self._network
        rows, held = split(len(numbered), chosen.held_out, chosen.seed)
        kept, watched = [numbered[row] for row in rows], [numbered[row] for row in held]
        each = sum(map(len, kept)) + len(kept)
        epochs = max(1, min(chosen.epochs, round(chosen.symbols / each)))
        optimizer = torch.optim.Adam(network.parameters(), lr=chosen.learning_rate, fused=True)
        generator = np.random.default_rng(chosen.seed)
        best, since, weights = math.inf, 0, copy.deepcopy(network.state_dict())
        done = 0
        reporter.begin("judge", epochs * each, 0)
        for _ in range(epochs):
            network.train()
            shuffled = generator.permutation(len(kept))
            batches = list(self._cut(shuffled[np.argsort([len(kept[i]) for i in shuffled], kind="stable")], kept))
            for place in generator.permutation(len(batches)):
                nats = network(*self._batch([kept[row] for row in batches[place]]))
                optimizer.param_groups[0]["lr"] = chosen.learning_rate * (1 - done / (epochs * each))
                optimizer.zero_grad()
                nats.mean().backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                done += len(nats)
                reporter.advance(done, "")
            found = float(self._nats(watched).sum())
            if found < best:
                best, since, weights = found, 0, copy.deepcopy(network.state_dict())
            else:
                since += 1
                if since == PATIENCE:
                    break
        network.load_state_dict(weights)
        reporter.end()

    def _place(self, sequences: Sequence[Sequence[Hashable]]) -> Path:
        """Where the weights are kept."""
        digest = hashlib.sha256(repr((VERSION, torch.__version__, asdict(self.settings))).encode())
        digest.update(repr(sorted(map(repr, self.vocabulary))).encode())
        for sequence in sequences:
            digest.update(repr(tuple(sequence)).encode())
        return place_of(digest.hexdigest()[:32])
