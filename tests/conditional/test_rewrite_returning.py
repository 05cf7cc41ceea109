"""Of beams the one that comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genvae.core.decoding.options import Decoding
from genvae.core.vae import VAE
from genvae.errors import SettingError
from genvae.service import Service
from genvae_conditional.rewriting.returning import Line, Returning
from tests.core.toys import sequences, told_sequence_toy

LINES: list[Line] = [(5, 6, 7), (8, 9), (10, 11, 12, 5), (6,)]
MOODS = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
OWN, WANTED = {"label": MOODS[[0, 1, 0, 1]]}, {"label": MOODS[[1, 0, 1, 0]]}


def search(model: VAE, weight: float) -> Returning:
    return Returning(
        model=model, teller=model, own=OWN, wanted=WANTED, weight=weight, options=Decoding(beam=4, max_length=5)
    )  # fmt: skip


@torch.no_grad()
def test_the_weight_says_what_coming_back_is_worth() -> None:
    model = told_sequence_toy().eval()
    latents = {**model.infer(sequences(LINES).knowing(**OWN)).latents, **WANTED}
    ways, ranked = search(model, 0.0).candidates(latents, LINES)
    lost = search(model, 0.0).lost(LINES, ways, torch.arange(4))
    for row, line in enumerate(LINES):  # by hand: read the way under what is asked for, say the line under its own
        for column, way in enumerate(ways[row]):
            read = sequences([way]).knowing(label=WANTED["label"][[row]])
            found = {**model.infer(read).latents, "label": OWN["label"][[row]]}
            nats = float(model.distortion(found, sequences([line]))) / (len(line) + 1)
            assert float(lost[row, column]) == pytest.approx(nats, rel=1e-4)
    for weight in (0.0, 0.5, 100.0):
        wanted = (ranked - weight * lost).argmax(1).tolist()
        assert search(model, weight).best(LINES, latents) == [ways[row][best] for row, best in enumerate(wanted)]
    assert search(model, 100.0).best(LINES, latents) != search(model, 0.0).best(LINES, latents)


def test_beams_are_needed(told_model: Path) -> None:
    asked = {"model": str(told_model), "items": ["Come in!"], "conditions": {"form": "question"}, "returning": 0.5}
    with pytest.raises(SettingError, match="set beam to 2"):
        Service().run("rewrite", **asked)
    made = Service().run("rewrite", beam=3, **asked)
    assert len(made.items) == 1 and made.items[0]  # type: ignore[attr-defined]
