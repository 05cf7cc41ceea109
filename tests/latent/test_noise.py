"""Tools run in the prior's noise, so they hold under a prior whose blocks depend on one another."""

from __future__ import annotations

import pytest
import torch

from genvae.context import Context
from genvae.core.latents import Block
from genvae.core.priors import Prior
from genvae.core.randomness import Stream
from genvae.errors import LacksCapability
from genvae.host import default_host
from genvae.latent.tools import Tools
from genvae.recipe import Recipe
from genvae.service import Model
from genvae.store.bundle import Bundle
from tests.core.toys import Implicit, TopDown, elements, toy

BLOCKS = (Block(name="top", shape=(2,)), Block(name="below", shape=(3,)))


def tools(learned: Model, prior: Prior) -> Tools:
    """The tools of a toy model; modality and recipe are those of another, and not asked."""
    bundle = learned._service.bundle(learned.name)
    recipe = Recipe.of("sentence", default_host())
    return Tools(Context(default_host(), Bundle("toy", toy(BLOCKS, prior=prior), bundle.modality, recipe)))


def test_pulling_and_pushing_go_block_by_block(learned: Model) -> None:
    torch.manual_seed(0)
    at = tools(learned, TopDown(BLOCKS))
    latents = at.vae.infer(elements(4), Stream(0, "x")).latents
    noise = at.noise(latents, "a test")
    assert not torch.allclose(noise["below"], latents["below"], atol=1e-2), "the prior is N(0, I): nothing is tested"
    back = at.noise(noise, "a test", push=True)
    for name in latents:
        torch.testing.assert_close(back[name], latents[name], rtol=1e-4, atol=1e-5)
    # the noise that the prior itself pushes: the same as ancestral sampling
    drawn = at.vae.sample_prior(torch.arange(4), Stream(0, "x"))
    pulled = at.noise(drawn, "a test")
    torch.testing.assert_close(pulled["below"], Stream(0, "x/below").normal(torch.arange(4), 3), rtol=1e-3, atol=1e-4)


def test_a_prior_that_cannot_is_refused_by_name(learned: Model) -> None:
    at = tools(learned, Implicit())
    with pytest.raises(
        LacksCapability, match=r"a walk needs a prior that pushes noise to a latent and pulls .*Implicit"
    ):
        at.noise({"top": torch.zeros(1, 2), "below": torch.zeros(1, 3)}, "a walk")
