"""Recipes: a file, settings over it, and everything written out."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from genvae.errors import DataError, GenvaeError, PluginError, SettingError
from genvae.host import default_host
from genvae.recipe import PARTS, SECTIONS, Recipe
from genvae.recipe.settings import TrainingSettings

HOST = default_host()


def recipe(*settings: str) -> Recipe:
    made = Recipe.of("sentence", HOST)
    made.set(settings)
    return made


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


# -- from a file ---------------------------------------------------------------------------------


def test_a_file_lies_over_what_the_modality_proposes(tmp_path: Path) -> None:
    path = written(tmp_path, """
modality: {modality: sentence, tokenizer: char}
objective: {free_bits: 0.5}
corruptions: [{corruption: word-dropout, rate: 0.2}, symbol-masking]
training: {batch_size: 8, learning_rate: 2e-3}
phases:
  - {name: warm, objective: {objective: elbo, beta: 0}, max_steps: 10}
  - {name: main, reset: [decoder]}
""")  # fmt: skip
    sections = Recipe.of(str(path), HOST).sections
    assert sections["modality"]["tokenizer"] == "char"
    assert sections["modality"]["max_length"] == 200  # the default, written out
    assert sections["objective"]["free_bits"] == 0.5
    assert sections["objective"]["beta"]["schedule"] == "linear"  # the modality's proposal stays
    assert sections["corruptions"] == [
        {"corruption": "word-dropout", "rate": 0.2}, {"corruption": "symbol-masking", "rate": 0.15},
    ]  # fmt: skip
    assert sections["training"]["learning_rate"] == 0.002  # YAML reads 2e-3 as text
    assert [phase["name"] for phase in sections["phases"]] == ["warm", "main"]
    assert sections["phases"][0]["objective"]["free_bits_total"] == 0.0
    assert sections["phases"][1]["objective"] is None


def test_another_part_brings_its_own_defaults(tmp_path: Path) -> None:
    made = recipe("beta={schedule: linear, stop: 0.3, steps: 7}", "beta={schedule: cyclical}")
    assert made.sections["objective"]["beta"] == {
        "schedule": "cyclical", "start": 0.0, "stop": 1.0, "period": 1000, "ramp": 0.5, "cycles": 4,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("", DataError, "a recipe is a mapping of sections: modality, architecture"),
        ("- sentence", DataError, "a recipe is a mapping of sections"),
        ("modality: [", DataError, "cannot be read as a recipe"),
        ("modality: 2001-99-99", DataError, "cannot be read as a recipe"),
        ("training: {seed: 1}", SettingError, "begin it with a line like 'modality: sentence'"),
        ("modality: sentense", PluginError, "no modality 'sentense' is installed; did you mean 'sentence'"),
        ("modality: 7", SettingError, "a modality is given by its id"),
        ("modality: sentence\ntrainig: {}", SettingError, "unknown section 'trainig' .*did you mean 'training'"),
        ("modality: sentence\n7: {}", SettingError, "unknown section 7"),
        ("modality: sentence\ntraining: 7", SettingError, "training must be a mapping"),
        ("modality: sentence\ntraining: {batchsize: 7}", SettingError, "did you mean 'batch_size'"),
        ("modality: sentence\ncorruptions: word-dropout", SettingError, "corruptions must be a list"),
        ("modality: sentence\ncorruptions: [word-drop]", PluginError, "did you mean 'word-dropout'"),
        ("modality: sentence\nphases: {name: x}", SettingError, "phases must be a list"),
        ("modality: sentence\nphases: [x]", SettingError, "a phase is a mapping"),
        ("modality: sentence\nphases: [{nme: x}]", SettingError, "unknown setting 'nme' in phase; did you mean 'name'"),
        ("modality: sentence\nphases: [{objective: {objective: elbow}}]", PluginError, "did you mean 'elbo'"),
        ("modality: {tokenizer: char}", SettingError, "a modality is given by its id"),
        ("modality: sentence\narchitecture: {modality: x}", SettingError, "unknown setting 'modality' in architecture"),
    ],
)
def test_a_file_that_is_no_recipe_is_one_line(tmp_path: Path, text: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        Recipe.of(str(written(tmp_path, text)), HOST)
    assert isinstance(caught.value, GenvaeError) and "\n" not in str(caught.value)


def test_what_is_neither_a_file_nor_a_modality(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"'sentense' is neither .* did you mean 'sentence'"):
        Recipe.of("sentense", HOST)
    with pytest.raises(DataError, match="no such recipe"):
        Recipe.of(str(tmp_path / "missing.yaml"), HOST)
    (tmp_path / "folder.yml").mkdir()
    with pytest.raises(DataError, match="cannot be read as a recipe"):
        Recipe.of(str(tmp_path / "folder.yml"), HOST)
    (tmp_path / "latin.yaml").write_bytes(b"modality: s\xe9ntence")
    with pytest.raises(DataError, match="cannot be read as a recipe"):
        Recipe.of(str(tmp_path / "latin.yaml"), HOST)


# -- single settings -----------------------------------------------------------------------------

SET = [
    ("tokenizer=char", "modality", "tokenizer", "char"),
    (" hidden_dim = 64 ", "architecture", "hidden_dim", 64),
    ("architecture.hidden_dim=64", "architecture", "hidden_dim", 64),
    ("training.seed=3", "training", "seed", 3),
    ("learning_rate=1e-4", "training", "learning_rate", 1e-4),
    ("max_steps=null", "training", "max_steps", None),
    ("beta=0.25", "objective", "beta", 0.25),
    ("objective.free_bits=0.5", "objective", "free_bits", 0.5),
    ("text_column=2020", "modality", "text_column", "2020"),
    ("text_column=no", "modality", "text_column", "no"),
    ("text_column='a: b'", "modality", "text_column", "a: b"),
    ("text_column=a=b", "modality", "text_column", "a=b"),
    ("text_column=", "modality", "text_column", None),
]


@pytest.mark.parametrize(("text", "section", "name", "value"), SET)
def test_a_setting(text: str, section: str, name: str, value: Any) -> None:
    got = recipe(text).sections[section][name]
    assert got == value and type(got) is type(value)


def test_a_schedule_as_a_mapping() -> None:
    made = recipe("beta={schedule: sigmoid, steps: 50}")
    assert made.sections["objective"]["beta"] == {
        "schedule": "sigmoid", "start": 0.0, "stop": 1.0, "steps": 50, "wait": 0, "sharpness": 10.0,
    }  # fmt: skip
    assert made.sections["objective"]["free_bits"] == 0.2  # what was not set stays


def test_a_part_by_its_id_or_as_a_mapping() -> None:
    assert recipe("hidden_dim=64", "architecture=lstm").sections["architecture"]["hidden_dim"] == 64
    assert recipe("hidden_dim=64", "architecture={latent_dim: 5}").sections["architecture"]["latent_dim"] == 5
    assert recipe("prior=standard-normal").sections["prior"] == {"prior": "standard-normal"}


@pytest.mark.parametrize("spelling", ["word-dropout", "word_dropout"])
def test_a_corruption_by_its_id(spelling: str) -> None:
    made = recipe("symbol_masking=0.1", f"{spelling}=0.3", f"{spelling}=0.4")
    assert made.sections["corruptions"] == [
        {"corruption": "symbol-masking", "rate": 0.1}, {"corruption": "word-dropout", "rate": 0.4},
    ]  # fmt: skip
    scheduled = recipe(f"{spelling}={{schedule: linear, start: 0.5, stop: 0}}").sections["corruptions"][0]["rate"]
    assert (scheduled["schedule"], scheduled["start"], scheduled["stop"]) == ("linear", 0.5, 0.0)


def test_whole_lists() -> None:
    made = recipe("corruptions=[symbol-masking]", "phases=[{name: a, max_steps: 3}, {name: b}]")
    assert made.sections["corruptions"] == [{"corruption": "symbol-masking", "rate": 0.15}]
    assert [(phase["name"], phase["max_steps"]) for phase in made.sections["phases"]] == [("a", 3), ("b", None)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hidden_dim", "a setting is given as name=value; got 'hidden_dim'"),
        ("hiden_dim=3", "unknown setting 'hiden_dim'; did you mean 'hidden_dim'"),
        ("word_drop_out=0.3", "did you mean 'word_dropout'"),
        ("training.sed=3", "unknown setting 'sed' in training; did you mean 'seed'"),
        ("trainning.seed=3", "unknown section 'trainning'; did you mean 'training'"),
        ("modality.hidden_dim=3", "unknown setting 'hidden_dim' in modality"),
        ("hidden_dim=many", "hidden_dim = 'many' must be a whole number"),
        ("vocab_size=3", "vocab_size = 3 must be at least 8"),
        ("tokenizer=words", "tokenizer = 'words' is not one of: bpe, word, char"),
        ("max_steps=0", "max_steps = 0 must be at least 1"),
        ("max_steps=1.5", "max_steps = 1.5 must be a whole number"),
        ("beta=[", "beta: cannot read the value '\\['"),
        ("beta=2001-99-99", "beta: cannot read the value"),
        ("seed=" + "9" * 5000, "seed: cannot read the value"),
        ("beta=", "None is no schedule"),
        ("beta=much", "'much' is no number and no schedule"),
        ("beta=[1]", r"^\[1\] is no schedule: give a number"),
        ("beta={corruption: word-dropout}", r"^{'rate': 0.3} is no schedule: give a number"),
        ("objective.terms=[swpa]", "no term 'swpa' is installed; did you mean 'swap'"),
        ("objective.terms=[3]", "a term is given by its id, or as {term: ID, ...}; got 3"),
        ("objective.terms=[{corruption: binarise}]", "a term is given by its id, .*; got {'corruption': 'binarise'}"),
        ("beta={schedule: linear, stp: 1}", "unknown setting 'stp' in schedule linear; did you mean 'stop'"),
        ("word_dropout={rate: 1}", "{'rate': 1} is no schedule"),
        ("corruptions=word-dropout", "corruptions must be a list"),
        ("phases=3", "phases must be a list"),
        ("=3", "unknown setting ''"),
    ],
)
def test_a_wrong_setting_is_one_line_and_changes_nothing(text: str, said: str) -> None:
    made = recipe()
    before = json.dumps(made.to_config())
    with pytest.raises(GenvaeError, match=said) as caught:
        made.set([text])
    assert "\n" not in str(caught.value)
    assert json.dumps(made.to_config()) == before


def test_a_name_in_two_sections_must_say_which(monkeypatch: pytest.MonkeyPatch) -> None:
    made = recipe()
    monkeypatch.setattr(Recipe, "_fields", lambda self: {"size": ["modality", "architecture"]})
    with pytest.raises(SettingError, match=r"'size' is a setting of modality and architecture; write modality\.size"):
        made.set(["size=3"])


# -- written out ---------------------------------------------------------------------------------


def test_every_default_is_written_out() -> None:
    config = recipe("word_dropout=0.3", "phases=[{}]").to_config()
    assert tuple(config) == SECTIONS
    for section in PARTS:
        part = HOST.load(section, config[section][section])
        assert set(config[section]) == {section, *(field.name for field in fields(part))}
    assert set(config["training"]) == set(TrainingSettings.__dataclass_fields__)
    assert config["training"]["batch_size"] == TrainingSettings().batch_size


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["tokenizer=word", "beta=0.5", "word_dropout={schedule: cosine, steps: 9}", "learning_rate=3e-4"],
        ["phases=[{name: a, frozen: [encoder], objective: {objective: elbo, free_bits: 1}}, {name: b}]", "beta=0"],
    ],
)
def test_round_trip(tmp_path: Path, settings: list[str]) -> None:
    config = recipe(*settings).to_config()
    assert Recipe(json.loads(json.dumps(config)), HOST).to_config() == config
    path = written(tmp_path, yaml.safe_dump(config, sort_keys=False))
    assert Recipe.of(str(path), HOST).to_config() == config


def test_a_corruption_for_another_modality_is_refused() -> None:
    made = recipe("corruptions=[{corruption: restyle}]")
    with pytest.raises(SettingError, match="corruption 'restyle' is for modality 'image', not 'sentence'"):
        made._check_modality()
    later = recipe("phases=[{name: first}, {corruptions: [restyle]}]")
    with pytest.raises(SettingError, match="corruption 'restyle' is for modality 'image'"):
        later._check_modality()


def test_an_id_stands_for_a_part_wherever_there_is_a_list_of_them() -> None:
    short, long = recipe("objective.terms=[mmd]"), recipe("objective.terms=[{term: mmd}]")
    assert short.sections == long.sections and short.sections["objective"]["terms"][0]["term"] == "mmd"
    objective = "objective={{objective: semi-supervised, changes: [{}]}}"
    assert recipe(objective.format("deletion")).sections == recipe(objective.format("corruption: deletion")).sections


def test_a_term_for_another_modality_is_refused_wherever_it_stands() -> None:
    for settings in (
        "objective.terms=[texture]",
        "objective.terms=[{term: texture}]",
        "phases=[{name: a}, {objective: {objective: elbo, terms: [{term: texture}]}}]",
    ):
        with pytest.raises(SettingError, match="term 'texture' is for modality 'image', not 'sentence'"):
            recipe(settings)._check_modality()


def test_an_architecture_for_another_modality_is_refused(tmp_path: Path) -> None:
    made = recipe()
    made.sections["modality"] = {**made.sections["modality"], "modality": "image"}
    with pytest.raises(SettingError, match="architecture 'lstm' is for modality 'sentence', not 'image'"):
        made._check_modality()


def test_the_recipes_of_the_repository_are_whole() -> None:
    found = sorted((Path(__file__).parents[1] / "plugins").rglob("recipes/*.yaml"))
    assert found
    for path in found:
        made = Recipe.of(str(path), HOST)
        assert Recipe(made.to_config(), HOST).to_config() == made.to_config()
