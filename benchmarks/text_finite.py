"""Does training stay finite? Twenty recipes drawn from everything that is registered, twenty passes each.

    python benchmarks/text_finite.py [--recipes 20] [--epochs 20] [--lines 1000] [--threads 2] [--quick]
    python benchmarks/text_finite.py --show        the rows that have landed so far

Lines of the Penn Treebank, networks of 16 or 64 units, other settings at random; training as `genvae train` has it. A
recipe is drawn again where its parts refuse each other in one line. What is looked at: that a run goes to its end, and
that the weights and all figures on the way are finite. Rows land in results/text_finite.json one by one.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.text.drawn import DRAWN, Drawing
from benchmarks.text.kept import RESULTS, Kept, table
from benchmarks.text.ptb import head, ptb

Figures = dict[str, Any]


def drawing(number: int, epochs: int, lines: int) -> Drawing:
    """Draws the recipe of a number."""
    from genvae.host import default_host

    steps = max(1, lines // 32)  # a pass
    training = {"batch_size": 32, "epochs": epochs, "warmup_steps": 0, "evaluate_every": steps, "patience": 0,
                "validation": 0.05}  # fmt: skip
    modality = {"modality": "sentence", "tokenizer": ["word", "char", "bpe"][number % 3], "max_length": 200}
    return Drawing(
        default_host(), number, modality=modality, training=training, sizes=(16, 64), ramp=5 * steps, first=2 * steps
    )


def trained(sections: Figures, data: Path, folder: Path) -> Figures:
    """What became of a run: its steps, its first and last validation, and what was not finite."""
    from genvae.host import default_host
    from genvae.progress import Silent
    from genvae.recipe import Recipe
    from genvae.training.run import train

    began = time.perf_counter()
    outcome = train(Recipe(sections, default_host()), data, folder, resume=False, reporter=Silent(), device="cpu")
    weights = outcome.bundle.vae.state_dict()
    strange = sorted(name for name, value in weights.items() if not value.isfinite().all())
    records = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    seen = [record for record in records if record["kind"] == "validation"]
    for record in records:
        strange += [f"{name} at step {record['step']}" for name, value in record.items() if not _finite(value)]
    loss = [record.get("elbo", record.get("loss")) for record in (seen[0], seen[-1])]
    return {
        "steps": outcome.state.step, "validations": len(seen), "first": loss[0], "last": loss[1], "not_finite": strange,
        "seconds": time.perf_counter() - began,
    }  # fmt: skip


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def run(recipes: int, epochs: int, lines: int, kept: Kept) -> list[Figures]:
    """So many recipes, each drawn, trained and looked at."""
    from genvae.errors import LacksCapability, SettingError

    done: list[Figures] = []
    number = 0
    with tempfile.TemporaryDirectory() as name:
        data = head(ptb("train"), lines, Path(name) / "lines.txt")
        while len(done) < recipes:
            number += 1
            sections = drawing(number, epochs, lines).recipe()
            row, settings = f"recipe {number}", {"recipe": sections, "lines": lines}
            found = kept.find(row, settings)
            if found is None:
                try:
                    figures = trained(sections, data, Path(name) / str(number))
                except (SettingError, LacksCapability) as refused:
                    print(f"{row} is refused: {refused}", flush=True)
                    continue
                except Exception as error:  # what ends a run is what is looked for
                    figures = {"failed": f"{type(error).__name__}: {error}"}
                found = kept.add(row, settings, figures)
            done.append(found)
            print(line(found), flush=True)
    return done


def line(found: Figures) -> str:
    """A row in a line."""
    what = ", ".join(str(found["settings"]["recipe"][kind][kind]) for kind in DRAWN)
    if "failed" in found:
        return f"{found['row']} ({what}) failed: {found['failed']}"
    wrong = f"; not finite: {', '.join(found['not_finite'])}" if found["not_finite"] else ""
    return f"{found['row']} ({what}): {found['steps']} steps, {found['first']:.1f} to {found['last']:.1f}{wrong}"


def shown(rows: list[Figures]) -> str:
    """The table, and how many were finite."""
    lines = []
    for found in rows:
        recipe = found["settings"]["recipe"]
        training = recipe["training"]
        lines.append((
            found["row"].removeprefix("recipe "), *(recipe[kind][kind] for kind in DRAWN),
            ", ".join(each["corruption"] for each in recipe["corruptions"]),
            f"{training['optimizer']}, {training['learning_rate']}, {training['precision']}",
            found.get("failed") or f"{found['first']:.1f} to {found['last']:.1f}", str(found.get("steps", "")),
        ))  # fmt: skip
    fine = sum("failed" not in found and not found["not_finite"] for found in rows)
    heads = ("recipe", *DRAWN, "corruptions", "optimizer", "ELBO or loss", "steps")
    return f"{table(heads, lines)}\n\n{fine} of {len(rows)} finite"


def main() -> None:
    """Train what is not there yet; print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipes", type=int, default=20, help="that are trained")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the lines")
    parser.add_argument("--lines", type=int, default=1000, help="of the training file, from its beginning")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--quick", action="store_true", help="two recipes, two passes, 60 lines; nothing is kept")
    parser.add_argument("--show", action="store_true", help="print the table, train nothing")
    chosen = parser.parse_args()
    kept = Kept(RESULTS / "text_finite.json")
    if chosen.show:
        print(shown(kept.rows()))
        return

    import torch

    torch.set_num_threads(chosen.threads)
    with tempfile.TemporaryDirectory() as folder:
        if chosen.quick:
            rows = run(2, 2, 60, Kept(Path(folder) / "text_finite.json"))
        else:
            rows = run(chosen.recipes, chosen.epochs, chosen.lines, kept)
    print(f"\n{shown(rows)}")
    if any("failed" in found or found["not_finite"] for found in rows):
        sys.exit("not every run was finite")


if __name__ == "__main__":
    main()
