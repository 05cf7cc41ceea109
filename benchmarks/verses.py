"""Versions of the Bible as styles: King James to Basic English and back, and versions mixed by weights.

    python -m benchmarks.verses [--only ROW] [--model verses] [--beam 16] [--length-penalty 0.6] [--returning 0.5]
    python -m benchmarks.verses --show           the rows that have landed

    copy       the verse as it is, against what the other version says: what any rewriting is to be measured by
    unaligned  trained on lines of which only the version is known: pairs of lines that say the same are found by what
               they say (``text/verses/found.py``), and the recipe rewriter learns from these as if they were known
    aligned    trained on verses that are known to be the same, from where the unaligned one ended: in parts, and last
               on short ones as they are
    words      word by word, by dictionaries of two halves: lines of one version are of other chapters than those of the
               other, so no pair exists, and words are matched by what stands around them (``text/verses/words.py``)
    apart      trained on these halves: each line has to be said from what dictionaries make of it, and then from what
               the rewriter that learned so makes of it
    curve      --model, WEB rewritten towards KJV: by the weights of a mixture of both, and by the strength; how many
               verses an independent judge takes for KJV (logistic regression on tf-idf of 1 to 3 words), BLEU against
               what went in and against KJV itself; the plot is results/verses.svg

Test verses are of held-out chapters (one in ten, by a hash of its name), with up to 20 words in both versions; BLEU is
sacrebleu's on raw text (13a). How beams are ranked was chosen on other chapters, which no rewriter learns from. What
is trained stays in runs/verses-benchmark and goes on where it was stopped. BBE is part of no model that ships.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.text.kept import RESULTS, ROOT, Kept, table
from benchmarks.text.verses import pairs
from benchmarks.trade import Point, plot
from genvae_conditional.starters.verses.corpus import Verse, verses
from genvae_conditional.starters.verses.corpus import table as written

PAIR = ("KJV", "BBE")
TESTED = 20  # most words of a verse that is measured on
CHOOSING = 50  # one training chapter in so many is not trained on: settings of decoding are chosen by it
RECIPE = ROOT / "plugins/genvae_conditional/recipes/rewriter.yaml"
ALWAYS = "{corruption: siblings, rate: 1.0, read_only: version}"  # another's line is read, and no made one is said
NOISE = (
    "{corruption: symbol-masking, rate: 0.1}, {corruption: deletion, rate: 0.05}, {corruption: shuffle, distance: 1}"
)
#: what a rewriter goes on from, if from any, and how its training differs from the recipe's
TRAINED: Mapping[str, tuple[str | None, Sequence[str]]] = {
    "unaligned": (None, ()),
    "in-parts": ("unaligned", ("epochs=6", "max_steps=6000", "learning_rate=2e-3", f"corruptions=[{ALWAYS}]")),
    "aligned": ("in-parts", ("epochs=8", "max_steps=1500", "learning_rate=1.5e-3", f"corruptions=[{ALWAYS}]")),
    "by-words": (None, ("max_steps=1500", f"corruptions=[{ALWAYS}, {NOISE}]")),
    "apart": ("by-words", ("epochs=3", "learning_rate=2e-3", f"corruptions=[{ALWAYS}]")),
}
SOURCE, TOWARDS = "WEB", "KJV"  # of the curve: both may train what ships
AXES = f"verses that the judge takes for {TOWARDS}", f"BLEU against the {SOURCE} that went in"
WEIGHTS = (0.0, 0.15, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0)
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
TOGETHER, SYMBOLS = 64, 48  # lines that are searched at once; most symbols of a rewriting
ROWS = ("copy", "aligned", "unaligned", "words", "apart", "curve")
Figures = dict[str, Any]


def short(found: Sequence[Verse], versions: Sequence[str]) -> list[Verse]:
    """Held-out verses that are short in all of the versions."""
    return [v for v in found if v.held_out and all(map(v.said.get, versions)) and v.words(versions) <= TESTED]


def bleu(outputs: Sequence[str], references: Sequence[str]) -> float:
    from genvae_conditional.measures.content import bleu as scored

    return scored(outputs, [references], split=True)


def both_ways(found: Sequence[Verse], rewritten: Mapping[str, Sequence[str]]) -> Figures:
    """BLEU of what became of the verses of each version, against the other."""
    a, b = PAIR
    there = bleu(rewritten[a], [verse.said[b] for verse in found])
    back = bleu(rewritten[b], [verse.said[a] for verse in found])
    return {"verses": len(found), f"{a} to {b}": there, f"{b} to {a}": back, "mean": (there + back) / 2}


def copied(found: Sequence[Verse]) -> Figures:
    return both_ways(found, {version: [verse.said[version] for verse in found] for version in PAIR})


def word_by_word(found: Sequence[Verse]) -> Figures:
    """What dictionaries of the halves make of the verses."""
    books = pairs.dictionaries(*pairs.halves(learnt(found), PAIR))
    test = short(found, PAIR)
    made = {
        own: [pairs.reworded(verse.said[own], book) for verse in test] for own, book in zip(PAIR, books, strict=True)
    }
    return both_ways(test, made)


# -- models ----------------------------------------------------------------------------------------


def learnt(found: Sequence[Verse]) -> list[Verse]:
    """What is trained on: neither held out nor kept for choosing."""
    whole = [verse for verse in found if all(map(verse.said.get, PAIR))]
    return [verse for verse in whole if not verse.held_out and not verse.one_in(CHOOSING, "choosing")]


def lines_of(kind: str, found: Sequence[Verse], before: str | None) -> tuple[list[Verse], Figures]:
    """What a rewriter learns from, and what is known of it."""
    verses = learnt(found)
    if kind == "apart":
        assert before is not None
        return pairs.by_model(verses, PAIR, lambda lines, own, other: rewritten(before, lines, own, other, beam=1))
    make = {"unaligned": pairs.matched, "in-parts": pairs.known, "aligned": pairs.whole, "by-words": pairs.by_words}
    return make[kind](verses, PAIR)


def trained(kind: str, found: Sequence[Verse], work: Path) -> Path:
    """The model's folder; a run that was stopped goes on. What is known of its pairs stays beside it."""
    from genvae.host import default_host
    from genvae.progress import Terminal
    from genvae.recipe import Recipe
    from genvae.training.run import train
    from genvae.training.start import Start

    folder, file, host = work / kind, work / f"{kind}.csv", default_host()
    if (folder / "model.safetensors").is_file():
        return folder
    before, changed = TRAINED[kind]
    name = None if before is None else str(trained(before, found, work))
    if not file.is_file():
        work.mkdir(parents=True, exist_ok=True)
        lines, figures = lines_of(kind, found, name)
        (work / f"{kind}.json").write_text(json.dumps(figures), encoding="utf-8")
        written(file, lines, (*PAIR, ""))
    resume = (folder / "run").is_dir()
    start = Start.asked(name, folder, host, resume=resume)
    if start is None:
        recipe = Recipe.of(str(RECIPE), host)
        recipe.set(changed)
    else:
        recipe = start.recipe(str(RECIPE), changed)
    train(recipe, file, folder, resume=resume, start=start, reporter=Terminal(), device="cpu")
    return folder


def rewritten(model: str, lines: Sequence[str], own: str, wanted: str, **how: float) -> list[str]:
    """Every line under another version, or a mixture of versions; lines of about a length together, for a search goes
    on until the last has ended."""
    from genvae.service import Service

    service, made = Service(), [""] * len(lines)
    order = sorted(range(len(lines)), key=lambda row: len(lines[row]))
    for first in range(0, len(lines), TOGETHER):
        rows = order[first : first + TOGETHER]
        answer: Any = service.run(
            "rewrite", model=model, items=[lines[row] for row in rows], conditions={"version": wanted},
            own={"version": own}, max_length=SYMBOLS, **how,
        )  # fmt: skip
        for row, line in zip(rows, answer.items, strict=True):
            made[row] = str(line)
    return made


def measured(kind: str, found: Sequence[Verse], work: Path, how: Mapping[str, float]) -> Figures:
    """Rewritings are kept beside the model, a line each: none is made twice."""
    folder, test, ways = str(trained(kind, found, work)), short(found, PAIR), {}
    for own, wanted in (PAIR, PAIR[::-1]):
        place = work / f"{kind}-from-{own}-{'-'.join(f'{name}={value:g}' for name, value in how.items())}.txt"
        if not place.is_file():
            made = rewritten(folder, [verse.said[own] for verse in test], own, wanted, **how)
            place.write_text("\n".join(made) + "\n", encoding="utf-8")
        ways[own] = place.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    figures = work / f"{kind}.json"
    return {**both_ways(test, ways), "learnt": json.loads(figures.read_text(encoding="utf-8"))}


# -- the trade-off ---------------------------------------------------------------------------------


def traded(model: str, found: Sequence[Verse], beam: int) -> Figures:
    """Share of the judge, BLEU against the source and against the version that is asked for, for each dial."""
    from benchmarks.text.rewriting.judges import linear
    from benchmarks.text.rewriting.lines import Labelled

    both = (SOURCE, TOWARDS)
    learned = [verse for verse in found if not verse.held_out and all(map(verse.said.get, both))]
    judge = linear(Labelled([verse.said[v] for v in both for verse in learned], _labels(len(learned))))
    test = short(found, both)
    sources, references = ([verse.said[version] for verse in test] for version in both)
    asked = {
        "weight": [(weight, _mixture(weight), 1.0) for weight in WEIGHTS],
        "strength": [(strength, TOWARDS, strength) for strength in STRENGTHS],
    }
    rows: Figures = {
        "verses": len(test),
        "judge": 100.0 * float((judge([*sources, *references]) == _labels(len(test))).mean()),
        "copy": {"reference": bleu(sources, references), "judged": 100.0 * float(judge(sources).mean())},
    }
    for dial, points in asked.items():
        rows[dial] = []
        for value, wanted, strength in points:
            outputs = rewritten(model, sources, SOURCE, wanted, strength=strength, beam=beam)
            rows[dial].append({
                "dial": value, "judged": 100.0 * float(judge(outputs).mean()), "kept": bleu(outputs, sources),
                "reference": bleu(outputs, references),
            })  # fmt: skip
    return rows


def _labels(count: int) -> list[int]:
    return [0] * count + [1] * count


def _mixture(weight: float) -> str:
    parts = {TOWARDS: weight, SOURCE: 1.0 - weight}
    return ",".join(f"{version}:{share:g}" for version, share in parts.items() if share > 0)


def curves(row: Figures) -> dict[str, list[Point]]:
    names = {"weight": f"weight of {TOWARDS} in a mixture with {SOURCE}", "strength": "strength"}
    return {
        name: [(point["dial"], point["judged"], point["kept"]) for point in row[dial]] for dial, name in names.items()
    }


# -- the command -----------------------------------------------------------------------------------


def shown(kept: Kept) -> str:
    """The rows that have landed, as tables."""
    lines, heads = [], ("KJV to BBE", "BBE to KJV", "mean")
    for row in kept.rows():
        if row["row"] != "curve":
            lines.append((row["row"], *(f"{row[head]:.1f}" for head in heads)))
    said = [table(("", *heads), lines)]
    for row in kept.rows():
        if row["row"] == "curve":
            said += [
                table(
                    (dial, f"judged {TOWARDS}", f"BLEU, {SOURCE}", f"BLEU, {TOWARDS}"),
                    [[f"{p['dial']:g}", *(f"{p[key]:.1f}" for key in ("judged", "kept", "reference"))]
                     for p in row[dial]],
                )
                for dial in ("weight", "strength")
            ]  # fmt: skip
    return "\n\n".join(said)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is not there yet and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GENVAE_DATA") or ROOT.parent / "shared/data"))
    parser.add_argument("--work", type=Path, default=Path("runs/verses-benchmark"), help="where models stay")
    parser.add_argument("--only", choices=ROWS, help="one row alone")
    parser.add_argument("--model", default="verses", help="of the curve")
    parser.add_argument("--beam", type=int, default=16)
    parser.add_argument("--length-penalty", type=float, default=0.6, help="of rewriters, and what follows, too")
    parser.add_argument("--returning", type=float, default=0.5, help="weight of what comes back")
    parser.add_argument("--show", action="store_true", help="print what is kept, measure nothing")
    chosen = parser.parse_args(arguments)
    kept = Kept(RESULTS / "verses.json")
    found = [] if chosen.show else verses(chosen.data)
    how = {"beam": chosen.beam, "length_penalty": chosen.length_penalty, "returning": chosen.returning}
    measures: dict[str, Callable[[], Figures]] = {
        "copy": lambda: copied(short(found, PAIR)),
        "words": lambda: word_by_word(found),
        **{kind: partial(measured, kind, found, chosen.work, how) for kind in ("aligned", "unaligned", "apart")},
        "curve": lambda: traded(chosen.model, found, chosen.beam),
    }
    for name in () if chosen.show else ROWS:
        own = {"copy": {}, "words": {}, "curve": {"beam": chosen.beam}}.get(name, how)
        settings = {"tested": TESTED, **own}
        if chosen.only in (None, name) and kept.find(name, settings) is None:
            kept.add(name, settings, measures[name]())
            if name == "curve":
                row = kept.find(name, settings)
                assert row is not None
                (RESULTS / "verses.svg").write_text(plot(curves(row), *AXES), encoding="utf-8")
    print(shown(kept))


if __name__ == "__main__":
    main()
