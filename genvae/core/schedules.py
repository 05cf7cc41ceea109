"""Schedules: a number as a function of the step.

``at(None)`` is where the schedule ends: what early stopping is judged by, so that its criterion does
not move with the step.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from genvae.errors import SettingError
from genvae.settings import build, plain, setting


class Schedule(ABC):
    """A number for each step."""

    @abstractmethod
    def at(self, step: int | None) -> float:
        """The value at a step, counted from 0; None asks for the value it ends with."""


def as_schedule(value: Any) -> Schedule:
    """A bare number is a constant schedule."""
    if isinstance(value, Schedule):
        return value
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except ValueError:
            raise SettingError(f"{value!r} is no number and no schedule") from None
        return build(Constant, {"value": number}, where="schedule constant")
    raise SettingError(
        f"{plain(value)!r} is no schedule: give a number, or {{schedule: linear, stop: 1.0, steps: 1000}}"
    )


def within(low: float, high: float = math.inf) -> Callable[[Any], Any]:
    """``as_schedule`` for a setting whose first and last values must lie in a range."""

    def convert(value: Any) -> Any:
        schedule = as_schedule(value)
        for number in (schedule.at(0), schedule.at(None)):
            if not low <= number <= high:
                bounds = f"between {low:g} and {high:g}" if math.isfinite(high) else f"at least {low:g}"
                raise SettingError(f"{number:g} is out of range: it must be {bounds}")
        return schedule

    return convert


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """The same number at every step."""

    value: float = setting(1.0, help="the number")

    def at(self, step: int | None) -> float:
        return self.value

    def to_config(self) -> float:
        return self.value


@dataclass(frozen=True, kw_only=True)
class Ramp(Schedule):
    """From ``start`` to ``stop`` in ``steps`` steps, after ``wait`` steps at ``start``."""

    start: float = setting(0.0, help="value before and at the first step of the ramp")
    stop: float = setting(1.0, help="value after the ramp")
    steps: int = setting(1000, help="length of the ramp in steps", ge=1)
    wait: int = setting(0, help="steps before the ramp begins", ge=0)

    def at(self, step: int | None) -> float:
        done = 1.0 if step is None else min(max((step - self.wait) / self.steps, 0.0), 1.0)
        return self.start + (self.stop - self.start) * self.curve(done)

    @abstractmethod
    def curve(self, done: float) -> float:
        """The share of the way at a share of the time; 0 at 0 and 1 at 1."""


@dataclass(frozen=True, kw_only=True)
class Linear(Ramp):
    """A straight ramp."""

    def curve(self, done: float) -> float:
        return done


@dataclass(frozen=True, kw_only=True)
class Cosine(Ramp):
    """Half a cosine wave: flat at both ends."""

    def curve(self, done: float) -> float:
        return 0.5 - 0.5 * math.cos(math.pi * done)


@dataclass(frozen=True, kw_only=True)
class Sigmoid(Ramp):
    """A logistic curve (Bowman et al. 2016), scaled so that it reaches both ends."""

    sharpness: float = setting(10.0, help="how steep the middle is", gt=0.0, le=50.0)

    def curve(self, done: float) -> float:
        low, high = self._logistic(0.0), self._logistic(1.0)
        return (self._logistic(done) - low) / (high - low)

    def _logistic(self, done: float) -> float:
        return 1.0 / (1.0 + math.exp(-self.sharpness * (done - 0.5)))


@dataclass(frozen=True, kw_only=True)
class Cyclical(Schedule):
    """Repeated linear ramps (Fu et al. 2019): each period ramps for ``ramp`` of its steps, then holds."""

    start: float = setting(0.0, help="value at the start of a period")
    stop: float = setting(1.0, help="value at the end of each ramp")
    period: int = setting(1000, help="steps of one period", ge=1)
    ramp: float = setting(0.5, help="share of a period that ramps", gt=0.0, le=1.0)
    cycles: int = setting(4, help="periods before it stays at its stop value", ge=1)

    def at(self, step: int | None) -> float:
        if step is None or step >= self.period * self.cycles:
            return self.stop
        done = min((step % self.period) / (self.period * self.ramp), 1.0)
        return self.start + (self.stop - self.start) * done
