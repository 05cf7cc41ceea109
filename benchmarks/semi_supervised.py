"""MNIST with few labels: errors on the test part, the mean of five draws of balanced labels.

    python -m benchmarks.semi_supervised [--labels 100 600 3000] [--draws 5] [--steps 600] [--device auto] [--quick]

    once        for all draws, and without any label: each training picture's ten nearest others, by the strokes that
                the encoder reads (encoder: strokes of content-style), in 64 principal components
    a draw      as many labels of each digit, by the draw's seed, spread from neighbour to neighbour
                (genvae_conditional.spreading). Of the pictures that each digit reaches most, 95 % are told that digit,
                the others nothing. No other label is used for anything: not to stop, not to choose a setting or
                weights; the last weights are measured
    trained by  the recipe digits-few-labels of the conditional plugin (objective semi-supervised: M2 of Kingma et al.
                2014 with changed copies), as many steps for every draw and every number of labels
    error       of the 10,000 test pictures, of those that q(digit|x) takes for another digit. "by the bound" is the
                error of the digit under which a picture's bound is the best, of the first 2,000. "spread" is that of
                the digit that reaches a picture most, of the training pictures, whose labels this column alone reads
    published   M1+M2: 3.33 +- 0.14 % at 100 labels, 2.59 +- 0.05 % at 600, 2.18 +- 0.04 % at 3,000

Finished rows stay in results/semi_supervised.json, and are not measured again: it may be stopped and given anew.
--quick tries everything with few steps and pictures; its figures mean nothing and are not kept.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA

from benchmarks.image.arrays import Held, Pictures, parts
from benchmarks.image.clocked import Trained, modality_of, train
from benchmarks.image.made import named_device
from benchmarks.text.kept import RESULTS, Kept, table
from genvae.core.randomness import key
from genvae.host import default_host
from genvae.latent.recognise import recognised
from genvae.recipe import Recipe
from genvae_conditional.objectives.semi_supervised import SemiSupervised
from genvae_conditional.spreading.graph import Neighbourhood, Reached
from genvae_image_style.architectures.strokes import Strokes
from genvae_image_style.modality import LABEL

RECIPE = Path(__file__).parents[1] / "plugins" / "genvae_conditional" / "recipes" / "digits-few-labels.yaml"
COMPONENTS = 64  # of the strokes
SURE = 0.95  # of the pictures that a digit reaches most, the share that is told it
BY_BOUND = 2_000  # test pictures that are read by their bounds, too
ASKED = {100: 3.3}
PUBLISHED = {100: "3.33 ± 0.14", 600: "2.59 ± 0.05", 3000: "2.18 ± 0.04"}
QUICK = ("architecture.flat=16", "architecture.hidden_dim=16", "architecture.style_hidden=16",
         "architecture.style_dim=4", "objective.hidden=16", "training.batch_size=32")  # fmt: skip
STEPS = 30  # of --quick
AT_ONCE = 1_000  # pictures whose strokes are found together

Rows = np.ndarray[Any, np.dtype[np.int64]]


def drawn(pictures: Pictures, labels: int, seed: int) -> Rows:
    """The rows of so many labelled pictures, as many of each digit."""
    contents = sorted(set(pictures.content.tolist()))
    each, rest = divmod(labels, len(contents))
    if rest or not each:
        raise SystemExit(f"{labels} labels are not as many of each of {len(contents)} digits")
    rows = []
    for content in contents:
        generator = np.random.default_rng(key(seed, "labels", labels, content) & ((1 << 63) - 1))
        rows.append(generator.permutation(np.flatnonzero(pictures.content == content))[:each])
    return np.sort(np.concatenate(rows))


def neighbourhood(pictures: Pictures) -> Neighbourhood:
    """Which pictures are near each other; it reads no label."""
    strokes = Strokes(pictures.images.shape[1])
    ink = torch.from_numpy(np.array(pictures.images))[:, None]
    seen = torch.cat([strokes.what(part.float() / 255.0) for part in ink.split(AT_ONCE)])
    return Neighbourhood.of(torch.from_numpy(PCA(min(COMPONENTS, *seen.shape), random_state=0).fit_transform(seen)))


def spread(pictures: Pictures, near: Neighbourhood, rows: Rows) -> tuple[Pictures, float]:
    """All pictures, with the labels of the rows, and what these say of the pictures that they surely reach; and the
    error in per cent of what they say most of any. No label but those of the rows is read for the first."""
    known = np.full_like(pictures.content, "")
    known[rows] = pictures.content[rows]
    reached = Reached.of(near, known.tolist())
    content = np.array(reached.told(known.tolist(), SURE), dtype=pictures.content.dtype)
    wrong = np.array(reached.most()) != pictures.content
    return Pictures(pictures.images, content, pictures.style), 100 * float(wrong.mean())


@torch.no_grad()
def errors(made: Trained, tested: Pictures, device: torch.device) -> dict[str, float]:
    """The share of test pictures taken for another digit, in per cent: by q, and by the bounds."""
    objective = made.objective
    assert isinstance(objective, SemiSupervised)
    objective.eval()
    modality = modality_of(made.bundle.recipe, tested)
    held = Held(modality, tested, device)
    wrong = by_bound = seen = 0
    for batch in held.in_order(500):
        truth = batch.conditions[LABEL].argmax(1)
        blind = batch.knowing(**{LABEL: torch.zeros_like(batch.conditions[LABEL])})
        wrong += int((objective.logits(made.vae, blind).argmax(1) != truth).sum())
        if seen < BY_BOUND:
            found = recognised(made.vae, blind, LABEL, modality.values(LABEL)).conditions[LABEL].argmax(1)
            by_bound += int((found != truth).sum())
            seen += len(batch)
    return {"error": 100 * wrong / len(held), "error_by_bound": 100 * by_bound / seen}


def measure(
    learnt: Pictures, tested: Pictures, near: Neighbourhood, labels: int, draw: int, device: torch.device, steps: int,
    quick: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Train on one draw of labels, and measure; ``quick`` with tiny networks."""
    recipe = Recipe.of(str(RECIPE), default_host())
    if quick:
        recipe.set(QUICK)
    began = time.process_time()
    partly, wrong = spread(learnt, near, drawn(learnt, labels, draw))
    made = train(
        recipe, partly, name=f"{labels} labels, draw {draw}", seconds=float("inf"), seed=draw, device=device,
        most=steps, say=lambda text: print(text, flush=True),
    )  # fmt: skip
    return {
        **errors(made, tested, device), "spread_error": wrong, "trained": made.figures(),
        "processor_seconds": time.process_time() - began,
    }  # fmt: skip


def data(quick: bool) -> tuple[Pictures, Pictures]:
    """The training part and the test part of MNIST, or a little of both."""
    learnt, tested = parts("mnist")
    if not quick:
        return learnt, tested
    some = np.concatenate([np.flatnonzero(learnt.content == str(digit))[:40] for digit in range(10)])
    return learnt.take(some), tested.take(slice(600))


def shown(rows: dict[int, list[dict[str, Any]]]) -> str:
    """The label efficiency curve: one line a number of labels."""
    lines = []
    for labels, found in rows.items():
        each = [row["error"] for row in found]
        mean, deviation = statistics.mean(each), statistics.stdev(each) if len(each) > 1 else 0.0
        bound, near = (statistics.mean(row[name] for row in found) for name in ("error_by_bound", "spread_error"))
        asked = ASKED.get(labels)
        verdict = "" if asked is None else f"at most {asked}" + ("" if mean <= asked else " (missed)")
        lines.append((
            f"{labels:,}", str(len(each)), f"{mean:.2f} ± {deviation:.2f}", f"{min(each):.2f} to {max(each):.2f}",
            f"{bound:.2f}", f"{near:.2f}", PUBLISHED.get(labels, ""), verdict,
        ))  # fmt: skip
    return table(("labels", "draws", "error, %", "from to", "by the bound", "spread", "M1+M2", "asked"), lines)


def main() -> None:
    """Train and measure what is not there yet, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 600, 3000], help="numbers of labels")
    parser.add_argument("--draws", type=int, default=5, help="of labels, each with its own seed")
    parser.add_argument("--steps", type=int, default=600, help="of each training")
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto")
    parser.add_argument("--quick", action="store_true", help="30 steps on 400 pictures; nothing is kept")
    chosen = parser.parse_args()
    device = torch.device(named_device(chosen.device))
    kept = Kept(RESULTS / "semi_supervised.json")
    asked = {"recipe": RECIPE.read_text(encoding="utf-8"), "steps": chosen.steps, "sure": SURE, "device": device.type}
    held: tuple[Pictures, Pictures, Neighbourhood] | None = None  # made when the first row needs it
    rows: dict[int, list[dict[str, Any]]] = {}
    for labels in chosen.labels:
        for draw in range(chosen.draws):
            name = f"{labels} labels, draw {draw}"
            row = None if chosen.quick else kept.find(name, asked)
            if row is None:
                if held is None:
                    learnt, tested = data(chosen.quick)
                    held = learnt, tested, neighbourhood(learnt)
                steps = STEPS if chosen.quick else chosen.steps
                row = measure(*held, labels, draw, device, steps, chosen.quick)
                if not chosen.quick:
                    kept.add(name, asked, row)
            rows.setdefault(labels, []).append(row)
            print(f"{name}: error {row['error']:.2f} %, by the bound {row['error_by_bound']:.2f} %", flush=True)
    print(shown(rows), flush=True)


if __name__ == "__main__":
    main()
