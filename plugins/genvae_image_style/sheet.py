"""Many pictures as one: a table of them, large enough to be looked at."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from genvae.errors import SettingError

SEEN = 64  # pixels a picture has at least, by enlarging it a whole number of times
LONGEST = 16_000  # pixels of a side of the sheet
GAP = 6  # between pictures


def sheet(
    pictures: Sequence[NDArray[np.uint8]], columns: int, ending: str = ".png", *, on_paper: bool = False
) -> bytes:
    """Pictures of one size, row by row in ``columns``, as the content of a PNG or WebP file.

    ``on_paper``: grey pictures are ink, 255 where it is: they are shown dark on white. Others lie on grey.
    """
    first = np.asarray(pictures[0])
    grey = first.ndim == 2
    on_paper = on_paper and grey
    times = max(1, math.ceil(SEEN / max(first.shape[:2])))
    height, width = (side * times for side in first.shape[:2])
    rows = math.ceil(len(pictures) / columns)
    gap = GAP if times * max(first.shape[:2]) >= SEEN else 1
    size = columns * (width + gap) + gap, rows * (height + gap) + gap
    if max(size) > LONGEST:
        raise SettingError(
            f"{len(pictures):,} pictures make a sheet of {size[0]:,} x {size[1]:,} pixels; ask for fewer"
        )
    ground = 255 if on_paper else 128
    whole = Image.new("L" if grey else "RGB", size, ground if grey else (ground,) * 3)
    for place, picture in enumerate(pictures):
        values = np.asarray(picture)
        one = Image.fromarray(255 - values if on_paper else values)
        row, column = divmod(place, columns)
        # smooth: a letter enlarged into squares can hardly be judged
        one = one.resize((width, height), Image.Resampling.BICUBIC)
        whole.paste(one, (gap + column * (width + gap), gap + row * (height + gap)))
    file = io.BytesIO()
    options = {"lossless": True} if ending == ".webp" else {}
    whole.save(file, ending.removeprefix(".").upper(), **options)
    return file.getvalue()
