"""Conditions of data: from the columns of a table to what batches bring with them.

A recipe declares them, ``conditions: {form: {condition: class, column: form}}``; no modality has to know of them. A
modality chooses rows and makes examples; which rows it chose says the column ROW, which it keeps beside its own where
it is given one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.conditions import Condition, Conditions, ConditionSettings
from genvae.core.randomness import Stream
from genvae.data.batching import GROUP, Rows
from genvae.data.modality import ROW, ModalitySettings
from genvae.data.read import note_of, numbered, texts
from genvae.errors import DataError, SettingError

if TYPE_CHECKING:
    from datasets import Dataset

PREFIX = "condition/"  # before the name of a condition: the column of its values
COMBINATIONS = 4_096  # most that are remembered for p(c); of more a model keeps so many, drawn by the items

#: what a recipe declares: the settings of each condition by its name
Declared = Mapping[str, ConditionSettings]


def restored(configs: Mapping[str, Any], settings: Declared) -> Conditions:
    """The conditions that ``to_config`` wrote, by the settings of their recipe."""
    made = [settings[name].declared(settings[name].restore(name, config))
            for name, config in configs.get("of", {}).items()]  # fmt: skip
    rows = [entry.split() for entry in configs.get("combinations", ())]
    if not rows:
        return Conditions(made)
    numbers = torch.tensor([[float(number) for number in row] for row in rows], dtype=torch.float64)
    return Conditions(made, numbers[:, 1:], numbers[:, 0])


def to_config(conditions: Conditions) -> dict[str, Any]:
    """The conditions as plain data: what may be asked for, what they are made from again, and p(c), a line a
    combination with its count first."""
    if not conditions:
        return {}
    written: dict[str, Any] = {
        "declared": {name: condition.declared() for name, condition in conditions.items()},
        "of": {name: condition.to_config() for name, condition in conditions.items()},
    }
    if conditions.table is not None and conditions.counts is not None:
        rows = torch.cat([conditions.counts[:, None], conditions.table], 1).tolist()
        written["combinations"] = [" ".join(f"{number:.9g}" for number in row) for row in rows]
    return written


# -- tables ----------------------------------------------------------------------------------------


def select(
    data: Dataset,
    modality: ModalitySettings,
    settings: Declared,
    absent: list[str] | None = None,
    *,
    for_model: bool = True,
) -> tuple[Dataset, str]:
    """The rows that can be items, as the modality chooses them, each condition's value in the column PREFIX + its name.

    Raises DataError for a column that is not there; where ``absent`` is given, such a condition is noted in it, and
    unknown. Of items that are not ``for_model`` nothing is asked that only a model needs to be told.
    """
    table, note = _with_conditions(data, modality, settings, absent)
    if for_model and (check := getattr(modality, "check", None)) is not None:
        check(table)
    return table, "; ".join(filter(None, (note_of(data), note)))


def _with_conditions(
    data: Dataset, modality: ModalitySettings, settings: Declared, absent: list[str] | None
) -> tuple[Dataset, str]:
    if not settings:
        return modality.select(data)
    from datasets import Dataset as Table
    from datasets import concatenate_datasets

    values: dict[str, list[Any]] = {}
    for name, own in settings.items():
        columns = own.columns(name)
        missing = [column for column in columns if column not in data.column_names]
        if missing and absent is not None:
            absent.append(name)
            values[name] = [""] * len(data) if len(columns) == 1 else [[""] * len(columns)] * len(data)
            continue
        if missing:
            raise DataError(
                f"condition {name!r} needs the column {missing[0]!r}, which is not there; the columns are: "
                f"{', '.join(data.column_names)}"
            )
        read = [[value.strip() for value in texts(data, column)] for column in columns]
        values[name] = read[0] if len(read) == 1 else [list(several) for several in zip(*read, strict=True)]
    table, note = modality.select(numbered(data, ROW))
    if ROW not in table.column_names:
        raise SettingError(f"this modality chooses rows and does not say which ({ROW!r}): it cannot have conditions")
    rows = table[ROW][:]
    beside = Table.from_dict({PREFIX + name: [each[row] for row in rows] for name, each in values.items()})
    return concatenate_datasets([table.remove_columns([ROW]), beside], axis=1), note


def agreed(settings: Declared, table: Dataset, examples: Dataset) -> Dataset:
    """The table, where each item of a group has what any of them states of a condition that the group shares; the
    examples say which items are one group. Raises DataError where items of a group differ."""
    shared = [name for name, own in settings.items() if own.shared]
    if not shared:
        return table
    if GROUP not in examples.column_names:
        raise SettingError(
            f"condition {shared[0]!r} is shared by a group, and these items form none: the modality's settings say "
            "what groups them; or leave shared out"
        )
    groups = examples[GROUP][:]
    for name in shared:
        values = _of_groups(name, table[PREFIX + name][:], groups)
        table = table.remove_columns([PREFIX + name]).add_column(PREFIX + name, values)
    return table


def _of_groups(name: str, values: list[Any], groups: Sequence[int | None]) -> list[Any]:
    """Each item's value as its group has it; several columns each by itself."""
    if values and isinstance(values[0], list):
        return [list(row) for row in zip(*(_of_groups(name, list(c), groups) for c in zip(*values)), strict=True)]
    first: dict[int, int] = {}  # the item that states a group's value
    for item, (value, group) in enumerate(zip(values, groups, strict=True)):
        if not value or group is None:
            continue
        other = first.setdefault(group, item)
        if values[other] != value:
            raise DataError(
                f"condition {name!r} is shared by a group, and items {other + 1:,} and {item + 1:,}, which are of one, "
                f"have {values[other]!r} and {value!r}: give them one value, or leave shared out"
            )
    return [values[first[g]] if g in first else v for v, g in zip(values, groups, strict=True)]


def fit(settings: Declared, table: Dataset, rows: Rows) -> Conditions:
    """The conditions of a table's items: their values from all of it, p(c) from the ``rows`` that are trained on."""
    if not settings:
        return Conditions()
    made = [own.declared(own.fit(name, table[PREFIX + name][:])) for name, own in settings.items()]
    known = [c.codes(_some(table, c.name, rows)) for c in made if c.drawn]
    if not known:
        return Conditions(made)
    codes = torch.cat(known, 1)
    # NaN is not equal to itself
    combinations, counts = torch.unique(codes.nan_to_num(nan=-1e18), dim=0, return_counts=True)
    if len(counts) > COMBINATIONS:
        order = Stream(0, "combinations").uniform(torch.arange(len(codes)), 1)[:, 0].argsort()
        combinations = codes[order[:COMBINATIONS]].nan_to_num(nan=-1e18)
        combinations, counts = torch.unique(combinations, dim=0, return_counts=True)
    combinations[combinations == -1e18] = float("nan")
    return Conditions(made, combinations, counts.double())


def _some(table: Dataset, name: str, rows: Rows) -> list[Any]:
    values = table[PREFIX + name][:]
    return [values[row] for row in rows.tolist()]


class Known:
    """What is known of the items of a table (as ``agreed`` on), in memory as codes; given the rows of a batch, the
    batch with it."""

    def __init__(self, conditions: Conditions, table: Dataset) -> None:
        self.of: list[tuple[Condition, Tensor]] = []
        #: in words, which values are none of a condition's: they count as unknown
        self.strange: list[str] = []
        for name, condition in conditions.items():
            values = table[PREFIX + name][:]
            codes = condition.codes(values)
            self.of.append((condition, codes))
            lost = [values[row] for row in codes.isnan().all(1).nonzero()[:, 0].tolist() if any(values[row])]
            if lost:
                self.strange.append(
                    f"{len(lost):,} items have a {name} that the model does not know ({lost[0]!r}, say): it counts as "
                    "unknown"
                )

    def __call__(self, batch: Batch, rows: Rows) -> Batch:
        places = torch.from_numpy(np.ascontiguousarray(rows))
        return batch.knowing(**{condition.name: condition.rows(codes[places]) for condition, codes in self.of})
