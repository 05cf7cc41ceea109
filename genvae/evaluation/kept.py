"""Judges' weights in the cache: what takes minutes to train is trained once."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import torch
from torch import nn

from genvae.data.prepare import CACHE, cache_folder
from genvae.errors import CheckpointError, DataError
from genvae.store.weights import load_module, save_module


def place_of(key: str) -> Path:
    """Where the weights of a key are kept; raises DataError when it cannot be written, before minutes are spent."""
    folder = cache_folder() / "judges"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    return folder / f"{key}.safetensors"


def restored(module: nn.Module, place: Path) -> bool:
    """Whether the weights could be had from the cache; damaged ones are made again."""
    if not place.is_file():
        return False
    with contextlib.suppress(CheckpointError):
        load_module(module, place)
        return True
    return False


def keep(module: nn.Module, place: Path) -> None:
    """Write the weights, whole or not at all; raises DataError when they cannot be written."""
    staged = place.with_name(f"{place.name}.{os.getpid()}")
    try:
        save_module(module, staged, torch.float32)
        staged.replace(place)
    except OSError as error:
        raise _unwritable(place.parent, error) from None
    finally:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)


def _unwritable(folder: Path, error: OSError) -> DataError:
    said = error.strerror or error
    return DataError(f"cannot keep the judge in {folder} ({said}); {CACHE} names another folder")
