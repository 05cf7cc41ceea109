"""Styles of pictures mixed by weights: letters between two typefaces, and whether they can still be read.

    python -m benchmarks.image_mixing [--model typefaces] [--pairs 100]
    python -m benchmarks.image_mixing --show           what has been measured

    mixed         content: the 22 capitals that are not A, B, R, S; style: that of A, B, R, S of one typeface, with a
                  weight, and of another, with what is left of 1 (the operation mix)
    cross-fade    the true letters of both, pixel by pixel, by the same weights: what needs no model
    towards       share of the letters that are nearer to the second typeface's true letter than to the first's (root
                  mean square); of its letters that are the same in both, so does half
    read          share that a classifier takes for the letter it is meant to be; it has seen the training families
                  alone. Beside it the true letters
    rmse          root mean square to the true letter of the first and of the second
    sharpness     the variance of the Laplacian, which blur and ghosts take away, over that of the true letters

Pairs are of held-out typefaces, of a family each, in the order of a hash of their names, each with the next. Rows stay
in results/image_mixing.json, the plot is results/image_mixing.svg. Reads image/fonts in $GENVAE_DATA or
../shared/data.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.image.fonts import ASKED, GIVEN
from benchmarks.image_fonts import Task, fingerprint
from benchmarks.text.kept import RESULTS, Kept, table
from benchmarks.trade import Point, plot

WEIGHTS = (0.0, 0.15, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0)  # of the second typeface
MIXED, FADED = "mixed", "cross-fade"
AXES = "letters nearer to the second typeface", "letters that are read"
Letters = NDArray[np.uint8]  # (pairs, letters, 32, 32)
Figures = dict[str, Any]


def pairs(families: Sequence[str], most: int) -> list[tuple[int, int]]:
    """Rows of typefaces of different families."""
    first = {family: row for row, family in reversed(list(enumerate(families)))}
    order = [first[family] for family in sorted(first, key=lambda name: hashlib.sha1(name.encode()).hexdigest())]
    return list(itertools.pairwise(order))[:most]


def mixed(model: str, one: Letters, other: Letters) -> list[Letters]:
    """The asked letters for each weight, from the given letters of both typefaces, (pairs, given, 32, 32)."""
    import genvae

    loaded = genvae.load(model)
    weights = [[1.0 - weight, weight] for weight in WEIGHTS]
    made = []
    for pair in zip(one, other, strict=True):
        style = [[{"image": image, "content": letter} for image, letter in zip(images, GIVEN, strict=True)]
                 for images in pair]  # fmt: skip
        found = loaded.mix(content=list(ASKED), style=style, style_weights=weights)
        made.append(np.stack([np.asarray(item) for item in found]).reshape(len(ASKED), len(WEIGHTS), 32, 32))
    return list(np.stack(made).transpose(2, 0, 1, 3, 4))


def faded(one: Letters, other: Letters) -> list[Letters]:
    """The true letters of both laid over each other, for each weight."""
    return [np.rint((1.0 - w) * one.astype(np.float64) + w * other).astype(np.uint8) for w in WEIGHTS]


def towards(made: Letters, one: Letters, other: Letters) -> Figures:
    """How near letters are to the true ones of two typefaces."""
    near, far = (np.sqrt(((made.astype(np.float64) - true) ** 2).mean((2, 3))) / 255 for true in (one, other))
    nearer = np.where(near == far, 0.5, far < near)
    return {"towards": 100 * float(nearer.mean()), "rmse": [float(near.mean()), float(far.mean())]}


def curve(task: Task, made: Sequence[Letters], one: Letters, other: Letters) -> list[Figures]:
    """The figures of each weight."""
    import torch

    from genvae_image_style.measures.formulas import laplacian_variance, numbers

    def flat(letters: Letters) -> Letters:
        return letters.reshape(-1, 32, 32)

    def sharp(letters: Letters) -> float:
        with torch.no_grad():
            return float(laplacian_variance(numbers(flat(letters))).mean())

    wanted, true = list(ASKED) * len(one), np.concatenate([one, other])
    return [
        {"weight": weight, **towards(letters, one, other),
         "read": 100 * task.judge().accuracy(flat(letters), wanted), "sharpness": sharp(letters) / sharp(true)}
        for weight, letters in zip(WEIGHTS, made, strict=True)
    ]  # fmt: skip


def measured(task: Task, count: int) -> Figures:
    """Both curves."""
    chosen = np.array(pairs(task.held.families, count)).T
    one, other = (task.held.images[rows][:, task.held.places(ASKED)] for rows in chosen)
    given = [task.held.images[rows][:, task.held.places(GIVEN)] for rows in chosen]
    true = np.concatenate([one, other]).reshape(-1, 32, 32)
    return {
        "pairs": len(one), "read_true": 100 * task.judge().accuracy(true, list(ASKED) * 2 * len(one)),
        MIXED: curve(task, mixed(task.model, *given), one, other), FADED: curve(task, faded(one, other), one, other),
    }  # fmt: skip


def curves(row: Figures) -> dict[str, list[Point]]:
    """What is plotted of a row."""
    return {name: [(p["weight"], p["towards"], p["read"]) for p in row[name]] for name in (MIXED, FADED)}


def shown(row: Figures) -> str:
    """The table."""
    lines = [
        (f"{one['weight']:g}", *(
            cell for p in (one, two)
            for cell in (f"{p['towards']:.1f} %", f"{p['read']:.1f} %", "{:.3f}, {:.3f}".format(*p["rmse"]),
                         f"{p['sharpness']:.2f}")
        ))
        for one, two in zip(row[MIXED], row[FADED], strict=True)
    ]  # fmt: skip
    heads = [f"{name}{more}" for name in (MIXED, FADED) for more in (": towards", ": read", ": rmse", ": sharpness")]
    said = f"{row['pairs']} pairs; of the true letters {row['read_true']:.1f} % are read"
    return f"{table(('weight', *heads), lines)}\n\n{said}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is not there yet, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="typefaces", help="a starter's name or a folder")
    parser.add_argument("--pairs", type=int, default=100, help="most pairs of typefaces")
    parser.add_argument("--show", action="store_true", help="print what is kept, measure nothing")
    chosen = parser.parse_args(arguments)
    kept = Kept(RESULTS / "image_mixing.json")
    if not chosen.show:
        settings = {"model": fingerprint(chosen.model), "pairs": chosen.pairs}
        row = kept.find("typefaces", settings)
        if row is None:
            row = kept.add("typefaces", settings, measured(Task(chosen.model), chosen.pairs))
        (RESULTS / "image_mixing.svg").write_text(plot(curves(row), *AXES), encoding="utf-8")
    print("\n\n".join(shown(row) for row in kept.rows()[-1:]))


if __name__ == "__main__":
    main()
