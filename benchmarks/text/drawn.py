"""Recipes for sentences, drawn from everything that is registered: parts at random, with settings at random.

Networks are small, and about half of all other settings are not their default.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from typing import Any

from genvae.core.schedules import Schedule
from genvae.core.terms import TermSettings
from genvae.errors import SettingError
from genvae.host import Host
from genvae.settings import hints

OTHERS = ("FitPriorSettings", "SemiSupervisedSettings")  # for latents, and for models with conditions
DRAWN = ("architecture", "posterior", "prior", "objective")  # one part of each of these kinds

TRAINING: dict[str, Sequence[Any]] = {
    "optimizer": ["adam", "sgd"], "decay": ["cosine", "plateau", "constant"], "average": [0.0, 0.9],
    "precision": ["float32", "bfloat16"], "accumulate": [1, 2], "learning_rate": [1e-3, 1e-2],
    "criterion": ["elbo", "objective"], "weight_decay": [0.0, 0.1],
}  # fmt: skip


class Drawing:
    """Draws recipes. ``sizes`` are those of the networks, ``ramp`` the steps of a schedule, and ``first`` how long a
    first phase is where there are two."""

    def __init__(
        self, host: Host, seed: int, *, modality: dict[str, Any], training: dict[str, Any],
        sizes: Sequence[int] = (4, 8), ramp: int = 3, first: int = 2,
    ) -> None:  # fmt: skip
        self.host = host
        self.chance = random.Random(seed)
        self.modality = modality
        self.training = training
        self.sizes = sizes
        self.ramp = ramp
        self.first = first

    def recipe(self) -> dict[str, Any]:
        """A recipe's sections."""
        chance = self.chance
        training = {**self.training, **{name: chance.choice(values) for name, values in TRAINING.items()}}
        made: dict[str, Any] = {
            "modality": self.modality,
            "architecture": self.part("architecture", self._only_for_sentences),
            "posterior": self.part("posterior"),
            "prior": self.part("prior"),
            "objective": self.part("objective", self._of_items),
            "corruptions": [self.part("corruption", self._for_sentences) for _ in range(chance.randint(0, 3))],
            "training": training,
        }
        if chance.random() < 0.3:
            made["phases"] = [
                {"max_steps": self.first, "aggressive": chance.random() < 0.5, "aggressive_steps": 3},
                {"data": "latents", "objective": "fit-prior"} if chance.random() < 0.7 else {"reset": ["decoder"]},
            ]
        return made

    def part(self, kind: str, among: Callable[[str, str], bool] = lambda kind, part_id: True) -> dict[str, Any]:
        """A part of a kind, and its settings; what is out of a setting's range is left at its default."""
        part_id = self.chance.choice([part.id for part in self.host.parts(kind) if among(kind, part.id)])
        made: dict[str, Any] = {kind: part_id}
        cls = self.host.load(kind, part_id)
        types = hints(cls)
        for field in dataclasses.fields(cls):
            value = self._value(field, types[field.name])
            if value is None:
                continue
            try:
                self.host.complete(kind, {**made, field.name: value})
            except SettingError:
                continue
            made[field.name] = value
        return made

    def _for_sentences(self, kind: str, part_id: str) -> bool:
        return self.host.part(kind, part_id).modality in ("", "sentence")

    def _only_for_sentences(self, kind: str, part_id: str) -> bool:
        return self.host.part(kind, part_id).modality == "sentence"

    def _of_items(self, kind: str, part_id: str) -> bool:
        return self.host.load(kind, part_id).__name__ not in OTHERS

    def _value(self, field: dataclasses.Field[Any], hint: Any) -> Any:
        """A value for a setting, or None to leave it."""
        chance, default, meta = self.chance, field.default, field.metadata
        if hint is int and isinstance(default, int) and default > 16:
            return chance.choice(self.sizes)
        if chance.random() < 0.5:
            return None
        if hint is Schedule:
            bounds = [chance.choice([0.0, 0.1, 0.5, 1.0]) for _ in range(2)]
            ramp = {"schedule": "linear", "start": bounds[0], "stop": bounds[1], "steps": self.ramp}
            return chance.choice([bounds[0], ramp])
        if hint == tuple[TermSettings, ...]:
            return [self.part("term", self._for_sentences) for _ in range(chance.randint(1, 2))]
        if hint is bool:
            return chance.random() < 0.5
        if meta.get("choices"):
            return chance.choice(meta["choices"])
        low, high = (meta.get(name) if meta.get(name) is not None else meta.get(strict) for name, strict in
                     (("ge", "gt"), ("le", "lt")))  # fmt: skip
        if hint is float and low is not None:
            return chance.uniform(low, min(high if high is not None else low + 2.0, low + 2.0))
        return None
