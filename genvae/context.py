"""What a handler is given. Torch-free, so an operation that needs no torch does not load it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from genvae.host import Host
from genvae.progress import Reporter, Silent

if TYPE_CHECKING:
    from genvae.store.bundle import Bundle


@dataclass
class Context:
    """The host, the model (where the operation has one) and the values of the rendering settings."""

    host: Host
    loaded: Bundle | None = None
    rendering: Mapping[str, Any] = field(default_factory=dict)
    reporter: Reporter = field(default_factory=Silent)

    @property
    def bundle(self) -> Bundle:
        """The model."""
        assert self.loaded is not None
        return self.loaded

    def options(self) -> Any:
        """The rendering settings of the model's modality, None where it has none; raises SettingError for one that it
        does not have."""
        return self.bundle.part().options(self.rendering)
