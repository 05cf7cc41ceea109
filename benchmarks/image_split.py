"""MNIST in ten numbers of content and ten of style, three seeds, by genvae's own measures.

    python -m benchmarks.image_split [--models runs/image] [--seeds 3] [--device auto]

    trained by     mnist-split.yaml with each seed, and mnist-plain.yaml, a plain VAE of 20 numbers with as wide a
                   decoder that reads as many pictures in as many steps; a training that was stopped goes on, and what
                   lies in the folder of models already is not trained again
    content, style share of digits that a linear classifier reads from the posterior mean of the block, each from one
                   picture whose label is not told; trained on 70 % of the 10,000 test pictures, tested on the others
    swap           how often a classifier trained by itself sees the digit of the content's picture in a swap, of pairs
                   with different digits; beside it, how often in real pictures and in reconstructions
    slant, stroke  correlation of a swap's with those of the style's picture
    KL of style    nats per picture
    error          root mean square over the pixels of the test pictures from their posterior means, over that of the
                   plain VAE

Finished rows stay in results/image_split.json and are not measured again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.image.made import command, named_device, trained, training_of
from benchmarks.image.place import pictures_of
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


def measure(split: Path, plain: Path) -> dict[str, Any]:
    """The figures of one seed by genvae's measures on the test part, and of both trainings."""
    from genvae.service import Service

    def evaluated(model: Path, **more: Any) -> dict[str, Any]:
        data = str(pictures_of("mnist", "t10k"))
        return Service().run("evaluate", model=str(model), data=data, generated=0, samples=10, **more).to_config()

    figures, beside = evaluated(split, judge=str(pictures_of("mnist", "train"))), evaluated(plain)
    row = {name: figures[key] for name, key in OF.items()}
    row["error"] = figures["rmse"] / beside["rmse"]
    row |= {key: figures[key] for key in BESIDE if key in figures}
    row |= {f"plain_{key}": beside[key] for key in ("rmse", "ssim", "kl", "nll")}
    return row | {"trained": {folder.name: training_of(folder) for folder in (split, plain)}}


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
    text = f"{value:.1%}" if name in ("content", "style", "swap") else f"{value:.2f}"
    return text if meets(name, value) else f"{text} (missed)"


def main() -> None:
    """Train and measure what is not there yet, print the table."""
    parser = command(__doc__ or "")
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    device, learnt = named_device(chosen.device), pictures_of("mnist", "train")
    kept, rows = Kept(RESULTS / "image_split.json"), []
    plain = trained("mnist-plain", learnt, chosen.models / "plain", device=device)
    for seed in range(chosen.seeds):
        folder = chosen.models / f"split-{seed}"
        split = trained("mnist-split", learnt, folder, changes=[f"training.seed={seed}"], device=device)
        manifests = {made.name: json.loads((made / "manifest.json").read_text()) for made in (split, plain)}
        settings = {"seed": seed, "models": manifests}
        rows.append(kept.find("split", settings) or kept.add("split", settings, measure(split, plain)))
        print(f"\n{shown(rows)}", flush=True)


if __name__ == "__main__":
    main()
