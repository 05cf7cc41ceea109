"""The benchmark of few labels, on discs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.semi_supervised import LABELLED, drawn, measure, partly, shown
from tests.benchmarks.test_image import discs


def test_labels_are_drawn_evenly_and_by_their_seed() -> None:
    pictures = discs(60)
    rows = drawn(pictures, 8, 0)
    assert len(set(rows.tolist())) == 8 and sorted(pictures.content[rows].tolist()) == ["large"] * 4 + ["small"] * 4
    assert np.array_equal(rows, drawn(pictures, 8, 0)) and not np.array_equal(rows, drawn(pictures, 8, 1))
    with pytest.raises(SystemExit, match="not as many of each"):
        drawn(pictures, 7, 0)


def test_no_label_is_used_but_those_that_are_drawn() -> None:
    pictures = discs(60)
    rows = drawn(pictures, 4, 0)
    made = partly(pictures, rows)
    assert set(made.content[:60]) == {""} and np.array_equal(made.images[:60], pictures.images)
    labelled = made.content[60:]
    assert "" not in labelled and len(labelled) % 4 == 0
    assert len(labelled) / len(made) == pytest.approx(LABELLED, abs=0.05)
    for place, row in enumerate(np.tile(rows, len(labelled) // 4)):
        assert np.array_equal(made.images[60 + place], pictures.images[row])
        assert labelled[place] == pictures.content[row]


def test_a_row_is_trained_and_measured() -> None:
    row = measure(discs(60), discs(30), 4, 0, torch.device("cpu"), 60.0, steps=4)
    assert 0 <= row["error"] <= 100 and 0 <= row["error_by_bound"] <= 100
    assert row["trained"]["steps"] == 4
    table = shown({100: [{**row, "error": 2.0}, {**row, "error": 4.0}], 600: [row]})
    assert "3.00 ± 1.41" in table and "at most 3.3" in table and "missed" not in table
