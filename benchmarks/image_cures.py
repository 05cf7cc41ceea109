"""Blurred samples and missed modes, before and after each cure: Fashion-MNIST.

    python -m benchmarks.image_cures [--models runs/image] [--device auto]

    rows       fashion.yaml, a plain fully connected VAE ("before"), and the same with one thing changed: the likelihood
               (a Gaussian whose sigma is learned), the latent (a ladder of three), the prior (autoregressive);
               "likelihood and prior" has both
    sharpness  of 5,000 samples, and of reconstructions, over that of real pictures (variance of the Laplacian)
    precision  share of samples that lie where real pictures are; coverage: share of real pictures with a sample near;
               beside them what as many of the judge's own pictures reach
    classes    total variation between the classes of the samples and the data's, and what chance alone would give
    KL, NLL    nats a picture, the price; an NLL can be compared with those of the same likelihood alone

The judge is a classifier trained here on the training part. What lies in the folder of models already is not trained
again, and finished rows stay in results/image_cures.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.image.made import command, named_device, trained, training_of
from benchmarks.image.place import pictures_of
from benchmarks.text.kept import RESULTS, Kept, table

SAMPLES = 5_000
DATA = "fashion-mnist"
CALIBRATED = "architecture.likelihood={likelihood: gaussian}"
LEARNED = "prior={prior: autoregressive, hidden: 256, mixtures: 8}"
CURES: dict[str, tuple[str, ...]] = {  # row -> what it changes of the recipe "fashion"
    "before": (),
    "likelihood": (CALIBRATED,),
    "ladder": (
        "architecture={architecture: image-ladder, latents: [32, 16, 8], hidden: [512, 256, 128]}",
        "prior={prior: ladder, layers: 1}", "posterior={posterior: ladder, layers: 1}",
    ),
    "prior": (LEARNED,),
    "likelihood and prior": (CALIBRATED, LEARNED),
}  # fmt: skip
KEPT = (
    "sharpness_ratio", "sharpness_ratio_reconstructions", "precision", "precision_data", "recall", "recall_data",
    "density", "coverage", "coverage_data", "class_distance", "class_distance_chance", "classes_missed",
    "class_shares_samples", "class_shares_data", "frechet_distance", "frechet_distance_data", "nll", "nll_samples",
    "negative_elbo", "kl", "rmse", "ssim", "neighbours_space",
)  # fmt: skip


def measured(folder: Path) -> dict[str, Any]:
    """Figures of samples and reconstructions on the test part."""
    from genvae.service import Service

    answer = Service().run(
        "evaluate", model=str(folder), data=str(pictures_of(DATA, "t10k")), judge=str(pictures_of(DATA, "train")),
        generated=SAMPLES, limit=SAMPLES, samples=10,
    )  # fmt: skip
    figures = answer.to_config()
    found = {name: figures[name] for name in KEPT if name in figures}
    return found | {"left_out": figures.get("left_out", {}), "trained": training_of(folder)}


def shown(rows: list[dict[str, Any]]) -> str:
    """One line a row."""
    lines = [
        (
            row["row"], f"{row['sharpness_ratio']:.2f}", f"{row['sharpness_ratio_reconstructions']:.2f}",
            f"{row['precision']:.2f}", f"{row['coverage']:.2f}", f"{row['class_distance']:.3f}",
            f"{row['frechet_distance']:.1f}", f"{row['kl']:.1f}", f"{row['nll']:.1f}", f"{row['rmse']:.3f}",
        )
        for row in rows
    ]  # fmt: skip
    heads = ("row", "sharpness, samples", "reconstructions", "precision", "coverage", "classes", "Frechet (own judge)",
             "KL", "NLL", "RMSE")  # fmt: skip
    real = rows[0]
    lines.append((
        "real pictures", "1", "", f"{real['precision_data']:.2f}", f"{real['coverage_data']:.2f}",
        f"{real['class_distance_chance']:.3f}", f"{real['frechet_distance_data']:.1f}", "", "", "",
    ))  # fmt: skip
    return table(heads, lines)


def main() -> None:
    """Train and measure what is not there yet, print the table."""
    chosen = command(__doc__ or "", CURES).parse_args()
    device = named_device(chosen.device)
    kept, rows = Kept(RESULTS / "image_cures.json"), []
    for name, changes in CURES.items():
        if chosen.only not in (None, name):
            continue
        folder = chosen.models / f"fashion-{name.replace(' ', '-')}"
        trained("fashion", pictures_of(DATA, "train"), folder, changes=changes, device=device)
        settings = {"model": json.loads((folder / "manifest.json").read_text(encoding="utf-8")), "samples": SAMPLES}
        rows.append(kept.find(name, settings) or kept.add(name, settings, measured(folder)))
        print(f"\n{shown(rows)}", flush=True)


if __name__ == "__main__":
    main()
