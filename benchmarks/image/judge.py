"""How well the judge of pictures knows them, and how long it takes to learn.

    python -m benchmarks.image.judge FOLDER [--count 2000] [--seeds 1]

The folder holds the four IDX files of MNIST or of Fashion-MNIST. With --count only so many pictures are learnt from.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.image.place import idx
from genvae.progress import Terminal
from genvae_image_style.measures.classifier import Classifier, ClassifierSettings


def main() -> None:
    """Learn from the first part, judge the second, print a line a seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=None)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    parts = {
        name: (
            idx(arguments.folder / f"{name}-images-idx3-ubyte.gz"),
            idx(arguments.folder / f"{name}-labels-idx1-ubyte.gz").astype(str).tolist(),
        )
        for name in ("train", "t10k")
    }
    pictures, labels = parts["train"][0][: arguments.count], parts["train"][1][: arguments.count]
    for seed in range(arguments.seeds):
        began = time.perf_counter()
        judge = Classifier(
            pictures, labels, replace(ClassifierSettings(), seed=seed), cached=False, reporter=Terminal()
        )
        seconds = time.perf_counter() - began
        found = {
            "data": arguments.folder.name, "pictures": len(pictures), "seed": seed, "seconds": round(seconds, 1),
            "accuracy": judge.accuracy(*parts["t10k"]),
        }  # fmt: skip
        print(json.dumps(found))


if __name__ == "__main__":
    main()
