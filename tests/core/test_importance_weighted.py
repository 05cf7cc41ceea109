"""The importance-weighted objective, beside the ELBO and the bound of evaluation."""

from __future__ import annotations

import pytest
import torch

from genvae.core.bounds import importance_weighted
from genvae.core.objectives import ElboSettings, ImportanceWeightedSettings
from genvae.core.randomness import Stream
from genvae.errors import LacksCapability, SettingError
from tests.core.toys import Implicit, elements, split_elements, split_toy, toy

STREAM = Stream(0, "weighted")


def test_one_draw_is_the_elbo() -> None:
    model, batch = toy(), elements(400)
    one = ImportanceWeightedSettings(samples=1).build(model)(model, batch, 0, STREAM)
    elbo = ElboSettings().build(model)(model, batch, 0, STREAM)
    torch.testing.assert_close(one.named["distortion"], elbo.named["distortion"])
    assert float(one.loss.detach()) == pytest.approx(float(elbo.loss.detach()), abs=0.2)  # the rate is an estimate
    torch.testing.assert_close(one.named["elbo"], -one.loss.detach())


def test_it_is_the_bound_of_evaluation_from_the_same_draws() -> None:
    for model, batch in ((toy(), elements(7)), (split_toy(), split_elements(3, 1, 2))):
        found = ImportanceWeightedSettings(samples=6).build(model)(model, batch, 0, STREAM)
        bound = importance_weighted(model, batch, STREAM.at("posterior"), samples=6)
        assert float(found.named["bound"]) == pytest.approx(float(bound.log_likelihood.sum()) / len(batch), rel=1e-5)
        assert float(found.named["elbo"]) == pytest.approx(float(bound.elbo.sum()) / len(batch), rel=1e-5)
        assert found.named["bound"] > found.named["elbo"]


def test_it_rises_with_the_number_of_draws() -> None:
    model, batch = toy(), elements(300)
    losses = [
        float(ImportanceWeightedSettings(samples=k).build(model)(model, batch, 0, STREAM).loss.detach())
        for k in (1, 4, 32)
    ]
    assert losses[0] > losses[1] > losses[2]


def test_what_it_needs_is_said() -> None:
    with pytest.raises(SettingError, match="needs a latent"):
        ImportanceWeightedSettings().build(toy(()))
    with pytest.raises(LacksCapability, match="has a density"):
        ImportanceWeightedSettings().build(toy(prior=Implicit()))
