"""The fused output layer and cross-entropy against the plain one, in value and in every gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genvae.core.likelihoods import linear_cross_entropy as fused
from genvae.core.likelihoods.linear_cross_entropy import linear_cross_entropy, reference
from tests.core.toys import sequence_parts, sequences


def inputs(rows: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    made = torch.Generator().manual_seed(seed)
    hidden, weight = torch.randn(rows, 7, generator=made), torch.randn(23, 7, generator=made)
    bias, target = torch.randn(23, generator=made), torch.randint(0, 23, (rows,), generator=made)
    return hidden.requires_grad_(), weight.requires_grad_(), bias.requires_grad_(), target


def outcome(score: object, rows: int, by_row: Tensor) -> list[Tensor]:
    hidden, weight, bias, target = inputs(rows)
    nats = score(hidden, weight, bias, target)  # type: ignore[operator]
    return [nats.detach(), *torch.autograd.grad((nats * by_row).sum(), (hidden, weight, bias))]


@pytest.mark.parametrize("rows", [1, 5, 16, 50])
@pytest.mark.parametrize("weighing", ["alike", "apart", "zero"])
def test_value_and_gradients(rows: int, weighing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "ROWS", 16)  # several chunks, the last of them short
    by_row = {"alike": torch.full((rows,), 0.3), "apart": torch.linspace(-1.0, 2.0, rows), "zero": torch.zeros(rows)}
    for plain, one in zip(
        outcome(reference, rows, by_row[weighing]),
        outcome(linear_cross_entropy, rows, by_row[weighing]),
        strict=True,
    ):
        torch.testing.assert_close(one, plain, rtol=1e-5, atol=1e-6)


def test_an_extreme_logit_neither_overflows_nor_vanishes() -> None:
    hidden, weight = torch.tensor([[500.0], [-500.0]]), torch.tensor([[1.0], [-1.0], [0.0]])
    nats = linear_cross_entropy(hidden, weight, None, torch.tensor([0, 0]))
    torch.testing.assert_close(nats, torch.tensor([0.0, 1000.0]))


def test_only_what_asks_for_a_gradient_gets_one() -> None:
    hidden, weight, bias, target = inputs(6)
    linear_cross_entropy(hidden.detach(), weight, bias.detach(), target).sum().backward()
    assert weight.grad is not None and hidden.grad is None and bias.grad is None
    plain = torch.autograd.grad(reference(hidden, weight, bias, target).sum(), weight)[0]
    torch.testing.assert_close(weight.grad, plain)


def test_bfloat16_products_with_float32_sums() -> None:
    hidden, weight, bias, target = inputs(40)
    exact = reference(hidden, weight, bias, target)
    with torch.autocast("cpu", torch.bfloat16):
        near = linear_cross_entropy(hidden, weight, bias, target)
    assert near.dtype == torch.float32
    torch.testing.assert_close(near, exact, rtol=0.02, atol=0.05)
    exactly = torch.autograd.grad(exact.sum(), (hidden, weight, bias))
    for rough, fine in zip(torch.autograd.grad(near.sum(), (hidden, weight, bias)), exactly, strict=True):
        assert float((rough - fine).norm() / fine.norm()) < 0.02


def test_the_likelihood_gives_the_same_nats_either_way() -> None:
    decoder, likelihood = sequence_parts(4, seed=1)
    batch, latents = sequences([[5, 6], [7], [8, 5, 5]]), {"z": torch.randn(3, 2)}
    one = likelihood.nats(decoder, latents, batch)
    likelihood.fused = False
    torch.testing.assert_close(one, likelihood.nats(decoder, latents, batch))
    assert likelihood.symbols == 9
