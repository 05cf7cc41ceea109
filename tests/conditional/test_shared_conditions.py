"""Conditions that a group has in common: stated once, the same for every item, and seen by what the group shares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset

from genvae.core.batch import Batch
from genvae.core.conditions import Categorical, Conditions
from genvae.core.corruption.condition_dropout import ConditionDropout
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant
from genvae.data.conditions import PREFIX, Known, agreed, fit
from genvae.data.prepare import prepare
from genvae.errors import DataError, SettingError
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.service import Model, Service
from genvae.store.bundle import Bundle, load
from genvae.training.run import train
from genvae_conditional.kinds.attributes import AttributesSettings
from genvae_conditional.kinds.classes import ClassSettings
from tests.core.toys import elements, toy
from tests.images.split_model import KINDS, SETTINGS, STYLES, rows

HOST = default_host()
WEIGHTS = {1.2: "thin", 2.0: "plain", 3.0: "bold"}
DECLARED = "conditions={weight: {kind: class, shared: true, reaches: [prior]}}"
TOLD = [*SETTINGS, *KINDS["labelled"], DECLARED, "prior={prior: ladder, width: 12, layers: 1}",
        "max_steps=150"]  # fmt: skip


def fonts() -> list[dict[str, Any]]:
    """Every shape in every style, whose weight is stated with one shape alone."""
    made = rows()
    for row in made:
        style = int(row["style"][1:])
        row["weight"] = WEIGHTS[STYLES[style][0]] if row["content"] == "HILT"[style % 4] else None
    return made


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Path]:
    folder = tmp_path_factory.mktemp("shared") / "model"
    recipe = Recipe.of("image", HOST)
    recipe.set(TOLD)
    return train(recipe, fonts(), folder, resume=False, reporter=Silent()).bundle, folder


def test_a_groups_prior_is_told_what_the_group_has_in_common(model: tuple[Bundle, Path]) -> None:
    bundle, folder = model
    assert [block.name for block in bundle.vae.blocks if block.shared] == ["weight", "style"]
    assert load(folder, HOST).vae.conditions["weight"].block.shared, "a saved model knows it, too"
    made = Model(str(folder), Service(HOST))
    ink = {
        weight: float(np.mean([np.asarray(item, dtype=float).mean() for item in made.generate(
            12, seed=1, conditions={"weight": weight}
        )]))
        for weight in WEIGHTS.values()
    }  # fmt: skip
    assert 1.1 * ink["thin"] < ink["plain"] < 0.9 * ink["bold"], ink


def test_what_one_item_states_all_of_its_group_have(model: tuple[Bundle, Path]) -> None:
    bundle = model[0]
    table, _ = bundle.recipe.modality_settings().select(Dataset.from_list(fonts()))
    table = table.add_column(PREFIX + "weight", [row["weight"] or "" for row in fonts()])
    declared = bundle.recipe.condition_settings()
    known = Known(bundle.conditions, agreed(declared, table, prepare(table, bundle.modality)))
    ((_, codes),) = known.of
    wanted = [list(bundle.conditions["weight"].names).index(WEIGHTS[STYLES[int(r["style"][1:])][0]]) for r in fonts()]
    assert codes[:, 0].tolist() == wanted
    # p(c) is that of all items, not of those which state it
    counts = fit(declared, agreed(declared, table, prepare(table, bundle.modality)), np.arange(len(table))).counts
    assert counts is not None and counts.tolist() == [18.0, 18.0, 18.0]


def grouped(values: list[Any], groups: list[int | None] | None, settings: Any) -> list[Any]:
    plain = {"item": list(range(len(values)))}
    examples = Dataset.from_dict(plain if groups is None else plain | {"group": groups})
    table = agreed({"weight": settings}, Dataset.from_dict(plain | {PREFIX + "weight": values}), examples)
    return list(table[PREFIX + "weight"][:])


def test_flags_are_stated_each_by_itself_and_items_without_a_group_have_their_own() -> None:
    one = ClassSettings(shared=True)
    assert grouped(["", "a", "", "b", ""], [7, 7, None, None, 8], one) == ["a", "a", "", "b", ""]
    flags = AttributesSettings(flags=("wide", "old"), shared=True)
    assert grouped([["1", ""], ["", "0"], ["", ""]], [1, 1, 2], flags) == [["1", "0"], ["1", "0"], ["", ""]]
    assert grouped(["a", "b"], None, ClassSettings()) == ["a", "b"], "others are each item's own"


@pytest.mark.parametrize(("groups", "kind", "said"), [
    ([3, 4, 3], DataError, "items 1 and 3, which are of one, have 'bold' and 'thin': give them one value"),
    (None, SettingError, "these items form none: the modality's settings say what groups them"),
])  # fmt: skip
def test_what_a_group_cannot_share_is_one_line(groups: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        grouped(["bold", "bold", "thin"], groups, ClassSettings(shared=True))


def test_a_group_loses_it_as_one() -> None:
    model = toy()
    weight, own = Categorical("weight", ["thin", "bold"]), Categorical("own", ["a", "b"])
    model.conditions = Conditions([ClassSettings(shared=True).declared(weight), own])
    model.blocks, model.observed = (*model.conditions.blocks, *model.blocks), ("weight", "own")
    dropped = ConditionDropout(rate=Constant(value=0.5)).build(model)
    plain = elements(60)
    batch = Batch(
        views=plain.views, items=plain.items, cost=plain.cost, group=torch.arange(60) // 6,
        conditions={name: torch.eye(2)[torch.zeros(60, dtype=torch.int64)] for name in ("weight", "own")},
    )  # fmt: skip
    found = dropped(batch, 0, Stream(1, "it")).conditions
    left = {name: rows.any(1).reshape(10, 6).sum(1).tolist() for name, rows in found.items()}
    assert set(left["weight"]) == {0, 6}, "a group has it, or none of its items do"
    assert set(left["own"]) - {0, 6}, "an item's own is lost by itself"
