"""A file of the user's, written whole or not at all."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from genvae.errors import SettingError


def check_place(path: Path, name: str) -> None:
    """Raise SettingError where no file can be written; ``name`` is the setting's."""
    if path.is_dir():
        raise SettingError(f"{name} = {str(path)!r} is a folder; name a file in it")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise SettingError(f"{name} = {str(path)!r} cannot be written: {error.strerror or error}") from None


def write_whole(path: Path, content: bytes, name: str) -> None:
    """Write a file, whole or not at all; raises SettingError, naming the setting, when it cannot be."""
    staged = path.with_name(f".{path.name}.staged")
    try:
        staged.write_bytes(content)
        staged.replace(path)
    except OSError as error:
        raise SettingError(f"{name} = {str(path)!r} cannot be written: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)
