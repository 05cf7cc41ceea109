"""The benchmark of pictures by class, on the digits of scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.conditional_images import quick, shown


def test_digits_are_what_was_asked_for_and_can_be_learned_from(tmp_path: Path) -> None:
    rows = quick(tmp_path)
    real, made, means = rows["real"], rows["scale 1"], rows["class means"]
    assert real["agreement"] > 0.9
    assert made["agreement"] > 0.85 and made["score"] > 0.75
    assert means["agreement"] > 0.8 and means["coverage"] < 0.3 < made["coverage"], "means alone cover nothing"
    assert len(made["classes"]["agreement"]) == 10
    assert np.isclose(np.mean(list(made["classes"]["agreement"].values())), made["agreement"])
    table = shown({**rows, "scale 1": {**made, "agreement": 0.5, "score": 0.9}})
    assert "agreement 92% (missed), score 82%" in table and "| 7 " in table
