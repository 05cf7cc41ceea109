"""The benchmark of mixed typefaces: what it counts, on letters of our own."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.image_mixing import AXES, FADED, MIXED, WEIGHTS, curves, faded, pairs, shown, towards
from benchmarks.trade import plot

ONE = np.zeros((2, 3, 32, 32), np.uint8)
ONE[:, :, 4:28, 8:12] = 255
OTHER = ONE.copy()
OTHER[:, :2, 4:28, 12:20] = 255  # the third letter is the same in both


def test_pairs_are_of_different_families_whatever_else_there_is() -> None:
    found = pairs(["a", "a", "b", "c", "b", "d"], 9)
    assert len(found) == 3 and {row for pair in found for row in pair} == {0, 2, 3, 5}
    assert pairs(["d", "c", "b", "a"], 1) == [(3 - a, 3 - b) for a, b in pairs(["a", "b", "c", "d"], 1)]


def test_a_cross_fade_goes_from_one_to_the_other() -> None:
    made = faded(ONE, OTHER)
    assert np.array_equal(made[0], ONE) and np.array_equal(made[-1], OTHER)
    figures = [towards(letters, ONE, OTHER) for letters in made]
    # of three letters one is as near to both, wherever the others are
    assert [round(f["towards"], 3) for f in figures] == [16.667] * 4 + [pytest.approx(50, abs=34)] + [83.333] * 4
    assert figures[0]["rmse"][0] == figures[-1]["rmse"][1] == 0.0
    assert figures[2]["rmse"][1] == pytest.approx(0.7 * figures[0]["rmse"][1], abs=1e-3)


def test_the_plot_and_the_table_are_whole() -> None:
    points = [
        {"weight": w, "towards": 100 * w, "read": 90.0 - w, "rmse": [w, 1 - w], "sharpness": 1.0} for w in WEIGHTS
    ]
    row = {"pairs": 2, "read_true": 95.0, MIXED: points, FADED: points}
    drawn = plot(curves(row), *AXES)
    assert len(ElementTree.fromstring(drawn).findall(".//{*}polyline")) == 2 and AXES[0] in drawn
    assert shown(row).count("\n| 0.") == 7 and "95.0 % are read" in shown(row)
