"""Which column is the text, and which items are kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as unhurried
from hypothesis import strategies as st

from genvae.data.read import read
from genvae.errors import DataError, GenvaeError
from genvae.host import default_host

HOST = default_host()


def select(rows: Any, **settings: Any) -> tuple[list[str], str]:
    made = HOST.make("modality", {"modality": "sentence", **settings})
    data, note = made.select(read(rows, HOST))
    assert data.column_names == ["text"]
    return list(data["text"]), note


def test_the_text_column() -> None:
    assert select(["one"])[0] == ["one"]
    assert select([{"text": "one", "other": "two"}])[0] == ["one"]
    assert select([{"review": "one", "stars": 5}])[0] == ["one"]  # the only one of text
    assert select([{"text": "one", "other": "two"}], text_column="other")[0] == ["two"]


@pytest.mark.parametrize(
    ("rows", "settings", "said"),
    [
        ([{"a": "x", "b": "y"}], {}, "which column is the text. Set text_column to one of: a, b"),
        ([{"a": 1, "b": 2}], {}, "Set text_column to one of: a, b"),
        ([{"a": "x", "b": "y"}], {"text_column": "c"}, "there is no column 'c'; the columns are: a, b$"),
        ([{"a": "x", "b": 2}], {"text_column": "b"}, "row 1 of the text column is int, not text"),
        (["", "  ", "x" * 300], {}, "none of the 3 items is one line of 1 to 200 characters"),
    ],
)
def test_columns_and_items_that_do_not_serve(rows: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        select(rows, **settings)


def test_lengths_and_lines() -> None:
    rows = ["  four  ", "fives", "abc", "sixsix", "", None, "ab\ncd", "ab\u2028cd"]
    kept, note = select([{"text": row} for row in rows], min_length=4, max_length=5)
    assert kept == ["four", "fives"]
    assert note == "6 of 8 items left out: not one line of 4 to 5 characters"
    assert select(["fine"])[1] == ""


@unhurried(deadline=None, max_examples=30)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=8), st.sampled_from(["bpe", "word", "char"]))
def test_what_is_kept_is_what_a_model_reads(rows: list[str], tokenizer: str) -> None:
    """Training and the user's door agree on what an item is."""
    made = HOST.make("modality", {"modality": "sentence", "tokenizer": tokenizer, "max_length": 8, "vocab_size": 300})
    rows = ["seed", *(row.encode("utf-8", "replace").decode() for row in rows)]
    kept = list(made.select(read(rows, HOST))[0]["text"])
    modality = made.fit(made.select(read(rows, HOST))[0])
    read_alone = []
    for row in rows:
        try:
            read_alone.append(modality.example(row)["text"])
        except GenvaeError:
            continue
    assert kept == read_alone
