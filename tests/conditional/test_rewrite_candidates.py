"""Rewriting by candidates: on a small language in which one word tells the mood, so that what is right is known."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from genvae.core.symbols import Symbols
from genvae.errors import GenvaeError
from genvae.service import Service
from genvae_conditional.rewriting.editing import blanked, way
from genvae_conditional.rewriting.requests import Rewritten

WHAT = ("the soup", "the room", "my hat", "this old song")
VERBS = ("was", "is", "seems")
HOW = ("", "really ", "so ")
MOODS = {"glad": ("good", "lovely", "warm"), "sad": ("bad", "awful", "cold")}


def rows() -> list[dict[str, str]]:
    """Every sentence of the language and its mood."""
    return [
        {"text": f"{what} {verb} {how}{word} .", "mood": mood}
        for mood, words in MOODS.items()
        for what, verb, how, word in itertools.product(WHAT, VERBS, HOW, words)
    ]


@pytest.fixture(scope="module")
def moody(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a model of that language, trained to fill in blanks and to tell the moods."""
    from genvae.host import default_host
    from genvae.progress import Silent
    from genvae.recipe import Recipe
    from genvae.training.run import train

    folder = tmp_path_factory.mktemp("moody") / "model"
    recipe = Recipe.of("sentence", default_host())
    recipe.set([
        "architecture=lstm-aligned", "conditions={mood: {kind: class, reaches: [decoder]}}", "tokenizer=word",
        "places=8", "place_dim=8", "embedding_dim=12", "hidden_dim=24", "reading_dim=12", "dropout=0.0",
        "corruptions=[{corruption: blanks}]",
        "objective={objective: elbo, beta: 0.0, terms: [{term: telling, label: mood}]}",
        "max_steps=80", "evaluate_every=80", "batch_size=32", "learning_rate=0.03", "validation=0.1",
    ])  # fmt: skip
    train(recipe, rows(), folder, resume=False, reporter=Silent())
    return str(folder)


def rewritten(model: str, lines: list[str], **more: object) -> Rewritten:
    asked = {"conditions": {"mood": "sad"}, "own": {"mood": "glad"}, "candidates": 24, "strength": 3.0, **more}
    found = Service().run("rewrite", model=model, items=lines, **asked)
    assert isinstance(found, Rewritten)
    return found


def test_what_tells_the_mood_is_changed_and_nothing_else(moody: str) -> None:
    lines = [row["text"] for row in rows() if row["mood"] == "glad"][::5]
    found = rewritten(moody, lines)
    assert found.items == rewritten(moody, lines).items and found.originals == lines
    right = 0
    for before, after in zip(lines, found.items, strict=True):
        kept = before.split()[:-2]
        said = after.split()
        right += said[:-2] == kept and said[-2] in MOODS["sad"]
    assert right >= 0.9 * len(lines), found.lines()


def test_without_strength_or_at_a_high_price_an_item_stays(moody: str) -> None:
    lines = ["the soup was really good .", "my hat is warm ."]
    assert rewritten(moody, lines, strength=0.0).items == lines
    assert rewritten(moody, lines, closeness=50.0).items == lines
    assert rewritten(moody, lines, own={"mood": "sad"}).items == lines, "it is what is asked for"


def test_what_the_item_is_need_not_be_said(moody: str) -> None:
    found = rewritten(moody, ["the soup was lovely ."], own={})
    assert found.own == {"mood": ["glad"]} and found.items[0].split()[-2] in MOODS["sad"]


def test_blanks_are_where_something_tells() -> None:
    line, tells = (10, 11, 12, 13), (0.0, 5.0, 0.1, -3.0)
    units = [0.5] * 4 + [0.9] + [0.99] * 2  # each tells as much as it does, nine tenths are asked for, none beside it
    assert blanked(line, tells, iter([*units, 0.5])) == (10, Symbols.MASK, 12, 13)
    assert blanked(line, tells, iter([*units, 0.1])) == (10, 12, 13), "a run may be shorter"
    assert blanked(line, tells, iter([*units, 0.9])) == (10, Symbols.MASK, Symbols.MASK, 12, 13), "or longer"
    assert blanked((10,), (1.0,), iter([0.5, 0.5, 0.1])) == (Symbols.MASK,), "a line is never left without a symbol"
    assert blanked(line, (-1.0, -2.0, -3.0, -4.0), iter([0.5] * 5 + [0.99] + [0.5])) == (Symbols.MASK, 11, 12, 13)


@pytest.mark.parametrize(
    ("after", "nats"),
    [
        ((1, 2, 3), 0.0),
        ((1, 9, 3), 2.0 + 0.5),  # one replaced
        ((1, 3), 2.0 + 0.5),  # one taken out
        ((1, 2, 9, 3), 2.0),  # one put in: the language pays for it
        ((1, 9), 2.0 + 0.5 + 2.0 + 0.25),
    ],
)
def test_the_way_costs_changes_and_what_is_lost(after: tuple[int, ...], nats: float) -> None:
    assert way((1, 2, 3), after, (4.0, 0.5, 0.25), 2.0) == pytest.approx(nats)


def test_a_model_that_never_saw_blanks(told_model: Path) -> None:
    with pytest.raises(GenvaeError, match="was not trained to fill in blanks"):
        Service().run(
            "rewrite", model=str(told_model), items=["Come in!"], conditions={"form": "question"}, candidates=4
        )
