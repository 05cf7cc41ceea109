"""Runs that go on from a trained model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import genvae
from genvae.cli.main import main
from genvae.errors import GenvaeError, LacksCapability, SettingError
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe, ended, going_on
from genvae.service import Model, Service
from genvae.store.bundle import load, save
from genvae.training.run import Outcome, train
from genvae.training.start import Start
from genvae_sentence.settings import SentenceSettings
from tests.cli.conftest import cli  # noqa: F401 - a fixture
from tests.cli.program import Cli, snapshot
from tests.conftest import TINY, own_lines
from tests.latent.learned import KNOWN
from tests.training.going_on import GIVEN, OTHERS, SHORT, Stops, config, refused, same, weights

HOST = default_host()
ABOUT = {
    "summary": "Lines of a grammar.", "licence": "cc-by-4.0", "data": "240 lines of our own.",
    "attribution": "Lines by the authors of the tests.",
}  # fmt: skip


@pytest.fixture(scope="module")
def base(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a card, trained by schedules and a corruption that moved."""
    folder = tmp_path_factory.mktemp("base") / "grammar"
    bundle = load(tiny_model, HOST)
    bundle.name, bundle.about = "grammar", dict(ABOUT)
    bundle.recipe.set(["free_bits=0.05", "word_dropout={schedule: linear, start: 0.6, stop: 0.1, steps: 30}"])
    save(bundle, folder)
    return folder


@pytest.fixture(scope="module")
def run_of_one_step(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A started run of one step, to be copied."""
    output = tmp_path_factory.mktemp("runs") / "second"
    started(base, output, "max_steps=1")
    return output


def started(
    base: Path, output: Path, *sets: str, target: str = "sentence", reporter: Any = None, resume: bool = False,
    data: Sequence[str] = OTHERS, **more: Any,
) -> Outcome:  # fmt: skip
    """As the command would."""
    start = Start.asked(str(base), output, HOST, resume=resume)
    assert start is not None
    recipe = start.recipe(target, [*SHORT, *sets])
    return train(recipe, data, output, resume=resume, reporter=reporter or Silent(), start=start, **more)


# -- what it begins with ---------------------------------------------------------------------------


def test_it_begins_with_the_weights_and_the_modality_of_the_model(base: Path, tmp_path: Path) -> None:
    """No step to speak of: the weights are the model's own, whatever the data and the seed."""
    started(base, tmp_path / "out", "learning_rate=1e-40", "seed=5")
    assert same(weights(tmp_path / "out"), weights(base))
    assert (tmp_path / "out/tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()
    for section in ("modality", "architecture", "posterior", "prior"):
        assert config(tmp_path / "out")["recipe"][section] == config(base)["recipe"][section]


def test_it_knows_what_the_model_knew(learned: Model, tmp_path: Path) -> None:
    """A model that has lines by heart has them still after a few steps on them; new weights have none."""
    warm = started(Path(learned.name), tmp_path / "warm", data=KNOWN * 3)
    new = Recipe.of("sentence", HOST)
    new.set([*SHORT, "tokenizer=word", "embedding_dim=16", "hidden_dim=32", "latent_dim=4"])
    scores = train(new, KNOWN * 3, tmp_path / "cold", resume=False, reporter=Silent()).scores
    assert warm.scores["exact_match"] > 0.7 and scores["exact_match"] == 0
    assert config(tmp_path / "warm")["recipe"]["objective"]["beta"] == 0.02  # what the model ended with


def test_a_starter_by_its_name(tmp_path: Path) -> None:
    """The simplest call there is, made short."""
    answer = genvae.train("sentence", data=own_lines(20), output=tmp_path / "out", start="sentences-en",
                          set=["max_steps=1", "learning_rate=1e-30"])  # fmt: skip
    assert answer["steps"] == 1 and answer["latent_dim"] == 256
    assert len(genvae.load(tmp_path / "out").generate(2)) == 2
    written = config(tmp_path / "out")["about"]["started_from"]
    assert written["name"] == "sentences-en" and written["licence"] == "cc-by-2.0"
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert "## Started from" in card and "Tatoeba" in card and "licence: cc-by-2.0" in card


def test_a_model_without_a_latent(bare: Path, tmp_path: Path) -> None:
    outcome = started(bare, tmp_path / "out", "max_steps=2")
    assert outcome.state.step == 2 and outcome.scores["latent_dim"] == 0


def test_a_reset_module_is_drawn_anew_not_taken_from_the_model(base: Path, tmp_path: Path) -> None:
    phases = "phases=[{max_steps: 1, evaluate_every: 1, reset: [decoder]}]"
    started(base, tmp_path / "out", phases, "learning_rate=1e-40")
    before, after = weights(base), weights(tmp_path / "out")
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"decoder"}


def test_a_fitted_prior_stays_fitted(tmp_path: Path) -> None:
    recipe = Recipe.of("sentence", HOST)
    phases = "phases=[{name: a, max_steps: 4}, {data: latents, objective: fit-prior, max_steps: 4}]"
    recipe.set([*TINY, "tokenizer=char", *SHORT, "prior=mixture", "prior.components=3", phases])
    train(recipe, own_lines(60), tmp_path / "base", resume=False, reporter=Silent())
    before = weights(tmp_path / "base")
    assert bool(before["prior.fitted"])
    outcome = started(tmp_path / "base", tmp_path / "out")
    assert outcome.bundle.vae.prior.in_use and bool(weights(tmp_path / "out")["prior.fitted"])
    started(tmp_path / "base", tmp_path / "still", "phases=[{frozen: [prior], max_steps: 6}]")
    still = weights(tmp_path / "still")
    of_prior = [name for name in before if name.startswith("prior.")]
    assert of_prior and all(torch.equal(before[name], still[name]) for name in of_prior)
    assert not any(torch.equal(before[name], still[name]) for name in before if name.startswith("likelihood."))


# -- what it is trained by -------------------------------------------------------------------------


def test_a_bare_modality_goes_on_by_what_the_model_ended_with(base: Path) -> None:
    model = load(base, HOST).recipe
    assert model.sections["objective"]["beta"]["schedule"] == "linear"
    recipe = going_on("sentence", [], model, "grammar")
    assert recipe.sections["objective"] == {**model.sections["objective"], "beta": 1.0}
    assert recipe.sections["corruptions"] == [{"corruption": "word-dropout", "rate": 0.1}]
    assert recipe.sections["training"] == Recipe.of("sentence", HOST).sections["training"]
    assert recipe.sections["phases"] == []


def test_the_objective_of_the_last_phase_on_items_is_what_it_ended_with() -> None:
    recipe = Recipe.of("sentence", HOST)
    recipe.set([
        "criterion=objective", "word_dropout=0.3",
        "phases=[{objective: {objective: elbo, beta: 0}}, {criterion: elbo, corruptions: [],"
        " objective: {objective: elbo, beta: {schedule: cyclical, stop: 0.4}, terms: [{term: mmd, weight: 2}]}},"
        " {data: latents, objective: fit-prior}]",
    ])  # fmt: skip
    found = ended(recipe)
    assert found["objective"]["beta"] == 0.4 and found["objective"]["terms"][0]["term"] == "mmd"
    assert found["corruptions"] == [] and found["training"] == {"criterion": "elbo"}
    recipe.set(["phases=[]"])
    assert ended(recipe)["training"] == {"criterion": "objective"} and len(ended(recipe)["corruptions"]) == 1


def test_a_recipe_and_settings_lie_over_what_the_model_ended_with(base: Path, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "architecture: {architecture: lstm, latent_dim: 4}\nobjective: {free_bits: 0.3}\ncorruptions: []\n"
        "training: {batch_size: 9}\nphases: [{name: only, frozen: [encoder], max_steps: 3}]\n"
    )  # it need not say the modality
    recipe = going_on(str(path), ["beta=0.5", "learning_rate=0.01"], load(base, HOST).recipe, "grammar")
    objective, training = recipe.sections["objective"], recipe.sections["training"]
    assert (objective["free_bits"], objective["beta"]) == (0.3, 0.5)
    assert (training["batch_size"], training["learning_rate"], training["criterion"]) == (9, 0.01, "elbo")
    assert recipe.sections["corruptions"] == [] and recipe.sections["phases"][0]["name"] == "only"
    assert recipe.sections["architecture"]["hidden_dim"] == 24
    before = weights(base)
    started(base, tmp_path / "out", target=str(path))
    after = weights(tmp_path / "out")
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert "decoder" in moved and "encoder" not in moved


OTHER_MODELS = {
    "latent_dim=5": "architecture.latent_dim of 'grammar' is 4, not 5; leave it out, or train without --start",
    "dropout=0.5": "architecture.dropout of 'grammar' is 0.0, not 0.5",
    "architecture=transformer": "'grammar' is a model with the architecture 'lstm', not 'transformer'",
    "posterior=delta": "with the posterior 'diagonal-gaussian', not 'delta'",
    "prior=mixture": "with the prior 'standard-normal', not 'mixture'",
    "tokenizer=word": "modality.tokenizer of 'grammar' is 'char', not 'word'",
}


@pytest.mark.parametrize("assignment", OTHER_MODELS)
def test_another_model_is_refused_by_the_first_difference(base: Path, tmp_path: Path, assignment: str) -> None:
    model = load(base, HOST).recipe
    with pytest.raises(SettingError) as caught:
        going_on("sentence", [assignment], model, "grammar")
    assert OTHER_MODELS[assignment] in str(caught.value) and "\n" not in str(caught.value)
    key, value = assignment.split("=")
    section = "architecture" if key in ("latent_dim", "dropout") else "modality" if key == "tokenizer" else key
    path = tmp_path / "recipe.yaml"
    path.write_text(f"modality: sentence\n{section}: {value if key == section else f'{{{key}: {value}}}'}\n")
    with pytest.raises(SettingError) as again:
        going_on(str(path), [], model, "grammar")
    assert str(again.value) == str(caught.value)


def test_what_the_modality_calls_reading_may_be_other(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SentenceSettings, "reading", ("text_column", "min_length", "max_length"), raising=False)
    rows: Any = [{"review": line, "note": "n"} for line in OTHERS]
    outcome = started(base, tmp_path / "out", "text_column=review", "max_length=30", data=rows, validation=rows[:5])
    assert outcome.bundle.modality.max_length == 30  # type: ignore[attr-defined]
    assert config(tmp_path / "out")["recipe"]["modality"]["text_column"] == "review"
    with pytest.raises(SettingError, match=r"modality\.vocab_size of"):
        started(base, tmp_path / "other", "text_column=review", "vocab_size=400", data=rows)


# -- what it says of where it comes from -----------------------------------------------------------


def test_the_card_names_the_model_its_licence_and_attribution_and_those_before(
    base: Path, run_of_one_step: Path, tmp_path: Path
) -> None:
    about = config(run_of_one_step)["about"]
    assert about["started_from"]["name"] == "grammar" and "licence" not in about and "attribution" not in about
    assert about["started_from"]["attribution"] == ABOUT["attribution"]
    assert (
        about["started_from"]["sha256"]
        == json.loads((base / "manifest.json").read_text())["sha256"]["model.safetensors"]
    )
    started(run_of_one_step, tmp_path / "third", "max_steps=1", about={"licence": "mit", "summary": "The third."})
    card = (tmp_path / "third/README.md").read_text(encoding="utf-8")
    assert "license: mit" in card and "The third." in card
    origin = card.partition("## Started from")[2].partition("\n## ")[0]
    for part in ("`second`", "licence: not stated", "which started from", "`grammar`: Lines of a grammar.",
                 "licence: cc-by-4.0", "240 lines of our own.", "Lines by the authors of the tests."):  # fmt: skip
        assert origin.count(part) == 1, part
    assert "Started from" not in (base / "README.md").read_text(encoding="utf-8")


# -- stopped and resumed ---------------------------------------------------------------------------


def stopped(base: Path, output: Path, *sets: str, at: str = "step 7:", **more: Any) -> None:
    with pytest.raises(GenvaeError, match="Give the same command with --resume"):
        started(base, output, *sets, reporter=Stops(at), **more)
    assert not (output / "model.safetensors").exists()


@pytest.mark.parametrize("checkpoint", ["kept", "lost"])
def test_a_resumed_run_equals_the_whole_one_and_needs_the_model_no_more(
    base: Path, tmp_path: Path, checkpoint: str
) -> None:
    own = tmp_path / "model"
    shutil.copytree(base, own)
    sets = ["phases=[{name: a, max_steps: 9}, {name: b, max_steps: 5, reset: [decoder]}]", "word_dropout=0.4"]
    held = own_lines(12)
    started(own, tmp_path / "whole", *sets, validation=held)
    stopped(own, tmp_path / "half", *sets, validation=held)
    shutil.rmtree(own)
    if checkpoint == "lost":
        shutil.rmtree(tmp_path / "half/run/checkpoints")
    started(own, tmp_path / "half", *sets, resume=True, validation=held)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "half"))
    assert (tmp_path / "whole/run/metrics.jsonl").read_text() == (tmp_path / "half/run/metrics.jsonl").read_text()
    one, two = (config(tmp_path / name) for name in ("whole", "half"))
    assert one["about"]["started_from"] == two["about"]["started_from"] and one["recipe"] == two["recipe"]


def test_a_model_that_changed_does_not_change_the_run(base: Path, tmp_path: Path) -> None:
    own = tmp_path / "model"
    shutil.copytree(base, own)
    started(own, tmp_path / "whole")
    stopped(own, tmp_path / "half")
    bundle = load(own, HOST)
    with torch.no_grad():
        for parameter in bundle.vae.parameters():
            parameter.zero_()
    save(bundle, own)
    started(own, tmp_path / "half", resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "half"))


# -- as commands -----------------------------------------------------------------------------------


def test_the_command_and_its_python(cli: Cli, base: Path, lines_file: Path, tmp_path: Path) -> None:  # noqa: F811
    held = tmp_path / "held.txt"
    held.write_text("\n".join(own_lines(7)), encoding="utf-8")
    done = cli("train", "sentence", "--data", lines_file, "--output", tmp_path / "out", "--start", base,
               "--validation", held, *GIVEN, "--json")  # fmt: skip
    assert done.json["steps"] == 14 and f"{len(own_lines())} items to train on, 7 to validate" in done.err
    told = {"target": "sentence", "data": str(lines_file), "output": str(tmp_path / "again"), "set": tuple(SHORT),
            "start": str(base), "validation": str(held)}  # fmt: skip
    line = Service().python("train", **told)
    assert f"start={str(base)!r}" in line and f"validation={str(held)!r}" in line
    scope: dict[str, Any] = {"genvae": genvae}
    exec(f"answer = {line}", scope)
    assert same(weights(tmp_path / "out"), weights(tmp_path / "again"))
    assert scope["answer"]["elbo"] == done.json["elbo"]
    assert f"--start {base}" in Service().command("train", **told)


def test_a_wrong_start_is_one_line_and_nothing_is_written(
    cli: Cli, base: Path, bare: Path, lines_file: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    output = tmp_path / "deep/out"
    run = ["sentence", "--data", lines_file, *GIVEN, "--start"]
    refused(cli, output, [*run, "sentence-en"], "there is no model 'sentence-en'", "'sentences-en'")
    refused(cli, output, [*run, tmp_path / "nowhere"], "there is no model")
    refused(cli, output, [*run, lines_file], "is a file; a model is a folder")
    refused(cli, output, [*run, tmp_path], "holds no genvae model")
    refused(cli, output, [*run, base, "--set", "latent_dim=9"], "architecture.latent_dim of", "is 4, not 9")
    refused(cli, output, [*run, base, "--set", "beta=-1"], "-1 is out of range")
    damaged = tmp_path / "damaged"
    shutil.copytree(base, damaged)
    (damaged / "tokenizer.json").write_text("{}")
    refused(cli, output, [*run, damaged], "is damaged", "tokenizer.json")
    refused(cli, output, ["sentense", *run[1:], base], "neither a recipe", "'sentence'")
    # what the model does not have
    refused(cli, output, [*run, bare, "--set", "objective=target-rate"], "needs a latent; this model has none")
    refused(cli, output, [*run, bare, "--set", "phases=[{frozen: [posterior]}]"], "names the module 'posterior'")
    phases = "phases=[{data: latents, objective: fit-prior}]"
    refused(cli, output, [*run, base, "--set", phases], "needs a prior that learns")
    assert not (tmp_path / "deep").exists()


def test_a_model_of_another_modality(base: Path) -> None:
    model = load(base, HOST).recipe
    model.sections["modality"] = {**model.sections["modality"], "modality": "strange"}
    with pytest.raises(SettingError, match="'x' is a model with the modality 'strange', not 'sentence'"):
        going_on("sentence", [], model, "x")


def test_a_prior_without_a_gradient_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    recipe = Recipe.of("sentence", HOST)
    phases = "phases=[{name: a, max_steps: 2}, {data: latents, objective: fit-prior, max_steps: 2}]"
    prior = "prior={prior: flow-matching, hidden: 8, layers: 1, steps: 2}"
    recipe.set([*TINY, "tokenizer=char", *SHORT, "latent_dim=2", prior, "validation=0.1", phases])
    train(recipe, own_lines(20), tmp_path / "base", resume=False, reporter=Silent())
    with pytest.raises(LacksCapability, match="has no gradient: freeze encoder and posterior"):
        started(tmp_path / "base", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    frozen = "phases=[{frozen: [encoder, posterior], max_steps: 1}]"
    assert started(tmp_path / "base", tmp_path / "out", frozen, data=own_lines(6)).state.step == 1


def test_resuming_by_another_start_is_refused(
    cli: Cli, base: Path, tiny_model: Path, run_of_one_step: Path, lines_file: Path, tmp_path: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    output, plain, other = tmp_path / "out", tmp_path / "plain", run_of_one_step
    run = ["train", "sentence", "--data", lines_file, *GIVEN]
    assert cli(*run, "--output", output, "--start", base).code == 0
    assert cli(*run, "--output", plain, *(w for t in (*TINY, "tokenizer=char") for w in ("--set", t))).code == 0
    before = snapshot(output)
    cli(*run, "--output", output, "--resume", "--start", other).refused("the run started from", "is another model")
    cli(*run, "--output", output, "--resume", "--start", "sentences-eng").refused("there is no model")
    said = cli(*run, "--output", output, "--resume", "--start", base, "--set", "beta=0.3")
    said.refused("the run began with other settings", "objective.beta: 1.0 then, 0.3 now")
    cli(*run, "--output", plain, "--resume", "--start", base).refused("the run began without --start")
    missing = tmp_path / "missing"
    cli(*run, "--output", missing, "--resume", "--start", base).refused("holds no run to resume")
    assert snapshot(output) == before and not missing.exists()
    # left out, or by another name of the same weights, it goes on
    monkeypatch.chdir(base.parent)
    for more in ([], ["--start", base.name], ["--start", tiny_model]):
        assert cli(*run, "--output", output, "--resume", *more, "--json").json["steps"] == 14
    assert weights(output).keys() == weights(base).keys()
    assert (output / "model.safetensors").read_bytes() == before["model.safetensors"]


@pytest.mark.parametrize("content", ["[]", "{", '{"start": 3}', '{"start": {"name": "x"}}'])
def test_a_damaged_record(base: Path, run_of_one_step: Path, tmp_path: Path, content: str) -> None:
    shutil.copytree(run_of_one_step, tmp_path / "out")
    (tmp_path / "out/run/run.json").write_text(content)
    with pytest.raises(GenvaeError, match=r"run\.json is damaged"):
        started(base, tmp_path / "out", "max_steps=1", resume=True)


def test_a_damaged_copy_of_the_model(base: Path, run_of_one_step: Path, tmp_path: Path) -> None:
    shutil.copytree(run_of_one_step, tmp_path / "out")
    (tmp_path / "out/run/start/model.safetensors").unlink()
    with pytest.raises(GenvaeError, match=r"run/start is damaged: model.safetensors is missing"):
        started(base, tmp_path / "out", "max_steps=1", resume=True)


def test_help_says_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    said = capsys.readouterr().out
    assert "--start" in said and "--validation" in said
