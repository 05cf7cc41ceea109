"""Probes read what is there and nothing else, from items that they were not trained on."""

from __future__ import annotations

import numpy as np
import pytest

from genvae.errors import LacksCapability
from genvae.evaluation.probes import CLASSES, held_out, labelled, probe


def keys(count: int) -> list[bytes]:
    return [f"item {number}".encode() for number in range(count)]


def test_an_item_keeps_its_side_whatever_is_beside_it() -> None:
    every = held_out(keys(3_000))
    assert 0.27 < every.mean() < 0.33
    assert (held_out(keys(3_000)[100:200]) == every[100:200]).all()
    assert held_out([b"twice", b"twice"]).tolist() in ([True, True], [False, False])
    assert not held_out(keys(50), 0.0).any() and held_out(keys(50), 1.0).all()


def test_a_linear_code_is_read_and_noise_is_not() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 1_500)
    centres = 5 * np.eye(4)
    told = probe(centres[labels] + generator.normal(size=(1_500, 4)), labels.tolist(), keys(1_500))
    # two centres are 5 sqrt(2) apart, a mistake is beyond half of that: at most 3 of N(0, 1) > 3.5
    assert told.accuracy > 0.99 and told.classes == 4 and told.trained + told.tested == 1_500
    noise = probe(generator.normal(size=(1_500, 4)), labels.tolist(), keys(1_500))
    assert abs(noise.accuracy - 0.25) < 0.08
    assert told.majority == noise.majority < 0.35


def test_accuracy_is_that_of_the_best_rule_where_classes_overlap() -> None:
    """Two normal distributions 2 apart: the best rule errs with probability Phi(-1)."""
    from scipy.stats import norm

    generator = np.random.default_rng(1)
    labels = generator.integers(0, 2, 20_000)
    found = probe(generator.normal(size=(20_000, 1)) + 2 * labels[:, None], labels.tolist(), keys(20_000))
    assert found.accuracy == pytest.approx(norm.cdf(1), abs=3 * (0.16 * 0.84 / found.tested) ** 0.5)


def test_the_majority_is_what_no_code_is_worth() -> None:
    labels = ["a"] * 80 + ["b"] * 20
    test = held_out(keys(100))
    found = probe(np.zeros((100, 2)), labels, keys(100))
    assert found.majority == found.accuracy == pytest.approx(np.mean([x == "a" for x in np.array(labels)[test]]))


def test_an_answer_that_was_learnt_by_heart_is_worth_nothing() -> None:
    """Codes that name the item, and nothing about its label: as many dimensions as items."""
    labels = np.random.default_rng(2).integers(0, 2, 200)
    found = probe(np.eye(200), labels.tolist(), keys(200))
    assert abs(found.accuracy - 0.5) < 0.25


def test_rare_and_unknown_values_are_left_out() -> None:
    labels = ["a"] * 10 + ["rare"] * 4 + [None] * 6 + ["b"] * 5
    assert labelled(labels).tolist() == [True] * 10 + [False] * 10 + [True] * 5
    many = [number % (CLASSES + 20) for number in range(6 * (CLASSES + 20))]
    assert len({value for value, kept in zip(many, labelled(many), strict=True) if kept}) == CLASSES


def test_one_value_alone_cannot_be_probed() -> None:
    with pytest.raises(LacksCapability, match="at least two values with 5 items or more"):
        probe(np.zeros((30, 2)), ["a"] * 30, keys(30))
    with pytest.raises(LacksCapability, match="of 30 items 0 have one"):
        probe(np.zeros((30, 2)), list(range(30)), keys(30))
