"""Every architecture of sentences can sample its output layer's gradient, and training with it can be repeated."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

from genvae.core.likelihoods import CategoricalSequence
from genvae.errors import GenvaeError, SettingError
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.training.run import train
from tests.conftest import TINY, own_lines
from tests.sentence.test_tokenizer import sentence


@pytest.mark.parametrize(
    "architecture", [part.id for part in default_host().parts("architecture") if part.modality == "sentence"]
)
def test_the_setting_reaches_the_likelihood(architecture: str) -> None:
    for given, sampled in (({}, 0.0), ({"sampled_gradient": 0.25}, 0.25)):
        made = default_host().make("architecture", {"architecture": architecture, **given}).build(sentence("char"))
        assert isinstance(made.likelihood, CategoricalSequence) and made.likelihood.sampled_gradient == sampled
    with pytest.raises(SettingError, match=r"sampled_gradient = 1\.5 must be at most 1"):
        default_host().make("architecture", {"architecture": architecture, "sampled_gradient": 1.5})


class Stops(Silent):
    """Presses Ctrl-C when the first validation is over."""

    def say(self, text: str) -> None:
        if text.startswith("step 3:"):
            os.kill(os.getpid(), signal.SIGINT)


def trained(folder: Path, sampled: float, reporter: Silent, resume: bool = False) -> dict[str, torch.Tensor]:
    """The weights after six steps."""
    recipe = Recipe.of("sentence", default_host())
    # in so small a batch most symbols are improbable enough to be left out
    recipe.set([*TINY, "batch_size=2", "max_steps=6", "evaluate_every=3"])
    recipe.set([f"sampled_gradient={sampled}"])
    return train(recipe, own_lines(60), folder, resume=resume, reporter=reporter).bundle.vae.state_dict()


def test_a_resumed_run_equals_one_that_went_through(tmp_path: Path) -> None:
    through = trained(tmp_path / "through", 1.0, Silent())
    with pytest.raises(GenvaeError, match="--resume"):
        trained(tmp_path / "stopped", 1.0, Stops())
    stopped = trained(tmp_path / "stopped", 1.0, Silent(), resume=True)
    whole = trained(tmp_path / "whole", 0.0, Silent())
    assert all(torch.equal(stopped[name], value) for name, value in through.items())
    assert not all(torch.equal(whole[name], value) for name, value in through.items())
