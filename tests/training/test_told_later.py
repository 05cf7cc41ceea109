"""A trained model that is told conditions afterwards."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

import genvae
from genvae.context import Context
from genvae.core.vae import VAE
from genvae.errors import DataError, LacksCapability, SettingError
from genvae.host import default_host
from genvae.latent.tools import Tools
from genvae.progress import Reporter, Silent
from genvae.recipe import Recipe
from genvae.store.bundle import Bundle, load
from genvae.training.interrupt import Interrupted
from genvae.training.run import Outcome, train
from genvae.training.start import Start
from tests.conftest import TINY, own_lines
from tests.training.going_on import SHORT, Stops, same, weights
from tests.training.small import Told

HOST = default_host()
LINES = own_lines(60)
FIT = "{data: latents, objective: fit-prior, max_steps: 4, evaluate_every: 2}"
FORMS = ("asked", "said", "")
PRIORS = {
    "recurrent": ["prior=recurrent", "prior.codes=6", "prior.hidden=8"],
    "flow": ["prior=flow-matching", "prior.hidden=8", "prior.layers=1", "prior.steps=2"],
    "by block": ["prior=by-block", "prior.blocks={z: {prior: recurrent, codes: 6, hidden: 8}}"],
    "numbers": ["prior=autoregressive", "prior.hidden=8", "prior.mixtures=2", "prior.when=after"],
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lines with a form that is known of two in three."""
    path = tmp_path_factory.mktemp("table") / "lines.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "form"])
        writer.writerows([line, FORMS[number % 3]] for number, line in enumerate(LINES))
    return path


def plain(folder: Path, *sets: str) -> Bundle:
    recipe = Recipe.of("sentence", HOST)
    recipe.set([*TINY, "tokenizer=char", *SHORT, *sets, f"phases=[{{name: a, max_steps: 3}}, {FIT}]"])
    return train(recipe, LINES, folder, resume=False, reporter=Silent()).bundle


def told(
    base: Path, table: Path, output: Path, *sets: str, resume: bool = False, reporter: Reporter | None = None
) -> Outcome:
    start = Start.asked(str(base), output, HOST, resume=resume)
    assert start is not None
    given = ["conditions={form: {kind: class, reaches: [prior]}}", f"phases=[{FIT}]", *SHORT, *sets]
    recipe = start.recipe("sentence", ["text_column=text", *given])
    return train(recipe, table, output, resume=resume, reporter=reporter or Silent(), start=start)


def density(vae: VAE, values: torch.Tensor, form: torch.Tensor | None = None) -> torch.Tensor:
    block = next(block for block in vae.blocks if block.name == "z")
    before = {} if form is None else {"form": form}
    return vae.prior.at(block, before, len(values)).log_prob(values)


@pytest.mark.parametrize("name", PRIORS)
def test_it_begins_by_not_listening_and_then_listens(name: str, table: Path, tmp_path: Path) -> None:
    before = plain(tmp_path / "plain", *PRIORS[name]).vae
    start = Start.find(str(tmp_path / "plain"), HOST)
    recipe = start.recipe("sentence", ["text_column=text", "conditions={form: {kind: class, reaches: [prior]}}"])
    outcome = told(tmp_path / "plain", table, tmp_path / "told")
    after = outcome.bundle.vae
    model = recipe.build(outcome.bundle.modality, 3, after.conditions)
    anew = start.give(model)
    values, asked = torch.randn(5, before.latent_dim), torch.tensor([[0.0, 1.0]]).expand(5, -1)
    if name == "numbers":  # which unit sees which number depends on whether there is anything before the first
        assert anew == ["prior.nets.z"]
    else:
        assert not anew
        for form in (torch.zeros(5, 2), asked):
            assert torch.equal(density(model, values, form), density(before, values))
    assert not torch.equal(density(after, values, asked), density(after, values, 1 - asked))
    frozen = [n for n in before.state_dict() if not n.startswith("prior.")]
    assert frozen and all(torch.equal(before.state_dict()[n], after.state_dict()[n]) for n in frozen)
    assert [c.name for c in after.conditions.values()] == ["form"]


def test_it_goes_on_where_it_was_stopped(table: Path, tmp_path: Path) -> None:
    plain(tmp_path / "plain", *PRIORS["recurrent"])
    straight = told(tmp_path / "plain", table, tmp_path / "straight")
    with pytest.raises(Interrupted):
        told(tmp_path / "plain", table, tmp_path / "halves", reporter=Stops("step 2"))
    told(tmp_path / "plain", table, tmp_path / "halves", resume=True)
    assert straight.state.step == 4 and same(weights(tmp_path / "halves"), weights(tmp_path / "straight"))


def test_items_of_a_users_are_read_without_what_only_the_prior_is_told(table: Path, tmp_path: Path) -> None:
    """Trying each value on each item would cost a density of the prior a value, for nothing."""
    plain(tmp_path / "plain", *PRIORS["recurrent"])
    told(tmp_path / "plain", table, tmp_path / "told")
    bundle = load(tmp_path / "told", HOST)
    assert bundle.meets_unknown
    assert not Tools(Context(HOST, bundle)).batch(LINES[:2]).conditions["form"].any()
    model = genvae.load(tmp_path / "told")
    assert len(model.generate(2, conditions={"form": "asked"})) == 2
    asked = {"conditions": {"form": "asked"}, "seed": 3}
    assert model.generate(8, guidance=9.0, **asked) != model.generate(8, **asked), "guidance reaches the prior"
    with pytest.raises(LacksCapability, match="keep = noise"):
        model.rewrite(LINES[:1], conditions={"form": "said"})
    assert len(model.rewrite(LINES[:1], conditions={"form": "said"}, keep="noise")) == 1


def test_a_model_that_was_told_goes_on_with_items_that_say_nothing(table: Path, tmp_path: Path) -> None:
    plain(tmp_path / "plain", *PRIORS["recurrent"])
    told(tmp_path / "plain", table, tmp_path / "told")
    start, reporter = Start.find(str(tmp_path / "told"), HOST), Told()
    recipe = start.recipe("sentence", [*SHORT, f"phases=[{FIT}]"])
    train(recipe, LINES, tmp_path / "on", resume=False, reporter=reporter, start=start)
    assert [line for line in reporter.lines if "'form'" in line] == [
        "warning: the data do not say 'form': it counts as unknown"
    ]
    assert len(genvae.load(tmp_path / "on").generate(2, conditions={"form": "asked"})) == 2
    fresh = Recipe(recipe.sections, HOST)
    with pytest.raises(DataError, match="needs the column 'form'"):
        train(fresh, LINES, tmp_path / "fresh", resume=False, reporter=Silent())


def test_what_cannot_be_told_later_is_refused(table: Path, tmp_path: Path) -> None:
    plain(tmp_path / "plain", *PRIORS["flow"])
    with pytest.raises(SettingError, match=r"'form' reaches its decoder, prior, posterior.*reaches to \[prior\]"):
        told(tmp_path / "plain", table, tmp_path / "told", "conditions={form: {kind: class}}")
    assert not (tmp_path / "told").exists()
    told(tmp_path / "plain", table, tmp_path / "told")
    with pytest.raises(SettingError, match=r"conditions\.tense"):
        told(tmp_path / "told", table, tmp_path / "more",
             "conditions={form: {kind: class, reaches: [prior]}, tense: {kind: class, reaches: [prior]}}")  # fmt: skip
