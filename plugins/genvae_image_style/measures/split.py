"""Does a split hold what it promises: the content in one block, the style in the other?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from genvae.core.batch import Batch
from genvae.core.latents import Latents
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.data.batching import Rows, some
from genvae.errors import LacksCapability
from genvae.evaluation.evaluation import Evaluation
from genvae.evaluation.probes import probe
from genvae_image_style.measures.formulas import Errors, Pictures, numbers, slant, stacked, stroke_width
from genvae_image_style.measures.spaces import CONTENT, NO_JUDGE, STYLE, classifier

LABEL = "label"  # the observed block of the content
PROBED = 20_000  # most items of a probe
SWAPS = 5_000  # most swaps
TRIES = 20  # partners that are looked at for each item
AT_ONCE = 256  # items encoded, or swaps drawn, at once


def blocks(model: VAE) -> list[str]:
    """Which of the two blocks the model has; raises LacksCapability for neither."""
    found = [block.name for block in model.blocks if block.name in (CONTENT, STYLE)]
    if not found:
        raise LacksCapability("the model's latent is not split: it has no block content or style")
    return found


def alone(model: VAE, batch: Batch) -> Batch:
    """Items without their groups; and without their labels where the content has a block of its own, for a label that
    is told would be no finding."""
    conditions = dict(batch.conditions)
    if LABEL in conditions and CONTENT in blocks(model):
        conditions[LABEL] = torch.zeros_like(conditions[LABEL])
    return replace(batch, group=None, conditions=conditions)


@torch.no_grad()
def encoded(evaluation: Evaluation, rows: Rows) -> Latents:
    """The posterior means of some rows of the table, each from its picture alone."""
    parts = []
    for first in range(0, len(rows), AT_ONCE):
        batch = evaluation.batches.batch(rows[first : first + AT_ONCE])
        parts.append(evaluation.model.infer(alone(evaluation.model, batch)).latents)
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def column(evaluation: Evaluation, name: str) -> dict[int, str] | None:
    """What a column says of each evaluated row that it says something of; None where there is no such column."""
    values = evaluation.items.column(name)
    if values is None:
        return None
    rows = evaluation.batches.rows.tolist()
    return {row: str(value) for row, value in zip(rows, values, strict=True) if value not in (None, "")} or None


def split(evaluation: Evaluation) -> dict[str, Any]:
    """What a linear classifier reads from the posterior means, each from **one** picture whose label is not told:
    ``content_from_content`` and ``style_from_style``, the share of right answers, should be high; the leaks
    ``content_from_style`` and ``style_from_content`` should be near ``content_majority`` and ``style_majority``, the
    share of the most frequent value. It is trained on 70 % of the pictures, chosen by a hash of each, and tested on
    the others; of the data's columns content and style it takes what there is, 100 values at most."""
    if not evaluation.full:
        return {}
    names = blocks(evaluation.model)
    columns = {label: column(evaluation, label) for label in (CONTENT, STYLE)}
    known = {label: of_row for label, of_row in columns.items() if of_row is not None}
    if not known:
        raise LacksCapability("the data has no column content or style to look for in the blocks")
    rows = some(evaluation.batches.rows, PROBED, evaluation.seed)
    latents = encoded(evaluation, rows)
    keys = [np.asarray(picture).tobytes() for picture in evaluation.items_at(rows)]
    figures: dict[str, Any] = {}
    for label, of_row in known.items():
        values = [of_row.get(int(row)) for row in rows]
        for name in sorted(names, key=lambda block: block != label):
            try:
                found = probe(latents[name].flatten(1).double().numpy(), values, keys)
            except LacksCapability as error:
                evaluation.left_out[f"{label}_from_{name}"] = str(error)
                continue
            figures[f"{label}_from_{name}"] = found.accuracy
            figures |= {
                f"{label}_majority": found.majority, f"{label}_values": found.classes,
                f"{label}_tested": found.tested,
            }  # fmt: skip
    return figures


# -- swaps ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Swaps:
    """The content of some rows and the style of as many others; ``draw`` makes the pictures, a part at a time."""

    evaluation: Evaluation
    content: Rows
    style: Rows

    @torch.no_grad()
    def draw(self, part: slice, *, swapped: bool = True) -> Pictures:
        """The swaps, or what comes back of the pictures whose content they have."""
        content, style = self.content[part], self.style[part]
        latents = encoded(self.evaluation, content)
        if swapped:
            latents = {**latents, STYLE: encoded(self.evaluation, style)[STYLE]}
        return stacked(self.evaluation.rendered(latents, torch.from_numpy(content)))

    @property
    def parts(self) -> list[slice]:
        """Parts that fit into memory."""
        return [slice(first, first + AT_ONCE) for first in range(0, len(self.content), AT_ONCE)]

    def pictures(self, rows: Rows) -> Pictures:
        """The real pictures of some rows."""
        return stacked(self.evaluation.items_at(rows)[:])


def swaps(evaluation: Evaluation, accept: Callable[[int, int], bool]) -> Swaps:
    """At most ``SWAPS`` rows, each with another row whose style it gets: the first of ``TRIES`` draws that is accepted.

    Raises LacksCapability for a model without a style, and where no pair is accepted.
    """
    if STYLE not in blocks(evaluation.model):
        raise LacksCapability("a swap needs a block style")
    every = evaluation.batches.rows
    rows = some(every, SWAPS, evaluation.seed)
    drawn = Stream(evaluation.seed, "swaps").uniform(torch.from_numpy(rows), TRIES)
    others = every[(drawn * len(every)).long().numpy()]
    pairs = []
    for row, tried in zip(rows.tolist(), others.tolist(), strict=True):
        found = next((other for other in tried if accept(row, other)), None)
        if found is not None:
            pairs.append((row, found))
    if not pairs:
        raise LacksCapability("no two of the pictures can be swapped")
    content, style = np.array(pairs, dtype=np.int64).T
    return Swaps(evaluation, content, style)


def swap(evaluation: Evaluation) -> dict[str, Any]:
    """Of ``swap_pairs`` pictures drawn with the content of one picture and the style of another that shows something
    else, each block from one picture alone: ``swap_accuracy``, how often a locally trained classifier sees the
    content in it, beside how often it does in the real pictures (``swap_accuracy_data``) and in their reconstructions
    (``swap_accuracy_reconstructions``); ``swap_leak``, how often it sees what the *style* picture shows. For grey
    pictures ``swap_slant`` and ``swap_stroke_width``: the correlation of each with that of the style picture, and
    ``..._within``, of what is left when the mean of each content is taken off."""
    if not evaluation.full or evaluation.judge is None:
        return {}
    contents = column(evaluation, CONTENT)
    if contents is None:
        raise LacksCapability("the data has no column content, so nobody knows what a swap should show")
    made = swaps(evaluation, lambda a, b: a in contents and b in contents and contents[a] != contents[b])
    judge = classifier(evaluation)
    if judge is None:
        raise LacksCapability(NO_JUDGE)
    wanted, strange = ([contents[row] for row in rows.tolist()] for rows in (made.content, made.style))
    seen: dict[str, list[str]] = {"": [], "_data": [], "_reconstructions": []}
    traits: dict[str, list[torch.Tensor]] = {}
    for part in made.parts:
        drawn, style = made.draw(part), made.pictures(made.style[part])
        seen[""] += judge.predicted(drawn)
        seen["_data"] += judge.predicted(made.pictures(made.content[part]))
        seen["_reconstructions"] += judge.predicted(made.draw(part, swapped=False))
        if drawn.ndim == 3:
            for name, trait in (("slant", slant), ("stroke_width", stroke_width)):
                traits.setdefault(name, []).append(torch.stack([trait(numbers(drawn)), trait(numbers(style))]))
    figures: dict[str, Any] = {"swap_pairs": len(wanted)}
    figures |= {f"swap_accuracy{end}": _agreement(said, wanted) for end, said in seen.items()}
    figures["swap_leak"] = _agreement(seen[""], strange)
    for name, parts in traits.items():
        ours, theirs = torch.cat(parts, 1).numpy()
        pairs = {"": (ours, theirs), "_within": (_without_means(ours, wanted), _without_means(theirs, strange))}
        for end, (a, b) in pairs.items():
            if min(a.std(), b.std()) > 1e-9:
                figures[f"swap_{name}{end}"] = float(np.corrcoef(a, b)[0, 1])
            else:
                evaluation.left_out[f"swap_{name}{end}"] = "it does not vary"
    return figures


def _agreement(said: Sequence[str], wanted: Sequence[str]) -> float:
    return sum(a == b for a, b in zip(said, wanted, strict=True)) / len(wanted)


def _without_means(values: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """What is left of the values when the mean of each label is taken off."""
    of_label = np.unique(np.array(labels), return_inverse=True)[1]
    means: np.ndarray = np.bincount(of_label, values) / np.bincount(of_label)
    return values - means[of_label]


def true_swap(evaluation: Evaluation) -> dict[str, Any]:
    """For ``true_swap_pairs`` pairs of pictures, numbers in [0, 1], where the data has the picture of one's content in
    the other's style: ``true_swap_rmse``, ``_l1`` and ``_ssim`` of the model's swap, each block from one
    picture alone, against that true picture; ``..._reconstruction``, the errors of the true picture's own
    reconstruction, which a swap cannot be expected to be under; ``..._copy``, those of the content's picture left as
    it is, which a swap must be under."""
    if not evaluation.full:
        return {}
    contents, styles = column(evaluation, CONTENT), column(evaluation, STYLE)
    if contents is None or styles is None:
        raise LacksCapability("a true swap is known by the data's columns content and style")
    truth: dict[tuple[str, str], int] = {}
    for row in evaluation.batches.rows.tolist():
        if row in contents and row in styles:
            truth.setdefault((contents[row], styles[row]), row)

    def known(a: int, b: int) -> bool:
        if not all(row in contents and row in styles for row in (a, b)):
            return False
        return contents[a] != contents[b] and styles[a] != styles[b] and (contents[a], styles[b]) in truth

    made = swaps(evaluation, known)
    pairs = zip(made.content.tolist(), made.style.tolist(), strict=True)
    true = np.array([truth[contents[a], styles[b]] for a, b in pairs], dtype=np.int64)
    own = Swaps(evaluation, true, true)
    found = {"": Errors(), "_reconstruction": Errors(), "_copy": Errors()}
    for part in made.parts:
        wanted = numbers(made.pictures(true[part]))
        found[""].add(numbers(made.draw(part)), wanted)
        found["_reconstruction"].add(numbers(own.draw(part, swapped=False)), wanted)
        found["_copy"].add(numbers(made.pictures(made.content[part])), wanted)
    figures: dict[str, Any] = {"true_swap_pairs": len(true)}
    for end, errors in found.items():
        figures |= {f"{name}{end}": value for name, value in errors.figures("true_swap_").items()}
    return figures
