"""Every kind of condition: from a table's values to rows, names and nats, and back from what is saved."""

from __future__ import annotations

import math
from typing import Any

import pytest

from genvae.core.conditions import Condition, unknown
from genvae.errors import DataError, SettingError
from genvae.host import default_host
from genvae.testing import condition_contract

#: of every kind: a recipe's entry, values as a table has them, what is asked for and how it is said
KINDS: dict[str, list[tuple[dict[str, Any], list[Any], list[tuple[Any, str]]]]] = {
    "class": [
        ({}, ["b", "", "a", "10", "9", "a"], [("a", "a"), ("10", "10"), (9, "9"), ("a:1,b:1", "a:0.5,b:0.5")]),
        ({"width": 3}, ["b", "", "a"], [("b", "b")]),
        ({"names": {9: "boot", 8: "bag", 7: "boat"}}, ["8", "", "a", "9", "boot"],
         [("boot", "boot"), ("boot:1,a:1", "boot:0.5,a:0.5")]),
    ],
    "attributes": [
        ({"flags": ["hat", "tie"]}, [["1", "0"], ["false", "yes"], ["", "1"], ["", ""]],
         [("hat", "hat"), ("tie,hat", "hat,tie"), ("none", "none"), ({"tie": True}, "tie"), (["hat"], "hat")]),
        ({}, ["hat, tie", "", "hat", "none"], [("hat,tie", "hat,tie")]),
    ],
    "number": [
        ({"bins": 3}, ["1", "2", "", "3", "4.5", "9"],
         [("2", "1-2"), (2.9, "1-2"), (3, "3"), ("4.5-9", "4.5-9"), (9, "4.5-9")]),
        ({"bins": 0}, ["1", "2", "", "3", "4.5", "9"], [("2", "2"), (4.25, "4.25")]),
    ],
    "text": [({"length": 8, "width": 5}, ["tea", "", "a café"], [("café", "café")])],
}  # fmt: skip
CASES = [(kind, number) for kind, cases in KINDS.items() for number in range(len(cases))]
HOST = default_host()


def made(kind: str, number: int) -> Condition:
    entry, values, _ = KINDS[kind][number]
    found: Condition = HOST.make("condition", {"condition": kind, **entry}).fit("it", values)
    return found


def test_every_kind_is_tested() -> None:
    assert {part.id for part in HOST.parts("condition")} == set(KINDS)


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_every_kind_keeps_the_contract(kind: str, number: int) -> None:
    entry, values, asked = KINDS[kind][number]
    condition = condition_contract(HOST.make("condition", {"condition": kind, **entry}), values)
    nothing = [not any(value) for value in values]
    assert unknown(condition.rows(condition.codes(values))).tolist() == nothing, "an empty cell alone is unknown"
    for value, said in asked:
        row = condition.ask(value)
        assert row.shape == condition.block.shape and condition.said(row) == said
    assert condition.kind == kind == condition.declared()["kind"]


WRONG = [
    ("class", {}, ["", ""], "no item has a value"),
    ("class", {}, ["a", "", "a"], "every item has 'a'; at least two"),
    ("class", {}, [str(n) for n in range(10_001)], "10,001 values; at most 10,000"),
    ("number", {}, ["1", "two"], "'two' of item 2 is not a number"),
    ("number", {}, ["1", "1.0"], "every item has 1; at least two"),
    ("number", {}, [""], "no item has a value"),
    ("attributes", {"flags": ["x"]}, [["1"], ["1"]], "every item has the same"),
    ("attributes", {"flags": ["x"]}, [[""], ["?"]], "no item has a value \\(1 or 0\\)"),
    ("attributes", {}, ["", ""], "no item has a value"),
    ("text", {}, ["", ""], "no item has a value"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_values_of_which_no_condition_can_be_made(number: int) -> None:
    kind, entry, values, said = WRONG[number]
    with pytest.raises(DataError, match=f"condition 'it'.*{said}"):
        HOST.make("condition", {"condition": kind, **entry}).fit("it", values)


ASKED = [
    ("class", 0, "c", "no value of this model; known: 10, 9"),
    ("class", 2, "boots", "no value of this model; did you mean 'boot'"),
    ("number", 0, "ten", "must be a number"),
    ("number", 0, 12, "not between 1 and 9"),
    ("number", 1, "nan", "finite"),
    ("attributes", 0, "hta", "has no 'hta'; did you mean 'hat'"),
    ("attributes", 0, 3, "names with commas"),
    ("text", 0, "much too long", "13 bytes; at most 8"),
    ("text", 0, " ", "must be a text"),
]


@pytest.mark.parametrize("number", range(len(ASKED)))
def test_what_is_no_value_is_one_line(number: int) -> None:
    kind, case, value, said = ASKED[number]
    with pytest.raises(SettingError, match=said) as caught:
        made(kind, case).ask(value)
    assert "\n" not in str(caught.value)


def test_values_of_a_column_by_their_names() -> None:
    """In the order in which they are listed; one that no item has is no value."""
    named = made("class", 2)
    assert list(named.values()) == ["boot", "bag", "a"]
    assert named.codes(["9", "boot", "8", "a", "7", ""]).nan_to_num(nan=-1)[:, 0].tolist() == [0, 0, 1, 2, -1, -1]
    with pytest.raises(SettingError, match="the value '9' is called nothing"):
        HOST.make("condition", {"condition": "class", "names": {9: None}})


def test_a_network_that_there_is_not() -> None:
    with pytest.raises(SettingError, match="reaches 'decodr': did you mean 'decoder'"):
        HOST.make("condition", {"condition": "class", "reaches": ["decodr"]}).fit("it", ["a", "b"])


def test_bins_hold_about_as_many_items_each() -> None:
    numbers = [str(number) for number in range(100)]
    binned = HOST.make("condition", {"condition": "number", "bins": 4}).fit("it", numbers)
    assert list(binned.values()) == ["0-24", "25-49", "50-74", "75-99"]
    assert binned.log_shares.tolist() == pytest.approx([-math.log(4)] * 4)
    few = HOST.make("condition", {"condition": "number", "bins": 8}).fit("it", ["1"] * 9 + ["2"])
    assert list(few.values()) == ["1", "2"], "no bin is empty"
