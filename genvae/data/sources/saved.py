"""Data sets as ``datasets`` writes them to disk: Arrow files in a folder, with what they are beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from genvae.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

DESCRIPTION, SPLITS = "state.json", "dataset_dict.json"  # of a data set; of one in several splits


def read_saved(path: Path) -> Dataset:
    """The folder that ``Dataset.save_to_disk`` wrote, or one Arrow file.

    Of what ``DatasetDict.save_to_disk`` wrote, each split is such a folder; raises DataError that names them.
    """
    import datasets

    try:
        if path.is_file():
            return datasets.Dataset.from_file(str(path))
        if (path / SPLITS).is_file():
            splits = json.loads((path / SPLITS).read_text(encoding="utf-8"))["splits"]
            raise DataError(f"{path} holds the splits {', '.join(splits)}; give one of them, as in {path / splits[0]}")
        if not (path / DESCRIPTION).is_file():
            raise DataError(f"{path} is no data set that save_to_disk wrote: it has no {DESCRIPTION}")
        return datasets.Dataset.load_from_disk(str(path))
    except DataError:
        raise
    except Exception as error:  # Arrow's and datasets' own, for a damaged one
        said = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: not a readable data set of Arrow files ({said})") from None
