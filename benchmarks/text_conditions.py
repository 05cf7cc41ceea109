"""Asked for: does a model of sentences say what it is asked to say, as fluently and as variously as people?

    python benchmarks/text_conditions.py --model FOLDER_OR_NAME [--samples 2000] [--prior-scale 1] [--guidance 1 1.5]
        [--only ROW ...]
    python benchmarks/text_conditions.py --model FOLDER_OR_NAME --by-hand FILE [--lines 200]

    as trained   form, negation, tense and subject at once, combinations as often as training lines have them
    evenly       the same, each combination as often as any other
    form ...     one condition alone, its values evenly

Combinations are those of at least 50 training lines. The rules of English say what training lines are and judge what
the model says; what they cannot tell counts against the model. Judges of fluency (an LSTM, a 5-gram model) have read
text/tatoeba/judge.txt alone; perplexity, and the share of different pairs of words, are beside held-out lines of the
same conditions in the same shares. The model is measured with its weights in half precision.

--by-hand writes lines of "as trained" with what the rules find in each, for somebody to say where they err.

Rows land in results/text_conditions.json one by one; a finished one is not measured again.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.text.both.lines import Lines, data_folder, digest
from benchmarks.text.both.models import Model
from benchmarks.text.conditions.asking import LEAST, NAMES, Wishes, said
from benchmarks.text.kept import RESULTS, Kept, table
from genvae.evaluation.lstm import LSTMJudge, LSTMJudgeSettings
from genvae.evaluation.ngram import NGramJudge, SequenceJudge
from genvae.host import default_host
from genvae.progress import Terminal
from genvae_conditional.measures.likeness import fluency, least_various, variety
from genvae_conditional.measures.obedience import Labels, obedience
from genvae_conditional.rules.english import labels
from genvae_sentence.measures.judging import LEAST as KNOWN
from genvae_sentence.measures.judging import ORDER
from genvae_sentence.measures.tokens import tokens

Figures = dict[str, Any]
TRAINED, EVENLY = "as trained", "evenly"
ROWS = (TRAINED, EVENLY, *NAMES)
ASKED = {"form": 0.98, "negation": 0.98, "tense": 0.95, "subject": 0.95}
TOGETHER, FLUENT, VARIOUS = 0.90, 1.3, 0.9


class Bench:
    """One run: the lines, the model and the judges."""

    def __init__(self, model: Model, lines: Lines, seed: int, scale: float) -> None:
        self.model, self.lines, self.seed, self.scale = model, lines, seed, scale

    @cached_property
    def wishes(self) -> Wishes:
        """What training lines are."""
        return Wishes(self.lines.train)

    @cached_property
    def judges(self) -> dict[str, SequenceJudge]:
        """Judges that have read judge.txt alone."""
        read = [tokens(line) for line in self.lines.judge]
        return {
            "lstm": LSTMJudge(read, LSTMJudgeSettings(least=KNOWN), reporter=Terminal()),
            "ngram": NGramJudge(read, ORDER, KNOWN),
        }

    def asked(self, row: str, count: int) -> list[Labels]:
        """The wishes of a row."""
        if row in NAMES:
            return self.wishes.alone(row, count, self.seed)
        return self.wishes.together(count, self.seed, evenly=row == EVENLY)

    def said(self, asked: Sequence[Labels], guidance: float) -> list[str]:
        """A line for each wish."""
        return said(self.model.bundle, asked, self.seed, self.scale, guidance)

    def measured(self, row: str, count: int, guidance: float) -> Figures:
        """The figures of a row."""
        asked = self.asked(row, count)
        made = self.said(asked, guidance)
        judged = obedience(asked, [labels(line) for line in made])
        figures: Figures = {
            "model": self.model.name, "combinations": len(self.wishes.counts), **judged.each,
            "together": judged.together, "uniform": judged.uniform, "untold": judged.undecided,
            "values": judged.values,
        }  # fmt: skip
        names = list(asked[0])
        wanted = [tuple(wish[name] for name in names) for wish in asked]
        held = self.lines.held
        said_of = list(map(labels, held))
        had = [tuple(found[name] for name in names) for found in said_of]
        samples, real = [tokens(line) for line in made], [tokens(line) for line in held]
        found = variety(samples, wanted, real, had)
        poorest = least_various(samples, asked, real, said_of, names)
        if poorest is not None:
            figures |= {"least_various": poorest[0], "least_various_ratio": poorest[1].ratio}
        figures |= {"distinct_2": found.samples, "distinct_2_held": found.real, "distinct_2_ratio": found.ratio}
        for kind, judge in self.judges.items():
            like = fluency(judge, samples, wanted, real, had)
            figures |= {
                f"{kind}_perplexity": like.samples, f"{kind}_perplexity_held": like.real, f"{kind}_ratio": like.ratio,
                "covered": like.covered,
            }  # fmt: skip
        return figures


def by_hand(bench: Bench, count: int, path: Path, guidance: float) -> None:
    """Lines, what the rules find in each, and room for what is wrong with that."""
    made = bench.said(bench.asked(TRAINED, count), guidance)
    with path.open("w", encoding="utf-8", newline="") as file:
        written = csv.writer(file)
        written.writerow(["text", *NAMES, "wrong"])
        written.writerows([line, *(labels(line)[name] for name in NAMES), ""] for line in made)


def shown(rows: dict[str, Figures]) -> str:
    """The table: a column a row, beside what is asked of the first."""
    lines = [[name, f">= {100 * least:.0f} %"] for name, least in ASKED.items()]
    lines += [["all that was asked", f">= {100 * TOGETHER:.0f} %"], ["the rules cannot tell", ""]]
    lines += [["perplexity ratio, LSTM judge", f"<= {FLUENT}"], ["perplexity ratio, 5-gram judge", f"<= {FLUENT}"]]
    lines += [["distinct-2 ratio", f">= {VARIOUS}"]]
    keys = (*ASKED, "together", "untold", "lstm_ratio", "ngram_ratio", "distinct_2_ratio")
    for line, key in zip(lines, keys, strict=True):
        for figures in rows.values():
            value = figures.get(key)
            share = key in (*ASKED, "together", "untold")
            line.append("" if value is None else f"{100 * value:.1f} %" if share else f"{value:.2f}")
    return table(["", "asked", *rows], lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is not there yet and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", metavar="FOLDER_OR_NAME", required=True, help="the model")
    parser.add_argument("--samples", type=int, default=2_000, help="of each row")
    parser.add_argument("--prior-scale", type=float, default=1.0, help="what the prior's noise is multiplied by")
    parser.add_argument("--seed", type=int, default=0, help="of every draw")
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0], help="how much conditions count")
    parser.add_argument("--only", choices=ROWS, nargs="+", default=ROWS, help="some rows alone")
    parser.add_argument("--by-hand", type=Path, metavar="FILE", help="write lines to judge by hand, measure nothing")
    parser.add_argument("--lines", type=int, default=200, help="how many of them")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    chosen = parser.parse_args(arguments)

    import torch

    torch.set_num_threads(chosen.threads)
    lines = Lines.read(data_folder())
    bench = Bench(Model(chosen.model, default_host()), lines, chosen.seed, chosen.prior_scale)
    if chosen.by_hand is not None:
        by_hand(bench, chosen.lines, chosen.by_hand, chosen.guidance[0])
        return
    kept, rows = Kept(RESULTS / "text_conditions.json"), {}
    settings = {
        "model": bench.model.digest, "samples": chosen.samples, "prior_scale": chosen.prior_scale,
        "seed": chosen.seed, "least": LEAST, "held": digest(lines.held), "judge": digest(lines.judge),
    }  # fmt: skip
    for row in chosen.only:
        for guidance in chosen.guidance:
            own = settings if guidance == 1.0 else settings | {"guidance": guidance}
            name = row if own is settings else f"{row}, guidance {guidance:g}"
            rows[name] = kept.find(row, own) or kept.add(row, own, bench.measured(row, chosen.samples, guidance))
    print(shown(rows))


if __name__ == "__main__":
    main()
