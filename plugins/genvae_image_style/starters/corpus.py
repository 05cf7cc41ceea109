"""The fonts that ``typefaces`` is trained on and measured with. No picture of them ships.

Which families are held out says a hash of their names, so anybody's are the same. Families, not fonts: bold and italic
siblings would tell.
"""

from __future__ import annotations

import hashlib

FONTS = "image/fonts/glyphs32.npz"  # in the folder of real data
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def number(family: str) -> int:
    """A family's number, the same everywhere."""
    return int(hashlib.sha1(family.encode()).hexdigest(), 16)


def held_out(family: str) -> bool:
    """Whether a family is never trained on."""
    return number(family) % 5 == 1


def kept_back(family: str) -> bool:
    """Of the others, whether the encoder does not learn from a family until the filter has."""
    return not held_out(family) and number(family) // 5 % 8 == 0
