"""How fast a sentence VAE trains and decodes, genvae beside a textbook PyTorch loop and pythae, in one invocation.

    python benchmarks/text_speed.py [--only training-small-32] [--contenders NAME ...] [--threads 2]
        [--precision float32] [--quick]

    training   tokens/s = (tokens of a long run - tokens of a short run) / (seconds of the long - seconds of the short),
               whole processes timed from outside, so that starting up cancels; contenders take turns, round by round;
               training ends with an evaluation that decodes, and of that only runs are alike whose models have both
               learned where a sentence ends, so the short run has over a hundred steps;
               tokens are real target words and ends, no padding; memory is the long run's peak
               "genvae, sampled gradient" samples that of the output layer: sampled_gradient = 0.1
    curve      loss of the fast path - loss of the plain float32 path, on the same batches and seeds; so with the
               sampled gradient
    ceiling    FLOPs of a step's matrix products / seconds the machine takes for them; the share that training reaches
    decoding   sentences/s, the same weights and latents on both sides

Finished rows stay in results/text_speed.json and are not measured again.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.text import pythae_side
from benchmarks.text.apart import Ran, apart
from benchmarks.text.kept import RESULTS, Kept, table
from benchmarks.text.ptb import SIZES, head, ptb

Figures = dict[str, Any]

CONTENDERS = ("genvae", "genvae, sampled gradient", "textbook", "textbook, equal lengths", "pythae")
SAMPLED = 0.1  # sampled_gradient of the rows that sample it


@dataclass(frozen=True)
class Row:
    """Something to measure: its settings decide what comes out."""

    name: str
    measure: Callable[..., Figures]
    settings: dict[str, Any]


# -- training ------------------------------------------------------------------------------------


def contenders(settings: Figures, install: bool) -> tuple[dict[str, Callable[[int], Ran]], str]:
    """Who trains: a name, and a run of so many steps in a process of its own; and why somebody is missing."""
    data, threads, batch = settings["data"], settings["threads"], settings["batch"]
    common = {"data": data, "size": SIZES[settings["size"]], "batch": batch, "threads": threads}
    named = {**common, "size": settings["size"], "precision": settings["precision"]}
    python, missing = pythae_side.environment(install)

    def genvae(steps: int) -> Ran:
        return apart("ours", {**named, "steps": steps}, threads=threads)

    def sampling(steps: int) -> Ran:
        chosen = {**named, "sampled_gradient": settings["sampled_gradient"], "steps": steps}
        return apart("ours", chosen, threads=threads)

    def textbook(steps: int) -> Ran:
        return apart("textbook", {**common, "steps": steps, "batching": "random"}, threads=threads)

    def equal(steps: int) -> Ran:
        return apart("textbook", {**common, "steps": steps, "batching": "equal"}, threads=threads)

    def pythae(steps: int) -> Ran:
        return apart("pythae_side", {**common, "steps": steps}, threads=threads, python=python)

    found: dict[str, Callable[[int], Ran]] = {
        name: run for name, run in zip(CONTENDERS, (genvae, sampling, textbook, equal, pythae), strict=True)
        if run is not pythae or python
    }  # fmt: skip
    return found, missing


def speed(short: Ran, long: Ran) -> tuple[float, float]:
    """Tokens per second of the steps by which two runs differ: by the clock, and by the processors' work, which other
    programs disturb less. Raises ValueError where the steps are too few to be told from the noise of starting up."""
    tokens = long.answer["tokens"] - short.answer["tokens"]
    seconds, work = long.seconds - short.seconds, long.work - short.work
    if min(seconds, work) <= 0:
        raise ValueError("the long run took no longer than the short one: too few steps, or too busy a machine")
    return tokens / seconds, tokens / work


def training(settings: Figures) -> Figures:
    """Tokens per second and peak memory of the contenders: genvae, and all others or those that are named."""
    chosen = settings.get("contenders", CONTENDERS)
    runs, missing = contenders(settings, install="pythae" in chosen and settings["size"] != "tiny")
    runs = {name: run for name, run in runs.items() if name in ("genvae", *chosen)}
    if missing and "pythae" in chosen:
        print(f"without pythae: {missing}")
    short, long = settings["steps"]
    for run in runs.values():
        run(1)  # data are prepared and imports compiled from here on: a first start may outlast a long run
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    efforts: dict[str, list[float]] = {name: [] for name in runs}
    found: Figures = {}
    for _ in range(settings["rounds"]):
        for name, run in runs.items():
            less, more = run(short), run(long)
            by_clock, by_work = speed(less, more)
            speeds[name].append(by_clock)
            efforts[name].append(by_work)
            found[name] = {"peak_mb": more.peak, "weights": more.answer["weights"]}
    for name, values in speeds.items():
        found[name] |= {
            "tokens_per_processor_second": median(efforts[name]),
            "tokens_per_second": median(values), "least": min(values), "most": max(values),
            "genvae_times": median(a / b for a, b in zip(speeds["genvae"], values, strict=True)),
        }  # fmt: skip
    return {"contenders": found, "missing": missing}


# -- the rest, each in one process -----------------------------------------------------------------


def curve(settings: Figures) -> Figures:
    """The gaps of the loss curves."""
    names = ("data", "size", "batch", "steps", "window", "precision", "sampled_gradient")
    return _inside("curve", settings, names)


def ceiling(settings: Figures) -> Figures:
    """The machine's products, and where a step's time goes."""
    names = ("data", "size", "batch", "steps", "repeats", "precision", "sampled_gradient")
    return _inside("ceiling", settings, names)


def decoding(settings: Figures) -> Figures:
    """Sentences per second."""
    names = ("data", "size", "steps", "batches", "length", "repeats")
    return _inside("decoding", settings, names)


def _inside(module: str, settings: Figures, names: tuple[str, ...]) -> Figures:
    chosen = {name: settings[name] for name in names}
    ran = apart(module, {**chosen, "count": settings["threads"]}, threads=settings["threads"])
    return {**ran.answer, "peak_mb": ran.peak}


# -- which rows ------------------------------------------------------------------------------------


def rows(data: str, threads: int, precision: str, rounds: int, quick: bool) -> list[Row]:
    """Everything there is to measure; of a toy, in about a minute, when ``quick``."""
    common = {"data": data, "threads": threads, "precision": precision}
    sizes: list[tuple[str, int, tuple[int, int]]] = [
        ("small", 32, (150, 250)), ("small", 64, (100, 160)), ("paper", 32, (100, 130)),
    ]  # fmt: skip
    steps, window, repeats, batches = 2000, 100, 20, [1, 64, 512]
    if quick:
        sizes, rounds, steps, window, repeats, batches = [("tiny", 8, (2, 300))], 1, 12, 4, 3, [1, 16]
    found = []
    for size, batch, lengths in sizes:
        chosen = {**common, "size": size, "batch": batch, "steps": list(lengths), "rounds": rounds,
                  "sampled_gradient": SAMPLED}  # fmt: skip
        found.append(Row(f"training-{size}-{batch}", training, chosen))
    size, batch, _ = sizes[0]
    chosen = {**common, "size": size, "batch": batch, "steps": steps, "window": window, "sampled_gradient": SAMPLED}
    found.append(Row(f"curve-{size}-{batch}", curve, chosen))
    for size, batch, _ in sizes:
        chosen = {**common, "size": size, "batch": batch, "steps": repeats, "repeats": repeats,
                  "sampled_gradient": SAMPLED}  # fmt: skip
        found.append(Row(f"ceiling-{size}-{batch}", ceiling, chosen))
    size, _, _ = sizes[0]
    chosen = {"data": data, "threads": threads, "size": size, "steps": 5 if quick else 400, "batches": batches,
              "length": 30, "repeats": 1 if quick else 5}  # fmt: skip
    found.append(Row(f"decoding-{size}", decoding, chosen))
    return found


# -- what is printed -------------------------------------------------------------------------------


def show_training(row: Figures) -> str:
    """One line a contender."""
    lines = [
        (name, f"{x['tokens_per_second']:,.0f}", f"{x['least']:,.0f} to {x['most']:,.0f}", f"{x['genvae_times']:.2f}",
         f"{x['tokens_per_processor_second']:,.0f}",
         f"{x['peak_mb']:,.0f}", f"{x['weights']:,}")
        for name, x in row["contenders"].items()
    ]  # fmt: skip
    return table(
        (
            "trainer",
            "tokens/s",
            "range",
            "genvae is so many times as fast",
            "tokens per CPU second",
            "peak MB",
            "weights",
        ),
        lines,
    )


def show_curve(row: Figures) -> str:
    """The gaps, and where the curves end."""
    lines = [(name, f"{row[name]['largest']:.5f}", f"{row[name]['mean']:.5f}")
             for name in ("fused - reference", "sampled - reference", "fused - another seed")]  # fmt: skip
    ends = ", ".join(f"{name} {loss:.4f}" for name, loss in row["last"].items())
    return table(("gap of the smoothed loss, nats per token", "largest", "mean"), lines) + f"\nat the end: {ends}"


def show_ceiling(row: Figures) -> str:
    """The share reached, the products, and the operations."""
    batch = row["batch"]
    said = (
        f"{batch['sentences']} sentences of {batch['words']} words, {batch['tokens']} tokens, {row['gflop']:.2f} GFLOP "
        f"a step: {row['ceiling']:.1f} GFLOP/s by the machine, {row['reached']:.1f} reached, {row['share']:.0%}; the "
        f"products alone would make {row['ceiling_tokens_per_second']:,.0f} tokens/s, a step makes "
        f"{row['tokens_per_second']:,.0f}, with the output layer's gradient sampled "
        f"{row['sampled_tokens_per_second']:,.0f}"
    )
    products = [(p["product"], f"{p['share_of_flops']:.1%}", f"{p['gflops']:.1f}") for p in row["products"]]
    kinds, largest = (
        [(name[:60], f"{share:.1%}") for name, share in row["breakdown"][key].items()]
        for key in ("kinds", "operations")
    )
    heads = ("product", "share of FLOPs", "GFLOP/s by the machine")
    tables = [table(heads, products), table(("where a step's time goes", "share"), kinds)]
    return "\n\n".join([said, *tables, table(("the largest operations", "share"), largest)])


def show_decoding(row: Figures) -> str:
    """One line a batch size and way."""
    lines = [
        (str(x["batch"]), x["way"], f"{x['genvae']['median']:,.1f}", f"{x['textbook']['median']:,.1f}",
         f"{x['times']:.2f}", " / ".join(f"{words:.1f}" for words in x["words"]),
         f"{x['alike']:.0%}" if "alike" in x else "")
        for x in row["lines"]
    ]  # fmt: skip
    heads = ("batch", "way", "genvae, sentences/s", "textbook", "times", "words a sentence", "same sentences")
    return table(heads, lines)


SHOW = {"training": show_training, "curve": show_curve, "ceiling": show_ceiling, "decoding": show_decoding}


def main() -> None:
    """Measure what is not there yet, print every row as it comes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", metavar="ROW", help="one row alone")
    parser.add_argument("--threads", type=int, default=2, help="of torch, on both sides")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"), help="of genvae")
    parser.add_argument("--rounds", type=int, default=3, help="turns of the contenders in training")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, metavar="NAME", help="who trains beside genvae")
    parser.add_argument("--quick", action="store_true", help="a toy size in about a minute; figures mean nothing")
    chosen = parser.parse_args()
    data = ptb("train")
    with tempfile.TemporaryDirectory() as folder:
        kept = Kept(RESULTS / "text_speed.json")
        if chosen.quick:
            data = head(data, 500, Path(folder) / "ptb.train.txt")
            kept = Kept(Path(folder) / "text_speed.json")
        found = rows(str(data), chosen.threads, chosen.precision, chosen.rounds, chosen.quick)
        names = [row.name for row in found]
        if chosen.only not in (None, *names):
            parser.error(f"no row {chosen.only!r}; there are: {', '.join(names)}")
        for row in found:
            if chosen.only not in (None, row.name):
                continue
            # where the data lie is no setting of the measurement
            named = {"contenders": chosen.contenders} if chosen.contenders and row.measure is training else {}
            settings = {name: value for name, value in row.settings.items() if name != "data"} | named
            done = kept.find(row.name, settings)
            if done is None:
                try:
                    done = kept.add(row.name, settings, row.measure({**row.settings, **named}))
                except ValueError as error:  # nothing is kept of a measurement that failed
                    print(f"\n{row.name} failed: {error}", flush=True)
                    continue
            print(f"\n{row.name}, {chosen.threads} threads\n\n{SHOW[row.name.partition('-')[0]](done)}", flush=True)


if __name__ == "__main__":
    main()
