"""Where a model is: a starter's name, a folder, or a hub id."""

from __future__ import annotations

import re
from pathlib import Path

from genvae.errors import CheckpointError, nearest
from genvae.host import Host

_HUB = re.compile(r"[\w.-]+/[\w.-]+")


def locate(name: str | Path, host: Host) -> Path:
    """The folder of a model; a hub id is fetched through huggingface_hub. Raises CheckpointError."""
    starters = {part.id: part for part in host.parts("starter")}
    if str(name) in starters:
        folder: Path = host.load("starter", str(name))()
        return folder
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise CheckpointError(f"{path} is a file; a model is a folder")
    if _HUB.fullmatch(str(name)) and not str(name).startswith((".", "~")):
        return _from_hub(str(name))
    raise CheckpointError(f"there is no model {str(name)!r}: no starter and no folder; {nearest(str(name), starters)}")


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "README.md", "*.yaml"]))
    except Exception as error:  # the hub's client raises many kinds
        said = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{name!r} is neither a starter, nor a folder here, nor could the hub give it ({said})"
        ) from None
