"""Pictures by class: does a judge see what was asked for, and can a classifier learn from samples alone?

    python -m benchmarks.conditional_images [--model fashion] [--only VARIANT ...] [--scored VARIANT ...] [--quick]

    model      one with a condition of kind class, whose values the test part of Fashion-MNIST has
    judge      a small CNN (measures/classifier.py) trained on the 60,000 real training pictures; it has seen nothing of
               the model. Its own accuracy on the real test pictures stands in the row "real"
    agreement  share of 1,000 samples a class in which the judge sees the class that was asked for
    score      classification accuracy score (Ravuri and Vinyals, "Classification Accuracy Score for Conditional
               Generative Models", 2019): the same CNN trained on 6,000 samples a class alone, on real test pictures. It
               sees each sample two or three times, with noise of up to 0.3: what a linear decoder leaves in every
               picture of a class would tell it the class otherwise. "plain" is the score without noise
    coverage   of each class: the share of its 1,000 real test pictures with a sample near, by balls to the fifth
               neighbour in the judge's last hidden layer (Naeem et al. 2020), and precision (Kynkaanniemi et al. 2019);
               the mean over classes. In the row "real" 1,000 training pictures of a class stand for samples
    samples    the decoder's means at prior scale 1, in 256 steps of grey as any picture of the model, unless the
               variant says otherwise: "drawn" has each element drawn from the likelihood
    means      ten class means, each as often as samples: what agreement alone would reward

Finished rows stay in results/conditional_images.json. --quick trains a tiny model on the digits of scikit-learn and
measures that, in half a minute; nothing is kept.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.image.arrays import Pictures, parts
from benchmarks.text.kept import RESULTS, Kept, table
from genvae.core.conditions import Condition
from genvae.evaluation.neighbours import neighbours
from genvae.host import default_host
from genvae.progress import Silent, Terminal
from genvae.recipe import Recipe
from genvae.service import Service
from genvae.store.locate import locate
from genvae.training.run import train
from genvae_image_style.measures.classifier import Classifier, ClassifierSettings
from genvae_image_style.measures.formulas import stacked

RECIPE = Path(__file__).parents[1] / "plugins" / "genvae_conditional" / "recipes" / "fashion.yaml"
SEED = 1
JUDGE = ClassifierSettings()
PUPIL = replace(JUDGE, noise=0.3, pictures=150_000)
PLAIN = replace(PUPIL, noise=0.0)
VARIANTS: dict[str, dict[str, Any]] = {
    "scale 1": {}, "scale 0.9": {"prior_scale": 0.9}, "scale 0.8": {"prior_scale": 0.8},
    "scale 0.6": {"prior_scale": 0.6}, "guidance 1.5": {"guidance": 1.5}, "drawn": {"draw": "sample"},
}  # fmt: skip
ASKED = {"real": {"agreement": 0.92}, "scale 1": {"agreement": 0.92, "score": 0.82}}
COLUMNS = ("agreement", "score", "plain", "precision", "coverage")
QUICK = ("architecture.latent_dim=12", "prior.label=digit", "prior.components=2")


@dataclass(frozen=True)
class Sizes:
    """How many pictures of a class are judged, and learnt from."""

    judged: int = 1_000
    learnt: int = 6_000


class Bench:
    """A judge, the real pictures, and what they say of pictures that were made by class."""

    def __init__(self, real: Pictures, tested: Pictures, sizes: Sizes, judge: ClassifierSettings) -> None:
        self.real, self.tested, self.sizes = real, tested, sizes
        self.judge = Classifier(real.images, real.content.tolist(), judge, reporter=Terminal())
        self.classes = self.judge.classes

    def of(self, pictures: Pictures, content: str, most: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """The first pictures of a class."""
        return pictures.images[pictures.content == content][:most]

    def judged(self, made: Mapping[str, np.ndarray[Any, np.dtype[np.uint8]]]) -> dict[str, Any]:
        """Agreement, and precision and coverage beside the test pictures, of each class and on average."""
        figures: dict[str, dict[str, float]] = {"agreement": {}, "precision": {}, "coverage": {}}
        for content, pictures in made.items():
            some = pictures[: self.sizes.judged]
            figures["agreement"][content] = self.judge.accuracy(some, [content] * len(some))
            real = self.of(self.tested, content, self.sizes.judged)
            found = neighbours(self.judge.features(real), self.judge.features(some[: len(real)]))
            figures["precision"][content], figures["coverage"][content] = found.precision, found.coverage
        whole = {name: float(np.mean(list(each.values()))) for name, each in figures.items()}
        return {**whole, "classes": figures}

    def score(
        self, made: Mapping[str, np.ndarray[Any, np.dtype[np.uint8]]], pupil: ClassifierSettings
    ) -> float:  # fmt: skip
        """The accuracy on real test pictures of a classifier that has seen these alone."""
        pictures = np.concatenate([each[: self.sizes.learnt] for each in made.values()])
        labels = [content for content, each in made.items() for _ in each[: self.sizes.learnt]]
        taught = Classifier(pictures, labels, pupil, cached=False, reporter=Terminal())
        return taught.accuracy(self.tested.images, self.tested.content.tolist())

    def floor(self) -> dict[str, Any]:
        """Figures of the real pictures, and of the class means."""
        contents = self.classes
        real = {content: self.of(self.real, content, self.sizes.judged) for content in contents}
        test = self.judge.accuracy(self.tested.images, self.tested.content.tolist())
        means = {
            content: np.repeat(self.of(self.real, content, len(self.real)).mean(0).round().astype(np.uint8)[None],
                               self.sizes.judged, 0) for content in contents
        }  # fmt: skip
        return {
            "real": {**self.judged(real), "agreement": test, "score": test}, "class means": self.judged(means),
        }  # fmt: skip


def sampled(service: Service, model: str, values: Mapping[str, str], each: int, **options: Any) -> dict[str, Any]:
    """So many samples of every class, (each, h, w): of ``values``, the class that the data say -> what is asked for."""
    made = {}
    for number, (content, asked) in enumerate(values.items()):
        answer: Any = service.run("generate", model=model, n=each, seed=SEED + number, conditions=[asked], **options)
        made[content] = stacked(answer.items)
    return made


def wanted(condition: Condition, classes: Sequence[str]) -> dict[str, str]:
    """What is asked of a model for each class of the data."""
    rows = condition.rows(condition.codes(list(classes)))
    return {content: f"{condition.name}={condition.said(row)}" for content, row in zip(classes, rows, strict=True)}


def one(service: Service, model: str) -> Condition:
    """The condition of a model that has one."""
    found: list[Condition] = list(service.bundle(model).vae.conditions.values())
    if len(found) != 1:
        raise SystemExit(f"{model} has {len(found)} conditions; it must have one, of kind class")
    return found[0]


def weights(model: str) -> str:
    """The checksum of a model's weights."""
    listed = json.loads((locate(model, default_host()) / "manifest.json").read_text(encoding="utf-8"))
    return str(listed["sha256"]["model.safetensors"])


def shown(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """A line a variant, and of the first variant one a class."""
    lines = []
    for name, row in rows.items():
        asked = ASKED.get(name, {})
        missed = [key for key, least in asked.items() if key in row and row[key] < least]
        cells = [f"{row[key]:.1%}" if key in row else "" for key in COLUMNS]
        verdict = ", ".join(f"{key} {least:.0%}" + (" (missed)" * (key in missed)) for key, least in asked.items())
        lines.append((name, *cells, verdict))
    found = table(("samples", *COLUMNS, "asked"), lines)
    first = next((row for name, row in rows.items() if name in VARIANTS), None)
    if first is None or "real" not in rows:
        return found
    named, own, real = first.get("names", {}), first["classes"], rows["real"]["classes"]
    each = [
        (named.get(content, content), f"{share:.1%}",
         *(f"{own[key][content]:.2f} / {real[key][content]:.2f}" for key in ("precision", "coverage")))
        for content, share in own["agreement"].items()
    ]  # fmt: skip
    return f"{found}\n\n{table(('class', 'agreement', 'precision / real', 'coverage / real'), each)}"


def digits() -> tuple[Pictures, Pictures]:
    """scikit-learn's 1,797 digits of 8 x 8, a quarter of them to test."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images = (found.images * (255 / 16)).round().astype(np.uint8)
    every = Pictures(images, found.target.astype(str), np.full(len(images), ""))
    test = np.arange(len(every)) % 4 == 0
    return every.take(~test), every.take(test)


def quick(folder: Path) -> dict[str, dict[str, Any]]:
    """A tiny model of the digits, trained into the folder and measured."""
    real, tested = digits()
    recipe = Recipe.of(str(RECIPE), default_host())
    sections = {**recipe.sections, "conditions": {"digit": {"kind": "class", "column": "content"}}}
    sections["modality"] = {"modality": "image", "size": 8}
    recipe = Recipe(sections, default_host())
    recipe.set(QUICK)
    train(recipe, real.npz(folder / "digits.npz"), folder / "digits", resume=False, reporter=Silent())
    judge = ClassifierSettings(width=8, batch_size=64, pictures=12_000)
    bench = Bench(real, tested, Sizes(judged=100, learnt=130), judge)
    service, model = Service(), str(folder / "digits")
    made = sampled(service, model, wanted(one(service, model), bench.classes), bench.sizes.learnt)
    return {
        **bench.floor(),
        "scale 1": {**bench.judged(made), "score": bench.score(made, replace(judge, noise=PUPIL.noise))},
    }


def main() -> None:
    """Measure what is not there yet, print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="fashion", help="a starter or a folder")
    parser.add_argument("--only", metavar="VARIANT", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--scored", metavar="VARIANT", nargs="*", choices=VARIANTS, default=["scale 1"],
                        help="those of which a classifier learns, too, in some minutes each")  # fmt: skip
    parser.add_argument("--plain", action="store_true", help="the score without noise, too")
    parser.add_argument("--quick", action="store_true", help="a tiny model of digits; nothing is kept")
    chosen = parser.parse_args()
    if chosen.quick:
        with tempfile.TemporaryDirectory() as folder:
            print(shown(quick(Path(folder))))
        return
    kept, service, sizes = Kept(RESULTS / "conditional_images.json"), Service(), Sizes()
    condition = one(service, chosen.model)
    bench = Bench(*parts("fashion"), sizes, JUDGE)
    rows: dict[str, dict[str, Any]] = bench.floor()
    names = wanted(condition, bench.classes)
    for name in chosen.only:
        scored = name in chosen.scored
        pupils = {"score": PUPIL, **({"plain": PLAIN} if chosen.plain else {})} if scored else {"": None}
        row: dict[str, Any] = {}
        for key, pupil in pupils.items():
            settings = {
                "weights": weights(chosen.model), "options": VARIANTS[name], "pupil": pupil and asdict(pupil),
            }  # fmt: skip
            found = kept.find(name, settings)
            if found is None:
                each = sizes.judged if pupil is None else sizes.learnt
                made = sampled(service, chosen.model, names, each, **VARIANTS[name])
                figures = {**bench.judged(made), "names": {k: value.partition("=")[2] for k, value in names.items()}}
                found = kept.add(name, settings, {**figures, **({key: bench.score(made, pupil)} if pupil else {})})
            row = {**found, **row}
        rows[name] = row
        print(f"\n{shown(rows)}", flush=True)


if __name__ == "__main__":
    main()
