"""Products by oneDNN: only where they are exact, and the switch stands as it was afterwards."""

from __future__ import annotations

import pytest
import torch

from genvae.core import products

CPU = torch.device("cpu")


def test_the_switch_is_put_back_whatever_happens() -> None:
    before = torch.backends.mkldnn.matmul.fp32_precision
    with pytest.raises(ZeroDivisionError), products.exact_products(CPU):
        raise ZeroDivisionError
    assert torch.backends.mkldnn.matmul.fp32_precision == before


def test_inside_products_are_exact() -> None:
    with products.exact_products(CPU) as used:
        assert products.error() < products.EXACT
        assert (torch.backends.mkldnn.matmul.fp32_precision == "bf16") is used


def test_a_machine_that_rounds_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.backends.mkldnn.matmul.fp32_precision
    monkeypatch.setattr(products, "error", lambda: 3e-3)
    with products.exact_products(CPU) as used:
        assert not used and torch.backends.mkldnn.matmul.fp32_precision == before


def test_rounding_is_found() -> None:
    """The measure tells a bfloat16 product from a float32 one."""
    a, b = torch.randn(64, 784), torch.randn(512, 784)
    exact = a.double() @ b.double().T
    rounded = (a.bfloat16().float() @ b.bfloat16().float().T - exact).abs().max() / exact.abs().max()
    plain = (a @ b.T - exact).abs().max() / exact.abs().max()
    assert float(rounded) > 30 * products.EXACT and float(plain) < products.EXACT


def test_on_a_gpu_nothing_changes() -> None:
    before = torch.backends.mkldnn.matmul.fp32_precision
    with products.exact_products(torch.device("cuda")) as used:
        assert not used and torch.backends.mkldnn.matmul.fp32_precision == before


@pytest.mark.parametrize("columns", [1, 16, 23, 256, 510])
def test_a_wide_product_is_the_product_and_its_rows_begin_lines(columns: int) -> None:
    one, two = torch.randn(5, 7), torch.randn(columns, 7).T
    made = products.product(one, two)
    torch.testing.assert_close(made, one @ two)
    apart = made.stride(0) * made.element_size()
    assert apart % products.LINE == 0 and apart % (products.LINE * products.LINES) != 0
