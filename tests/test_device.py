"""Where networks compute."""

from __future__ import annotations

import pytest
import torch

from genvae.device import chosen, placed
from genvae.errors import SettingError


def test_auto_takes_a_gpu_where_there_is_one() -> None:
    assert chosen("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert chosen("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "cpu2", "mps", "cuda:x", ""])
def test_an_unknown_name_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(SettingError, match=r"auto, cpu, cuda"):
        chosen(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingError, match="finds no CUDA GPU"):
        chosen("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_of_too_large_a_number_is_refused() -> None:
    with pytest.raises(SettingError, match="the GPUs here are"):
        chosen(f"cuda:{torch.cuda.device_count()}")


class Moved(torch.nn.Linear):
    """Remembers where it was told to go, there being one device here."""

    def to(self, device: torch.device) -> Moved:  # type: ignore[override]
        self.__dict__.setdefault("places", []).append(str(device))
        return self


def test_a_model_goes_back_to_where_it_was_whatever_happens() -> None:
    model = Moved(2, 2)
    with pytest.raises(RuntimeError, match="halfway"), placed(model, torch.device("cuda", 1)):
        raise RuntimeError("halfway")
    assert model.places == ["cuda:1", "cpu"]
