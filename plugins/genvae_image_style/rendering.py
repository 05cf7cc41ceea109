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
    contrast: float | None = setting(
        None, help="pictures: how much farther from grey a mean is shown: above 1 nearer to its more likely end; "
        "default: the model's own", gt=0.0, le=100.0,
    )  # fmt: skip
