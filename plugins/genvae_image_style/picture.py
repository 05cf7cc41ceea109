"""A picture as the plugin gives it: an array that says itself how it is shown and written."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHADES = " .:-=+*#%@"
WIDEST = 64  # columns of a drawing by characters


class Picture(np.ndarray):
    """uint8, (h, w) or (h, w, 3), 0 dark and 255 bright or inked. ``str`` draws it by characters, ``to_config`` gives
    a PNG data URL, and a notebook shows it."""

    def __new__(cls, values: NDArray[np.uint8]) -> Picture:
        return np.ascontiguousarray(values, dtype=np.uint8).view(cls)

    @property
    def whole(self) -> bool:
        """Whether it still is a picture: a part of one, or what arithmetic made of it, need not be."""
        return self.dtype == np.uint8 and (self.ndim == 2 or (self.ndim == 3 and self.shape[2] == 3)) and self.size > 0

    def png(self) -> bytes:
        """As a PNG file."""
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(np.asarray(self)).save(file, "PNG")
        return file.getvalue()

    def _repr_png_(self) -> bytes | None:
        return self.png() if self.whole else None

    def to_config(self) -> Any:
        """A PNG data URL."""
        return "data:image/png;base64," + base64.b64encode(self.png()).decode() if self.whole else self.tolist()

    def __str__(self) -> str:
        if not self.whole:
            return str(np.asarray(self))
        from PIL import Image

        grey = Image.fromarray(np.asarray(self)).convert("L")
        width = min(WIDEST, grey.width)
        height = max(1, round(grey.height * width / grey.width / 2))  # a character is twice as high as wide
        rows = np.asarray(grey.resize((width, height), Image.Resampling.BOX), dtype=np.int64) * len(SHADES) // 256
        return "\n".join("".join(SHADES[shade] for shade in row).rstrip() for row in rows)
