"""Typefaces from a few of their letters: the other 22 capitals from A, B, R, S and from A alone, of families never
trained on, by the model and by what needs none.

    python -m benchmarks.image_fonts [--model typefaces] [--only ROW]

    rmse, l1      root mean square and mean absolute error at 32 x 32, pixels from 0 to 1, over all letters
    ssim          structural similarity (Wang et al. 2004), 1 for equal pictures
    recognised    share of the letters that a classifier trained on the training families knows; beside it that of the
                  true pictures
    floors        nearest training font; PCA and ridge regression; Gaussian kernel ridge regression, and that with
                  contrast 1.5
    its means     the model without the contrast that it ships with

and of the model its bound on the held-out fonts, how much the posterior of the style is narrowed by each letter, and
how much styles from the prior differ beside how much fonts do. Sheets of letters go into runs/image_fonts. Finished
rows stay in results/image_fonts.json and are not measured again. Reads image/fonts in $GENVAE_DATA or ../shared/data.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.image import floors, fonts
from benchmarks.image.fonts import ASKED, CAPITALS, GIVEN
from benchmarks.text.kept import RESULTS, Kept, table

SHEETS = Path("runs/image_fonts")
FLOORS = ("nearest training font", "PCA + ridge", "kernel ridge", "kernel ridge, contrast 1.5")
MODEL, MEANS = "model", "model, its means"
SETS = (GIVEN, "A")
ASKED_FOR = {GIVEN: (0.140, 0.046), "A": (0.155, 0.055)}  # rmse and l1 of the model at most
DRAWN = 64  # styles from the prior
SAMPLES = 50  # of the importance-weighted bound
SHOWN = 12  # fonts of a sheet

Letters = NDArray[np.uint8]  # (fonts, letters, 32, 32)


class Task:
    """The fonts, the judge, and the model that is asked."""

    def __init__(self, model: str) -> None:
        every = fonts.read()
        held = np.array([fonts.held_out(family) for family in every.families])
        self.train, self.held = every.part(~held), every.part(held)
        self.model = model
        self._judge: Any = None

    def truth(self) -> Letters:
        """The true letters of the held-out fonts."""
        return self.held.images[:, self.held.places(ASKED)]

    def judge(self) -> Any:
        """A classifier of capitals that knows the training families alone."""
        from genvae.progress import Terminal
        from genvae_image_style.measures.classifier import Classifier

        if self._judge is None:
            images = self.train.images[:, self.train.places(CAPITALS)]
            labels = list(CAPITALS) * len(images)
            self._judge = Classifier(images.reshape(-1, 32, 32), labels, reporter=Terminal())
        return self._judge

    def figures(self, made: Letters) -> dict[str, float]:
        """The errors of pictures of the asked letters, and how many are recognised."""
        from genvae_image_style.measures.formulas import Errors, numbers

        errors = Errors()
        for mine, true in zip(made, self.truth(), strict=True):
            errors.add(numbers(mine), numbers(true))
        wanted = list(ASKED) * len(made)
        recognised = self.judge().accuracy(made.reshape(-1, 32, 32), wanted)
        true = self.judge().accuracy(self.truth().reshape(-1, 32, 32), wanted)
        return {**errors.figures(), "recognised": recognised, "recognised_true": true}


def floor(task: Task, name: str, given: str) -> dict[str, Any]:
    """A floor's row."""
    kind, _, contrast = name.partition(", contrast ")
    predictor, chosen = floors.fitted(kind, task.train, given)
    made = floors.drawn(predictor, task.held, given, float(contrast or 1.0))
    _sheet(task, made, f"{name}, {given}")
    return task.figures(made) | {"chosen": chosen}


def model(task: Task, name: str, given: str, **options: Any) -> dict[str, Any]:
    """The model's row, by the operation ``complete``."""
    import genvae

    loaded = genvae.load(task.model)
    made = np.empty((len(task.held.images), len(ASKED), 32, 32), np.uint8)
    places = task.held.places(given)
    for row, images in enumerate(task.held.images):
        examples = {letter: images[place] for letter, place in zip(given, places, strict=True)}
        found = loaded.complete(examples, letters=ASKED, **options)
        made[row] = np.stack([found[letter] for letter in ASKED])
    _sheet(task, made, f"{name}, {given}")
    return task.figures(made)


def bound(task: Task) -> dict[str, Any]:
    """The model's bound on the held-out fonts, all 62 letters of each a group, in nats per letter."""
    import torch

    from genvae.core.bounds import importance_weighted
    from genvae.core.randomness import Stream
    from genvae.service import Service

    bundle = Service().bundle(task.model)
    elbo, nll = [], []
    for row, images in enumerate(task.held.images):
        items = [{"image": image, "content": c, "style": "one"} for image, c in zip(images, task.held.letters)]
        batch = bundle.modality.collate(
            [bundle.modality.example(item) for item in items], range(62 * row, 62 * row + 62)
        )
        with torch.no_grad():
            found = importance_weighted(bundle.vae, batch, Stream(0, "bound"), samples=SAMPLES, rows=62 * 4)
        elbo.append(float(found.elbo.sum()) / 62)
        nll.append(-float(found.log_likelihood.sum()) / 62)
    return {"elbo": float(np.mean(elbo)), "nll": float(np.mean(nll)), "nll_samples": SAMPLES,
            "nll_error": float(np.std(nll) / math.sqrt(len(nll)))}  # fmt: skip


def narrowing(task: Task) -> dict[str, Any]:
    """The entropy of the style's posterior in nats, and the KL from the prior, from more and more letters."""
    import torch

    from genvae.service import Service

    bundle = Service().bundle(task.model)
    block = next(block.name for block in bundle.vae.blocks if block.shared)
    found: dict[str, Any] = {}
    for given in ("A", "AB", GIVEN, CAPITALS, task.held.letters):
        entropies, rates = [], []
        for images in task.held.images:
            items = [{"image": images[task.held.letters.index(c)], "content": c, "style": "one"} for c in given]
            batch = bundle.modality.collate([bundle.modality.example(item) for item in items], range(len(items)))
            with torch.no_grad():
                draw = bundle.vae.infer(batch)
            posterior: Any = draw.posteriors[block]
            entropies.append(float((posterior.log_variance + math.log(2 * math.pi * math.e)).sum() / 2))
            rates.append(float(draw.kl[block].sum()))
        found[f"from {len(given)}"] = {"entropy": float(np.mean(entropies)), "kl": float(np.mean(rates))}
    return found


def diversity(task: Task) -> dict[str, Any]:
    """How much styles from the prior differ: the mean distance (rmse) of the capitals of two of them and of each from
    its nearest, beside the same of as many held-out fonts and training fonts; and what of them is recognised."""
    import genvae

    loaded = genvae.load(task.model)
    drawn = loaded.mix(content=list(CAPITALS), style_draw=DRAWN, seed=1)
    made = np.stack([np.asarray(item) for item in drawn]).reshape(len(CAPITALS), DRAWN, 32, 32).swapaxes(0, 1)
    _write_sheet(made, "prior")
    places = task.held.places(CAPITALS)
    # a font of each family, chosen by its name alone
    firsts = sorted({family: row for row, family in reversed(list(enumerate(task.held.families)))}.items(),
                    key=lambda entry: hashlib.sha1(entry[0].encode()).hexdigest())  # fmt: skip
    real = task.held.images[[row for _, row in firsts[:DRAWN]]][:, places]
    wanted = list(CAPITALS) * DRAWN
    return {
        **{f"{name}_of_{whose}": value for whose, letters in (("prior", made), ("fonts", real))
           for name, value in _apart(letters).items()},
        "recognised": task.judge().accuracy(made.reshape(-1, 32, 32), wanted),
        "recognised_fonts": task.judge().accuracy(real.reshape(-1, 32, 32), list(CAPITALS) * len(real)),
        "nearest_training_font": _nearest(made, task.train.images[:, task.train.places(CAPITALS)]),
        "nearest_training_font_of_fonts": _nearest(real, task.train.images[:, task.train.places(CAPITALS)]),
    }  # fmt: skip


def _distances(a: Letters, b: Letters) -> NDArray[np.floating]:
    x, y = (part.reshape(len(part), -1).astype(np.float64) / 255 for part in (a, b))
    squares = (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * x @ y.T
    return np.asarray(np.sqrt(np.maximum(squares, 0) / x.shape[1]))


def _apart(letters: Letters) -> dict[str, float]:
    apart = _distances(letters, letters)
    others = apart + np.where(np.eye(len(apart), dtype=bool), np.inf, 0)
    return {"distance": float(apart.sum() / (apart.size - len(apart))), "nearest": float(others.min(1).mean())}


def _nearest(letters: Letters, others: Letters) -> float:
    return float(_distances(letters, others).min(1).mean())


def _sheet(task: Task, made: Letters, name: str) -> None:
    """Some fonts, the true letters above the drawn ones."""
    rows = np.linspace(0, len(made) - 1, SHOWN).astype(int)
    both = np.stack([task.truth()[rows], made[rows]], 1).reshape(-1, *made.shape[1:])
    _write_sheet(both, name)


def _write_sheet(letters: Letters, name: str) -> None:
    from genvae_image_style.sheet import sheet

    SHEETS.mkdir(parents=True, exist_ok=True)
    content = sheet(list(letters.reshape(-1, 32, 32)), letters.shape[1], on_paper=True)
    (SHEETS / f"{name.replace(', ', '-').replace(' ', '-').replace('+', 'and')}.png").write_bytes(content)


def rows(task: Task) -> dict[str, Callable[[], dict[str, Any]]]:
    """Every row by its name."""
    found: dict[str, Callable[[], dict[str, Any]]] = {}
    for given in SETS:
        for name in FLOORS:
            found[f"{name} | {given}"] = lambda name=name, given=given: floor(task, name, given)  # type: ignore[misc]
        found[f"{MODEL} | {given}"] = lambda given=given: model(task, MODEL, given)  # type: ignore[misc]
        found[f"{MEANS} | {given}"] = lambda given=given: model(task, MEANS, given, contrast=1.0)  # type: ignore[misc]
    return found | {
        "bound": lambda: bound(task), "narrowing": lambda: narrowing(task), "diversity": lambda: diversity(task),
    }  # fmt: skip


def fingerprint(name: str) -> str:
    """Which model it was: of its weights' checksum."""
    from genvae.host import default_host
    from genvae.store.folders import sha256
    from genvae.store.locate import locate

    return sha256(locate(name, default_host()) / "model.safetensors")[:12]


def shown(results: list[dict[str, Any]]) -> str:
    """The tables."""
    lines = []
    for given in SETS:
        for name in (*FLOORS, MODEL, MEANS):
            row = next((row for row in reversed(results) if row["row"] == f"{name} | {given}"), None)
            if row is not None:
                lines.append((name, given, f"{row['rmse']:.4f}", f"{row['l1']:.4f}", f"{row['ssim']:.3f}",
                              f"{row['recognised']:.2%} ({row['recognised_true']:.2%})"))  # fmt: skip
        rmse, l1 = ASKED_FOR[given]
        lines.append(("asked of the model, at most", given, f"{rmse:.3f}", f"{l1:.3f}", "", ""))
    text = table(("", "from", "RMSE", "L1", "SSIM", "recognised (true letters)"), lines)
    others = [row for row in results if row["row"] in ("bound", "narrowing", "diversity")]
    own = ("row", "settings", "machine", "python", "versions", "command")
    return "\n".join([text, *(f"{row['row']}: { {k: v for k, v in row.items() if k not in own} }" for row in others)])


def main() -> None:
    """Measure what is not there yet, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="typefaces", help="a starter's name or a folder")
    parser.add_argument("--only", default="", help="rows whose name begins so")
    arguments = parser.parse_args()
    kept = Kept(RESULTS / "image_fonts.json")
    task = Task(arguments.model)
    for name, measure in rows(task).items():
        settings = {} if name.startswith(FLOORS) else {"model": fingerprint(arguments.model)}
        if name.startswith(arguments.only) and kept.find(name, settings) is None:
            print(name, flush=True)
            kept.add(name, settings, measure())
    print(shown(kept.rows()))


if __name__ == "__main__":
    main()
