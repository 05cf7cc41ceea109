"""Folders that appear whole: staged beside their place, synced, listed in a manifest, renamed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from genvae.errors import CheckpointError

MANIFEST = "manifest.json"
STAGED = ".staged-"


def sha256(path: Path) -> str:
    """The checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Have a file or a folder's entries reach the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some systems cannot sync a folder
        if not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def write_json(path: Path, content: Any) -> None:
    """JSON that a person can read."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def seal(folder: Path) -> None:
    """List every file with its checksum in the manifest, and sync all of it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    listed = {path.relative_to(folder).as_posix(): sha256(path) for path in files}
    write_json(folder / MANIFEST, {"sha256": listed})
    for path in [*files, folder / MANIFEST]:
        sync(path)
    sync(folder)


def fault(folder: Path) -> str:
    """What is wrong with a sealed folder, or ''."""
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["sha256"]
        for name, digest in listed.items():
            path = folder / name
            if not path.is_file():
                return f"{name} is missing"
            if sha256(path) != digest:
                return f"{name} is damaged (its checksum differs)"
    except FileNotFoundError:
        return f"{MANIFEST} is missing"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{MANIFEST} is damaged ({type(error).__name__})"
    return ""


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A folder to write into; it becomes ``target`` at the end, or is gone when anything fails."""
    stage = target.parent / f"{STAGED}{target.name}-{os.getpid()}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir()
        yield stage
        seal(stage)
        if target.exists():
            shutil.rmtree(target)
        stage.rename(target)
        sync(target.parent)
    except OSError as error:
        raise CheckpointError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def place_files(source: Path, target: Path) -> None:
    """Move a sealed folder's files into an existing folder, the manifest last: until it is there,
    the files in ``target`` do not pass for whole."""
    names = sorted(path.name for path in source.iterdir() if path.name != MANIFEST)
    (target / MANIFEST).unlink(missing_ok=True)
    for name in [*names, MANIFEST]:
        (source / name).replace(target / name)
    sync(target)


def sweep(folder: Path) -> None:
    """Remove what a killed process left staged in a folder."""
    for path in folder.glob(f"{STAGED}*"):
        shutil.rmtree(path, ignore_errors=True)
