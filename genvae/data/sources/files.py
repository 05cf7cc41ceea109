"""Text, CSV and TSV, JSON lines and Parquet files, plain or gzipped (Parquet has its own compression)."""

from __future__ import annotations

import csv
import gzip
import json
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genvae.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

#: a line longer than this is no item of anything but a mistake, and is named instead of being read
LONGEST_LINE = 100_000


def lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file without their ends; raises DataError that names the line at fault."""
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    number = 0
    try:
        with opener(path, "rb") as file:
            while raw := file.readline(4 * LONGEST_LINE + 2):
                number += 1
                if number == 1:
                    raw = raw.removeprefix(b"\xef\xbb\xbf")
                try:
                    line = raw.decode("utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    if len(raw) <= 4 * LONGEST_LINE:
                        raise DataError(
                            f"{path}: line {number} is not UTF-8 (byte {error.object[error.start]:#04x} at column "
                            f"{error.start + 1}); save the file as UTF-8"
                        ) from None
                    line = " " * (LONGEST_LINE + 1)
                if len(line) > LONGEST_LINE:
                    raise DataError(
                        f"{path}: line {number} is longer than {LONGEST_LINE:,} characters; split it or take it out"
                    )
                yield line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip file ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def table(columns: dict[str, list[Any]], place: str | Path) -> Dataset:
    """A table of columns; raises DataError that names the place it is from when it cannot be one."""
    from datasets import Dataset, concatenate_datasets
    from pyarrow import ArrowException

    if not columns or not next(iter(columns.values())):
        raise DataError(f"{place} is empty")
    name = ""
    try:
        made = []
        for name, values in columns.items():
            made.append(Dataset.from_dict({name: values}))
    except (ArrowException, TypeError, ValueError, OverflowError) as error:
        said = " ".join(str(error).split())[:120]
        raise DataError(f"{place}: the values of column {name!r} are not of one type ({said})") from None
    return concatenate_datasets(made, axis=1)


def from_rows(rows: Sequence[Mapping[str, Any]], place: str | Path) -> Dataset:
    """A table of rows; a column that a row lacks is empty there."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return table({name: [row.get(name) for row in rows] for name in names}, place)


def read_text(path: Path) -> Dataset:
    """One item a line, in the column "text"; blank lines are passed over."""
    return table({"text": [line for line in lines(path) if line.strip()]}, path)


def read_delimited(path: Path) -> Dataset:
    """CSV, or TSV by its ending; the first row names the columns."""
    delimiter = "\t" if path.name.lower().removesuffix(".gz").endswith(".tsv") else ","
    quoting: Any = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    csv.field_size_limit(min(sys.maxsize, 8 * LONGEST_LINE))
    reader = csv.reader((line + "\n" for line in lines(path)), delimiter=delimiter, quoting=quoting)
    try:
        header = next(reader, None)
        if not header:
            raise DataError(f"{path} is empty")
        if len(set(header)) != len(header):
            raise DataError(f"{path}: two columns have the same name in {', '.join(header)}")
        columns: dict[str, list[Any]] = {name: [] for name in header}
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise DataError(f"{path}: line {reader.line_num} has {len(row)} fields, the header has {len(header)}")
            for name, value in zip(header, row, strict=True):
                columns[name].append(value)
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: {error}") from None
    return table(columns, path)


def read_json_lines(path: Path) -> Dataset:
    """One JSON object a line; a key that a line lacks is empty there."""
    rows = []
    for number, line in enumerate(lines(path), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}: line {number} is not JSON ({error.msg})") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}: line {number} is not a JSON object")
        rows.append(row)
    return from_rows(rows, path)


def read_parquet(path: Path) -> Dataset:
    """A Parquet file with all its columns."""
    import pyarrow
    import pyarrow.parquet
    from datasets import Dataset

    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({' '.join(str(error).split())[:120]})") from None
    if not table.num_rows:
        raise DataError(f"{path} is empty")
    return Dataset(table)
