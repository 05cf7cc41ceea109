"""Schedules by known values, and as YAML gives them."""

from __future__ import annotations

import math

import pytest

from genvae.core.schedules import Constant, Cosine, Cyclical, Linear, Schedule, Sigmoid, as_schedule
from genvae.errors import SettingError


def test_a_constant() -> None:
    assert [Constant(value=0.3).at(step) for step in (0, 7, None)] == [0.3, 0.3, 0.3]


def test_a_linear_ramp_waits_rises_and_stays() -> None:
    ramp = Linear(start=0.2, stop=1.2, steps=10, wait=5)
    assert [ramp.at(step) for step in (0, 5, 10, 15, 99, None)] == pytest.approx([0.2, 0.2, 0.7, 1.2, 1.2, 1.2])


def test_a_ramp_may_fall() -> None:
    assert [Linear(start=1.0, stop=0.0, steps=4).at(step) for step in range(6)] == pytest.approx(
        [1, 0.75, 0.5, 0.25, 0, 0]
    )


def test_a_cosine_ramp() -> None:
    ramp = Cosine(steps=6)
    assert [ramp.at(step) for step in (0, 2, 3, 4, 6)] == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_a_sigmoid_ramp_reaches_both_ends_and_is_a_logistic_curve_between() -> None:
    ramp = Sigmoid(steps=100, sharpness=8.0)
    assert (ramp.at(0), ramp.at(50), ramp.at(100)) == pytest.approx((0, 0.5, 1))
    low = 1 / (1 + math.exp(4))
    assert ramp.at(75) == pytest.approx((1 / (1 + math.exp(-2)) - low) / (1 - 2 * low))
    assert ramp.at(10) + ramp.at(90) == pytest.approx(1)
    assert ramp.at(25) < Linear(steps=100).at(25), "flat at its ends"


def test_a_cyclical_ramp() -> None:
    cycle = Cyclical(period=10, ramp=0.5, cycles=2)
    rising = [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1]
    assert [cycle.at(step) for step in range(20)] == pytest.approx(rising * 2)
    assert [cycle.at(step) for step in (20, 25, 1000, None)] == [1, 1, 1, 1]


@pytest.mark.parametrize("value", [2, 0.5, "1e-3"])
def test_a_number_is_a_constant(value: object) -> None:
    made = as_schedule(value)
    assert isinstance(made, Constant) and made.at(3) == float(value)  # type: ignore[arg-type]
    assert made.to_config() == made.value


def test_a_schedule_stays_and_nonsense_is_refused() -> None:
    ramp: Schedule = Linear(steps=3)
    assert as_schedule(ramp) is ramp
    for wrong in (True, None, "soon"):
        with pytest.raises(SettingError, match="is no"):
            as_schedule(wrong)
