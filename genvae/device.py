"""Where networks compute. Torch-free until it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from genvae.errors import SettingError
from genvae.settings import setting

if TYPE_CHECKING:
    import torch

AUTO = "auto"


def device_setting() -> Any:
    """The field of a request that says where its networks compute."""
    return setting(AUTO, help="where the networks compute: cpu, cuda (or cuda:1); auto: a GPU where there is one")


def chosen(name: str) -> torch.device:
    """The device of a name; raises SettingError for one that is not there.

    Only devices with float64 are known: random numbers are made from 53 bits, the same on each of them.
    """
    import torch

    available = torch.cuda.is_available()
    if name == AUTO:
        return torch.device("cuda" if available else "cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdecimal()):
        raise SettingError(f"device = {name!r} is none of: auto, cpu, cuda, cuda:0, cuda:1, ...")
    if kind == "cpu":
        return torch.device("cpu")
    if not available:
        raise SettingError(f"device = {name!r}: torch finds no CUDA GPU here; device = cpu computes on the processor")
    if int(number or 0) >= torch.cuda.device_count():
        raise SettingError(f"device = {name!r}: the GPUs here are cuda:0 to cuda:{torch.cuda.device_count() - 1}")
    return torch.device(name)


@contextmanager
def placed(model: torch.nn.Module, device: torch.device) -> Iterator[None]:
    """Have a model on a device for a while: a loaded one is shared, and others expect it where it was."""
    before = next((parameter.device for parameter in model.parameters()), device)
    model.to(device)
    try:
        yield
    finally:
        model.to(before)
