"""The recurrent prior against explicit sums, an LSTM by hand, and its own density."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, MixtureSameFamily, Normal
from torch.distributions.categorical import Categorical

from genvae.core.latents import Block
from genvae.core.priors.recurrent import Recurrent, RecurrentPrior, RecurrentSettings
from genvae.core.randomness import Stream
from genvae.errors import SettingError

STREAM = Stream(8, "recurrent")
BLOCK = Block(name="z", shape=(3, 2))


def clusters(rows: int, seed: int = 0) -> Tensor:
    """Vectors near four corners; each corner follows the one before it with a shift that the first decides."""
    stream = Stream(seed, "clusters")
    first = (stream.at("label").uniform(torch.arange(rows), 1)[:, 0] * 4).long()
    corner = torch.tensor([[3.0, 3.0], [3.0, -3.0], [-3.0, -3.0], [-3.0, 3.0]])
    label = (first[:, None] * torch.tensor([1, 1, 1]) + torch.tensor([0, 1, 3])) % 4
    return corner[label] + 0.3 * stream.normal(torch.arange(rows), 3, 2)


def fitted(codes: int = 6, blocks: tuple[Block, ...] = (BLOCK,)) -> RecurrentPrior:
    torch.manual_seed(0)
    prior = RecurrentSettings(hidden=8, codes=codes).build(blocks)
    prior.initialise(clusters(300)[:, : blocks[-1].shape[0]], blocks[-1])
    prior.mark_fitted()
    return prior


def test_the_density_is_the_mixture_that_the_vectors_before_give() -> None:
    prior, value = fitted(), clusters(5, 1)
    found = prior.at(BLOCK, {}, 5).log_prob(value)
    net, standard = prior.net(BLOCK), prior.standard(BLOCK)
    vectors = standard(value).reshape(5, 3, 2)
    for row in range(5):
        nats, state, before = -float(standard.scale.log().sum()), None, torch.zeros(1, 1, 2)
        for place in range(3):
            hidden, state = net.lstm(before, state)
            mixture = MixtureSameFamily(
                Categorical(logits=net.logits(hidden[0, 0])),
                Independent(Normal(net.centre, (0.5 * net.log_variance).exp()), 1),
            )
            nats += float(mixture.log_prob(vectors[row, place]))
            before = vectors[row, place].reshape(1, 1, 2)
        assert float(found[row]) == pytest.approx(nats, abs=1e-3)


def test_what_is_pushed_follows_the_density() -> None:
    """E[f(z)] of draws is that of z uniform over a box, weighted by the density (importance sampling)."""
    prior, rows = fitted(3, (Block(name="z", shape=(1, 2)),)), 40_000
    block = Block(name="z", shape=(1, 2))
    prior.standard(block).mean.zero_()
    prior.standard(block).scale.fill_(1.0)
    with torch.no_grad():  # wide enough for the grid below
        prior.net(block).log_variance.fill_(-1.5)
    at = prior.at(block, {}, rows)
    drawn = at.push(STREAM.normal(torch.arange(rows), 1, 2))
    with torch.no_grad():
        grid = (torch.arange(-60, 60) + 0.5) / 10  # the middles of cells
        z = torch.cartesian_prod(grid, grid)[:, None]
        weight = prior.at(block, {}, len(z)).log_prob(z).exp() * 0.01
    assert float(weight.sum()) == pytest.approx(1.0, abs=0.01)
    for inside in (lambda v: v[:, 0, 0] > 0, lambda v: v[:, 0, 1] > 0.5, lambda v: v.square().sum((1, 2)) < 1.0):
        assert float(inside(drawn).float().mean()) == pytest.approx(float(weight[inside(z)].sum()), abs=0.012)


def test_any_latent_comes_back_from_its_noise() -> None:
    prior, value = fitted(), clusters(50, 2)
    at = prior.at(BLOCK, {}, 50)
    noise = at.pull(value)
    assert noise.isfinite().all() and noise.abs().max() < 9
    torch.testing.assert_close(at.push(noise), value, rtol=1e-3, atol=1e-3)


def test_noise_comes_back_where_codes_do_not_overlap() -> None:
    prior = fitted(4)
    with torch.no_grad():
        prior.net(BLOCK).log_variance.fill_(-6.0)
    at, noise = prior.at(BLOCK, {}, 200), STREAM.normal(torch.arange(200), 3, 2)
    torch.testing.assert_close(at.pull(at.push(noise)), noise, rtol=0, atol=2e-3)


@pytest.mark.parametrize("size", [0.0, 40.0, -40.0])
def test_the_ends_of_the_unit_interval(size: float) -> None:
    assert fitted().at(BLOCK, {}, 4).push(torch.full((4, 3, 2), size)).isfinite().all()


def test_training_finds_what_follows_what() -> None:
    """Each corner follows another for certain: all that is left to say is which of four came first, and the noise."""
    prior, value = fitted(), clusters(400, 3)
    optimizer = torch.optim.Adam(prior.parameters(), lr=0.02)
    items = torch.arange(400)
    for _ in range(90):
        loss = prior.loss(BLOCK, value, {}, STREAM, items).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    entropy = math.log(4) + 6 * (math.log(0.3) + 0.5 * math.log(2 * math.pi * math.e))
    held = float(prior.loss(BLOCK, clusters(400, 4), {}, STREAM, items).mean())
    assert entropy - 0.3 < held < entropy + 0.7


def test_the_blocks_before_are_seen() -> None:
    blocks = (Block(name="given", shape=(2,)), BLOCK)
    prior = fitted(6, blocks)
    value, given = clusters(5), STREAM.normal(torch.arange(5), 2)
    one, other = (prior.at(BLOCK, {"given": before}, 5) for before in (given, -given))
    assert isinstance(one, Recurrent)
    assert not torch.allclose(one.log_prob(value), other.log_prob(value))
    torch.testing.assert_close(one.take(torch.tensor([3, 1])).log_prob(value[[3, 1]]), one.log_prob(value)[[3, 1]])


def test_less_noise_gives_likelier_latents() -> None:
    prior = fitted()
    at, noise = prior.at(BLOCK, {}, 500), STREAM.normal(torch.arange(500), 3, 2)
    with torch.no_grad():
        nats = [float(-at.log_prob(at.push(noise * scale)).mean()) for scale in (1.0, 0.6, 0.2, 0.0)]
    assert nats == sorted(nats, reverse=True)
    assert len(at.push(noise * 0.0).unique(dim=0)) == 1


def test_fewer_vectors_than_codes_is_a_clear_error() -> None:
    prior = RecurrentSettings(hidden=4, codes=50).build((BLOCK,))
    with pytest.raises(SettingError, match="50 codes need as many vectors to start from; there are 30"):
        prior.initialise(clusters(10), BLOCK)
