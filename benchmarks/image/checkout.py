"""A checkout that nobody has installed, on a borrowed machine, say: its plugins are found as if it were.

Importing this puts the folders of the plugins on the path and writes, into a folder for temporary files, what an
installation would have written of the entry points.
"""

from __future__ import annotations

import sys
import tempfile
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
GROUP = "genvae"


def found() -> bool:
    """Whether genvae's plugins are registered here already."""
    return bool(metadata.entry_points(group=GROUP))


def register(root: Path = ROOT) -> None:
    """Do as an installation does, for this process."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = Path(tempfile.mkdtemp(prefix="genvae-checkout-"))
    place = folder / f"{project['name']}-{project['version']}.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [f"[{GROUP}]", *(f"{name} = {value}" for name, value in project["entry-points"][GROUP].items())]
    (place / "entry_points.txt").write_text("\n".join(lines) + "\n")
    sys.path[:0] = [str(root), str(root / "plugins"), str(root / "apps"), str(folder)]


if not found():
    register()
