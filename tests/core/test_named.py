"""The recurrent prior whose codes are listed things, against explicit sums, an LSTM by hand, and its own density."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, MixtureSameFamily, Normal
from torch.distributions.categorical import Categorical

from genvae.core.distributions import DiagonalGaussian
from genvae.core.latents import Block
from genvae.core.priors.codes import FEW, Listing, choose, origin
from genvae.core.priors.named import NamedCodes
from genvae.core.priors.recurrent import RecurrentPrior, RecurrentSettings
from genvae.core.randomness import Stream
from genvae.errors import SettingError

STREAM = Stream(8, "named")
BLOCK = Block(name="z", shape=(4, 2))
THINGS = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -2.0], [0.2, 0.1]])
SPREAD = 0.25


class Lister(nn.Module):
    """An encoder whose features are the means themselves."""

    def __init__(self, last: int | None) -> None:
        super().__init__()
        self.last = last

    def listed(self, block: str) -> Listing | None:
        if block != "z":
            return None
        filled = torch.cat([THINGS, THINGS[-1:].expand(3, -1)]).reshape(2, 4, 2)
        return Listing({"z": filled}, len(THINGS), self.last)


class Means(nn.Module):
    """A posterior that reads them."""

    def at(self, block: Block, features: Any, *_: Any) -> DiagonalGaussian:
        mean = features[block.name]
        return DiagonalGaussian(mean, torch.full_like(mean, SPREAD).log() * 2)


class Whole(nn.Module):
    """What a prior asks of a model."""

    def __init__(self, last: int | None) -> None:
        super().__init__()
        self.encoder, self.posterior = Lister(last), Means()


def lines(rows: int, seed: int = 0) -> Tensor:
    """Latents of rows of two or three things in turn, each what follows the one before it, then the last one."""
    stream = Stream(seed, "lines")
    first = (stream.at("first").uniform(torch.arange(rows), 1)[:, 0] * 4).long()
    names = (first[:, None] + torch.arange(4)) % 4
    length = 2 + (stream.at("length").uniform(torch.arange(rows), 1) * 2).long()
    names = torch.where(torch.arange(4) < length, names, 4)
    return THINGS[names] + SPREAD * stream.normal(torch.arange(rows), 4, 2)


def fitted(last: int | None = 4, rows: int = 300) -> RecurrentPrior:
    torch.manual_seed(0)
    prior = RecurrentSettings(hidden=8, narrow=6, codes=None).build((BLOCK,))
    prior.bind(Whole(last))
    prior.initialise(lines(rows), BLOCK)
    prior.mark_fitted()
    return prior.eval()


def test_each_thing_has_its_posterior_for_a_code() -> None:
    prior = fitted()
    net, standard = prior.net(BLOCK), prior.standard(BLOCK)
    assert isinstance(net, NamedCodes)
    torch.testing.assert_close(standard.scale.reshape(4, 2), standard.scale[:2].expand(4, 2))
    back = standard.back(net.centre.repeat(1, 4))[:, 0]
    torch.testing.assert_close(back, THINGS)
    torch.testing.assert_close(net.scale * standard.scale[:2], torch.full((5, 2), SPREAD))
    assert (net.names(standard(THINGS.repeat(1, 4)).reshape(20, 2)).reshape(5, 4) == torch.arange(5)[:, None]).all()
    assert float(net.wide.bias.exp().sum().detach()) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("last", [None, 4])
def test_the_density_is_the_mixture_that_the_names_before_give(last: int | None) -> None:
    prior, value = fitted(last), lines(6, 1)
    found = prior.at(BLOCK, {}, 6).log_prob(value)
    net, standard = prior.net(BLOCK), prior.standard(BLOCK)
    vectors = standard(value).reshape(6, 4, 2)
    for row in range(6):
        nats, state, read, ended = -float(standard.scale.log().sum()), None, torch.zeros(1, 1, 6), False
        for place in range(4):
            codes = Independent(Normal(net.centre, net.scale), 1)
            each = codes.log_prob(vectors[row, place])
            hidden, state = net.lstm(read, state)
            weights = Categorical(logits=net.logits(hidden[0, 0]))
            nats += float(each[4] if ended else MixtureSameFamily(weights, codes).log_prob(vectors[row, place]))
            name = int(each.argmax())
            ended = ended or name == last
            read = net.wide.weight[name].reshape(1, 1, 6)
        assert float(found[row].detach()) == pytest.approx(nats, abs=1e-3)


def test_training_charges_one_code_and_never_less() -> None:
    prior, value = fitted(), lines(50, 2)
    whole = prior.at(BLOCK, {}, 50).log_prob(value)
    bound = prior.train().at(BLOCK, {}, 50).log_prob(value)
    assert (bound <= whole + 1e-4).all()
    torch.testing.assert_close(bound, whole, rtol=0, atol=0.05)  # the codes lie apart


def test_what_is_pushed_follows_the_density() -> None:
    """The mean of -log p over draws is that of -log p of what is likelier or less likely: a Gibbs inequality between
    this prior and one that has learned more, both ways."""
    one, other = fitted(), fitted()
    with torch.no_grad():
        for parameter in other.net(BLOCK).lstm.parameters():
            parameter.mul_(3.0)
    noise = STREAM.normal(torch.arange(4_000), 4, 2)
    for mine, theirs in ((one, other), (other, one)):
        with torch.no_grad():
            drawn = mine.at(BLOCK, {}, 4_000).push(noise)
            own, foreign = (prior.at(BLOCK, {}, 4_000).log_prob(drawn).mean() for prior in (mine, theirs))
        assert own > foreign


def test_how_often_each_thing_is_drawn_first() -> None:
    prior, rows = fitted(), 20_000
    net, standard = prior.net(BLOCK), prior.standard(BLOCK)
    with torch.no_grad():
        drawn = prior.at(BLOCK, {}, rows).push(STREAM.normal(torch.arange(rows), 4, 2))
        hidden, _ = net.lstm(torch.zeros(1, 1, 6))
        wanted = net.logits(hidden[0, 0]).softmax(-1)
        assert isinstance(net, NamedCodes)
        names = net.names(standard(drawn).reshape(-1, 2)).reshape(rows, 4)
        again = net.along(standard(drawn).reshape(rows, 4, 2))
    seen = torch.bincount(names[:, 0], minlength=5) / rows
    torch.testing.assert_close(seen, wanted, rtol=0, atol=0.015)
    ended = (names == 4).cumsum(1) - (names == 4).long() > 0
    assert (again == names.masked_fill(ended, 4)).all()
    assert (names[ended] == 4).float().mean() > 0.99  # the noise of a code may reach another


@pytest.mark.parametrize("last", [None, 4])
def test_any_latent_comes_back_from_its_noise(last: int | None) -> None:
    prior, value = fitted(last), lines(60, 3)
    at = prior.at(BLOCK, {}, 60)
    noise = at.pull(value)
    assert noise.isfinite().all() and noise.abs().max() < 9
    torch.testing.assert_close(at.push(noise), value, rtol=1e-3, atol=0.07 * SPREAD)  # the margin
    means = THINGS[torch.tensor([[0, 1, 2, 4], [3, 0, 4, 4]])]  # they lie at the edges of their codes' shares
    at = prior.at(BLOCK, {}, 2)
    torch.testing.assert_close(at.push(at.pull(means)), means, rtol=1e-3, atol=0.07 * SPREAD)


def test_training_finds_what_follows_what() -> None:
    prior, value = fitted(rows=400), lines(400, 4)
    optimizer = torch.optim.Adam(prior.parameters(), lr=0.03)
    before = float(prior.loss(BLOCK, value, {}, STREAM, torch.arange(400)).mean())
    prior.train()
    for _ in range(120):
        loss = prior.loss(BLOCK, value, {}, STREAM, torch.arange(400)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    held = float(prior.eval().loss(BLOCK, lines(400, 5), {}, STREAM, torch.arange(400)).mean())
    # which of four came first, whether two or three: three nats less than names drawn by how often they come
    assert held < before - 2.0


def test_codes_stay_where_the_posterior_has_them() -> None:
    """A thing that never occurs must not become another name of one that does."""
    prior = fitted().train()
    names = {name.rpartition(".")[2] for name, _ in prior.named_parameters()}
    assert "bias" in names and not names & {"centre", "log_variance"}
    assert {"nets.z.centre", "nets.z.log_variance"} <= set(prior.state_dict())


def test_a_second_fit_keeps_what_was_learned() -> None:
    prior = fitted()
    with torch.no_grad():
        prior.net(BLOCK).wide.bias.fill_(0.5)
    prior.initialise(lines(100, 6), BLOCK)
    assert (prior.net(BLOCK).wide.bias == 0.5).all()


def test_an_encoder_that_lists_nothing_is_a_clear_error() -> None:
    prior = RecurrentSettings(hidden=4, codes=None).build((Block(name="other", shape=(4, 2)),))
    with pytest.raises(SettingError, match="lists none for block 'other': give it a number of codes"):
        prior.bind(Whole(None))


def test_the_few_likeliest_codes_are_enough_or_all_are_put_in_order() -> None:
    """The same choice, however many codes there are: those with no weight change nothing, and ties are kept."""
    stream = Stream(1, "weights")
    some = stream.uniform(torch.arange(300), 900).double() ** 6
    some[:, 100:400] = some[:, 100:101]  # ties across the border of the few
    weights = some / some.sum(1, keepdim=True)
    many = torch.cat([weights, torch.zeros(300, 4 * FEW)], 1)
    noise = stream.at("noise").normal(torch.arange(300), 1)[:, 0].double()
    (code, left), (same, rest) = choose(weights, noise), choose(many, noise)
    assert (code == same).all() and code.max() > 0
    torch.testing.assert_close(left, rest)
    torch.testing.assert_close(origin(many, same, rest), noise, rtol=1e-6, atol=1e-6)
