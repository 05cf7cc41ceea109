"""Phases: what each may set for itself, what it begins with, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genvae.core.latents import Block
from genvae.core.objectives.elbo import ElboSettings
from genvae.core.priors.by_block import ByBlockSettings
from genvae.core.priors.flow_matching import FlowMatchingSettings
from genvae.core.priors.mixture import MixtureSettings
from genvae.core.priors.recurrent import RecurrentSettings
from genvae.core.schedules import Constant
from genvae.core.vae import VAE
from genvae.errors import GenvaeError, SettingError
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.recipe.settings import Phase, TrainingSettings
from genvae.training.run import train
from genvae.training.stage import Stage, check_order
from tests.conftest import TINY, own_lines
from tests.core.toys import ReadsPseudo, sequence_toy, split_toy, toy
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


def test_a_reset_that_would_reach_what_stays_is_refused() -> None:
    """Modules that share weights are reset together or not at all."""
    model = toy(encoder=ReadsPseudo())
    model.decoder.tied = model.encoder  # type: ignore[assignment]
    with pytest.raises(SettingError, match=r"resets 'decoder', and encoder\.\S+ is a part of it, too: set .*own_table"):
        checked("phases=[{reset: [decoder]}]", model=model)
    checked("phases=[{reset: [decoder, encoder]}]", model=model)


def test_latents_of_a_block_that_a_group_shares_are_refused() -> None:
    model = split_toy(prior=MixtureSettings(components=2).build((Block(name="style", shape=(3,)),)))
    with pytest.raises(SettingError, match="has data: latents, and block 'style' is shared by a group"):
        checked("phases=[{data: latents, objective: {objective: fit-prior}}]", model=model)


Z = Block(name="z", shape=(3,))
FIT = "{name: fit, data: latents, objective: {objective: fit-prior}}"


@pytest.mark.parametrize(
    ("prior", "phases", "said"),
    [
        ("flow", "[{}]", r"no phase does so, .*N\(0, I\): end with the phase \{name: prior, data: latents, obj"),
        ("flow", f"[{{}}, {FIT}, {{reset: [prior], frozen: [encoder, posterior]}}]", "no phase does so"),
        ("flow", f"[{{}}, {FIT}, {{name: more, frozen: [encoder]}}]", "'more' moves what encodes.* no gradient"),
        ("mixture", f"[{{}}, {FIT}]", "'fit' fits a prior that needs at least 21 latents, and there are 20 items"),
        ("too many codes", f"[{{}}, {FIT}]", "'fit' fits a prior that needs at least 21 latents, and there are 20"),
        ("codes", f"[{{}}, {FIT}]", ""),
        ("flow", f"[{{}}, {FIT}, {{frozen: [encoder, posterior]}}]", ""),
        ("flow", f"[{{}}, {FIT}, {{reset: [prior]}}, {FIT}]", ""),
    ],
)
def test_phases_that_do_not_follow_from_one_another_are_refused(prior: str, phases: str, said: str) -> None:
    entry = {
        "flow": FlowMatchingSettings(hidden=4, layers=1), "mixture": MixtureSettings(components=21, when="after"),
        # a code is of one number here, and each latent has three
        "codes": RecurrentSettings(codes=60, hidden=4), "too many codes": RecurrentSettings(codes=61, hidden=4),
    }  # fmt: skip

    def model() -> VAE:
        return toy((Z,), prior=ByBlockSettings(blocks={"z": entry[prior]}).build((Z,)))

    stages = checked(f"phases={phases}", model=model())
    if not said:
        return check_order(stages, model(), model, 20)
    with pytest.raises(GenvaeError, match=said):
        check_order(stages, model(), model, 20)


def test_what_a_run_lacks_is_said_before_it_leaves_anything_and_a_costly_prior_is_measured_on_few_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe.of("sentence", default_host())
    prior = "prior={prior: flow-matching, hidden: 8, layers: 1, steps: 2}"
    recipe.set([*TINY, "tokenizer=char", "latent_dim=2", prior, "max_steps=1", "validation=0.3"])
    with pytest.raises(SettingError, match="no phase does so"):
        train(recipe, own_lines(20), tmp_path / "out", resume=False, reporter=Silent())
    assert not (tmp_path / "out" / "run").exists()
    recipe.set(["phases=[{}, {data: latents, objective: fit-prior}]"])
    monkeypatch.setattr("genvae.training.run.MEASURED_AT_COST", 3)
    scores = train(recipe, own_lines(20), tmp_path / "out", resume=False, reporter=Silent()).scores
    assert scores["items"] == 3
