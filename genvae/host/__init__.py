"""The plugin host: what is installed, what it registers, and what is wrong with it. Torch-free."""

from genvae.host.discovery import Host, default_host, named
from genvae.host.hookspecs import API_VERSION, hookimpl
from genvae.host.records import Record, Status
from genvae.host.specs import KINDS, ModalityPart, OperationPart, Part, SourcePart

__all__ = [
    "API_VERSION", "KINDS", "Host", "ModalityPart", "OperationPart", "Part", "Record", "SourcePart",
    "Status", "default_host", "hookimpl", "named",
]  # fmt: skip
