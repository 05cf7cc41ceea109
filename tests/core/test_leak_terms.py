"""Terms against leakage: an adversary's signs, and independence by sums over pairs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Linear
from genvae.core.terms import AdversarySettings, DependenceSettings
from genvae.core.terms.dependence import hsic
from genvae.core.vae import VAE
from genvae.errors import LacksCapability, SettingError
from tests.core.toys import CONTENT, LABEL, STYLE, Pooled, split_elements, split_toy, toy

STREAM = Stream(0, "leak")


# -- adversary ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.3, -0.7])
def test_the_network_descends_its_cross_entropy_and_the_model_ascends_it_or_helps(strength: float) -> None:
    model, batch = split_toy(), split_elements(4, 3)
    torch.manual_seed(0)
    term = AdversarySettings(strength=Constant(value=strength), hidden=8).build(model)
    draw = model.infer(batch, STREAM)
    z = draw.latents["style"].detach().requires_grad_()
    answers = batch.conditions["label"].argmax(1)
    entropy = functional.cross_entropy(term.network(z), answers)
    entropy.backward()
    wanted = [p.grad.clone() for p in term.network.parameters() if p.grad is not None]
    term.zero_grad()
    other = draw.latents["style"].detach().requires_grad_()
    found = term(model, batch, replace(draw, latents={**draw.latents, "style": other}), 0, STREAM)
    found.backward()
    nats = float(entropy.detach())
    assert float(found.detach()) == pytest.approx(nats if strength < 0 else math.log(3) - nats, rel=1e-5)
    assert other.grad is not None and z.grad is not None
    torch.testing.assert_close(other.grad, -strength * z.grad)
    for parameter, gradient in zip(term.network.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_the_strength_follows_its_schedule() -> None:
    model, batch = split_toy(), split_elements(4, 3)
    assert model.posterior is not None
    torch.manual_seed(0)
    term = AdversarySettings(strength=Linear(start=0.0, stop=2.0, steps=10)).build(model)
    sizes = []
    for step in (0, 5, 10):
        model.zero_grad()
        term(model, batch, model.infer(batch, STREAM), step, STREAM).backward()
        gradient = model.posterior.get_parameter("heads.style.weight").grad
        assert gradient is not None
        sizes.append(float(gradient.norm()))
    assert sizes[0] == 0.0 and sizes[2] == pytest.approx(2 * sizes[1], rel=1e-5) and sizes[1] > 0


def test_items_whose_label_is_unknown_are_left_out() -> None:
    model, batch = split_toy(), split_elements(4, 3)
    torch.manual_seed(0)
    term = AdversarySettings().build(model)
    draw = model.infer(batch, STREAM)
    label = batch.conditions["label"].clone()
    label[[1, 5]] = 0.0
    found = term(model, replace(batch, conditions={"label": label}), draw, 0, STREAM)
    known = [0, 2, 3, 4, 6]
    entropy = functional.cross_entropy(term.network(draw.latents["style"][known]), label[known].argmax(1))
    assert float(found.detach()) == pytest.approx(math.log(3) - float(entropy.detach()), rel=1e-5)
    nobody = term(model, replace(batch, conditions={"label": 0 * label}), draw, 0, STREAM)
    nobody.backward()
    assert float(nobody.detach()) == 0.0


def test_a_label_that_can_be_read_is_read_and_then_hidden() -> None:
    """The style is the label and noise; the network learns to read it, and the gradient for the model hides it."""
    labels = torch.arange(60) % 3
    batch = replace(split_elements(*[1] * 60), conditions={"label": functional.one_hot(labels, 3).float()})
    model = split_toy()
    torch.manual_seed(0)
    term = AdversarySettings(hidden=16).build(model)
    size = torch.ones((), requires_grad=True)
    optimizer = torch.optim.Adam(term.parameters(), lr=0.05)
    draw = model.infer(batch, STREAM)

    def leak() -> Tensor:
        style = size * batch.conditions["label"] + 0.3 * STREAM.at("noise").normal(batch.items, 3)
        return term(model, batch, replace(draw, latents={**draw.latents, "style": style}), 0, STREAM)

    for _ in range(25):
        optimizer.zero_grad()
        leak().backward()
        optimizer.step()
    assert float(leak().detach()) > 0.8 * math.log(3)
    size.grad = None
    leak().backward()
    assert size.grad is not None and float(size.grad) > 0, "descent would not make the label's share of it smaller"


def test_what_an_adversary_needs_is_said() -> None:
    with pytest.raises(SettingError, match="names the block 'label'; known: z"):
        AdversarySettings().build(toy())
    with pytest.raises(SettingError, match="names the block 'styl'; did you mean 'style'"):
        AdversarySettings(block="styl").build(split_toy())
    with pytest.raises(SettingError, match="cannot rid block 'label' of itself"):
        AdversarySettings(block="label").build(split_toy())
    with pytest.raises(SettingError, match="no block being shared: set its block"):
        AdversarySettings().build(split_toy((LABEL, CONTENT)))
    assert AdversarySettings(block="content").build(split_toy()).block == "content"
    model, batch = split_toy(), split_elements(2, 2)
    draw = model.infer(batch)
    with pytest.raises(LacksCapability, match="needs labels: the batch has no condition 'label'"):
        AdversarySettings().build(model)(model, replace(batch, conditions={}), draw, 0, STREAM)


# -- dependence ---------------------------------------------------------------------------------------


def pairs(name: str, rows: int, *shape: int) -> Tensor:
    return STREAM.at(name).normal(torch.arange(rows), *shape).double()


def dependence(model: VAE, batch: Batch) -> Tensor:
    return DependenceSettings().build(model)(model, batch, model.infer(batch, STREAM), 0, STREAM)


def kernel(x: Tensor, width: float) -> Tensor:
    return torch.stack([torch.stack([(-(a - b).square().sum() / width).exp() for b in x]) for a in x])


def test_the_criterion_is_its_sum_over_pairs_triples_and_fours() -> None:
    """Gretton et al.: the means of k l over pairs, of k over pairs times l over pairs, and twice that over triples."""
    n = 6
    k, l = kernel(pairs("x", n, 2), 2.0), kernel(pairs("y", n, 3), 3.0)  # noqa: E741
    r = range(n)
    both = sum(k[i, j] * l[i, j] for i in r for j in r) / n**2
    apart = sum(k[i, j] * l[q, p] for i in r for j in r for q in r for p in r) / n**4
    across = sum(k[i, j] * l[i, q] for i in r for j in r for q in r) / n**3
    wanted = float(both + apart - 2 * across) * n**2 / (n - 1) ** 2
    assert float(hsic(k, l)) == pytest.approx(wanted, rel=1e-9)
    centre = torch.eye(n, dtype=torch.float64) - 1 / n
    assert float(hsic(k, l)) == pytest.approx(float(torch.trace(k @ centre @ l @ centre)) / (n - 1) ** 2, rel=1e-9)


def test_it_finds_a_dependence_that_no_correlation_shows() -> None:
    angle = 2 * math.pi * STREAM.at("angle").uniform(torch.arange(120))
    x, y = angle.cos()[:, None], angle.sin()[:, None]
    assert abs(float((x * y).mean())) < 0.1

    def of(x: Tensor, y: Tensor) -> float:
        return float(hsic(*((-(v - v.T).square() / 0.5).exp() for v in (x, y))))

    shuffled = [y[STREAM.at("order").again(i).uniform(torch.arange(120)).argsort()] for i in range(30)]
    assert of(x, y) > 2 * max(of(x, other) for other in shuffled)


def test_the_term_compares_two_blocks_by_the_kernel_of_its_width() -> None:
    model, batch = split_toy(), split_elements(3, 2, 4)
    draw = model.infer(batch, STREAM)
    sides = [draw.latents[name].detach().double() for name in ("content", "style")]
    wanted = hsic(kernel(sides[0], 2 * 2 * 0.5), kernel(sides[1], 2 * 3 * 0.5))
    found = DependenceSettings(width=0.5).build(model)(model, batch, draw, 0, STREAM)  # the two that are not observed
    assert float(found.detach()) == pytest.approx(float(wanted), rel=1e-4)
    label = DependenceSettings(blocks=("label", "style")).build(model)(model, batch, draw, 0, STREAM)
    wanted = hsic(kernel(batch.conditions["label"].double(), 6.0), kernel(sides[1], 6.0))
    assert float(label.detach()) == pytest.approx(float(wanted), rel=1e-4)


def test_two_shared_blocks_are_compared_a_row_a_group() -> None:
    blocks = (Block(name="a", shape=(2,), shared=True), Block(name="b", shape=(3,), shared=True))
    model = toy(blocks, posterior=Pooled(blocks, 5))
    batch = split_elements(3, 2, 4)
    draw = model.infer(batch, STREAM)
    sides = [draw.latents[name].detach().double()[[0, 3, 5]] for name in ("a", "b")]
    found = DependenceSettings().build(model)(model, batch, draw, 0, STREAM)
    assert float(found.detach()) == pytest.approx(float(hsic(kernel(sides[0], 4.0), kernel(sides[1], 6.0))), rel=1e-4)


def test_it_keeps_its_digits_under_mixed_precision_and_its_gradient_at_equal_points() -> None:
    model, batch = split_toy(), split_elements(3, 2, 4)
    draw = model.infer(batch, STREAM)
    term = DependenceSettings().build(model)
    exact = term(model, batch, draw, 0, STREAM)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(term(model, batch, draw, 0, STREAM), exact, rtol=1e-5, atol=1e-9)
    exact.backward()  # the items of a group have the same style
    assert model.posterior is not None
    gradient = model.posterior.get_parameter("heads.style.weight").grad
    assert gradient is not None and gradient.isfinite().all() and gradient.any()
    alone = dependence(model, split_elements(1))
    assert float(alone.detach()) == 0.0


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(LacksCapability, match="needs two blocks; this model has 1"):
        DependenceSettings().build(toy())
    with pytest.raises(SettingError, match="compares two blocks; blocks = style, style"):
        DependenceSettings(blocks=("style", "style")).build(split_toy())
    with pytest.raises(SettingError, match="names the block 'kontent'; did you mean 'content'"):
        DependenceSettings(blocks=("kontent", "style")).build(split_toy())
    model = split_toy((LABEL, STYLE))
    with pytest.raises(LacksCapability, match="all but one are observed: set its blocks"):
        dependence(model, split_elements(2, 2))
