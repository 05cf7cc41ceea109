"""A data set of the hub, through ``datasets``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genvae.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset


def read_hub(location: str) -> Dataset:
    """A hub id, "owner/name", with a split after a colon if not "train": "owner/name:validation"."""
    import datasets

    name, _, split = location.partition(":")
    try:
        return datasets.load_dataset(name, split=split or "train")
    except Exception as error:  # the hub's client raises many kinds
        said = " ".join(str(error).split())[:200]
        raise DataError(
            f"{location!r} is neither a file or folder here nor a data set that the hub gave ({said})"
        ) from None
