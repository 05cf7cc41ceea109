"""MNIST under dynamic binarisation: importance-weighted likelihood of the test part, nats per picture.

    python -m benchmarks.image_likelihood [--models runs/image] [--device auto] [--only ROW]
                                          [--seconds 400] [--samples 500 --pictures 1000]

    trained by  the recipes mnist-mlp, mnist-mlp-learned-prior, mnist-ladder and mnist-ladder-flat: on a GPU by the
                clock, --seconds a job (benchmarks/image/mnist_job.py), on a CPU as genvae train does, and a training
                that was stopped goes on; what lies in the folder of models already is not trained again
    test        the 10,000 test pictures, each pixel drawn as 0 or 1 once, by a fixed seed
                (benchmarks/image/bounding.py): the same binary set for every row
    NLL         on a GPU by 5,000 samples a picture where the time sufficed. Where it did not, all pictures by fewer
                samples, less what more samples gained on those that were reached: "estimated", with its standard error.
                On a CPU by --samples of --pictures, drawn by a fixed seed

Finished rows stay in results/image_likelihood.json.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from benchmarks.image.made import command, jobs, named_device, trained, training_of
from benchmarks.image.place import pictures_of
from benchmarks.text.kept import RESULTS, Kept, table

WEIGHTED = "objective={objective: importance-weighted, samples: 8}"
ROWS: dict[str, tuple[str, str, tuple[str, ...], float]] = {  # row -> job, recipe, changes, asked of its class
    "mlp": ("mlp", "mnist-mlp", (), 84.6), "mlp, importance weighted": ("mlp", "mnist-mlp", (WEIGHTED,), 84.6),
    "mlp, learned prior": ("mlp", "mnist-mlp-learned-prior", (), 84.6),
    "ladder": ("ladder", "mnist-ladder", (), 80.0), "ladder, flat": ("ladderflat", "mnist-ladder-flat", (), 84.6),
}  # fmt: skip
HERE = ", here"  # of rows that a CPU trained and measured


def kept_row(folder: Path, name: str) -> dict[str, Any]:
    """What the training kept of a row."""
    job = ROWS[name][0]
    found = json.loads((folder / f"{job}.json").read_text(encoding="utf-8"))
    trained = {key: value for key, value in found[name].items() if key != "curve"}
    return {**found[f"{name}, bound"], "trained": trained, "trained_on": found["device"]}


def measured(folder: Path, samples: int, pictures: int) -> dict[str, Any]:
    """The bound of a saved model, by the processor."""
    import numpy as np
    import torch

    from benchmarks.image.arrays import parts
    from benchmarks.image.bounding import binary, likelihood, order
    from genvae.host import default_host
    from genvae.store.bundle import load

    model = load(folder, default_host()).vae
    planes = torch.from_numpy(np.array(parts("mnist")[1].images))[:, None]
    values = binary(planes)[order(len(planes), planes.device)[:pictures]]
    began = time.time()
    found = likelihood(model, values, samples=samples, at_once=min(pictures, 500), until=float("inf"))
    trained_here = {**training_of(folder), "weights": sum(p.numel() for p in model.parameters())}
    return {**found, "seconds": round(time.time() - began, 1), "trained": trained_here, "trained_on": "cpu"}


def shown(rows: list[dict[str, Any]]) -> str:
    """One line a row."""
    lines = []
    for row in rows:
        value = row.get("nll", row["nll_estimated"])
        asked = ROWS[row["row"].removesuffix(HERE)][3]
        how = f"{row['samples']:,} samples"
        if "nll" not in row:
            how = f"{row['few']:,} samples: {row['nll_few']:.2f}; {how} on {row['reached']:,}: estimated"
        lines.append((
            row["row"], f"{value:.2f} ± {row['error']:.2f}", how, f"{row['pictures']:,}", f"{row['elbo']:.2f}",
            f"at most {asked}" + ("" if value <= asked else " (missed)"),
        ))  # fmt: skip
    return table(("model", "NLL", "by", "pictures", "negative ELBO", "asked"), lines)


def main() -> None:
    """Train and measure what is not there yet, print the table."""
    parser = command(__doc__ or "", ROWS)
    parser.add_argument("--seconds", type=float, default=400.0, help="of each job on a GPU")
    parser.add_argument("--samples", type=int, default=500, help="on a CPU")
    parser.add_argument("--pictures", type=int, default=1000, help="on a CPU")
    chosen = parser.parse_args()
    device = named_device(chosen.device)
    kept, rows = Kept(RESULTS / "image_likelihood.json"), []
    for name, (job, recipe, changes, _) in ROWS.items():
        if chosen.only not in (None, name):
            continue
        if device == "cuda":
            figures = kept_row(jobs([job], chosen.models, device, chosen.seconds), name)
            settings = {"steps": figures["trained"]["steps"], "samples": figures["samples"]}
            rows.append(kept.find(name, settings) or kept.add(name, settings, figures))
        else:
            folder = chosen.models / name.replace(", ", "-").replace(" ", "-")
            trained(recipe, pictures_of("mnist", "train"), folder, changes=changes, device=device)
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            settings = {"model": manifest, "samples": chosen.samples, "pictures": chosen.pictures}
            done = kept.find(name + HERE, settings)
            rows.append(done or kept.add(name + HERE, settings, measured(folder, chosen.samples, chosen.pictures)))
        print(f"\n{shown(rows)}", flush=True)


if __name__ == "__main__":
    main()
