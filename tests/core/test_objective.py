"""The ELBO's terms against hand calculation."""

from __future__ import annotations

import pytest
import torch

from genvae.core.latents import Block
from genvae.core.objectives.elbo import ElboSettings
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Linear
from tests.core.toys import elements, toy

STREAM = Stream(0, "objective")
BLOCKS = (Block(name="a", shape=(3,)), Block(name="b", shape=(2,)))


def parts(rows: int = 8) -> tuple[float, dict[str, list[float]]]:
    """Distortion, and the mean rate of each dimension of each block, in nats per item."""
    model, batch = toy(BLOCKS), elements(rows)
    draw = model.infer(batch, STREAM.at("posterior"))
    rates = {}
    for block in BLOCKS:
        q = draw.posteriors[block.name]
        variance = q.log_variance.exp()  # type: ignore[attr-defined]
        rates[block.name] = (0.5 * (q.mean.square() + variance - 1 - variance.log())).mean(0).tolist()
    return float(model.distortion(draw.latents, batch).detach().mean()), rates


def terms(settings: ElboSettings, step: int | None = 0, rows: int = 8) -> dict[str, float]:
    model = toy(BLOCKS)
    found = settings.build(model)(model, elements(rows), step, STREAM)
    return {name: float(value) for name, value in found.named.items()} | {"loss": float(found.loss.detach())}


def test_the_terms_are_nats_per_item() -> None:
    distortion, rates = parts()
    found = terms(ElboSettings())
    rate = sum(rates["a"]) + sum(rates["b"])
    assert found == pytest.approx({
        "distortion": distortion, "rate": rate, "rate/a": sum(rates["a"]), "rate/b": sum(rates["b"]),
        "elbo": -(distortion + rate), "loss": distortion + rate,
    }, rel=1e-5)  # fmt: skip


@pytest.mark.parametrize("beta", [0.0, 0.3, 4.0])
def test_beta_weighs_the_rate_and_not_the_elbo(beta: float) -> None:
    found, plain = terms(ElboSettings(beta=Constant(value=beta))), terms(ElboSettings())
    assert found["loss"] == pytest.approx(found["distortion"] + beta * found["rate"], rel=1e-6)
    assert {n: v for n, v in found.items() if n != "loss"} == {n: v for n, v in plain.items() if n != "loss"}


def test_beta_follows_its_schedule_and_ends_with_it() -> None:
    ramp = ElboSettings(beta=Linear(start=0.0, stop=2.0, steps=10))
    for step, beta in ((0, 0.0), (5, 1.0), (10, 2.0), (None, 2.0)):
        found = terms(ramp, step)
        assert found["loss"] == pytest.approx(found["distortion"] + beta * found["rate"], rel=1e-6)


def test_free_bits_of_each_dimension() -> None:
    distortion, rates = parts()
    every = rates["a"] + rates["b"]
    free = sorted(every)[2] + 1e-4  # three dimensions lie under it
    paid = sum(max(rate, free) for rate in every)
    found = terms(ElboSettings(beta=Constant(value=0.5), free_bits=free))
    assert found["loss"] == pytest.approx(distortion + 0.5 * paid, rel=1e-5)
    assert found["rate"] == pytest.approx(sum(every), rel=1e-5) and paid > sum(every)


@pytest.mark.parametrize("share", [0.5, 2.0])
def test_free_bits_in_total(share: float) -> None:
    distortion, rates = parts()
    rate = sum(rates["a"]) + sum(rates["b"])
    found = terms(ElboSettings(free_bits_total=share * rate))
    assert found["loss"] == pytest.approx(distortion + max(share, 1.0) * rate, rel=1e-5)


def test_what_lies_under_the_floor_gets_no_gradient() -> None:
    model, batch = toy(), elements(6)
    draw = model.infer(batch, STREAM.at("posterior"))
    each = draw.rate(model.blocks[0]).mean(0)
    low = int(each.argmin())
    settings = ElboSettings(free_bits=float(each.detach().mean()))
    with torch.no_grad():  # the decoder says nothing: only the rate can move the posterior
        model.decoder.get_parameter("linear.weight").zero_()
    settings.build(model)(model, batch, 0, STREAM).loss.backward()
    assert model.posterior is not None
    gradient = model.posterior.get_parameter("heads.z.weight").grad
    assert gradient is not None
    assert not gradient[low].any() and gradient[1 - low].any()


def test_under_the_total_floor_no_dimension_gets_a_gradient() -> None:
    model, batch = toy(), elements(6)
    with torch.no_grad():
        model.decoder.get_parameter("linear.weight").zero_()
    ElboSettings(free_bits_total=99.0).build(model)(model, batch, 0, STREAM).loss.backward()
    assert model.posterior is not None
    gradient = model.posterior.get_parameter("heads.z.weight").grad
    assert gradient is not None and not gradient.any()


def test_the_noise_is_that_of_the_stream() -> None:
    model, batch = toy(BLOCKS), elements(8)
    objective = ElboSettings().build(model)
    one, two, other = (objective(model, batch, 0, s).loss for s in (STREAM, STREAM, Stream(0, "objective", 1)))
    assert torch.equal(one, two) and not torch.equal(one, other)
