"""Rewriting by editing: many candidates, each the sequence with some of its symbols drawn anew under other
conditions, of which the likeliest is chosen.

What a sequence x becomes under c is taken for a posterior, as of something that was changed on its way here:

    p(y | x, c)  in proportion to  p(y) p(c|y)^s p(x|y),

a language, what is asked for (s, the strength: 0 asks for nothing, more than 1 is surer than sure) and the way from y
to x, on which each change costs k nats and each symbol of x that is not in y its nats besides (so nothing is gained by
saying something commoner). All is the model's own: of blanks alone the decoder is a language model under each
condition, p(y|c), so that p(c|y) is Bayes' rule, and p(y) their mean.

Candidates are drawn where they are likely: a place is the surer to be blanked, the more its symbol says of what x was
(log p under the one less log p under the other, which sum to what all of x says), a run of blanks may become longer or
shorter, and the decoder fills it in, given what stands on both sides. So what is rewritten is found as in Li et al.
("Delete, Retrieve, Generate", 2018) and Wu et al. ("Mask and Infill", 2019), with no other model or lexicon.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.decoding.filling import fill
from genvae.core.decoding.options import Decoding
from genvae.core.latents import Latents, take
from genvae.core.likelihoods import CategoricalSequence, SequenceDecoder
from genvae.core.randomness import Stream
from genvae.core.sequences import batch_of, blank
from genvae.core.symbols import Symbols
from genvae.core.vae import VAE

ROWS = 2048  # sequences looked at at once
DRAWS = 5  # random numbers for each symbol of a line, of a candidate's blanks

Line = tuple[int, ...]


@dataclass(frozen=True)
class Said:
    """What a model says of sequences under two conditions."""

    own: Float[Tensor, "n t"]  # nats of each symbol, the end apart; 0 behind it
    wanted: Float[Tensor, "n t"]

    @property
    def tells(self) -> Float[Tensor, "n t"]:
        """How much each symbol speaks for the one against the other, in nats."""
        return self.wanted - self.own

    @property
    def language(self) -> Float[Tensor, " n"]:
        """log p(y), the mean of both."""
        return torch.logaddexp(-self.own.sum(1), -self.wanted.sum(1)) - torch.tensor(2.0).log()

    @property
    def obeys(self) -> Float[Tensor, " n"]:
        """log p(wanted | y), both equally likely beforehand."""
        return torch.nn.functional.logsigmoid(-self.tells.sum(1))


@dataclass(frozen=True, kw_only=True)
class Editor:
    """Sequences of a model, edited from ``own`` conditions towards ``wanted`` ones, a row each for every item."""

    model: VAE
    own: Latents
    wanted: Latents
    strength: float
    closeness: float
    options: Decoding

    def best(self, lines: Sequence[Line], candidates: int, rounds: int, stream: Stream) -> list[Line]:
        """Each line as it becomes. A round goes on from the best of the one before."""
        said = self._said(lines, range(len(lines)))
        nats = said.own.tolist()
        found, scores = list(lines), (said.language + self.strength * said.obeys).tolist()
        for number in range(rounds):
            tells = self._said(found, range(len(found))).tells.tolist()
            item, tried = self._candidates(found, tells, candidates, stream.again(number))
            said = self._said(tried, item)
            likely = (said.language + self.strength * said.obeys).tolist()
            far = [way(lines[i], line, nats[i], self.closeness) for i, line in zip(item, tried, strict=True)]
            new = [one - other for one, other in zip(likely, far, strict=True)]
            for i, line, score in zip(item, tried, new, strict=True):
                if score > scores[i]:
                    found[i], scores[i] = line, score
        return found

    # -- what is likely ----------------------------------------------------------------------------

    @torch.no_grad()
    def _said(self, lines: Sequence[Line], item: Sequence[int]) -> Said:
        likelihood = self.model.likelihood
        assert isinstance(likelihood, CategoricalSequence)
        room = max(map(len, lines))
        own, wanted = torch.zeros(len(lines), room), torch.zeros(len(lines), room)
        for rows in _chunks(lines):
            batch = batch_of([lines[row] for row in rows], torch.tensor(rows))
            place = torch.tensor([item[row] for row in rows])
            for nats, conditions in ((own, self.own), (wanted, self.wanted)):
                latents = self._latents(blank(batch), take(conditions, place))
                each = likelihood.symbol_nats(self.model.decoder, latents, batch)
                each = each * (batch.views["target"] != Symbols.END)
                nats[rows, : each.shape[1] - 1] = each[:, :-1]
        return Said(own, wanted)

    def _latents(self, batch: Batch, conditions: Latents) -> Latents:
        return self.model.infer(batch.knowing(**conditions)).latents

    # -- candidates --------------------------------------------------------------------------------

    @torch.no_grad()
    def _candidates(
        self, lines: Sequence[Line], tells: Sequence[Sequence[float]], count: int, stream: Stream
    ) -> tuple[list[int], list[Line]]:
        """New lines, each once, and the number of the item that each is of."""
        keys = torch.arange(len(lines))[:, None] * count + torch.arange(count)
        units = stream.at("blanks").uniform(keys.flatten(), DRAWS * max(map(len, lines)) + 1).tolist()
        holes: list[Line] = []
        number: list[int] = []
        for i, line in enumerate(lines):
            for k in range(count):
                holes.append(blanked(line, tells[i], iter(units[i * count + k])))
                number.append(i)
        filled: list[Line] = list(holes)
        likelihood, decoder = self.model.likelihood, self.model.decoder
        assert isinstance(likelihood, CategoricalSequence) and isinstance(decoder, SequenceDecoder)
        for rows in _chunks(holes):
            batch = batch_of([holes[row] for row in rows], keys.flatten()[rows])
            latents = self._latents(batch, take(self.wanted, torch.tensor([number[row] for row in rows])))
            made = fill(
                likelihood.stepper(decoder), latents, batch.views["input"], batch.items, self.options, stream
            ).tolist()
            for row, symbols in zip(rows, made, strict=True):
                filled[row] = tuple(symbols[: len(holes[row])])
        found = dict.fromkeys(zip(number, filled, strict=True))
        return [i for i, _ in found], [line for _, line in found]


def blanked(line: Line, tells: Sequence[float], units: Iterator[float]) -> Line:
    """A line with blanks: the places that tell more than a random share of what the one that tells most does, and
    some of their neighbours; and runs of them longer or shorter by one."""
    told = [tells[t] * (0.5 + next(units)) for t in range(len(line))]
    share = next(units) ** 0.5  # few blanks are likelier than many
    least = max(told) * share if max(told) > 0 else max(told)
    hit = [value >= least for value in told]
    wide = list(hit)
    for t, chosen in enumerate(hit):
        if chosen and t > 0 and next(units) < 0.15:
            wide[t - 1] = True
        if chosen and t + 1 < len(line) and next(units) < 0.15:
            wide[t + 1] = True
    made: list[int] = []
    for t, symbol in enumerate(line):
        if not wide[t]:
            made.append(symbol)
            continue
        made.append(Symbols.MASK)
        if t + 1 == len(line) or not wide[t + 1]:
            unit = next(units)
            if unit < 0.15 and len(made) > 1:
                made.pop()
            elif unit > 0.85:
                made.append(Symbols.MASK)
    return tuple(made)


def way(before: Line, after: Line, nats: Sequence[float], change: float) -> float:
    """What the changes from one line to the other cost at least (an edit distance, Levenshtein 1966): ``change`` for a
    symbol that is put in, taken out or replaced, and the ``nats`` of one that is lost."""
    row = [change * j for j in range(len(after) + 1)]
    for x, own in zip(before, nats, strict=False):
        lost = own + change
        last, row[0] = row[0], row[0] + lost
        for j, y in enumerate(after, 1):
            stays = last if x == y else last + lost
            last, row[j] = row[j], min(row[j] + lost, row[j - 1] + change, stays)
    return row[-1]


def _chunks(lines: Sequence[Line]) -> Iterator[list[int]]:
    """Rows of about equal length that are looked at together."""
    order = sorted(range(len(lines)), key=lambda row: len(lines[row]))
    for first in range(0, len(order), ROWS):
        yield order[first : first + ROWS]
