"""How often what was asked for is what a judge finds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: what an item was asked to be, or is judged to be: name of a condition -> value, '' for what is not known
Labels = Mapping[str, str]


@dataclass(frozen=True)
class Obedience:
    """Shares of items, from 0 to 1. ``each`` is of single conditions, ``values`` of their values; ``together`` of items
    with all that was asked of them, and ``uniform`` the same as a mean over the combinations that were asked for.

    What a judge cannot tell counts as not obeyed; ``undecided`` is how often that is, of all that was asked.
    """

    each: dict[str, float]
    values: dict[str, dict[str, float]]
    together: float
    uniform: float
    undecided: float
    count: int


def obedience(asked: Sequence[Labels], found: Sequence[Labels]) -> Obedience:
    """How often ``found`` is what was ``asked``, item by item; of items that nothing was asked of, nothing is counted.
    Raises ValueError where nothing at all was asked."""
    hits: dict[str, Counter[str]] = defaultdict(Counter)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    whole: dict[tuple[tuple[str, str], ...], list[bool]] = defaultdict(list)
    undecided = total = 0
    for wanted, got in zip(asked, found, strict=True):
        wishes = tuple((name, value) for name, value in sorted(wanted.items()) if value)
        if not wishes:
            continue
        for name, value in wishes:
            counts[name][value] += 1
            hits[name][value] += got.get(name, "") == value
            undecided += not got.get(name, "")
            total += 1
        whole[wishes].append(all(got.get(name, "") == value for name, value in wishes))
    if not total:
        raise ValueError("nothing was asked of any item")
    judged = [hit for rows in whole.values() for hit in rows]
    return Obedience(
        each={name: hits[name].total() / counts[name].total() for name in counts},
        values={name: {v: hits[name][v] / n for v, n in sorted(counts[name].items())} for name in counts},
        together=sum(judged) / len(judged),
        uniform=sum(sum(rows) / len(rows) for rows in whole.values()) / len(whole),
        undecided=undecided / total,
        count=len(judged),
    )


def combinations(labels: Sequence[Labels], names: Sequence[str], least: int = 1) -> dict[tuple[str, ...], int]:
    """The combinations of values that at least ``least`` items have, and how many do; items of which one is not known
    do not count. In the order of their values."""
    seen = Counter(key for each in labels if all(key := tuple(each.get(name, "") for name in names)))
    return {key: count for key, count in sorted(seen.items()) if count >= least}
