"""MNIST in ten numbers of content and ten of style, three seeds, by genvae's own measures.

    python -m benchmarks.image_split [--models runs/image] [--seeds 3] [--device auto] [--seconds 400] [--conv]

    trained by     mnist-split.yaml and mnist-plain.yaml (with --conv their convolutional fellows, for a GPU), by the
                   clock (benchmarks/image/mnist_job.py); what lies in the folder of models already is not trained again
    content, style share of digits that a linear classifier reads from the posterior mean of the block, each from one
                   picture whose label is not told; trained on 70 % of the 10,000 test pictures, tested on the others
    swap           how often a classifier trained by itself sees the digit of the content's picture in a swap, of pairs
                   with different digits; beside it, how often in real pictures and in reconstructions
    slant, stroke  correlation of a swap's with those of the style's picture
    KL of style    nats per picture
    error          root mean square over the pixels of the test pictures from their posterior means, over that of the
                   plain VAE with 20 numbers that was trained for as long (one, with seed 0)

Finished rows stay in results/image_split.json and are not measured again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.image.made import jobs, named_device
from benchmarks.text.kept import RESULTS, Kept, table

ASKED = {  # what the figures should be: (at least, at most)
    "content": (0.99, None), "style": (None, 0.20), "swap": (0.97, None), "slant": (0.8, None), "stroke": (0.8, None),
    "KL of style": (5.0, None), "error": (None, 1.1),
}  # fmt: skip
OF = {
    "content": "content_from_content", "style": "content_from_style", "swap": "swap_accuracy", "slant": "swap_slant",
    "stroke": "swap_stroke_width", "KL of style": "kl_of_style",
}  # fmt: skip
BESIDE = ("swap_accuracy_data", "swap_accuracy_reconstructions", "swap_leak", "swap_slant_within",
          "swap_stroke_width_within", "kl_of_content", "rmse", "ssim", "nll", "nll_samples")  # fmt: skip


def measure(folder: Path, job: str, seed: int) -> dict[str, Any]:
    """The figures of one seed: of the saved split by genvae's measures, and what its training kept."""
    from benchmarks.image.place import data_folder
    from genvae.service import Service

    place = data_folder() / "image" / "mnist"
    answer = Service().run(
        "evaluate", model=str(folder / f"split-{seed}"), data=str(place / "t10k-images-idx3-ubyte.gz"),
        judge=str(place / "train-images-idx3-ubyte.gz"), generated=0, samples=10,
    )  # fmt: skip
    figures: dict[str, Any] = answer.to_config()
    kept = json.loads((folder / f"{job}.json").read_text(encoding="utf-8"))
    beside = kept[f"plain-{seed}, test"]  # trained for a tenth of the time
    plain = beside
    if not job.startswith("splitconv"):
        plain = json.loads((folder / "plain-0.json").read_text(encoding="utf-8"))["plain-0, test"]
    row = {name: figures[key] for name, key in OF.items()}
    row["error"] = figures["rmse"] / plain["rmse"]
    row |= {key: figures[key] for key in BESIDE if key in figures}
    row |= {"plain_rmse": plain["rmse"], "plain_rate": plain["rate/z"], "plain_rmse_beside": beside["rmse"]}
    row["changed"] = kept["changed"]
    trained = {name: kept[name] for name in (f"split-{seed}, first", f"split-{seed}", f"plain-{seed}")}
    row["trained"] = {name: {key: value for key, value in each.items() if key != "curve"}
                      for name, each in trained.items()}  # fmt: skip
    return row | {"trained_on": kept["device"]}


def meets(name: str, value: float) -> bool:
    """Whether a figure is what was asked for."""
    least, most = ASKED[name]
    return (least is None or value >= least) and (most is None or value <= most)


def shown(rows: list[dict[str, Any]]) -> str:
    """One line a seed, and what was asked for."""
    heads = ("", *ASKED)
    lines = [(f"seed {row['settings']['seed']}", *(_figure(name, row[name]) for name in ASKED)) for row in rows]
    asked = ("asked", *(f"at least {least:g}" if least is not None else f"at most {most:g}"
                        for least, most in ASKED.values()))  # fmt: skip
    return table(heads, [*lines, asked])


def _figure(name: str, value: float) -> str:
    text = (
        f"{value:.1%}"
        if name in ("content", "style", "swap")
        else f"{value:.2f}"
        if name != "error"
        else f"{value:.3f}"
    )
    return text if meets(name, value) else f"{text} (missed)"


def main() -> None:
    """Train and measure what is not there yet, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("runs/image"), help="folder of models and of what is kept")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto")
    parser.add_argument(
        "--seconds", type=float, default=400.0, help="of each seed's training; on a CPU give half an hour"
    )
    parser.add_argument("--conv", action="store_true", help="by convolutions")
    chosen = parser.parse_args()
    kept, rows = Kept(RESULTS / "image_split.json"), []
    for seed in range(chosen.seeds):
        job = f"split{'conv' if chosen.conv else ''}-{seed}"
        folder = jobs(
            [job] if chosen.conv else ["plain-0", job], chosen.models, named_device(chosen.device), chosen.seconds
        )
        settings = {"seed": seed, "model": json.loads((folder / f"split-{seed}" / "manifest.json").read_text())}
        done = kept.find("split", settings) or kept.add("split", settings, measure(folder, job, seed))
        rows.append(done)
        print(f"\n{shown(rows)}", flush=True)


if __name__ == "__main__":
    main()
