"""Precision, recall, density and coverage against their definitions, read literally, and where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genvae.evaluation import neighbours as module
from genvae.evaluation.neighbours import neighbours, radii


def literal(real: np.ndarray, made: np.ndarray, narrow: int, wide: int) -> tuple[float, float, float, float]:
    """The four figures by loops over all pairs, after the papers' formulas."""

    def reach(vectors: np.ndarray, k: int) -> list[float]:
        return [sorted(float(np.linalg.norm(a - b)) for b in vectors)[k] for a in vectors]

    def inside(point: np.ndarray, centres: np.ndarray, reaches: list[float]) -> int:
        return sum(float(np.linalg.norm(point - c)) <= r for c, r in zip(centres, reaches, strict=True))

    of_real, of_made, wider = reach(real, narrow), reach(made, narrow), reach(real, wide)
    precision = np.mean([inside(point, real, of_real) > 0 for point in made])
    recall = np.mean([inside(point, made, of_made) > 0 for point in real])
    density = sum(inside(point, real, wider) for point in made) / (wide * len(made))
    coverage = np.mean([any(np.linalg.norm(m - c) <= r for m in made) for c, r in zip(real, wider, strict=True)])
    return float(precision), float(recall), density, float(coverage)


@pytest.mark.parametrize(("real", "made", "shift"), [(40, 40, 0.0), (30, 55, 1.0), (60, 25, 2.5)])
def test_they_equal_their_definitions(real: int, made: int, shift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", 16)
    generator = np.random.default_rng(real)
    a, b = generator.normal(size=(real, 4)), generator.normal(size=(made, 4)) * 0.7 + shift
    found = neighbours(torch.from_numpy(a), torch.from_numpy(b), 2, 4)
    assert (found.precision, found.recall, found.density, found.coverage) == pytest.approx(literal(a, b, 2, 4))


def test_a_reach_is_that_of_a_tree() -> None:
    from scipy.spatial import cKDTree

    vectors = np.random.default_rng(1).normal(size=(50, 3))
    distances, _ = cKDTree(vectors).query(vectors, 4)
    assert radii(torch.from_numpy(vectors), 3).sqrt().numpy() == pytest.approx(distances[:, 3])


def test_equal_sets_have_everything() -> None:
    vectors = torch.from_numpy(np.random.default_rng(2).normal(size=(60, 3)))
    found = neighbours(vectors, vectors)
    # each real ball holds its centre and 5 neighbours
    assert (found.precision, found.recall, found.coverage) == (1.0, 1.0, 1.0) and found.density == pytest.approx(6 / 5)
    apart = neighbours(vectors, vectors + 100)
    assert (apart.precision, apart.recall, apart.density, apart.coverage) == (0.0, 0.0, 0.0, 0.0)


def test_vectors_that_are_there_many_times_are_found_in_balls_without_extent() -> None:
    vectors = torch.tensor([[0.1, 0.7, 1234.5], [3.3, 0.2, 1000.1]]).repeat(8, 1)
    found = neighbours(vectors, vectors[:7])
    assert (found.precision, found.recall, found.coverage) == (1.0, 1.0, 1.0)


def test_a_missed_mode_costs_recall_and_coverage_alone() -> None:
    """Two clusters far apart, all samples in one."""
    generator = np.random.default_rng(3)
    one, other = generator.normal(size=(80, 2)), generator.normal(size=(80, 2)) + 50
    real = torch.from_numpy(np.concatenate([one, other]))
    found = neighbours(real, torch.from_numpy(generator.normal(size=(160, 2))))
    assert found.precision > 0.9 and found.recall <= 0.5 and 0.4 < found.coverage <= 0.5
    assert 0.7 < found.density < 3, "samples crowd twice as densely as the real ones there"


def test_too_few_are_refused() -> None:
    with pytest.raises(ValueError, match="5 neighbours need more vectors than 5"):
        neighbours(torch.zeros(5, 2), torch.zeros(9, 2))
