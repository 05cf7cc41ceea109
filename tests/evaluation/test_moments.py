"""Running moments against numpy, the Frechet distance against its closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genvae.evaluation.frechet import frechet
from genvae.evaluation.moments import Moments, root


def rows(count: int, dim: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(dim, dim, generator=generator)
    return torch.randn(count, dim, generator=generator) @ mixed + torch.randn(dim, generator=generator)


def of(*batches: torch.Tensor, full: bool = True) -> Moments:
    found = Moments(full=full)
    for batch in batches:
        found.add(batch)
    return found


@pytest.mark.parametrize("sizes", [[50], [1, 49], [7, 0, 20, 1, 22]])
def test_batches_give_the_moments_of_all_rows(sizes: list[int]) -> None:
    data = rows(50, 6, 0) + 1000  # far from 0, where a sum of squares loses its digits
    found = of(*data.split(sizes))
    assert found.mean.numpy() == pytest.approx(data.double().numpy().mean(0))
    assert found.covariance.numpy() == pytest.approx(np.cov(data.double().numpy().T), rel=1e-6, abs=1e-6)
    light = of(*data.split(sizes), full=False)
    assert light.variance.numpy() == pytest.approx(found.variance.numpy())
    with pytest.raises(ValueError, match="only variances"):
        _ = light.covariance


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        _ = Moments(full=True).mean
    with pytest.raises(ValueError, match="at least two"):
        _ = of(rows(1, 3, 0)).covariance


def test_a_root_squared_is_the_matrix() -> None:
    matrix = of(rows(30, 5, 1)).covariance
    assert (root(matrix) @ root(matrix)).numpy() == pytest.approx(matrix.numpy())


def test_the_distance_is_the_trace_formula_by_another_route() -> None:
    """Tr (A B)^(1/2) is the sum of the roots of the eigenvalues of A B, which is not symmetric."""
    a, b = of(rows(200, 5, 2)), of(rows(300, 5, 3))
    one, other = a.covariance.numpy(), b.covariance.numpy()
    cross = np.sqrt(np.linalg.eigvals(one @ other).astype(complex)).sum().real
    gap = ((a.mean - b.mean).numpy() ** 2).sum()
    assert frechet(a, b) == pytest.approx(gap + np.trace(one) + np.trace(other) - 2 * cross, rel=1e-9)
    assert frechet(a, b) == pytest.approx(frechet(b, a)) and frechet(a, a) == pytest.approx(0, abs=1e-8)


def test_of_independent_columns_it_is_that_of_each() -> None:
    """Of N(m, s^2) and N(n, t^2): (m - n)^2 + (s - t)^2; a shift alone costs its square."""
    data = rows(100, 1, 4)
    assert frechet(of(data), of(3 * data)) == pytest.approx(
        float((2 * data.double().mean()) ** 2 + (2 * data.double().std()) ** 2)
    )
    many = rows(100, 4, 5)
    assert frechet(of(many), of(many + 2)) == pytest.approx(4 * 2**2, rel=1e-5)


def test_fewer_rows_than_columns_still_have_a_distance() -> None:
    data = rows(4, 12, 6)
    assert 0 < frechet(of(data), of(rows(4, 12, 7))) < 1e4
