"""Rewriting reviews from one sentiment into the other, on the 1,000 Yelp lines that have four references each.

    python -m benchmarks.rewriting [--strength 24 60] [--closeness 6] [--candidates 20] [--rounds 3] [--held]
    python -m benchmarks.rewriting --show        the rows that have landed so far

    trained by  the recipe yelp of the conditional plugin, on text/yelp without the 1,000 lines and without 1,000 more
                (--held rewrites those instead: what was tuned was tuned on them, and they have no references)
    accuracy    by a logistic regression on tf-idf of 1 to 3 words, trained on the same text; "second" by a
                convolutional network, which nothing was tuned on (text/rewriting/judges.py)
    self-BLEU   against the inputs, BLEU against the four references, both of words as they are split in the files
    GM          the geometric mean of accuracy and BLEU (of accuracy and self-BLEU with --held)
    perplexity  per word under a 5-gram model of the same text

Each strength is a row in results/rewriting.json, beside what copying scores. The model and its rewritings stay in
runs/rewriting: the reviews may be measured on, and nothing of them is kept.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from benchmarks.text.kept import RESULTS, ROOT, Kept, table
from benchmarks.text.rewriting import judges
from benchmarks.text.rewriting.lines import NAMES, Labelled, corpus, held, read, transfer
from benchmarks.text.rewriting.lines import table as written

RECIPE = ROOT / "plugins/genvae_conditional/recipes/yelp.yaml"
TUNED = ("closeness", "candidates", "rounds", "temperature")
TOGETHER = 100  # lines of one request
Figures = dict[str, Any]


class Scorer:
    """All judges, and what they say of lines that were to become the opposite."""

    def __init__(self, found: Labelled, inputs: Labelled, references: list[list[str]]) -> None:
        self.inputs, self.references = inputs, references
        self.accuracy, self.second = judges.linear(found), judges.convolutional(found)
        self.perplexity = judges.fluency(found)

    def right(self, tested: Labelled) -> Figures:
        """How often the classifiers are right of lines as they are, in percent."""
        return {
            name: 100.0 * float((judge(tested.lines) == tested.labels).mean())
            for name, judge in (("linear", self.accuracy), ("convolutional", self.second))
        }

    def __call__(self, outputs: list[str]) -> Figures:
        from genvae_conditional.measures.content import geometric_mean, rewriting

        wanted = [1 - label for label in self.inputs.labels]
        accuracy, second = (100.0 * float((judge(outputs) == wanted).mean()) for judge in (self.accuracy, self.second))
        figures = rewriting(self.inputs.lines, outputs, accuracy, self.references)
        kept = figures.get("reference_bleu", figures["self_bleu"])
        return {
            **figures, "second": second, "second_geometric_mean": geometric_mean(second, kept),
            "perplexity": self.perplexity(outputs),
            "same": 100.0 * sum(x == y for x, y in zip(self.inputs.lines, outputs, strict=True)) / len(outputs),
        }  # fmt: skip


def trained(data: Path, folder: Path) -> Path:
    """The model's folder; a run that was stopped goes on."""
    from genvae.host import default_host
    from genvae.progress import Terminal
    from genvae.recipe import Recipe
    from genvae.training.run import train

    if not (folder / "model.safetensors").is_file():
        recipe = Recipe.of(str(RECIPE), default_host())
        train(recipe, data, folder, resume=(folder / "run").is_dir(), reporter=Terminal(), device="cpu")
    return folder


def rewritten(folder: Path, inputs: Labelled, settings: Figures, place: Path) -> list[str]:
    """Every line under the other sentiment. They are written as they come: what a file has is not made again."""
    import genvae

    model = genvae.load(folder)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    for first in range(len(read(place)), len(inputs.lines), TOGETHER):
        some = slice(first, first + TOGETHER)
        label, *others = set(inputs.labels[some])
        assert not others, "lines that are rewritten together are of one kind"
        made = model.rewrite(
            inputs.lines[some], conditions={"sentiment": NAMES[1 - label]}, own={"sentiment": NAMES[label]}, **settings
        )
        with place.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in made)
    return read(place)


def shown(rows: list[Figures]) -> str:
    """The table."""
    names = ("accuracy", "self_bleu", "reference_bleu", "geometric_mean", "second", "perplexity", "same")
    lines = []
    for row in rows:
        settings = row["settings"]
        asked = [f"{settings.get(name, '')}" for name in ("lines", "strength", *TUNED)]
        lines.append((row["row"], *asked, *(f"{row[name]:.1f}" if name in row else "" for name in names)))
    judged = ("accuracy", "self-BLEU", "BLEU", "GM", "second", "perplexity", "unchanged %")
    return table(("row", "lines", "strength", *TUNED, *judged), lines)


def asked() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--strength", type=float, nargs="+", default=[24.0], help="a row each")
    parser.add_argument("--closeness", type=float, default=6.0)
    parser.add_argument("--candidates", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--temperature", type=float, default=0.7, help="of the symbols of candidates")
    parser.add_argument("--held", action="store_true", help="the lines to tune on in place of the benchmark's")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GENVAE_DATA", "data")) / "text/yelp")
    parser.add_argument("--work", type=Path, default=Path("runs/rewriting"), help="where the run lies")
    parser.add_argument("--kept", type=Path, default=RESULTS / "rewriting.json", help="where rows are kept")
    parser.add_argument("--note", default="", help="what is to be said of the rows")
    parser.add_argument("--show", action="store_true", help="print the table, measure nothing")
    return parser.parse_args()


def main() -> None:
    """Train, rewrite, score."""
    chosen = asked()
    kept = Kept(chosen.kept)
    if chosen.show:
        print(shown(kept.rows()))
        return

    import torch

    torch.set_num_threads(1)
    lines = transfer(chosen.data)
    never = set(lines.inputs.lines)
    tuned = held(chosen.data, never)
    found = corpus(chosen.data, never | set(tuned.lines))
    folder = trained(written(found, chosen.work / "reviews.csv"), chosen.work / "model")
    inputs, references = (tuned, []) if chosen.held else (lines.inputs, lines.references)
    which = "held" if chosen.held else "transfer"
    made: list[tuple[Figures, list[str]]] = []
    for strength in chosen.strength:
        settings = {"strength": strength, **{n: getattr(chosen, n) for n in TUNED}}
        place = chosen.work / f"{which}-{'-'.join(f'{value:g}' for value in settings.values())}.txt"
        made.append(({**settings, "lines": which}, rewritten(folder, inputs, settings, place)))
    scorer = Scorer(found, inputs, references)
    if kept.find("copy", {"lines": which}) is None:
        kept.add("copy", {"lines": which}, {**scorer(inputs.lines), "judges_right_of_held": scorer.right(tuned)})
    for settings, outputs in made:
        if kept.find("model", settings) is None:
            kept.add("model", settings, {**scorer(outputs), **({"note": chosen.note} if chosen.note else {})})
    print(shown(kept.rows()))


if __name__ == "__main__":
    main()
