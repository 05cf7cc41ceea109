"""The benchmark of few labels, on discs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.image.arrays import Pictures
from benchmarks.semi_supervised import SURE, drawn, measure, neighbourhood, shown, spread
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
    near = neighbourhood(pictures)
    made, wrong = spread(pictures, near, rows)
    assert np.array_equal(made.images, pictures.images)
    assert np.array_equal(made.content[rows], pictures.content[rows])
    told = made.content != ""
    assert wrong == 0.0 and np.array_equal(made.content[told], pictures.content[told]), "discs of two sizes"
    assert told.mean() == pytest.approx(SURE, abs=0.1)
    other = pictures.content.copy()
    hidden = np.setdiff1d(np.arange(60), rows)
    other[hidden] = other[hidden][::-1]
    again = Pictures(pictures.images, other, pictures.style)
    assert torch.equal(neighbourhood(again).edges.to_dense(), near.edges.to_dense())
    same, wrong = spread(again, near, rows)
    assert np.array_equal(same.content, made.content) and wrong > 10.0, "labels that were hidden"


def test_a_row_is_trained_and_measured() -> None:
    learnt = discs(60)
    row = measure(learnt, discs(30), neighbourhood(learnt), 4, 0, torch.device("cpu"), 4, quick=True)
    assert all(0 <= row[name] <= 100 for name in ("error", "error_by_bound", "spread_error"))
    assert row["trained"]["steps"] == 4
    table = shown({100: [{**row, "error": 2.0}, {**row, "error": 4.0}], 600: [row]})
    assert "3.00 ± 1.41" in table and "at most 3.3" in table and "missed" not in table
