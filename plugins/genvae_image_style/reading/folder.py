"""Folders of picture files: all in one, a folder for each content, or folders of styles with folders of contents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genvae.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")


def read_pictures(path: Path) -> Dataset:
    """Paths in the column "image", the files' names without endings in "name"; in "content" the folder of each, and
    in "style" the folder of that, where there are such. ``path`` may be one picture."""
    from datasets import Dataset

    if path.is_file():
        return Dataset.from_dict({"image": [str(path.absolute())], "name": [path.stem]})
    files = [place for place in sorted(path.rglob("*")) if _is_picture(place, path)]
    if not files:
        raise DataError(f"{path} holds no pictures ({', '.join(ENDINGS)})")
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
    return Dataset.from_dict(columns)


def _is_picture(place: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in place.relative_to(folder).parts)
    return not hidden and place.suffix.lower() in ENDINGS and place.is_file()
