"""How latents become pictures."""

from __future__ import annotations

from dataclasses import dataclass

from genvae.settings import setting


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """What is shown of p(x|z)."""

    draw: str = setting(
        "mean", help="pictures: the mean of each element given z, or one drawn", choices=("mean", "sample")
    )
