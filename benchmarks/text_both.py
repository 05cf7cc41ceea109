"""Both at once, on Tatoeba: does one model say again what it read and say new things fluently?

    python benchmarks/text_both.py --model FOLDER_OR_NAME [--plain FOLDER_OR_NAME] [--also FOLDER ...] [--train FILE]
        [--only ROW] [--samples 5000] [--reverse 40000] [--judges lstm ngram] [--seed 0]
    python benchmarks/text_both.py --model FOLDER_OR_NAME ... --show       the rows of these settings that have landed
    python benchmarks/text_both.py --quick                                 every row on a toy, in half a minute

    reconstruction   held-out raw lines, greedily from the posterior mean; rate and distortion in nats a sentence
    samples          at temperature 1 and prior scale 1
    tuned            the same at the setting of a grid that one half of the held-out lines chose, on the other half
    five-gram        samples of a 5-gram model of the training lines
    standard-normal  the same model, its latents from N(mean, scale) of the aggregate posterior; and from N(0, I)
    plain            another model (--plain), reconstruction and samples
    rates            every model (--model, --also) in the trade-off, and the plot of it

The judges learn from text/tatoeba/judge.txt alone; perplexity is per word and mark, ends counted; a ratio is that of
samples over that of the held-out lines. Copies are looked for in --train, the lines that the model was trained on
(default: the raw training lines). Reverse perplexity: judges that learned --reverse samples over judges that learned
as many raw training lines, both on held-out lines. The model is measured with its weights in half precision.

Rows land in results/text_both.json one by one; a finished one is not measured again. Samples are kept in --work.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.text.both.judges import KINDS, Judges
from benchmarks.text.both.lines import Lines, data_folder
from benchmarks.text.both.models import Model
from benchmarks.text.both.rows import NEEDS_MODEL, ROWS, Bench
from benchmarks.text.both.shown import both, plot, rates
from benchmarks.text.kept import RESULTS, Kept
from genvae.data.prepare import CACHE
from genvae.errors import GenvaeError
from genvae.evaluation.lstm import LSTMJudgeSettings
from genvae.host import default_host
from genvae.progress import Terminal

Figures = dict[str, Any]


def run(bench: Bench, models: dict[str, list[Model]], only: str | None, picture: Path) -> list[str]:
    """Measure what is not there yet, print the tables; the names of rows that failed. ``models`` are those of
    "model", "plain" and "also"."""
    measures = {
        "reconstruction": bench.reconstruction, "samples": bench.prior_samples, "tuned": bench.tuned,
        "standard-normal": bench.standard_normal, "plain": bench.plain,
    }  # fmt: skip
    found: dict[str, Figures] = {}
    failed = []
    for name in ROWS:
        if only not in (None, name):
            continue
        try:
            if name == "five-gram":
                found[name] = bench.five_gram()
            elif name == "rates":
                trade_off(bench, [*models["model"], *models["also"]], picture)
            else:
                for model in models["plain" if name == "plain" else "model"]:
                    found[name] = measures[name](model)
        except GenvaeError as error:
            failed.append(name)
            print(f"{name} failed: {error}", file=sys.stderr)
    if any(found.values()):
        print(f"\n{both(found)}\n\n{bench.about()}", flush=True)
    return failed


def trade_off(bench: Bench, models: Sequence[Model], picture: Path) -> None:
    """The table and the plot of rates."""
    landed = [row for row in map(bench.rates, models) if row]
    if landed:
        kind = bench.judges.first
        print(f"\n{rates(landed, kind)}", flush=True)
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_text(plot(landed, kind), encoding="utf-8")
        print(f"\n{picture}", flush=True)


def asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", metavar="FOLDER_OR_NAME", help="the model")
    parser.add_argument("--plain", metavar="FOLDER_OR_NAME", help="the best plain VAE, to stand beside it")
    parser.add_argument("--also", nargs="+", default=[], metavar="FOLDER_OR_NAME", help="other rates, for the plot")
    parser.add_argument("--only", choices=ROWS, help="one row alone")
    parser.add_argument("--samples", type=int, default=5_000, help="shown to the judges")
    parser.add_argument("--reverse", type=int, default=40_000, help="samples that judges of reverse perplexity learn")
    parser.add_argument("--rated", type=int, default=5_000, help="lines that rate and distortion are measured on")
    parser.add_argument("--judges", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--train", type=Path, metavar="FILE", help="lines the model was trained on (default: the raw)")
    parser.add_argument("--seed", type=int, default=0, help="of every draw")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--work", type=Path, default=Path("runs/text_both"), help="where samples are kept")
    parser.add_argument("--quick", action="store_true", help="every row on a toy; figures mean nothing, none is kept")
    parser.add_argument("--show", action="store_true", help="print what is kept, measure nothing")
    chosen = parser.parse_args(arguments)
    if not chosen.model and not chosen.quick and chosen.only in (None, *NEEDS_MODEL):
        parser.error(f"--model is missing: the rows {', '.join(NEEDS_MODEL)} are of a model")
    if chosen.only == "plain" and not chosen.plain and not chosen.quick:
        parser.error("--plain is missing: the row is of that model")
    if min(chosen.samples, chosen.reverse, chosen.rated) < 1:
        parser.error("--samples, --reverse and --rated are at least 1")
    return chosen


def prepared(chosen: argparse.Namespace, lines: Lines, kept: Kept) -> Bench:
    """The benchmark of a command line."""
    reporter = Terminal()
    judges = Judges(lines, [k for k in KINDS if k in chosen.judges], chosen.seed, LSTMJudgeSettings(), reporter)
    return Bench(
        lines, judges, kept, chosen.work, chosen.samples, chosen.reverse, chosen.rated, chosen.seed,
        say=reporter.say, measure=not chosen.show,
    )  # fmt: skip


def toy(folder: Path, kept: Kept) -> tuple[Bench, dict[str, list[Model]]]:
    """The benchmark of a world of our own that is made, and whose models are trained, in a folder."""
    from benchmarks.text.both import toy as world

    lines = Lines.read(world.data(folder / "data"), held=world.HELD)
    ours, plain = (Model(str(path), default_host()) for path in world.models(folder / "models", lines.train))
    judges = Judges(lines, KINDS, 0, LSTMJudgeSettings(width=16, epochs=3, learning_rate=0.02), Terminal())
    bench = Bench(
        lines, judges, kept, folder / "samples", samples=80, reverse=120, rated=40, grid=((1.0, 0.7), (1.0, 0.1)),
        say=Terminal().say,
    )  # fmt: skip
    return bench, {"model": [ours], "plain": [plain], "also": [plain]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is not there yet and print the tables."""
    chosen = asked(arguments)

    import torch

    torch.set_num_threads(chosen.threads)
    try:
        if chosen.quick:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                os.environ[CACHE] = str(folder / "cache")  # nothing of a toy is worth keeping
                bench, models = toy(folder, Kept(folder / "text_both.json"))
                failed = run(bench, models, chosen.only, folder / "text_both.svg")
        else:
            lines = Lines.read(data_folder(), chosen.train)
            host = default_host()
            names = {
                "model": [chosen.model] if chosen.model else [], "plain": [chosen.plain] if chosen.plain else [],
                "also": chosen.also,
            }  # fmt: skip
            models = {part: [Model(name, host) for name in listed] for part, listed in names.items()}
            bench = prepared(chosen, lines, Kept(RESULTS / "text_both.json"))
            failed = run(bench, models, chosen.only, RESULTS / "text_both.svg")
    except GenvaeError as error:
        sys.exit(str(error))
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
