"""MNIST under dynamic binarisation: importance-weighted likelihood of the test part, nats per picture.

    python -m benchmarks.image_likelihood [--models runs/image] [--device auto] [--seconds 400]
                                          [--samples 500 --pictures 1000]

    trained by  the recipes mnist-mlp, mnist-mlp-learned-prior, mnist-ladder and mnist-ladder-flat, by the clock
                (benchmarks/image/mnist_job.py); what lies in the folder of models already is not trained again
    test        the 10,000 test pictures, each pixel drawn as 0 or 1 once, by a fixed seed
                (benchmarks/image/bounding.py): the same binary set for every row
    NLL         by 5,000 samples a picture where the time sufficed. Where it did not, all pictures by fewer samples,
                less what more samples gained on those that were reached: "estimated", with its standard error

The bounds are worked out where the models were trained, and kept beside them. With --samples and --pictures the saved
models (half precision) are measured anew here, on so many pictures of the test part, which a CPU can do.
Finished rows stay in results/image_likelihood.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.image.made import jobs, named_device
from benchmarks.text.kept import RESULTS, Kept, table

ROWS = {  # row -> the job that makes it, and what was asked of its class
    "mlp": ("mlp", 84.6), "mlp, importance weighted": ("mlp", 84.6), "mlp, learned prior": ("mlp", 84.6),
    "ladder": ("ladder", 80.0), "ladder, flat": ("ladderflat", 84.6),
}  # fmt: skip


def kept_row(folder: Path, name: str) -> dict[str, Any]:
    """What the training kept of a row."""
    job = ROWS[name][0]
    found = json.loads((folder / f"{job}.json").read_text(encoding="utf-8"))
    trained = {key: value for key, value in found[name].items() if key != "curve"}
    return {**found[f"{name}, bound"], "trained": trained, "trained_on": found["device"]}


def measured(folder: Path, name: str, device: str, samples: int, pictures: int) -> dict[str, Any]:
    """The bound of a saved model, here."""
    import numpy as np
    import torch

    from benchmarks.image.arrays import parts
    from benchmarks.image.bounding import binary, likelihood, order
    from genvae.host import default_host
    from genvae.store.bundle import load

    model = load(folder / name.replace(", ", "-").replace(" ", "-"), default_host()).vae.to(device)
    planes = torch.from_numpy(np.array(parts("mnist")[1].images))[:, None].to(device)
    values = binary(planes)[order(len(planes), planes.device)[:pictures]]
    began = time.time()
    found = likelihood(model, values, samples=samples, at_once=min(pictures, 500), until=float("inf"))
    return {**found, "seconds": time.time() - began}


def shown(rows: list[dict[str, Any]]) -> str:
    """One line a row."""
    lines = []
    for row in rows:
        value = row.get("nll", row["nll_estimated"])
        asked = ROWS[row["row"].partition(", here")[0]][1]
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
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("runs/image"), help="folder of models and of what is kept")
    parser.add_argument("--only", metavar="ROW", choices=tuple(ROWS), help="one row alone")
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto")
    parser.add_argument("--seconds", type=float, default=400.0, help="of each job")
    parser.add_argument("--samples", type=int, help="measure the saved models here, by so many samples")
    parser.add_argument("--pictures", type=int, default=1000, help="with --samples: of so many pictures")
    chosen = parser.parse_args()
    device = named_device(chosen.device)
    kept, rows = Kept(RESULTS / "image_likelihood.json"), []
    for name, (job, _) in ROWS.items():
        if chosen.only not in (None, name):
            continue
        folder = jobs([job], chosen.models, device, chosen.seconds)
        if chosen.samples is None:
            figures = kept_row(folder, name)
            settings = {"steps": figures["trained"]["steps"], "samples": figures["samples"]}
            rows.append(kept.find(name, settings) or kept.add(name, settings, figures))
            continue
        manifest = folder / name.replace(", ", "-").replace(" ", "-") / "manifest.json"
        if not manifest.is_file():
            print(f"{name}: no weights are kept in {folder}")
            continue
        settings = {"model": json.loads(manifest.read_text()), "samples": chosen.samples, "pictures": chosen.pictures}
        label = f"{name}, here"
        done = kept.find(label, settings)
        if done is None:
            done = kept.add(label, settings, measured(folder, name, device, chosen.samples, chosen.pictures))
        rows.append(done)
    print(shown(rows), flush=True)


if __name__ == "__main__":
    main()
