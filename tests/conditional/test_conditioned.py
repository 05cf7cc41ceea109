"""Conditions of data, through training, saving and asking, in every modality."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genvae.core.randomness import Stream
from genvae.errors import DataError, GenvaeError, LacksCapability, SettingError
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.service import Model, Service
from genvae.store.bundle import Bundle, load
from genvae.training.run import train

HOST = default_host()
SIDE = 8

#: all kinds at once; the number is told twice, once as it is
KINDS = (
    "conditions={form: class, size: {kind: number, bins: 3}, much: {kind: number, bins: 0, column: size}, topic: "
    "{kind: text, length: 8, width: 4}, tags: {kind: attributes, flags: [hat, tie]}, many: {kind: class, width: 3, "
    "column: form}}"
)


def items(modality: str, count: int = 24) -> list[dict[str, Any]]:
    """Items of two forms, "a" and "b", that look quite different; what is known of some is not known of others."""
    made = []
    for number in range(count):
        form = "ab"[number % 2]
        row = {"form": form, "size": number % 7, "topic": ["tea", None, "sea"][number % 3], "hat": number % 2,
               "tie": None if number % 5 == 0 else number % 3 == 0}  # fmt: skip
        if modality == "sentence":
            made.append({"text": form * (2 + number % 3), **row})
        else:
            shade = (40 if form == "a" else 215) + number % 5
            made.append({"image": np.full((SIDE, SIDE), shade, np.uint8), **row})
    return made


TINY = {
    "sentence": ["tokenizer=char", "text_column=text", "embedding_dim=8", "hidden_dim=16", "latent_dim=3"],
    "image": ["size=8", "hidden=[16]", "latent_dim=3"],
}


def trained(modality: str, folder: Path, *set: str, rows: Any = None) -> Bundle:
    recipe = Recipe.of(modality, HOST)
    recipe.set(["max_steps=2", "evaluate_every=50", "batch_size=12", "validation=0.2", "warmup_steps=0",
                *TINY[modality], *set])  # fmt: skip
    return train(recipe, rows or items(modality), folder, resume=False, reporter=Silent()).bundle


@pytest.fixture(scope="module", params=["sentence", "image"])
def every(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Bundle, Path]:
    """A model with conditions of every kind, its prior and its posterior told of them."""
    folder = tmp_path_factory.mktemp("every") / request.param
    prior = "prior={prior: by-block, blocks: {z: {prior: autoregressive, hidden: 8, mixtures: 2, layers: 1}}}"
    terms = ", ".join(f"{{term: adversary, block: z, hidden: 8, label: {name}}}" for name in ("form", "much", "tags"))
    objective = f"objective={{objective: elbo, terms: [{terms}]}}"
    bundle = trained(request.param, folder, KINDS, prior, objective, "condition_dropout=0.2")
    return request.param, bundle, folder


def batch(bundle: Bundle, rows: list[dict[str, Any]]) -> Any:
    """A batch of items with their conditions."""
    known = bundle.conditions
    values = {"form": [r["form"] for r in rows], "many": [r["form"] for r in rows],
              "size": [str(r["size"]) for r in rows], "much": [str(r["size"]) for r in rows],
              "topic": [r["topic"] or "" for r in rows],
              "tags": [["" if r[flag] is None else str(r[flag]) for flag in ("hat", "tie")] for r in rows]}  # fmt: skip
    plain = [r.get("text", r.get("image")) for r in rows]
    made = bundle.modality.collate([bundle.modality.example(item) for item in plain], range(len(plain)))
    return made.knowing(**{name: known[name].rows(known[name].codes(of)) for name, of in values.items()})


def test_the_bound_reaches_every_weight(every: tuple[str, Bundle, Path]) -> None:
    modality, bundle, _ = every
    model, given = bundle.vae, batch(bundle, items(modality)[:8])
    assert [block.name for block in model.blocks] == ["form", "size", "much", "topic", "tags", "many", "z"]
    model.requires_grad_(True)
    model.zero_grad()
    draw = model.infer(given, Stream(0, "gradient"))
    assert list(draw.posteriors) == ["z"], "what is observed costs nothing"
    (model.distortion(draw.latents, given).mean() + draw.rate(model.blocks[-1]).mean()).backward()
    missed = [name for name, weight in model.named_parameters() if weight.grad is None]
    model.requires_grad_(False)
    assert not missed


def test_a_saved_model_is_the_same(every: tuple[str, Bundle, Path]) -> None:
    modality, bundle, folder = every
    again = load(folder, HOST)
    given = batch(bundle, items(modality)[:6])
    for name, value in bundle.vae.infer(given).latents.items():
        assert torch.equal(value, again.vae.infer(batch(again, items(modality)[:6])).latents[name])
    asked = torch.arange(9)
    drawn = [made.vae.sample_prior(asked, Stream(1, "x")) for made in (bundle, again)]
    assert all(torch.equal(value, drawn[1][name]) for name, value in drawn[0].items())
    written = json.loads((folder / "config.json").read_text())["conditions"]
    assert written["declared"]["form"] == {"kind": "class", "values": ["a", "b"]}
    assert "`size` (number): 0-" in (folder / "README.md").read_text()


def test_each_condition_changes_what_is_said_and_unknown_is_a_value(every: tuple[str, Bundle, Path]) -> None:
    modality, bundle, _ = every
    model, given = bundle.vae, batch(bundle, items(modality)[:6])
    z = model.infer(given).latents
    said = model.distortion(z, given)
    prior = model.prior.at(model.blocks[-1], z, 6).push(torch.zeros(6, 3))
    for name in bundle.conditions:
        hidden = {**z, name: torch.zeros_like(z[name])}
        known = ~torch.isclose(z[name], hidden[name]).flatten(1).all(1)
        changed = model.distortion(hidden, given)
        assert (changed != said)[known].any() and torch.equal(changed[~known], said[~known]), name
        other = model.prior.at(model.blocks[-1], hidden, 6).push(torch.zeros(6, 3))
        assert (other != prior)[known].any(), f"the prior is not told {name}"
    nothing = given.knowing(**bundle.conditions.unknown(6))
    assert model.infer(nothing).latents["z"].isfinite().all()


def test_conditions_are_asked_for_through_the_service(every: tuple[str, Bundle, Path]) -> None:
    modality, _, folder = every
    service = Service(HOST)
    asked = {"form": "b", "size": 2, "much": 2, "topic": "tea", "tags": "hat", "many": "unknown"}
    some = {"guidance": 1.5} if modality == "sentence" else {"guidance": 0.5}
    answer: Any = service.run("generate", model=str(folder), n=3, conditions=asked, **some)
    assert answer.conditions == {"form": ["b"] * 3, "size": ["2-3"] * 3, "much": ["2"] * 3, "topic": ["tea"] * 3,
                                 "tags": ["hat"] * 3, "many": [""] * 3}  # fmt: skip
    model = Model(str(folder), service)
    few, many = (model.generate(n, seed=4, conditions={"form": "a"}) for n in (2, 35))
    assert list(map(str, few)) == list(map(str, many[:2]))
    free: Any = service.run("generate", model=str(folder), n=40)
    assert set(free.conditions["form"]) == {"a", "b"} and free.conditions["form"] == free.conditions["many"]
    # what was never seen together is not drawn together
    rows = items(modality)
    seen = {(row["form"], row["size"]) for row in rows}
    assert set(zip(free.conditions["form"], map(float, free.conditions["much"]), strict=True)) <= seen
    item = rows[0].get("text", rows[0].get("image"))
    assert len(model.vary(item, 2)) == 2 and len(model.reconstruct([item])) == 1
    other = rows[1].get("text", rows[1].get("image"))
    assert len(model.interpolate(item, other, 3)) == 3
    mixed = model.mix([item], form=["a", "b"], size="1", topic=["tea", "sea"])
    assert len(mixed) == 4, "conditions are mixed by name, as any observed block"


def test_what_the_data_do_not_say_counts_as_unknown_in_an_evaluation(every: tuple[str, Bundle, Path]) -> None:
    modality, _, folder = every
    rows = [{k: v for k, v in row.items() if k != "topic"} for row in items(modality)]
    answer: Any = Service(HOST).run("evaluate", model=str(folder), data=rows, samples=2, generated=0)
    assert answer.figures["latent_dim"] == 3
    assert any("do not say 'topic': it counts as unknown" in line for line in answer.warnings)
    strange = [{**row, "form": "c" if number else "a"} for number, row in enumerate(items(modality))]
    answer = Service(HOST).run("evaluate", model=str(folder), data=strange, samples=2, generated=0)
    assert any("23 items have a form that the model does not know ('c', say)" in line for line in answer.warnings)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"mood": "a"}, "no condition 'mood'; it has: form, size, much, topic, tags, many"),
    ({"form": "c"}, "form = 'c' is no value of this model; known: a, b"),
    ({"size": 99}, "size = 99 is not between 0 and 6"),
    ({"tags": "hta"}, "tags has no 'hta'; did you mean 'hat'"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_wrong_condition_is_one_line(every: tuple[str, Bundle, Path], number: int) -> None:
    conditions, said = WRONG[number]
    with pytest.raises(SettingError, match=said):
        Model(str(every[2]), Service(HOST)).generate(1, conditions=conditions)


@pytest.mark.parametrize("modality", ["sentence", "image"])
def test_generating_obeys_a_condition_that_is_easily_learned(modality: str, tmp_path: Path) -> None:
    steps = 100 if modality == "sentence" else 40
    bundle = trained(modality, tmp_path / "m", "conditions={form: class}", "condition_dropout=0.1",
                     f"max_steps={steps}", "learning_rate=0.03", "epochs=1000", "beta=2.0", "free_bits=0")  # fmt: skip
    model = Model(str(tmp_path / "m"), Service(HOST))
    for form in "ab":
        made = model.generate(24, conditions={"form": form}, guidance=2.0)
        if modality == "sentence":
            obeyed = [set(text) == {form} for text in made]
        else:
            obeyed = [(np.asarray(picture).mean() > 128) == (form == "b") for picture in made]
        assert np.mean(obeyed) > 0.9, made
    assert bundle.meets_unknown


def test_a_model_without_a_latent_has_conditions_all_the_same(tmp_path: Path) -> None:
    bundle = trained("sentence", tmp_path / "lm", "conditions={form: class}", "latent_dim=0")
    assert [block.name for block in bundle.vae.blocks] == ["form"] and not bundle.vae.latent_dim
    model = Model(str(tmp_path / "lm"), Service(HOST))
    assert len(model.generate(2, conditions={"form": "a"})) == 2
    figures = model.evaluate(items("sentence"), samples=3)
    assert figures["nll_samples"] == 1 and figures["latent_dim"] == 0
    with pytest.raises(LacksCapability, match="has no latent"):
        model.vary("aa")


def test_a_prior_fitted_afterwards_is_fitted_to_p_of_z_given_c(tmp_path: Path) -> None:
    phases = "phases=[{name: vae}, {name: prior, data: latents, objective: fit-prior}]"
    prior = "prior={prior: recurrent, hidden: 4, codes: 3}"
    bundle = trained("sentence", tmp_path / "m", "conditions={form: {kind: class, width: 3}}", phases, prior)
    model = bundle.vae
    assert dict(model.prior.named_buffers())["prior.fitted"], "it is in use"
    draws = [model.prior.at(model.blocks[-1], {"form": row[None]}, 1).push(torch.ones(1, 3)) for row in torch.eye(2)]
    assert not torch.equal(*draws), "p(z|c) is p(z)"
    assert len(Model(str(tmp_path / "m"), Service(HOST)).generate(2, conditions={"form": "a"})) == 2
    # conditions are dropped in its phase, too: where all are, it never learns what they are
    lost = trained("sentence", tmp_path / "lost", "conditions={form: {kind: class, width: 3}}", phases, prior,
                   "condition_dropout=1.0")  # fmt: skip
    weight = "prior.reading.networks.form.layer.weight"
    first = lost.recipe.build(lost.modality, 0, lost.conditions).state_dict()[weight]
    assert torch.equal(lost.vae.state_dict()[weight], first) and not torch.equal(model.state_dict()[weight], first)


def test_what_no_network_reads_is_not_rid_of(tmp_path: Path) -> None:
    terms = "objective={objective: elbo, terms: [{term: adversary, block: z, label: topic}]}"
    with pytest.raises(LacksCapability, match=r"kind 'text' \('topic'\) is not read"):
        trained("sentence", tmp_path / "m", KINDS, terms)
    assert not (tmp_path / "m").exists()


# -- what there is to be said of data ------------------------------------------------------------


def declared(column: str = "form", **entry: Any) -> str:
    return "conditions=" + json.dumps({"form": {"kind": "class", "column": column, **entry}})


def changed(**columns: Any) -> list[dict[str, Any]]:
    """Sentences of which some columns say something else; a function is of the row's number."""
    rows = items("sentence", 30)
    return [{**row, **{name: of(n) for name, of in columns.items()}} for n, row in enumerate(rows)]


UNUSABLE: list[tuple[str, list[dict[str, Any]], str]] = [
    (declared("mood"), items("sentence"), "condition 'form' needs the column 'mood', which is not there; the columns"),
    (declared(), changed(form=lambda n: "a"), "condition 'form': every item has 'a'; at least two values"),
    (declared(), changed(form=lambda n: None), "condition 'form': no item has a value"),
    (declared(kind="number"), items("sentence"), "'a' of item 1 is not a number"),
]


@pytest.mark.parametrize("number", range(len(UNUSABLE)))
def test_data_of_which_no_condition_can_be_made(number: int, tmp_path: Path) -> None:
    setting, rows, said = UNUSABLE[number]
    with pytest.raises(DataError, match=said):
        trained("sentence", tmp_path / "m", setting, rows=rows)
    assert not (tmp_path / "m").exists()


def test_a_value_with_one_example_and_ten_thousand_values(tmp_path: Path) -> None:
    rows = changed(form=lambda n: "rare" if n == 11 else "ab"[n % 2])
    trained("sentence", tmp_path / "rare", declared(), rows=rows)
    assert len(Model(str(tmp_path / "rare"), Service(HOST)).generate(2, conditions={"form": "rare"})) == 2
    many = [{"text": "ab"[n % 2] * 2, "form": f"v{n}"} for n in range(10_000)]
    trained("sentence", tmp_path / "many", declared(width=4), "validation=0.001", rows=many)
    answer: Any = Service(HOST).run("generate", model=str(tmp_path / "many"), n=2, conditions={"form": "v9999"})
    assert answer.conditions["form"] == ["v9999"] * 2
    with pytest.raises(SettingError, match="and 9,920 more") as raised:
        Service(HOST).run("generate", model=str(tmp_path / "many"), conditions={"form": "quite another"})
    listed = Service(HOST).run("blocks", model=str(tmp_path / "many")).lines()[0]
    assert len(str(raised.value)) < 800 and len(listed) < 800, "a line names some of many values"


def test_a_misspelt_value_is_no_item(every: tuple[str, Bundle, Path]) -> None:
    """Any word is a sentence, too."""
    modality, _, folder = every
    item = items(modality)[0]
    model, item = Model(str(folder), Service(HOST)), item.get("text", item.get("image"))
    with pytest.raises(SettingError, match="did you mean 'hat'"):
        model.mix([item], tags="hatt")
    assert len(model.mix([item], form=[item])) == 1


def test_what_a_model_was_never_trained_on_is_refused(tmp_path: Path) -> None:
    trained("sentence", tmp_path / "m", declared())
    model = Model(str(tmp_path / "m"), Service(HOST))
    for asked, said in (({"conditions": {"form": "unknown"}}, "never trained on an unknown form"),
                        ({"guidance": 2.0}, "never trained on unknown ones")):  # fmt: skip
        with pytest.raises(LacksCapability, match=said):
            model.generate(1, **asked)
    trained("sentence", tmp_path / "part", declared(), rows=changed(form=lambda n: [None, "a", "b"][n % 3]))
    model = Model(str(tmp_path / "part"), Service(HOST))
    assert len(model.generate(1, conditions={"form": "unknown"}, guidance=2.0)) == 1


def test_a_run_is_resumed_with_its_conditions_and_refused_with_other_labels(tmp_path: Path) -> None:
    trained("sentence", tmp_path / "m", declared())

    def again(rows: list[dict[str, Any]]) -> Bundle:
        recipe = Recipe(load(tmp_path / "m", HOST).recipe.sections, HOST)
        return train(recipe, rows, tmp_path / "m", resume=True, reporter=Silent()).bundle

    assert list(again(items("sentence")).conditions) == ["form"]
    with pytest.raises(SettingError, match="the data are not those the run began with"):
        again([{**row, "form": "ba"[n % 2]} for n, row in enumerate(items("sentence"))])


def test_a_recipe_says_what_is_wrong_with_its_conditions(tmp_path: Path) -> None:
    recipe = Recipe.of("sentence", HOST)
    for value, said in (("conditions=[form]", "must be a mapping"), ("conditions={a-b: class}", "not 'a-b'"),
                        ("conditions={form:class}", "'form:class' needs a space after the colon: {form: class}"),
                        ("conditions={form: clas}", "no condition 'clas'.*'class'"),
                        ("conditions={form: {kind: class, colum: x}}", "setting 'colum'.*'column'")):  # fmt: skip
        with pytest.raises(GenvaeError, match=said):
            recipe.set([value])
    with pytest.raises(SettingError, match="no condition can be called 'z'"):
        trained("sentence", tmp_path / "m", "conditions={z: {kind: class, column: form}}")
    recipe.set(["conditions={form: class}"])
    assert recipe.sections["conditions"]["form"] == {
        "condition": "class", "column": None, "width": None, "names": {},
        "reaches": ["decoder", "prior", "posterior"], "shared": False,
    }  # fmt: skip


def test_labels_of_pictures_are_drawn_as_often_as_they_were_seen(tmp_path: Path) -> None:
    rows = [{"image": np.full((SIDE, SIDE), 10 * n, np.uint8), "content": "rare" if n % 8 == 0 else "often"}
            for n in range(24)]  # fmt: skip
    trained("image", tmp_path / "m", "labels=true", rows=rows)
    answer: Any = Service(HOST).run("generate", model=str(tmp_path / "m"), n=400)
    assert 0.75 < answer.conditions["label"].count("often") / 400 < 0.98
    asked: Any = Service(HOST).run("generate", model=str(tmp_path / "m"), n=2, conditions={"content": "rare"})
    assert asked.conditions == {"label": ["rare", "rare"]}, "it is asked for by what users call it, too"


def test_the_recipe_of_garments_trains(tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "plugins/genvae_conditional/recipes/fashion.yaml"
    recipe = Recipe.of(str(path), HOST)
    recipe.set(["size=8", "latent_dim=3", "prior.components=2", "max_steps=2"])
    rows = [{"image": row["image"], "content": row["form"]} for row in items("image")]
    train(recipe, rows, tmp_path / "m", resume=False, reporter=Silent())
    answer: Any = Service(HOST).run("generate", model=str(tmp_path / "m"), n=3, conditions={"garment": "b"})
    assert answer.conditions == {"garment": ["b"] * 3} and len(answer.items) == 3
