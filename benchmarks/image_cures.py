"""Blurred samples and missed modes, before and after each cure; a split of emoji in colour; a split of 64 x 64.

    python -m benchmarks.image_cures [--models runs/image] [--device auto] [--seconds 400]

    fashion   Fashion-MNIST by a plain convolutional VAE ("before"), and by one that differs in one thing: the
              likelihood (discretised logistic mixture), the latent (a ladder of three), the prior (autoregressive);
              "all" has the ladder and the likelihood
    mnist     the models of image_likelihood: N(0, I), a learned prior, a ladder
    sharpness of 5,000 samples, and of reconstructions, over that of real pictures (variance of the Laplacian)
    precision share of samples that lie where real pictures are; coverage: share of real pictures with a sample near;
              beside them what as many of the judge's own pictures reach
    classes   total variation between the classes of the samples and the data's, and what chance alone would give
    NLL       of the rows of one likelihood comparable, of others not: a density has no such unit
    emoji     214 emoji that no training saw, five vendors each: error of a swap against the true picture, beside that
              of the true picture's own reconstruction and of the content left as it is; what a probe reads
    letters64 typefaces never trained on, 64 x 64, the letter given by its label: the same errors

The judge is a classifier trained here on the training part. Finished rows stay in results/image_cures.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.image.made import jobs, named_device
from benchmarks.text.kept import RESULTS, Kept, table

SAMPLES = 5_000
SAMPLED = {  # row -> its job, its data
    **{f"fashion-{cure}": ("more", "fashion-mnist") for cure in ("before", "likelihood", "ladder", "prior", "all")},
    "mlp": ("mlp", "mnist"), "mlp-learned-prior": ("mlp", "mnist"), "ladder": ("ladder", "mnist"),
}  # fmt: skip
SWAPPED = {"emoji": "emoji", "letters64": "letters"}  # row -> its data
KEPT = (
    "sharpness_ratio", "sharpness_ratio_reconstructions", "precision", "precision_data", "recall", "recall_data",
    "density", "coverage", "coverage_data", "class_distance", "class_distance_chance", "classes_missed",
    "class_shares_samples", "class_shares_data", "frechet_distance", "frechet_distance_data", "nll", "nll_samples",
    "negative_elbo", "kl", "rmse", "ssim", "neighbours_space",
)  # fmt: skip
SWAP = (
    "true_swap_pairs", "true_swap_rmse", "true_swap_l1", "true_swap_ssim", "true_swap_rmse_reconstruction",
    "true_swap_rmse_copy", "true_swap_l1_copy", "true_swap_ssim_copy", "true_swap_ssim_reconstruction",
    "style_from_style", "style_from_content", "style_majority", "content_from_style", "content_majority",
    "kl_of_content", "kl_of_style", "rmse", "ssim",
)  # fmt: skip


def sampled(folder: Path, data: str) -> dict[str, Any]:
    """Figures of samples and reconstructions on the test part of digits or of clothes."""
    from benchmarks.image.place import data_folder
    from genvae.service import Service

    place = data_folder() / "image" / data
    answer = Service().run(
        "evaluate", model=str(folder), data=str(place / "t10k-images-idx3-ubyte.gz"),
        judge=str(place / "train-images-idx3-ubyte.gz"), generated=SAMPLES, limit=SAMPLES, samples=10,
    )  # fmt: skip
    return _only(answer.to_config(), KEPT)


def swapped(folder: Path, data: str) -> dict[str, Any]:
    """Figures of swaps on what no training saw."""
    from benchmarks.image.arrays import parts
    from genvae.service import Service

    with tempfile.TemporaryDirectory() as place:
        path = parts(data)[1].npz(Path(place) / f"{data}.npz")
        answer = Service().run("evaluate", model=str(folder), data=str(path), generated=0, samples=5)
    return _only(answer.to_config(), SWAP)


def _only(figures: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: figures[name] for name in names if name in figures} | {"left_out": figures.get("left_out", {})}


def shown(rows: list[dict[str, Any]]) -> str:
    """Two tables: of samples, and of swaps."""
    lines = [
        (
            row["row"], f"{row['sharpness_ratio']:.2f}", f"{row['sharpness_ratio_reconstructions']:.2f}",
            f"{row['precision']:.2f} / {row['precision_data']:.2f}",
            f"{row['coverage']:.2f} / {row['coverage_data']:.2f}",
            f"{row['class_distance']:.3f} / {row['class_distance_chance']:.3f}", f"{row['frechet_distance']:.1f}",
            f"{row['nll']:.1f}", f"{row['rmse']:.3f}",
        )
        for row in rows if "sharpness_ratio" in row
    ]  # fmt: skip
    heads = ("row", "sharpness, samples", "reconstructions", "precision / data", "coverage / data", "classes / chance",
             "Frechet (own judge)", "NLL", "RMSE")  # fmt: skip
    swaps = [
        (
            row["row"], f"{row['true_swap_pairs']:,}", f"{row['true_swap_rmse']:.3f}",
            f"{row['true_swap_rmse_reconstruction']:.3f}", f"{row['true_swap_rmse_copy']:.3f}",
            _share(row, "style_from_style"), _share(row, "style_from_content"), _share(row, "style_majority"),
        )
        for row in rows if "true_swap_rmse" in row
    ]  # fmt: skip
    others = ("row", "swaps", "RMSE of a swap", "of a reconstruction", "content left as it is", "style from style",
              "style from content", "by chance")  # fmt: skip
    return f"{table(heads, lines)}\n\n{table(others, swaps)}"


def _share(row: Mapping[str, Any], name: str) -> str:
    return f"{row[name]:.1%}" if name in row else ""


def main() -> None:
    """Train and measure what is not there yet, print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("runs/image"), help="folder of models and of what is kept")
    parser.add_argument("--only", metavar="ROW", choices=(*SAMPLED, *SWAPPED), help="one row alone")
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto")
    parser.add_argument("--seconds", type=float, default=400.0, help="of each job's trainings")
    chosen = parser.parse_args()
    device = named_device(chosen.device)
    kept, rows = Kept(RESULTS / "image_cures.json"), []
    for name, (job, data) in {**SAMPLED, **{name: ("more", data) for name, data in SWAPPED.items()}}.items():
        if chosen.only not in (None, name):
            continue
        folder = jobs([job], chosen.models, device, chosen.seconds) / name
        settings = {"model": json.loads((folder / "manifest.json").read_text(encoding="utf-8")), "samples": SAMPLES}
        done = kept.find(name, settings)
        if done is None:
            done = kept.add(name, settings, (sampled if name in SAMPLED else swapped)(folder, data))
        rows.append(done)
        print(f"\n{shown(rows)}", flush=True)


if __name__ == "__main__":
    main()
