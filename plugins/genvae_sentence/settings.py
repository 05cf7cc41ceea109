"""The settings of the sentence modality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from genvae.data.batching import GROUP, KIN
from genvae.data.modality import ROW
from genvae.data.read import texts
from genvae.errors import CheckpointError, DataError
from genvae.settings import setting
from genvae_sentence.modality import Sentence
from genvae_sentence.tokenizer import KINDS, load_tokenizer, train_tokenizer

if TYPE_CHECKING:
    from datasets import Dataset

TOKENIZER = "tokenizer.json"


@dataclass(frozen=True, kw_only=True)
class SentenceSettings:
    """How lines of text are read."""

    #: how data is read, not what a model is: may be other than a model's where training starts from one
    reading: ClassVar[tuple[str, ...]] = ("text_column", "min_length", "max_length")

    tokenizer: str = setting("bpe", help="what a symbol is", choices=KINDS)
    vocab_size: int = setting(8000, help="most symbols, the five special ones included", ge=8, le=200_000)
    text_column: str | None = setting(None, help="the column that holds the text")
    group_column: str | None = setting(
        None, help="lines with the same value here (a verse in several versions) are a group, and all trained on or "
        "all validated on",
    )  # fmt: skip
    min_length: int = setting(1, help="shorter lines are left out, in characters", ge=1)
    max_length: int = setting(200, help="longer lines are left out, in characters", ge=1, le=2000)

    def column(self, data: Dataset) -> str:
        """The text column: the one asked for, "text", or the only one of text."""
        names = data.column_names
        if self.text_column is not None:
            if self.text_column not in names:
                raise DataError(f"there is no column {self.text_column!r}; the columns are: {', '.join(names)}")
            return self.text_column
        if "text" in names:
            return "text"
        texts = [name for name in names if getattr(data.features[name], "dtype", None) in ("string", "large_string")]
        if len(texts) == 1:
            return texts[0]
        raise DataError(f"which column is the text? Set text_column to one of: {', '.join(names)}")

    def select(self, data: Dataset) -> tuple[Dataset, str]:
        """The items that are one line of a length in range, white space trimmed, in the column "text"."""
        from datasets import Dataset as Table

        values = data[self.column(data)]
        lines = []
        for number, value in enumerate(values):
            if value is not None and not isinstance(value, str):
                raise DataError(f"row {number + 1} of the text column is {type(value).__name__}, not text")
            lines.append((value or "").strip())
        rows = [
            row for row, line in enumerate(lines)
            if self.min_length <= len(line) <= self.max_length and len(line.splitlines()) == 1
        ]  # fmt: skip
        kept = [lines[row] for row in rows]
        left = len(lines) - len(kept)
        if not kept:
            raise DataError(
                f"none of the {len(lines):,} items is one line of {self.min_length} to {self.max_length} characters; "
                "raise max_length to keep longer ones"
            )
        size = f"{self.min_length} to {self.max_length} characters"
        note = f"{left:,} of {len(lines):,} items left out: not one line of {size}"
        made: dict[str, list[Any]] = {"text": kept, **({ROW: rows} if ROW in data.column_names else {})}
        if self.group_column is not None:
            made[GROUP] = made[KIN] = self._groups(data, self.group_column, rows)
        return Table.from_dict(made), note if left else ""

    @staticmethod
    def _groups(data: Dataset, column: str, rows: list[int]) -> list[str]:
        if column not in data.column_names:
            raise DataError(f"there is no column {column!r}; the columns are: {', '.join(data.column_names)}")
        values = texts(data, column)
        return [values[row] for row in rows]

    def fit(self, data: Dataset) -> Sentence:
        """Train the tokenizer on the selected lines."""
        return Sentence(train_tokenizer(self.tokenizer, list(data["text"]), self.vocab_size), self.max_length)

    def restore(self, folder: Path) -> Sentence:
        """Read the tokenizer that was saved."""
        path = folder / TOKENIZER
        if not path.is_file():
            raise CheckpointError(f"{folder} has no {TOKENIZER}")
        return Sentence(load_tokenizer(path), self.max_length)

    def recipe(self) -> Mapping[str, Any]:
        """An LSTM trained by an annealed ELBO with free bits: it does not collapse on common data."""
        return {
            "architecture": "lstm",
            "objective": {
                "objective": "elbo",
                "beta": {"schedule": "linear", "start": 0.0, "stop": 1.0, "steps": 2000},
                "free_bits": 0.2,
            },
            "corruptions": [],
        }
