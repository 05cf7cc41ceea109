"""What a run is trained on, and what it is validated on: a share of the same items, or items of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from genvae.data.batching import Rows, some, split, together
from genvae.data.conditions import Declared, select
from genvae.data.modality import ModalitySettings
from genvae.data.prepare import content_hash
from genvae.data.read import Location, read
from genvae.errors import DataError
from genvae.host import Host
from genvae.progress import Reporter
from genvae.recipe.settings import TrainingSettings

if TYPE_CHECKING:
    from datasets import Dataset

VALIDATED = 2_000  # most items of a share that a validation looks at


@dataclass(frozen=True)
class Items:
    """Some rows of a table of items, and which of them belong together."""

    table: Dataset
    rows: Rows
    kin: Rows | None

    def some(self, count: int, seed: int) -> Rows:
        """At most so many of the rows."""
        return some(self.rows, count, seed, self.kin)


@dataclass(frozen=True)
class Parts:
    """The items to train on and those to validate on, and how many of them a validation looks at."""

    train: Items
    held: Items
    seen: int

    def hashes(self) -> dict[str, str | None]:
        """What the items are; of a share there is none."""
        own = self.held.table is not self.train.table
        return {"data": content_hash(self.train.table), "validation": content_hash(self.held.table) if own else None}


def parts(
    data: Location,
    validation: Location | None,
    modality: ModalitySettings,
    training: TrainingSettings,
    host: Host,
    reporter: Reporter,
    conditions: Declared | None = None,
    may_be_silent: bool = False,
) -> Parts:
    """Read and select the items, with what ``conditions`` say of them; where the data ``may_be_silent``, one that they
    have no column of is unknown. Of items of their own a validation looks at every one; raises DataError."""
    declared = conditions or {}
    absent: list[str] | None = [] if may_be_silent else None
    table, note = select(read(data, host), modality, declared, absent)
    for line in (note, *(f"warning: the data do not say {name!r}: it counts as unknown" for name in absent or ())):
        if line:
            reporter.say(line)
    kin = together(table)
    if validation is None:
        rows, held = split(len(table), training.validation, training.seed, kin)
        return Parts(Items(table, rows, kin), Items(table, held, kin), VALIDATED)
    try:
        other, note = select(read(validation, host), modality, declared, absent)
    except DataError as error:
        raise DataError(f"validation: {error}") from None
    if note:
        reporter.say(f"validation: {note}")
    for items, what in ((table, "the data"), (other, "the validation data")):
        if not len(items):
            raise DataError(f"{what} have no usable item")
    made = Parts(
        Items(table, np.arange(len(table)), kin), Items(other, np.arange(len(other)), together(other)), len(other)
    )
    hashes = made.hashes()
    if hashes["data"] == hashes["validation"]:
        reporter.say("warning: data and validation are the same items, so what is learned by heart counts as a gain")
    return made
