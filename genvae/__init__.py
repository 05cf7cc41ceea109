"""genvae: generate, explore and restyle text and images with variational autoencoders.

Names are resolved when they are first used: importing genvae loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_NAMES = {
    "load": "genvae.service", "train": "genvae.service", "Model": "genvae.service", "Service": "genvae.service",
    "GenvaeError": "genvae.errors", "Recipe": "genvae.recipe", "Host": "genvae.host",
}  # fmt: skip

__all__ = ["GenvaeError", "Host", "Model", "Recipe", "Service", "__version__", "load", "train"]

if TYPE_CHECKING:
    from genvae.errors import GenvaeError
    from genvae.host import Host
    from genvae.recipe import Recipe
    from genvae.service import Model, Service, load, train


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'genvae' has no attribute {name!r}")
    return getattr(importlib.import_module(_NAMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
