"""The prior ``mixtures`` against torch.distributions, and what expectation maximisation makes of latents."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from genvae.core.latents import Block
from genvae.core.randomness import Stream
from genvae.errors import LacksCapability, SettingError
from genvae_conditional.priors.mixtures import Components, MixturesPrior, MixturesSettings

STREAM = Stream(0, "mixtures")
FORM, Z = Block(name="form", shape=(2,)), Block(name="z", shape=(3,))
KNOWN = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])  # the third is unknown


def noise(name: str, rows: int, *shape: int) -> Tensor:
    return STREAM.at(name).normal(torch.arange(rows), *shape)


def latents(rows: int) -> tuple[Tensor, Tensor]:
    """Of the first value two correlated clouds, of the second one."""
    label = torch.eye(2)[torch.arange(rows) % 2]
    base = noise("latents", rows, 3)
    mixed = base @ torch.tensor([[1.0, 0.8, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.1]])
    side = (torch.arange(rows) // 2 % 2 * 2 - 1)[:, None] * torch.tensor([6.0, 0.0, 0.0])
    return torch.where(label[:, :1] == 1, mixed + side, base + 20), label


def prior(components: int = 2, rows: int = 400, **more: float) -> MixturesPrior:
    made = MixturesSettings(label="form", components=components, **more).build([Z], [FORM])
    values, label = latents(rows)
    made.initialise(values, Z, {"form": label})
    made.mark_fitted()
    return made


def true(made: MixturesPrior, value: int) -> MixtureSameFamily:
    part = made.components["z"]
    assert isinstance(part, Components)
    found = part.of(value)
    each = MultivariateNormal(found.mean.detach(), scale_tril=found.factor.detach())
    return MixtureSameFamily(Categorical(logits=found.log_weights.detach()), each)


def test_density_is_that_of_the_mixture_of_each_rows_value() -> None:
    made = prior()
    value = noise("value", 4, 3) + 3
    found = made.at(Z, {"form": KNOWN}, 4).log_prob(value)
    wanted = torch.stack([true(made, number).log_prob(value)[row] for row, number in enumerate((0, 1, 2, 0))])
    torch.testing.assert_close(found, wanted)
    half = torch.tensor([[0.25, 0.75]])
    both = torch.stack([true(made, 0).log_prob(value[:1]) - 1.3862944, true(made, 1).log_prob(value[:1]) - 0.2876821])
    torch.testing.assert_close(made.at(Z, {"form": half}, 1).log_prob(value[:1]), both.logsumexp(0))


def test_noise_and_latents_are_turned_into_each_other_whatever_stands_beside_a_row() -> None:
    made = prior()
    given = noise("noise", 4, 3)
    at = made.at(Z, {"form": KNOWN}, 4)
    drawn = at.push(given)
    torch.testing.assert_close(at.pull(drawn), given, rtol=1e-4, atol=1e-4)
    alone = made.at(Z, {"form": KNOWN[1:2]}, 1).push(given[1:2])
    torch.testing.assert_close(alone, drawn[1:2])
    torch.testing.assert_close(at.take(torch.tensor([2, 1])).push(given[[2, 1]]), drawn[[2, 1]])


def test_expectation_maximisation_finds_clouds_and_how_they_lean() -> None:
    made = prior(rows=4_000)
    part = made.components["z"]
    assert isinstance(part, Components)
    own = part.of(0)
    assert sorted(own.mean[:, 0].round().tolist()) == [-6.0, 6.0]
    spread = (own.factor @ own.factor.transpose(1, 2))[0]
    wanted = torch.tensor([[1.0, 0.8, 0.0], [0.8, 0.89, 0.0], [0.0, 0.0, 0.01]])
    torch.testing.assert_close(spread, wanted, rtol=0.2, atol=0.12)
    drawn = made.at(Z, {"form": torch.eye(2)[:1].expand(2_000, -1)}, 2_000).push(noise("many", 2_000, 3))
    assert float(drawn[:, 0].abs().mean()) == pytest.approx(6, abs=0.3), "both clouds, and nothing between them"
    assert 0.4 < float((drawn[:, 0] > 0).float().mean()) < 0.6


def test_one_latent_of_a_value_is_no_needle_and_an_unseen_value_is_like_all() -> None:
    made = MixturesSettings(label="form", components=3).build([Z], [FORM])
    values = torch.cat([noise("many", 200, 3), torch.tensor([[9.0, 9.0, 9.0]])])
    label = torch.cat([torch.tensor([[1.0, 0.0]]).expand(200, -1), torch.tensor([[0.0, 1.0]])])
    made.initialise(values, Z, {"form": label})
    made.mark_fitted()
    drawn = made.at(Z, {"form": torch.eye(2)[1:].expand(500, -1)}, 500).push(noise("draws", 500, 3))
    torch.testing.assert_close(drawn.mean(0), values[-1], atol=0.3, rtol=0)
    assert 0.5 < float(drawn.std(0).mean()) < 2.0
    unknown = made.at(Z, {}, 500).push(noise("draws", 500, 3))
    assert float(unknown.mean().abs()) < 0.4, "of an unknown value what all latents are"


def test_guidance_weighs_gaussians_by_what_the_label_makes_likelier() -> None:
    made = prior()
    told, without = made.at(Z, {"form": KNOWN}, 4), made.at(Z, {"form": torch.zeros(4, 2)}, 4)
    value = noise("value", 4, 3) + 3
    for weight in (1.0, 3.0):
        found = told.guided(without, weight).log_prob(value)
        for row, number in enumerate((0, 1, 2, 0)):
            own, every = true(made, number), true(made, 2)
            centres = own.component_distribution.mean
            logits = own.mixture_distribution.logits + (weight - 1) * (own.log_prob(centres) - every.log_prob(centres))
            wanted = MixtureSameFamily(Categorical(logits=logits), own.component_distribution).log_prob(value[row])
            torch.testing.assert_close(found[row], wanted)


def test_what_it_cannot_serve_is_said() -> None:
    with pytest.raises(SettingError, match="names the block 'from'; did you mean 'form'"):
        MixturesSettings(label="from").build([Z], [FORM])
    with pytest.raises(SettingError, match="a group shares"):
        MixturesSettings(label="form").build([Block(name="z", shape=(3,), shared=True)], [FORM])
    with pytest.raises(LacksCapability, match="a class of few values"):
        prior().at(Z, {"form": torch.tensor([[0.3, -2.0]])}, 1)
