"""The ELBO's terms against hand calculation."""

from __future__ import annotations

import pytest
import torch

from genvae.core.latents import Block
from genvae.core.objectives.elbo import ElboSettings
from genvae.core.objectives.weighed import block_weights
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Linear
from genvae.errors import SettingError
from genvae.host import default_host
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


def test_a_block_has_its_own_beta_and_schedule() -> None:
    distortion, rates = parts()
    ramp = Linear(start=0.0, stop=2.0, steps=10)
    own = block_weights({"b": {"beta": ramp}})
    for step, beta in ((0, 0.0), (5, 1.0), (None, 2.0)):
        found = terms(ElboSettings(beta=Constant(value=0.3), blocks=own), step)
        wanted = distortion + 0.3 * sum(rates["a"]) + beta * sum(rates["b"])
        assert found["loss"] == pytest.approx(wanted, rel=1e-5)
        assert found["elbo"] == pytest.approx(-distortion - sum(rates["a"]) - sum(rates["b"]), rel=1e-5)


def test_a_block_has_its_own_free_bits() -> None:
    distortion, rates = parts()
    free = max(rates["b"]) + 0.5
    found = terms(ElboSettings(beta=Constant(value=0.3), blocks=block_weights({"b": {"free_bits": free}})))
    assert found["loss"] == pytest.approx(distortion + 0.3 * (sum(rates["a"]) + 2 * free), rel=1e-5)
    # and none where the others have some
    found = terms(ElboSettings(free_bits=9.0, blocks=block_weights({"b": {"free_bits": 0.0, "beta": 2}})))
    assert found["loss"] == pytest.approx(distortion + 3 * 9.0 + 2 * sum(rates["b"]), rel=1e-5)


def test_what_blocks_cost_is_written_in_a_recipe() -> None:
    host = default_host()
    ramp = {"schedule": "linear", "stop": 0.5, "steps": 10}
    entry = {"objective": "elbo", "blocks": {"a": {"beta": ramp, "free_bits": 0.25}, "b": 2.0}}
    made = host.make("objective", entry)
    assert made.blocks["a"].beta.at(5) == 0.25 and made.blocks["b"].beta.at(None) == 2.0
    whole = host.complete("objective", entry)
    assert whole["blocks"]["b"] == {"beta": 2.0, "free_bits": None} and whole["blocks"]["a"]["beta"]["stop"] == 0.5
    assert host.make("objective", whole) == made and host.complete("objective", whole) == whole


def test_what_blocks_cannot_cost_is_said() -> None:
    for blocks, message in (
        ({"aa": 1.0}, "objective 'elbo': blocks names the block 'aa'; did you mean 'a'"),
        ({"a": {"bata": 1.0}}, "unknown setting 'bata' in block a"),
        ({"a": -1.0}, "-1 is out of range"),
        ({"a": {"free_bits": -1.0}}, "block a: free_bits = -1.0 must be at least 0"),
        (["a"], "must be a mapping of block names"),
    ):
        with pytest.raises(SettingError, match=message):
            default_host().make("objective", {"objective": "elbo", "blocks": blocks}).build(toy(BLOCKS))
    with pytest.raises(SettingError, match="free_bits_total is of all blocks at one price"):
        ElboSettings(free_bits_total=3.0, blocks=block_weights({"a": 1.0})).build(toy(BLOCKS))


def test_the_noise_is_that_of_the_stream() -> None:
    model, batch = toy(BLOCKS), elements(8)
    objective = ElboSettings().build(model)
    one, two, other = (objective(model, batch, 0, s).loss for s in (STREAM, STREAM, Stream(0, "objective", 1)))
    assert torch.equal(one, two) and not torch.equal(one, other)
