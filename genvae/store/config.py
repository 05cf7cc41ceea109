"""config.json of a model's folder, readable without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from genvae.errors import CheckpointError

FORMAT = 1


def read_config(folder: Path) -> dict[str, Any]:
    """The config of a model's folder, if it is one of ours."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{folder} holds no genvae model (it has no config.json)") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged ({type(error).__name__})") from None
    if not isinstance(config, dict) or config.get("library") != "genvae" or not isinstance(config.get("recipe"), dict):
        raise CheckpointError(f"{folder} holds a model of another library, not of genvae")
    written = config.get("format")
    if not isinstance(written, int):
        raise CheckpointError(f"{path} is damaged (it does not say its format)")
    if written > FORMAT:
        raise CheckpointError(f"the model in {folder} was written by a newer genvae; upgrade to read it")
    plugins = config.get("plugins", [])
    if not isinstance(plugins, list) or not all(
        isinstance(p, dict) and {"name", "distribution"} <= {*p} for p in plugins
    ):
        raise CheckpointError(f"{path} is damaged (it does not say its plugins)")
    return config
