"""The fused output layer and cross-entropy against the plain one, in value and in every gradient, whole and sampled."""

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
    monkeypatch.setattr(fused, "NUMBERS", 16 * 23)  # several chunks
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


@pytest.mark.parametrize("sampled", [0.0, 1e-12])
@pytest.mark.parametrize("by_row", [torch.ones(5), torch.linspace(-1.0, 2.0, 5)], ids=["alike", "apart"])
@pytest.mark.parametrize(
    "levels", [(200.0,) * 5, (-200.0,) * 5, (200.0, -200.0, 45.0, 0.0, -45.0), (0.0, 1.0, 2.0, 0.0, 120.0)]
)
def test_logits_that_have_no_exponential(levels: tuple[float, ...], sampled: float, by_row: Tensor) -> None:
    """All of a row's logits near 200, or -200, or rows of both and of ordinary ones in one chunk."""
    hidden, weight, bias, target = (each.detach() for each in inputs(5))
    hidden[:, 0], weight[:, 0] = torch.tensor(levels), 1.0
    for given in ((hidden, weight, bias), (hidden, weight)):
        leaves = [each.requires_grad_() for each in given]
        shift = leaves[2] if len(leaves) > 2 else None
        plain = reference(leaves[0], leaves[1], shift, target)
        one = linear_cross_entropy(leaves[0], leaves[1], shift, target, sampled)
        torch.testing.assert_close(one, plain, rtol=1e-5, atol=1e-4)  # a logit of 200 is known to 1e-5
        wanted = torch.autograd.grad((plain * by_row).sum(), leaves)
        for found, right in zip(torch.autograd.grad((one * by_row).sum(), leaves), wanted, strict=True):
            # that of weight[:, 0] is the difference of numbers of 200
            torch.testing.assert_close(found, right, rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("sampled", [0.0, 1e-12])
def test_biases_that_have_no_exponential(sampled: float) -> None:
    """One that rules a symbol out, and one that leaves no other."""
    hidden, weight, bias, target = (each.detach() for each in inputs(5))
    bias[3], bias[4], target[:2] = -300.0, 150.0, 4
    leaves = [each.requires_grad_() for each in (hidden, weight, bias)]
    one, plain = linear_cross_entropy(*leaves, target, sampled), reference(*leaves, target)
    torch.testing.assert_close(one, plain, rtol=1e-5, atol=1e-4)
    wanted = torch.autograd.grad(plain.sum(), leaves)
    for found, right in zip(torch.autograd.grad(one.sum(), leaves), wanted, strict=True):
        torch.testing.assert_close(found, right, rtol=1e-4, atol=1e-4)


def test_a_gradient_is_given_once_and_worked_out_anew_where_it_is_asked_for_again() -> None:
    for sampled in (0.0, 1.0):
        hidden, weight, bias, target = inputs(6)
        loss = linear_cross_entropy(hidden, weight, bias, target, sampled).mean()
        first = torch.autograd.grad(loss, (hidden, weight, bias), retain_graph=True)
        kept = [gradient.clone() for gradient in first]
        for gradient in first:
            gradient.zero_()  # as an optimizer may
        for again, before in zip(torch.autograd.grad(loss, (hidden, weight, bias)), kept, strict=True):
            torch.testing.assert_close(again, before)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_nothing_is_worked_out_or_drawn_where_no_gradient_is_wanted(mode: type) -> None:
    given = inputs(6)
    before = torch.get_rng_state()
    with mode():
        nats = linear_cross_entropy(*given, sampled=0.5)
    assert not nats.requires_grad and torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(nats, reference(*given).detach())


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


# -- the sampled gradient --------------------------------------------------------------------------

ROWS, SYMBOLS, WIDTH = 12, 40, 3


def skewed(spread: float = 1.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A few frequent symbols and many rare ones, as in any text; the targets are drawn from the model itself. Rows
    have the same hidden vector but for ``spread``."""
    made = torch.Generator().manual_seed(1)
    hidden, weight = torch.randn(ROWS, WIDTH, generator=made), torch.randn(SYMBOLS, WIDTH, generator=made) * 0.5
    hidden = (1.0 - spread) + spread * hidden
    bias = -1.7 * torch.arange(1.0, SYMBOLS + 1).log()
    target = torch.multinomial((hidden @ weight.T + bias).softmax(1), 1, generator=made)[:, 0]
    return hidden.requires_grad_(), weight.requires_grad_(), bias.requires_grad_(), target


def gradients(sampled: float, by_row: Tensor, seed: int = 0, spread: float = 1.0) -> list[Tensor]:
    """Of hidden, weight and bias."""
    hidden, weight, bias, target = skewed(spread)
    torch.manual_seed(seed)
    nats = linear_cross_entropy(hidden, weight, bias, target, sampled)
    return list(torch.autograd.grad((nats * by_row).sum(), (hidden, weight, bias)))


def draws(sampled: float, by_row: Tensor, count: int, spread: float = 1.0) -> list[Tensor]:
    """``count`` sampled gradients, each kind stacked, in float64."""
    torch.manual_seed(0)
    seeds = torch.randint(2**31, (count,)).tolist()
    found = zip(*(gradients(sampled, by_row, seed, spread) for seed in seeds), strict=True)
    return [torch.stack(several).double() for several in found]


ALIKE, APART = torch.full((ROWS,), 0.5), torch.linspace(-1.0, 2.0, ROWS)


@pytest.mark.parametrize("by_row", [ALIKE, APART], ids=["alike", "apart"])
def test_the_sampled_gradient_is_without_bias(by_row: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "FEW", 7)  # two choices
    exact = [gradient.double() for gradient in gradients(0.0, by_row)]
    tau, count = 0.5, 200
    of_hidden, of_weight, _ = draws(tau, by_row, count)
    hidden, weight, bias, target = (each.detach() for each in skewed())
    chance = (hidden @ weight.T + bias).double().softmax(1)
    # variance of a symbol's gradient: (1 / pi - 1) times the square of a choice's part in it, a target's apart
    variance = torch.zeros(SYMBOLS, WIDTH, dtype=torch.float64)
    for rows in (slice(0, 6), slice(6, 12)):
        kept = (chance[rows].sum(0) / tau).clamp(max=1.0)
        kept[target[rows]] = 1.0
        part = (chance[rows] * by_row[rows, None]).T @ hidden[rows].double()
        variance += (1 / kept - 1)[:, None] * part.square()
    assert (variance > 0).float().mean() > 0.8
    away = (of_weight.mean(0) - exact[1]).abs()[variance > 0] / (variance[variance > 0] / count).sqrt()
    # some 100 entries that lean on each other, the rarest of them kept once or twice in all: a long tail, seeded
    assert float(away.max()) < 4.5 and float(away.square().mean()) < 2.0
    torch.testing.assert_close(of_weight.mean(0)[variance == 0], exact[1][variance == 0], rtol=1e-4, atol=1e-5)
    spread = (of_weight - exact[1]).square().mean(0)
    assert float(spread.sum()) == pytest.approx(float(variance.sum()), rel=0.3)
    away = (of_hidden.mean(0) - exact[0]).abs() / (of_hidden.std(0) / count**0.5)
    assert float(away.max()) < 4.5 and float(away.square().mean()) < 2.0


def test_what_is_not_sampled_is_exact() -> None:
    """Losses, the gradient of the bias, and every column where the noise allowed is next to none."""
    hidden, weight, bias, target = skewed()
    whole, some = (linear_cross_entropy(hidden, weight, bias, target, sampled) for sampled in (0.0, 1.0))
    assert torch.equal(whole, some)
    for by_row in (ALIKE, APART):
        exact, noisy, near = (gradients(sampled, by_row) for sampled in (0.0, 1.0, 1e-12))
        torch.testing.assert_close(noisy[2], exact[2])
        assert not torch.allclose(noisy[1], exact[1], rtol=1e-2)
        for one, right in zip(near, exact, strict=True):
            torch.testing.assert_close(one, right)


def test_columns_of_targets_are_always_kept() -> None:
    exact, target = gradients(0.0, ALIKE)[1], skewed()[3]
    left_out = 0
    for seed in range(20):
        found = gradients(1.0, ALIKE, seed)[1]
        torch.testing.assert_close(found[target], exact[target])
        left_out += int((found == 0).all(1).sum())
    assert left_out > 20 * SYMBOLS // 2


def test_a_column_is_kept_as_often_as_its_mass_says() -> None:
    mass = torch.tensor([0.03, 0.5, 0.0, 0.2, -0.9, 0.01, 0.1, 0.07, 0.3])
    expected = torch.tensor([0.15, 1.0, 0.0, 1.0, 1.0, 0.05, 0.5, 0.35, 1.0])
    often, count = torch.zeros(9), 1000
    for number in range(count):  # every choice that there is: one number decides
        columns, times = fused._choice(mass, torch.tensor([4, 8, 4]), 0.2, (number + 0.5) / count)
        torch.testing.assert_close(times, 1 / expected[columns])
        often[columns] += 1
    torch.testing.assert_close(often / count, expected, rtol=0, atol=1.01 / count)


@pytest.mark.parametrize(
    ("sampled", "by_row", "spread", "least"), [(0.1, ALIKE, 0.0, 0.5), (1.0, APART, 1.0, 0.1)], ids=["same", "apart"]
)
def test_the_noise_is_at_most_that_share_of_the_batchs_own(
    sampled: float, by_row: Tensor, spread: float, least: float
) -> None:
    """Of each symbol's weights, beside the variance that a draw of the targets has, by drawing them. Where rows are
    the same the bound is nearly met: an error by a factor of 2 would be seen."""
    exact = gradients(0.0, by_row, 0, spread)[1].double()
    added = (draws(sampled, by_row, 200, spread)[1] - exact).square().sum(-1).mean(0)
    hidden, weight, bias, _ = (each.detach() for each in skewed(spread))
    drawn = torch.multinomial((hidden @ weight.T + bias).softmax(1), 4000, replacement=True)
    given = (torch.nn.functional.one_hot(drawn, SYMBOLS).double() * by_row[:, None, None]).permute(1, 2, 0) @ (
        hidden.double()
    )
    own = given.var(0).sum(-1)
    rare = added > 0
    assert rare.float().mean() > 0.5
    assert least < float(added.sum() / own[rare].sum()) / sampled < 1.0


def test_the_same_seed_makes_the_same_choice() -> None:
    for by_row in (ALIKE, APART):
        first, again, other = (gradients(1.0, by_row, seed)[1] for seed in (3, 3, 4))
        assert torch.equal(first, again) and not torch.equal(first, other)
    # rows that weigh nearly alike are chosen from as those that do, though their gradient is worked out later
    nearly = ALIKE.clone()
    nearly[0] += 1e-6
    torch.testing.assert_close(gradients(1.0, nearly, 3)[1], gradients(1.0, ALIKE, 3)[1])


def test_a_sampled_gradient_in_bfloat16() -> None:
    hidden, weight, bias, target = skewed()
    with torch.autocast("cpu", torch.bfloat16):
        nats = linear_cross_entropy(hidden, weight, bias, target, 0.2)
        torch.manual_seed(5)
        near = linear_cross_entropy(hidden, weight, bias, target, 0.2)
    assert near.dtype == torch.float32 and torch.equal(near, nats)
    found = torch.autograd.grad((near * 0.5).sum(), (hidden, weight, bias))
    for rough, fine in zip(found, gradients(0.2, ALIKE, 5), strict=True):
        assert rough.dtype == torch.float32 and float((rough - fine).norm() / fine.norm()) < 0.02


def test_the_likelihood_samples_in_training_alone() -> None:
    decoder, likelihood = sequence_parts(30, seed=1)
    batch, latents = sequences([[5, 6], [7], [8, 5, 5]]), {"z": torch.randn(3, 2)}

    def gradient(sampled: float) -> Tensor:
        likelihood.sampled_gradient = sampled
        torch.manual_seed(0)
        nats = likelihood.nats(decoder, latents, batch)
        return torch.autograd.grad(nats.sum(), likelihood.head.linear()[0])[0]

    assert not torch.allclose(gradient(1.0), gradient(0.0))
    likelihood.eval()
    assert torch.equal(gradient(1.0), gradient(0.0))
