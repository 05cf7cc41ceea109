"""Folders of picture files: all in one, a folder for each content, or folders of styles with folders of contents; or
with a table that says what each shows, as the ``imagefolder`` of ``datasets`` has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genvae.data.read import noted, read, texts
from genvae.errors import DataError
from genvae.host import default_host

if TYPE_CHECKING:
    from datasets import Dataset

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")  # https://huggingface.co/docs/datasets/image_dataset
FILE = "file_name"  # their column of the pictures' files


def read_pictures(path: Path) -> Dataset:
    """Paths in the column "image", the files' names without endings in "name"; in "content" the folder of each, and
    in "style" the folder of that, where there are such. ``path`` may be one picture.

    A table of the name ``metadata`` with the column "file_name" is read instead, all its columns.
    """
    from datasets import Dataset

    if path.is_file():
        return Dataset.from_dict({"image": [str(path.absolute())], "name": [path.stem]})
    seen = [place for place in sorted(path.rglob("*")) if not _hidden(place, path)]
    files = [place for place in seen if place.suffix.lower() in ENDINGS and place.is_file()]
    if not files:
        raise DataError(f"{path} holds no pictures ({', '.join(ENDINGS)})")
    tables = [place for place in seen if place.name in TABLES]
    told = [(place, data) for place in tables if FILE in (data := read(place, default_host())).column_names]
    if len(told) > 1 or (told and told[0][0].parent != path):
        listed = ", ".join(str(place) for place, _ in told)
        raise DataError(f"{path}: give one of the tables that say what its pictures show: {listed}")
    if told:
        return _by_table(*told[0], files)
    inner = [place.relative_to(path).parts[:-1] for place in files]
    depths = {len(parts): place for parts, place in zip(reversed(inner), reversed(files), strict=True)}
    if len(depths) > 1:
        listed = " and ".join(str(place.relative_to(path)) for _, place in sorted(depths.items()))
        raise DataError(f"{path}: pictures lie at different depths ({listed}); put all of them equally deep")
    depth = next(iter(depths))
    if depth > 2:
        where = files[0].relative_to(path)
        raise DataError(f"{path}: pictures lie {depth} folders deep ({where}); it may be two at most, style/content/")
    columns = {"image": [str(place.absolute()) for place in files], "name": [place.stem for place in files]}
    for column, place in (("content", -1), ("style", -2))[:depth]:
        columns[column] = [parts[place] for parts in inner]
    unused = ", ".join(str(place.relative_to(path)) for place in tables)
    return noted(Dataset.from_dict(columns), f"not used, for want of a column {FILE!r}: {unused}" if unused else "")


def _by_table(place: Path, data: Dataset, files: Sequence[Path]) -> Dataset:
    """A table that names pictures relative to its folder, with a note of those beside it that it does not name."""
    named = {place.parent / name for name in texts(data, FILE) if name}
    left = sum(file not in named for file in files)
    return noted(data, f"{left:,} of {len(files):,} pictures left out: {place.name} does not name them" if left else "")


def _hidden(place: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in place.relative_to(folder).parts)
