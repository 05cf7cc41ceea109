"""From rows to examples, cached on disk by what went in and what it was made with."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from genvae.data.modality import Modality
from genvae.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

CACHE = "GENVAE_CACHE"  # where prepared data lies; default: the user's cache folder


def cache_folder() -> Path:
    """The folder for what can be made again."""
    chosen = os.environ.get(CACHE)
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "genvae"


def content_hash(data: Dataset) -> str:
    """A hash of every value of a table, in order."""
    digest = hashlib.sha256(repr(data.column_names).encode())
    for rows in data.iter(batch_size=10_000):
        digest.update(repr(rows).encode())
    return digest.hexdigest()


def prepare(data: Dataset, modality: Modality) -> Dataset:
    """Every row as an example, with its cost in the column "cost"; made once, then read from the cache."""
    import datasets

    key = hashlib.sha256((content_hash(data) + modality.fingerprint()).encode()).hexdigest()[:32]
    folder = cache_folder() / "examples"

    def rows_to_examples(rows: dict[str, list[object]]) -> dict[str, list[object]]:
        columns = modality.prepare(rows)
        names = list(columns)
        examples = [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        return {**columns, "cost": [modality.cost(example) for example in examples]}

    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return data.map(
            rows_to_examples, batched=True, batch_size=5_000, remove_columns=data.column_names,
            cache_file_name=str(folder / f"{key}.arrow"), new_fingerprint=key,
        )  # fmt: skip
    except OSError as error:
        raise DataError(
            f"cannot write prepared data to {folder} ({error.strerror or error}); {CACHE} names another folder"
        ) from None
    finally:
        if shown:
            datasets.enable_progress_bars()
