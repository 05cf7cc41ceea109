"""Items of data with labels, as a model reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from genvae.data.batching import Batches, some
from genvae.data.conditions import PREFIX, Known, agreed, select
from genvae.data.prepare import prepare
from genvae.data.read import Location, numbered, read
from genvae.errors import DataError, nearest
from genvae.latent.tools import Tools
from genvae_conditional.kinds.classes import ClassSettings, told_apart

if TYPE_CHECKING:
    from datasets import Dataset

ENCODED = 256  # items of mean cost that are encoded at once
MOST_VALUES = 1_000  # of a label
NUMBER = "number/"  # the column of the rows' numbers, beside the labels


@dataclass(frozen=True)
class Labelled:
    """``data`` as they were read; of the rows that can be items their numbers, ``examples`` and labels, '' where there
    is none; and ``batches`` of them, with what the model is told of conditions."""

    data: Dataset
    rows: list[int]
    labels: dict[str, list[str]]
    examples: Dataset
    batches: Batches


def labelled(
    tools: Tools, location: Location, names: Sequence[str], *, limit: int | None = None, seed: int = 0,
    untold: Sequence[str] = (),
) -> Labelled:  # fmt: skip
    """At most ``limit`` items, chosen by the seed, with the labels in the columns of these names. The model is told the
    conditions that the data state, but those in columns that are to stay ``untold``."""
    context, bundle = tools.context, tools.context.bundle
    own = bundle.recipe.condition_settings()
    data = read(location, context.host)
    for name in names:
        if name not in data.column_names and name not in own:
            raise DataError(f"there is no column {name!r}; {nearest(name, data.column_names)}")
    columns = {name: ClassSettings(column=name) for name in (*names, NUMBER)}
    known = {name: settings for name, settings in own.items() if not {*settings.columns(name)} & {*untold}}
    table, note = select(numbered(data, NUMBER), bundle.recipe.modality_settings(), {**columns, **known}, [])
    if note:
        context.reporter.say(note)
    table = table.select(some(np.arange(len(table)), limit or len(table), seed))
    examples = prepare(table.remove_columns([c for c in table.column_names if c.startswith(PREFIX)]), bundle.modality)
    told = Known(bundle.conditions.only(list(known)), agreed(known, table, examples)) if known else None
    batches = Batches(examples, np.arange(len(table)), bundle.modality, batch_size=ENCODED, known=told)
    labels = {name: [str(value) for value in table[PREFIX + name][:]] for name in names}
    return Labelled(data, [int(number) for number in table[PREFIX + NUMBER][:]], labels, examples, batches)


def counted(name: str, values: Sequence[str]) -> Counter[str]:
    """How often each value of a label is there, '' apart; raises DataError for fewer than two and for too many."""
    counts = told_apart(name, values, "label")
    if len(counts) > MOST_VALUES:
        raise DataError(f"label {name!r} has {len(counts):,} values; at most {MOST_VALUES:,}")
    return counts
