"""The settings of the image modality: which columns of a table say what, and what a picture is brought to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genvae.data.modality import ROW
from genvae.data.read import folder_of, texts
from genvae.errors import CheckpointError, DataError
from genvae.settings import setting
from genvae_image_style.modality import CHANNELS, SAVED, Image
from genvae_image_style.reading.columns import holds_pictures, pictures
from genvae_image_style.reading.decoding import Frame

if TYPE_CHECKING:
    from datasets import Dataset

#: names that a column of contents or styles goes by; the first that is there is taken
CONTENTS = ("content", "label", "labels", "class", "char", "chars", "character", "letter", "digit")
STYLES = ("style", "font", "writer", "hand", "author")


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """How pictures are read."""

    size: int = setting(28, help="side that every picture is brought to", ge=8, le=256)
    colour: str = setting("grey", help="what is kept of colour", choices=tuple(CHANNELS))
    framing: str = setting(
        "pad", help="a picture that is not square: padded in the colour of its border, cropped to its middle, or "
        "stretched; letter: ink, bright, at the scale and on the baseline of letters, where it has another size",
        choices=("pad", "crop", "stretch", "letter"),
    )  # fmt: skip
    polarity: str = setting(
        "keep", help="ink: a picture with a bright border is inverted, so that what is drawn is bright, as in MNIST",
        choices=("keep", "ink"),
    )  # fmt: skip
    image_column: str | None = setting(
        None, help="the column of the pictures; default: image, file_name, or the only one of such"
    )
    content_column: str | None = setting(
        None, help=f"the column that says what a picture shows; default: the first of {', '.join(CONTENTS)}"
    )
    style_column: str | None = setting(
        None, help=f"the column that says by whose hand it is; default: the first of {', '.join(STYLES)}"
    )
    split_column: str | None = setting(
        None, help="rows with the same value here (a family of fonts) are all trained on or all validated on; default: "
        "the style, where it groups the pictures",
    )  # fmt: skip
    group: str = setting("none", help="which column makes a group of pictures", choices=("none", "content", "style"))
    contrast: float = setting(
        1.0, help="of pictures that are shown: how much farther from grey than their means they are. 1 is the mean, "
        "least in squared error; above 1 it nears the median, least in absolute error", gt=0.0, le=100.0,
    )  # fmt: skip
    labels: bool = setting(False, help="the content is given to the model, as the condition block label")

    # -- choosing rows ---------------------------------------------------------------------------

    def select(self, data: Dataset) -> tuple[Dataset, str]:
        """The rows that have a picture, in the column "image" (and "file": see ``reading.columns``), with the columns
        "content", "style" and "kin" as text where there are such."""
        import pyarrow as pa
        from datasets import Dataset as Table

        columns, kept = pictures(data, self._picture_column(data), folder_of(data))
        if not kept:
            raise DataError(f"none of the {len(data):,} rows has a picture")
        found = {
            "content": self._named(data, "content_column", self.content_column, CONTENTS),
            "style": self._named(data, "style_column", self.style_column, STYLES),
            "kin": self._named(data, "split_column", self.split_column, ()),
        }
        if self.group == "style" and found["kin"] is None:
            found["kin"] = found["style"]
        for name, column in found.items():
            if column is not None:
                values = texts(data, column)
                columns[name] = pa.array([values[row] for row in kept], pa.large_string())
        if ROW in data.column_names:
            columns[ROW] = pa.array(kept)
        left = len(data) - len(kept)
        note = f"{left:,} of {len(data):,} rows left out: they have no picture"
        return Table(pa.table(columns)), note if left else ""

    def _picture_column(self, data: Dataset) -> str:
        names = data.column_names
        if self.image_column is not None:
            return self._there(data, self.image_column)
        for name in ("image", "item", "file_name"):
            if name in names:
                return name
        schema = data.data.schema
        likely = [name for name in names if holds_pictures(schema.field(name).type)]
        if len(likely) == 1:
            return likely[0]
        if len(names) == 1:
            return names[0]
        raise DataError(f"which column is the picture? Set image_column to one of: {', '.join(names)}")

    def _named(self, data: Dataset, setting_name: str, asked: str | None, usual: Sequence[str]) -> str | None:
        """The column that is asked for, or the first of the usual names that is there."""
        if asked is not None:
            return self._there(data, asked)
        return next((name for name in usual if name in data.column_names), None)

    @staticmethod
    def _there(data: Dataset, name: str) -> str:
        if name not in data.column_names:
            raise DataError(f"there is no column {name!r}; the columns are: {', '.join(data.column_names)}")
        return name

    def check(self, data: Dataset) -> None:
        """Raise DataError where a model needs a column that is not there, or one that says nothing."""
        for needed, why in (("content" if self.labels else "", "labels = true"), (self.group, f"group = {self.group}")):
            if needed in ("", "none"):
                continue
            if needed not in data.column_names:
                raise DataError(f"{why} needs the {needed} of each picture; name its column by {needed}_column")
            values = set(data.with_format("arrow")[:][needed].to_pylist()) - {""}
            if len(values) < 2:
                said = f"every picture has {next(iter(values))!r}" if values else "no picture has one"
                raise DataError(f"{why} needs at least two values in {needed}: {said}")

    # -- making the modality ---------------------------------------------------------------------

    def fit(self, data: Dataset) -> Image:
        """Learn which contents there are."""
        named = data.with_format("arrow")[:]["content"].to_pylist() if "content" in data.column_names else []
        counts = Counter(filter(None, named))
        contents = sorted(counts, key=_natural)
        return self._made(contents, [counts[content] for content in contents])

    def restore(self, folder: Path) -> Image:
        """Read the contents that were saved."""
        try:
            saved = json.loads((folder / SAVED).read_text(encoding="utf-8"))
            contents, seen = saved["contents"], saved.get("seen", [])
        except FileNotFoundError:
            raise CheckpointError(f"{folder} has no {SAVED}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{folder / SAVED} is damaged ({type(error).__name__})") from None
        if not isinstance(contents, list) or not all(isinstance(value, str) for value in contents):
            raise CheckpointError(f"{folder / SAVED} is damaged (contents)")
        if not isinstance(seen, list) or len(seen) not in (0, len(contents)) or not all(type(n) is int for n in seen):
            raise CheckpointError(f"{folder / SAVED} is damaged (seen)")
        return self._made(contents, seen)

    def _made(self, contents: Sequence[str], seen: Sequence[int]) -> Image:
        frame = Frame(self.size, CHANNELS[self.colour], self.framing, self.polarity)
        return Image(
            frame, contents=tuple(contents), seen=seen, group=self.group, labels=self.labels, contrast=self.contrast
        )  # fmt: skip

    def recipe(self) -> Mapping[str, Any]:
        """A fully connected VAE by the plain ELBO: pictures do not collapse it."""
        return {
            "architecture": "image-mlp", "objective": "elbo", "corruptions": [], "training": {"batch_size": 128},
        }  # fmt: skip


def _natural(value: str) -> tuple[int, int, str]:
    """Numbers by their size, before all text."""
    return (0, int(value), value) if value.isdecimal() else (1, 0, value)
