"""From rows to examples, cached on disk by what went in and what it was made with."""

from __future__ import annotations

import hashlib
import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from genvae.data.modality import Modality
from genvae.errors import DataError
from genvae.progress import Reporter, Silent

if TYPE_CHECKING:
    from datasets import Dataset

CACHE = "GENVAE_CACHE"  # where prepared data lies; default: the user's cache folder
HASHED = 10_000  # rows hashed at a time
PREPARED = 500  # rows prepared at a time
SHOWN = 1_000  # rows from which on their preparing is shown


class _Digest(Protocol):
    def update(self, data: Any, /) -> None: ...


def cache_folder() -> Path:
    """The folder for what can be made again."""
    chosen = os.environ.get(CACHE)
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "genvae"


def content_hash(data: Dataset) -> str:
    """A hash of every value of a table, in order.

    It is that of the values: how the table lies in memory or on disk, in which pieces, and which rows of a larger one
    it was cut from do not matter.
    """
    digest = hashlib.sha256(repr(data.column_names).encode())
    for rows in data.with_format("arrow").iter(batch_size=HASHED):
        for name in data.column_names:
            _feed(digest, rows[name].combine_chunks())
    return digest.hexdigest()


def _feed(digest: _Digest, values: Any) -> None:
    """An Arrow array's values, then what is inside them; where there are none, what lies there is not looked at."""
    import pyarrow as pa
    from pyarrow import compute

    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    kind = values.type
    digest.update(f"{_name(kind)} {len(values)} {values.null_count}".encode())
    if values.null_count:
        digest.update(np.packbits(values.is_null().to_numpy(zero_copy_only=False)).tobytes())
    if pa.types.is_struct(kind):
        for inner in values.flatten():
            _feed(digest, inner)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        digest.update(_numbers(compute.list_value_length(values), "int64"))
        _feed(digest, values.flatten())
    elif _is_text(kind):
        filled = compute.fill_null(values.cast(pa.large_binary()), b"")
        digest.update(_numbers(compute.binary_length(filled), "int64"))
        _, offsets, content = filled.buffers()
        if content is not None and len(filled):
            ends = np.frombuffer(offsets, np.int64)[[filled.offset, filled.offset + len(filled)]]
            digest.update(memoryview(content)[ends[0] : ends[1]])
    elif pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        digest.update(_numbers(values, None))
    elif not pa.types.is_null(kind):  # dates, decimals and what else there may be
        digest.update(repr(values.to_pylist()).encode())


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )  # fmt: skip


def _name(kind: Any) -> str:
    """A type's name; the same for those that differ in how much they can hold."""
    import pyarrow as pa

    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return "list"
    if pa.types.is_struct(kind):
        return f"struct {[field.name for field in kind]!r}"
    return str(kind).removeprefix("large_")


def _numbers(values: Any, dtype: str | None) -> bytes:
    """Numbers or truths as bytes; 0 where there is none."""
    from pyarrow import compute

    zero = False if str(values.type) == "bool" else 0
    made = compute.fill_null(values, zero) if values.null_count else values
    return np.ascontiguousarray(made.to_numpy(zero_copy_only=False), dtype=dtype).tobytes()


def _written(cls: type) -> str:
    """A class by its name and a hash of its module: who is writing it must not be given what it made before."""
    try:
        source = inspect.getsource(inspect.getmodule(cls) or cls)
    except (OSError, TypeError):  # no file of its own
        source = ""
    return f"{cls.__module__}:{cls.__qualname__} {hashlib.sha256(source.encode()).hexdigest()}"


def prepare(data: Dataset, modality: Modality, reporter: Reporter | None = None) -> Dataset:
    """Every row as an example, with its cost in the column "cost"; made once, then read from the cache, until the
    data, the modality's fingerprint or the module that it is written in is another."""
    import datasets

    made_by = f"{_written(type(modality))} {modality.fingerprint()}"
    key = hashlib.sha256((content_hash(data) + made_by).encode()).hexdigest()[:32]
    place = cache_folder() / "examples" / f"{key}.arrow"
    reporter = (reporter if len(data) >= SHOWN and not place.exists() else None) or Silent()
    done = 0

    def rows_to_examples(rows: dict[str, list[object]]) -> dict[str, list[object]]:
        nonlocal done
        columns = modality.prepare(rows)
        names = list(columns)
        examples = [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        done += len(examples)
        reporter.advance(done, "")
        return {**columns, "cost": [modality.cost(example) for example in examples]}

    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    reporter.begin("reading", len(data), 0)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        return data.map(
            rows_to_examples, batched=True, batch_size=PREPARED, remove_columns=data.column_names,
            cache_file_name=str(place), new_fingerprint=key,
        )  # fmt: skip
    except OSError as error:
        raise DataError(
            f"cannot write prepared data to {place.parent} ({error.strerror or error}); {CACHE} names another folder"
        ) from None
    finally:
        reporter.end()
        if shown:
            datasets.enable_progress_bars()
