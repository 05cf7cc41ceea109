"""Words and marks: what the measures of samples count."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator

_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def normal(text: str) -> str:
    """The text in Unicode's form NFC, which is what every tokenizer here reads and says.

    Canonically equivalent strings are the same text (Unicode Standard Annex 15), so they must compare equal.
    """
    return unicodedata.normalize("NFC", text)


def tokens(text: str) -> list[str]:
    """Words and marks."""
    return _TOKEN.findall(normal(text))


def portions(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    """The lines, ``size`` at a time."""
    rest = iter(lines)
    while part := list(itertools.islice(rest, size)):
        yield part
