"""The passes over data that measures share, each made once when first asked for."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np
import torch

from genvae.core.batch import Batch
from genvae.core.bounds import Bound, importance_weighted
from genvae.core.corruption import Corruption
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.data.batching import Batches, Rows, some
from genvae.data.modality import Modality
from genvae.errors import GenvaeError, LacksCapability
from genvae.evaluation.collapse import Pass, Usage
from genvae.host import Host, ModalityPart, Part
from genvae.progress import Reporter, Silent

if TYPE_CHECKING:
    from datasets import Dataset

    from genvae.recipe import Recipe

T = TypeVar("T")

TILE = 512  # items drawn at once, always as many: a product of another shape may round differently
READ = 1_000  # rows of a table read at once
INFORMATIVE = 10_000  # most items of the mutual information, whose work grows with their square


class Items(Sequence[Any]):
    """The items of a prepared table, in the form ``render`` gives; read as they are asked for, never held."""

    def __init__(self, examples: Dataset, modality: Modality, rows: Rows | None = None) -> None:
        self._examples, self._modality = examples, modality
        self._rows = np.arange(len(examples)) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> list[Any]: ...

    def __getitem__(self, place: int | slice) -> Any:
        rows = self._rows[place if isinstance(place, slice) else [place]]
        columns = self._examples[rows.tolist()]
        examples = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        items = [self._modality.item(example) for example in examples]
        return items if isinstance(place, slice) else items[0]

    def __iter__(self) -> Iterator[Any]:
        for first in range(0, len(self), READ):
            yield from self[first : first + READ]

    def column(self, name: str) -> list[Any] | None:
        """What a column of the table says of each, a label, say; None where there is no such column."""
        if name not in self._examples.column_names:
            return None
        values: list[Any] = self._examples.select_columns([name])[self._rows.tolist()][name]
        return values


@dataclass
class Evaluation:
    """A model on some items.

    ``samples`` are importance samples. ``full`` asks for figures that take their time, too; ``generated`` is how
    many items are drawn from the prior, by ``options`` (rendering settings) and with its noise times
    ``prior_scale``; ``plain`` are the rendering settings of reconstructions. ``judge`` are real items that only
    ``judges`` (their kinds) are trained on, ``train`` those that the model was, ``encoder`` a folder of a pretrained
    encoder. ``drawn_as`` says what the data are where a table holds more than that, as chances of black and white.
    """

    model: VAE
    modality: Modality
    modality_id: str
    batches: Batches
    samples: int = 10
    seed: int = 0
    full: bool = False
    generated: int = 0
    prior_scale: float = 1.0
    options: Any = None
    plain: Any = None
    judge: Sequence[Any] | None = None
    judges: tuple[str, ...] = ("ngram",)
    train: Sequence[Any] | None = None
    encoder: str | None = None
    drawn_as: Sequence[Corruption] = ()
    reporter: Reporter = field(default_factory=Silent)
    #: figure, or id of a measure -> why it is not there
    left_out: dict[str, str] = field(default_factory=dict)
    _made: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What several measures of a plugin share (a judge of their own, say): made when it is first asked for."""
        if name not in self._made:
            self._made[name] = make()
        made: T = self._made[name]
        return made

    def in_order(self) -> Iterator[Batch]:
        """Batches of every item, as the model is asked for them: drawn as ``drawn_as`` says, where that says more than
        the table."""
        stream = Stream(self.seed, "data")
        for batch in self.batches.in_order():
            yield reduce(lambda made, corruption: corruption(made, sys.maxsize, stream), self.drawn_as, batch)

    @cached_property
    def bound(self) -> Bound:
        """The bounds of every item, in the order of ``in_order()``."""
        found = []
        with self._progress("likelihood", self.count):
            for batch in self.in_order():
                stream = Stream(self.seed, "evaluation")
                found.append(importance_weighted(self.model, batch, stream, samples=self.samples))
                self.reporter.advance(sum(len(bound.elbo) for bound in found), "")
        return Bound(torch.cat([b.elbo for b in found]), torch.cat([b.log_likelihood for b in found]), found[0].samples)

    @property
    def items(self) -> Items:
        """The items that are evaluated, in the order of their table."""
        return self._items(self.batches.rows)

    def _items(self, rows: Rows) -> Items:
        return Items(self.batches.examples, self.modality, rows)

    def items_at(self, rows: Rows) -> Items:
        """The items of some rows of the table."""
        return self._items(rows)

    def few(self, count: int) -> Evaluation:
        """The same on at most ``count`` of the items, those of ``some_items``."""
        rows = some(self.batches.rows, count, self.seed)
        batches = Batches(
            self.batches.examples,
            rows,
            self.modality,
            batch_size=min(count, TILE),
            device=self.model.device,
            known=self.batches.known,
        )
        return replace(self, batches=batches)

    def some_items(self, count: int) -> list[Any]:
        """At most ``count`` of them, chosen by the seed."""
        return self._items(some(self.batches.rows, count, self.seed))[:]

    @cached_property
    @torch.no_grad()
    def latents(self) -> Pass:
        """What the posteriors of all items come to."""
        chosen = some(self.batches.rows, INFORMATIVE, self.seed)
        found = Pass(self.model)
        for batch in self.in_order():
            draw = self.model.infer(batch, Stream(self.seed, "evaluation"))
            kept = None
            if len(chosen) < self.count:
                kept = torch.from_numpy(np.isin(batch.items.cpu().numpy(), chosen)).to(self.model.device)
            found.add(draw, len(batch), kept)
        return found

    @property
    def count(self) -> int:
        """How many items there are."""
        return len(self.batches.rows)

    @property
    def usage(self) -> Usage:
        """How much of the latent is used."""
        return self.latents.usage

    @torch.no_grad()
    def reconstructions(self) -> Iterator[tuple[Batch, list[Any], list[Any]]]:
        """A batch, its items, and what the modality says the posterior means stand for; batch after batch.

        Raises LacksCapability for a model without a latent.
        """
        if not self.model.latent_dim:
            raise LacksCapability("a reconstruction needs a latent; this model has none")
        for batch in self.in_order():
            latents = self.model.infer(batch).latents
            said = self._render(latents, batch.items, self.plain, "exact", faithful=True)
            yield batch, self._items(batch.items.cpu().numpy())[:], said

    @torch.no_grad()
    def rendered(self, latents: dict[str, torch.Tensor], items: torch.Tensor) -> list[Any]:
        """What the modality says that latents stand for, as in ``reconstructions``; ``items`` number them."""
        return self._render(latents, items.to(self.model.device), self.plain, "exact", faithful=True)

    @cached_property
    @torch.no_grad()
    def drawn(self) -> list[Any]:
        """``generated`` items from the prior; each depends on the seed and its number alone."""
        found: list[Any] = []
        with self._progress("samples", self.generated):
            for first in range(0, self.generated, TILE):
                items = torch.arange(first, first + TILE, device=self.model.device)
                latents = self.model.sample_prior(items, Stream(self.seed, "samples"), scale=self.prior_scale)
                found += self._render(latents, items, self.options, "samples", faithful=False)
                self.reporter.advance(len(found), "")
        return found[: self.generated]

    @contextmanager
    def _progress(self, title: str, total: int) -> Iterator[None]:
        self.reporter.begin(title, total, 0)
        try:
            yield
        finally:
            self.reporter.end()

    def _render(
        self, latents: dict[str, torch.Tensor], items: torch.Tensor, options: Any, name: str, *, faithful: bool
    ) -> list[Any]:
        stream = Stream(self.seed, name)
        return self.modality.render(self.model, latents, items, options, stream, faithful=faithful)


def drawn_as(recipe: Recipe, model: VAE) -> list[Corruption]:
    """What a recipe says of the data themselves (``Evaluation.drawn_as``)."""
    made = [recipe.host.make("corruption", entry).build(model) for entry in recipe.sections["corruptions"]]
    return [corruption for corruption in made if corruption.is_asked and corruption.redraws_target]


def rendering(host: Host, modality_id: str, values: Mapping[str, Any]) -> Any:
    """The rendering settings of a modality; raises SettingError for one that it does not have."""
    part = host.part("modality", modality_id)
    assert isinstance(part, ModalityPart)
    return part.options(values)


def by_measure(evaluation: Evaluation, host: Host) -> list[tuple[Part, dict[str, Any]]]:
    """Every measure that is for any modality or for this one, with its figures; without any it does not count.

    What a model, its prior or the data cannot give is left out, with the reason in ``evaluation.left_out``; so is a
    measure that fails, whoever brought it: hours of training or the other figures must not be lost with it.
    """
    if evaluation.plain is None:
        evaluation.plain = rendering(host, evaluation.modality_id, {})
    found = []
    for part in host.parts("measure"):
        if part.modality not in ("", evaluation.modality_id):
            continue
        try:
            figures = host.load("measure", part.id)(evaluation)
        except LacksCapability as error:
            evaluation.left_out[part.id] = str(error)
            continue
        except GenvaeError:
            raise
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
            evaluation.left_out[part.id] = f"it failed, in {Path(where.filename).name} line {where.lineno} ({said})"
            continue
        if figures:
            found.append((part, figures))
    return found


def flat(measures: Sequence[tuple[Part, dict[str, Any]]], evaluation: Evaluation) -> dict[str, Any]:
    """All figures in one dictionary; the reasons of what is left out under "left_out"."""
    figures = {name: value for _, found in measures for name, value in found.items()}
    return {**figures, "left_out": dict(evaluation.left_out)} if evaluation.left_out else figures


def measured(evaluation: Evaluation, host: Host) -> dict[str, Any]:
    """The figures of ``by_measure`` in one dictionary."""
    return flat(by_measure(evaluation, host), evaluation)
