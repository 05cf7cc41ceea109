"""The measure ``obeyed`` on a tiny model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from genvae.core.decoding.options import Decoding
from genvae.core.randomness import Stream
from genvae.evaluation.evaluation import Evaluation
from genvae.service import Service
from genvae_conditional.measures.obeyed import asked_of, obeyed
from genvae_conditional.rules.english import labels
from tests.conditional.conftest import NAMES, labelled_rows
from tests.conditional.english_lines import LINES
from tests.evaluation.asked import evaluation

REAL = [line for line, _ in LINES]


def asked(folder: Path, **more: object) -> Evaluation:
    return evaluation(folder, REAL, generated=600, judge=REAL, options=Decoding(max_length=8), **more)


def test_what_was_asked_is_what_the_samples_were_drawn_from(told_model: Path) -> None:
    made = asked(told_model)
    wanted = asked_of(made, list(NAMES))
    assert len(wanted) == 600 and len(made.drawn) == 600
    model = made.model
    for number in (0, 5, 511, 512, 599):
        rows = model.sample_prior(torch.tensor([number]), Stream(made.seed, "samples"))
        assert {name: model.conditions[name].said(rows[name][0]) for name in NAMES} == wanted[number]
    assert {each["form"] for each in wanted} >= {"statement", "question", "command"}


def test_figures_are_those_of_the_samples(told_model: Path) -> None:
    made = asked(told_model)
    figures = obeyed(made)
    wanted, found = asked_of(made, list(NAMES)), [labels(line) for line in made.drawn]
    share = np.mean([a["form"] == b["form"] for a, b in zip(wanted, found, strict=True)])
    assert figures["obeyed_form"] == pytest.approx(share)
    both = np.mean([all(a[name] == b[name] for name in NAMES) for a, b in zip(wanted, found, strict=True)])
    assert figures["obeyed_all"] == pytest.approx(both)
    assert figures["conditions_perplexity_ratio"] > 1 and 0 < figures["conditions_covered"] <= 1
    assert 0 < figures["least_various_distinct_2_ratio"] < figures["conditions_distinct_2_ratio"] * 1.5
    name, _, value = figures["least_various"].partition("=")
    assert sum(each[name] == value for each in wanted) >= 20


def test_the_operation_gives_it_and_other_models_have_none(told_model: Path, tiny_model: Path) -> None:
    few = {"generated": 30, "samples": 1, "max_length": 8}
    told = Service().run("evaluate", model=str(told_model), data=labelled_rows(), **few).to_config()
    assert {"obeyed_form", "obeyed_negation", "obeyed_all", "obeyed_uniform"} <= set(told)
    plain = Service().run("evaluate", model=str(tiny_model), data=REAL, **few).to_config()
    assert not [name for name in plain if name.startswith(("obeyed", "conditions"))]
    assert "obeyed" not in plain.get("left_out", {})
