"""How fast a VAE of pictures trains beside pythae's trainer: the same networks, batch and loss, on a CPU, in one run.

    python -m benchmarks.image_speed [--only mlp-100] [--threads 2] [--rounds 3] [--quick]

    images/s   (images of a long run - images of a short run) / (seconds of the long - seconds of the short), whole
               processes timed from outside, so that starting up cancels; the two take turns, round by round
    networks   pythae's own for MNIST: fully connected (784-512-16-512-784), and its convolutional one (17 million
               weights); on our side the same layers (benchmarks/image/networks.py), trained by genvae's own call

pythae is installed into an environment of its own. Finished rows stay in results/image_speed.json.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.text import pythae_side
from benchmarks.text.apart import Ran, apart
from benchmarks.text.kept import RESULTS, Kept, table

ROWS = {"mlp-100": ("mlp", 100, (200, 2200)), "mlp-64": ("mlp", 64, (200, 2200)), "conv-64": ("conv", 64, (3, 23))}
QUICK = {"mlp-16": ("mlp", 16, (2, 60))}


def measure(kind: str, batch: int, steps: tuple[int, int], threads: int, rounds: int, data: str) -> dict[str, Any]:
    """Images per second of both, and how many times as fast ours is."""
    python, missing = pythae_side.environment()
    common = {"data": data, "kind": kind, "batch": batch, "threads": threads}

    def genvae(count: int) -> Ran:
        return apart("benchmarks.image.speed_ours", {**common, "steps": count}, threads=threads)

    def pythae(count: int) -> Ran:
        return apart("benchmarks.image.speed_pythae", {**common, "steps": count}, threads=threads, python=python)

    runs = {"genvae": genvae} | ({"pythae": pythae} if python else {})
    genvae(1)  # the prepared pictures are in the cache from here on
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    efforts: dict[str, list[float]] = {name: [] for name in runs}
    found: dict[str, Any] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            less, more = (run(count) for count in steps)
            images = more.answer["images"] - less.answer["images"]
            if more.seconds <= less.seconds:
                raise ValueError("the long run took no longer than the short one: too busy a machine")
            speeds[name].append(images / (more.seconds - less.seconds))
            efforts[name].append(images / max(more.work - less.work, 1e-9))
            found[name] = {"peak_mb": more.peak, "weights": more.answer["weights"]}
    for name, values in speeds.items():
        found[name] |= {
            "images_per_second": median(values), "least": min(values), "most": max(values),
            "images_per_processor_second": median(efforts[name]),
            "genvae_times": median(a / b for a, b in zip(speeds["genvae"], values, strict=True)),
        }  # fmt: skip
    return {"contenders": found, "missing": missing}


def shown(row: dict[str, Any]) -> str:
    """One line a contender."""
    lines = [
        (name, f"{x['images_per_second']:,.0f}", f"{x['least']:,.0f} to {x['most']:,.0f}", f"{x['genvae_times']:.2f}",
         f"{x['images_per_processor_second']:,.0f}", f"{x['peak_mb']:,.0f}", f"{x['weights']:,}")
        for name, x in row["contenders"].items()
    ]  # fmt: skip
    heads = ("trainer", "images/s", "range", "genvae is so many times as fast", "images per CPU second", "peak MB",
             "weights")  # fmt: skip
    return table(heads, lines) + (f"\nwithout pythae: {row['missing']}" if row["missing"] else "")


def main() -> None:
    """Measure what is not there yet, print every row as it comes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", metavar="ROW", help="one row alone")
    parser.add_argument("--threads", type=int, default=2, help="of torch, on both sides")
    parser.add_argument("--rounds", type=int, default=3, help="turns of the contenders")
    parser.add_argument("--quick", action="store_true", help="a toy in a minute; figures mean nothing and are not kept")
    chosen = parser.parse_args()
    from benchmarks.image.place import pictures_of

    with tempfile.TemporaryDirectory() as folder:
        kept = Kept((Path(folder) if chosen.quick else RESULTS) / "image_speed.json")
        rows = QUICK if chosen.quick else ROWS
        if chosen.only not in (None, *rows):
            parser.error(f"no row {chosen.only!r}; there are: {', '.join(rows)}")
        for name, (kind, batch, steps) in rows.items():
            if chosen.only not in (None, name):
                continue
            settings = {"kind": kind, "batch": batch, "steps": list(steps), "threads": chosen.threads,
                        "rounds": 1 if chosen.quick else chosen.rounds}  # fmt: skip
            done = kept.find(name, settings)
            if done is None:
                made = measure(
                    kind, batch, steps, chosen.threads, settings["rounds"], str(pictures_of("mnist", "train"))
                )
                done = kept.add(name, settings, made)
            print(f"\n{name}, {chosen.threads} threads\n\n{shown(done)}", flush=True)


if __name__ == "__main__":
    main()
