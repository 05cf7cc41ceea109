"""Phases: what each may set for itself, what it begins with, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genvae.core.objectives.elbo import ElboSettings
from genvae.core.schedules import Constant
from genvae.core.vae import VAE
from genvae.errors import SettingError
from genvae.host import default_host
from genvae.recipe import Recipe
from genvae.recipe.settings import Phase, TrainingSettings
from genvae.training.stage import Stage
from tests.core.toys import sequence_toy
from tests.training.small import figures_of, mixed, trainer, weights


def test_a_phase_sets_what_it_sets_and_leaves_the_rest() -> None:
    training = TrainingSettings(batch_size=32, learning_rate=0.5, average=0.9, max_steps=100)
    phase = Phase(batch_size=8, average=0.0, decay="plateau", epochs=3)
    own = phase.over(training)
    assert (own.batch_size, own.average, own.decay, own.epochs) == (8, 0.0, "plateau", 3)
    assert (own.learning_rate, own.max_steps, own.seed) == (0.5, 100, training.seed)


def test_a_phase_takes_its_own_batch_size_rate_and_optimizer(tmp_path: Path) -> None:
    phases = [Phase(max_steps=2), Phase(batch_size=4, learning_rate=0.125, optimizer="sgd", decay="constant", epochs=1)]
    run = trainer(tmp_path, phases=phases)
    state = run.run()
    assert state.step == 2 + 5, "20 items, 4 at a time"
    optimizer = run.optimizers["model"]
    assert isinstance(optimizer, torch.optim.SGD) and optimizer.param_groups[0]["lr"] == 0.125


@pytest.mark.parametrize("begin", ["last", "best"])
def test_what_a_phase_begins_with(begin: str, tmp_path: Path) -> None:
    """A rate that costs nothing grows without end, so the last weights are not the best."""
    phases = [Phase(max_steps=60), Phase(begin=begin, max_steps=1, learning_rate=1e-30)]
    free = ElboSettings(beta=Constant(value=0.0)).build
    run = trainer(tmp_path, phases=phases, objective=free, learning_rate=0.1, epochs=99, evaluate_every=10, keep=99)
    run.run()
    elbos = {line["step"]: line["elbo"] for line in figures_of(tmp_path, "validation")}
    best = max((step for step in elbos if step <= 60), key=lambda step: elbos[step])
    assert best < 60
    expected = weights(tmp_path, 60 if begin == "last" else best)
    for name, value in weights(tmp_path, 61).items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-12)


def checked(*assignments: str, model: VAE | None = None) -> list[Stage]:
    recipe = Recipe.of("sentence", default_host())
    recipe.set(["corruptions=[]", *assignments])
    made = Recipe(recipe.to_config(), recipe.host)  # as it is stored
    assert made.to_config() == recipe.to_config()
    phases = [Phase(**phase) for phase in made.sections["phases"]]
    return [Stage.of(phase, TrainingSettings(), made, model or mixed()) for phase in phases]


def test_a_phase_has_its_own_corruptions() -> None:
    stages = checked(
        "corruptions=[symbol-masking]",
        "phases=[{corruptions: [{corruption: deletion, rate: 0.4}, shuffle]}, {corruptions: []}, {}]",
        model=sequence_toy(),
    )
    found = [[type(corruption).__name__ for corruption in stage.corruptions] for stage in stages]
    assert found == [["Deletion", "Shuffle"], [], ["SymbolMasking"]]


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (
            "{data: latents}",
            "phase 'train' has data: latents, and its objective is for items; set its objective to fit",
        ),
        ("{objective: {objective: fit-prior}}", "has data: items, and its objective is for latents; set data: latents"),
        ("{data: latents, objective: {objective: fit-prior}, aggressive: true}", "cannot be aggressive: its encoder"),
        ("{aggressive: true, frozen: [encoder, posterior]}", "cannot be aggressive: its encoder does not move"),
        ("{corruptions: [substitution]}", "'substitution' is for models of symbol sequences"),
    ],
)
def test_phases_that_do_not_fit_are_refused(phase: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        checked(f"phases=[{phase}]")


def test_the_recipe_of_autoencoder_pretraining_and_a_reset_decoder() -> None:
    """Li et al. 2019: an autoencoder, then the VAE with free bits and a decoder drawn anew, each with fresh rates."""
    stages = checked(
        "free_bits=0.5",
        "phases=[{name: autoencoder, objective: {objective: elbo, beta: 0}, criterion: objective, epochs: 3},"
        " {name: vae, reset: [decoder, likelihood], learning_rate: 1.0, optimizer: sgd, decay: plateau}]",
    )
    first, second = stages
    assert first.settings.criterion == "objective" and first.settings.epochs == 3
    assert (second.settings.optimizer, second.settings.decay, second.settings.learning_rate) == ("sgd", "plateau", 1.0)
    loss = [stage.objective(mixed()).settings for stage in stages]  # type: ignore[attr-defined]
    assert [(s.beta.at(None), s.free_bits) for s in loss] == [(0.0, 0.0), (1.0, 0.5)]
