"""The benchmark of versions: what it counts, on verses of our own."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.trade import plot
from benchmarks.verses import AXES, PAIR, _mixture, both_ways, copied, curves, short
from genvae_conditional.starters.verses.corpus import Verse

OLD = "And he said unto them, Behold, a stone is in the way of the sea."
NEW = "And he said to them, See, a stone is in the way of the sea."


def verse(chapter: str, old: str = OLD, new: str = NEW) -> Verse:
    return Verse("Book", chapter, "1", {PAIR[0]: old, PAIR[1]: new})


def test_only_short_verses_of_held_out_chapters_are_taken() -> None:
    every = [verse(str(number)) for number in range(200)] + [verse(str(number), OLD * 2) for number in range(200)]
    found = short(every, PAIR)
    assert found and all(v.held_out and v.words(PAIR) <= 20 for v in found)
    assert len(found) == sum(v.held_out for v in every[:200])


def test_copying_and_knowing_the_answer() -> None:
    found = [verse("1")] * 3
    copy = copied(found)
    assert 20 < copy["mean"] < 90
    known = both_ways(found, {PAIR[0]: [NEW] * 3, PAIR[1]: [OLD] * 3})
    assert known["mean"] == pytest.approx(100.0)


def test_the_plot_is_whole() -> None:
    points = [{"dial": d, "judged": 10.0 + 80 * d, "kept": 90.0 - 20 * d, "reference": 0.0} for d in (0.0, 0.5, 1.0)]
    drawn = plot(curves({"weight": points, "strength": points[:2]}), *AXES)
    assert len(ElementTree.fromstring(drawn).findall(".//{*}polyline")) == 2
    assert _mixture(0.3) == "KJV:0.3,WEB:0.7" and _mixture(1.0) == "KJV:1"
