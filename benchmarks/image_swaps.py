"""Swaps that have a true picture: emoji in colour by vendor, and letters of 64 x 64 by typeface.

    python -m benchmarks.image_swaps [--models runs/image] [--only emoji] [--device auto]

    emoji      emoji-split.yaml on 839 emoji by five vendors; measured on the 214 that no training saw. Every picture is
               to be drawn in the hand of every other vendor: its content from that picture alone, the style from one
               picture of another emoji by that vendor
    letters64  letters64-split.yaml on the typefaces that are installed here; measured on those of them that no training
               saw. The content is the letter's name, the style is read from one other letter
    floors     the picture left as it is; the mean training picture of the vendor (or of the letter); for emoji ridge
               regression from each vendor's pixels to each other's, its two numbers chosen on a fifth of the training
               emoji; and the model's own reconstruction of the true picture, which is no floor but a ceiling
    probes     share of vendors that a linear classifier reads from the style and from the content (by chance 20 %)

Errors are of pixels in [0, 1]. What lies in the folder of models already is not trained again, and finished rows stay
in results/image_swaps.json.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.image.arrays import Held, Pictures, parts
from benchmarks.image.floors import choices, pca_ridge
from benchmarks.image.made import command, named_device, trained, training_of
from benchmarks.text.kept import RESULTS, Kept, table
from genvae.host import default_host
from genvae.service import Service
from genvae.store.bundle import load
from genvae_image_style.measures.formulas import Errors, numbers
from genvae_image_style.measures.split import alone
from genvae_image_style.starters.corpus import number

ROWS = {"emoji": ("emoji-split", "emoji"), "letters64": ("letters64-split", "letters")}  # row -> its recipe, its data
AT_ONCE = 512  # pictures drawn and compared together
BESIDE = ("style_from_style", "style_from_content", "style_majority", "content_from_style", "content_majority",
          "kl_of_content", "kl_of_style", "rmse", "l1", "ssim")  # fmt: skip

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Swaps:
    """Rows of the pictures whose content is taken, of those whose style is, and of the true pictures."""

    content: Rows
    style: Rows
    truth: Rows

    @classmethod
    def of(cls, pictures: Pictures) -> Swaps:
        """Every picture in every other style that there is of its content; the style is read from the next content's
        picture in that style."""
        place = {pair: row for row, pair in enumerate(zip(pictures.content, pictures.style, strict=True))}
        contents, styles = (sorted(set(values.tolist())) for values in (pictures.content, pictures.style))
        following = dict(zip(contents, [*contents[1:], contents[0]], strict=True))
        found = [
            (place[content, own], place[following[content], other], place[content, other])
            for content in contents
            for own, other in itertools.permutations(styles, 2)
            if {(content, own), (following[content], other), (content, other)} <= set(place)
        ]
        return cls(*np.array(found, dtype=np.int64).T)


#: the swaps of some places among all, as pictures in [0, 1], (n, c, h, w)
Drawn = Callable[[slice], torch.Tensor]


def errors(drawn: Drawn, swaps: Swaps, pictures: Pictures) -> dict[str, float]:
    """RMSE, L1 and SSIM against the true pictures."""
    found = Errors()
    for first in range(0, len(swaps.truth), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        found.add(drawn(part).clamp(0, 1), numbers(pictures.images[swaps.truth[part]]))
    return found.figures()


def floors(name: str, learnt: Pictures, tested: Pictures, swaps: Swaps) -> dict[str, Drawn]:
    """What needs no model."""

    def copied(part: slice) -> torch.Tensor:
        return numbers(tested.images[swaps.content[part]])

    by_style = name == "emoji"
    known, asked = (p.style if by_style else p.content for p in (learnt, tested))
    means = {value: numbers(learnt.images[known == value]).mean(0) for value in set(known.tolist())}

    def mean(part: slice) -> torch.Tensor:
        return torch.stack([means[asked[row]] for row in swaps.truth[part].tolist()])

    found: dict[str, Drawn] = {"content's picture as it is": copied}
    found[f"mean of the {'vendor' if by_style else 'letter'}"] = mean
    if by_style:
        found["ridge regression"] = ridge(learnt, tested, swaps)
    return found


def ridge(learnt: Pictures, tested: Pictures, swaps: Swaps) -> Drawn:
    """From the principal components of one vendor's pixels to another's pixels, the same two numbers for all pairs."""
    x = {style: _pixels(learnt, style) for style in sorted(set(learnt.style.tolist()))}
    kept = np.array([number(str(content)) // 5 % 5 == 0 for content in learnt.content[learnt.style == min(x)]])
    pairs = list(itertools.permutations(x, 2))

    def missed(tried: tuple[float, float]) -> float:
        own, other = pairs[0]
        said = pca_ridge(x[own][~kept], x[other][~kept], int(tried[0]), tried[1])(x[own][kept])
        return float(((np.clip(said, 0, 1) - x[other][kept]) ** 2).mean())

    best = min(choices("PCA + ridge"), key=missed)
    drawn = np.zeros((len(swaps.truth), x[pairs[0][0]].shape[1]), np.float32)
    for own, other in pairs:
        where = (tested.style[swaps.content] == own) & (tested.style[swaps.truth] == other)
        given = tested.images[swaps.content[where]].reshape(where.sum(), -1) / 255
        drawn[where] = pca_ridge(x[own], x[other], int(best[0]), best[1])(given)
    whole = torch.from_numpy(drawn).reshape(-1, *tested.images.shape[1:]).permute(0, 3, 1, 2)
    return lambda part: whole[part]


def _pixels(pictures: Pictures, style: str) -> NDArray[np.floating]:
    chosen = pictures.images[pictures.style == style]
    return chosen.reshape(len(chosen), -1).astype(np.float64) / 255


@torch.no_grad()
def of_model(folder: Path, tested: Pictures, swaps: Swaps) -> dict[str, Drawn]:
    """The model's swaps, and its reconstructions of the true pictures; every code from one picture alone."""
    bundle = load(folder, default_host())
    model, held = bundle.vae, Held(bundle.modality, tested, torch.device("cpu"))  # type: ignore[arg-type]
    codes = [model.infer(alone(model, batch)).latents for batch in held.in_order(AT_ONCE)]
    whole = {name: torch.cat([code[name] for code in codes]) for name in codes[0]}

    @torch.no_grad()
    def drawn(part: slice, content: Rows, style: Rows) -> torch.Tensor:
        rows = torch.from_numpy(content[part])
        mixed = {name: value[rows] for name, value in whole.items()}
        mixed["style"] = whole["style"][torch.from_numpy(style[part])]
        made: torch.Tensor = model.likelihood.mean(model.decoder(mixed, alone(model, held.batch(rows))))  # type: ignore[operator]
        return made

    return {
        "swap": partial(drawn, content=swaps.content, style=swaps.style),
        "its reconstruction of the true picture": partial(drawn, content=swaps.truth, style=swaps.truth),
    }


def measured(name: str, folder: Path, test: Path) -> dict[str, Any]:
    """The errors of a row, and what probes and the bound say."""
    learnt, tested = parts(ROWS[name][1])
    swaps = Swaps.of(tested)
    every = of_model(folder, tested, swaps) | floors(name, learnt, tested, swaps)
    figures = Service().run("evaluate", model=str(folder), data=str(test), generated=0, samples=5).to_config()
    return {
        "swaps": len(swaps.truth), "errors": {what: errors(drawn, swaps, tested) for what, drawn in every.items()},
        **{key: figures[key] for key in BESIDE if key in figures},
        "pictures": [len(learnt), len(tested)], "trained": training_of(folder),
    }  # fmt: skip


def shown(row: dict[str, Any]) -> str:
    """A table of errors, and a line of what the codes say."""
    lines = [(what, *(f"{found[key]:.3f}" for key in ("rmse", "l1", "ssim"))) for what, found in row["errors"].items()]
    said = [f"{key.replace('_', ' ')} {row[key]:.1%}" for key in BESIDE[:5] if key in row]
    said += [f"{key.replace('_', ' ')} {row[key]:.1f} nats" for key in BESIDE[5:7] if key in row]
    heads = (f"{row['row']}, {row['swaps']:,} swaps", "RMSE", "L1", "SSIM")
    return f"{table(heads, lines)}\n\n{', '.join(said)}"


def main() -> None:
    """Train and measure what is not there yet, print the tables."""
    chosen = command(__doc__ or "", ROWS).parse_args()
    kept = Kept(RESULTS / "image_swaps.json")
    for name, (recipe, data) in ROWS.items():
        if chosen.only not in (None, name):
            continue
        files = [chosen.models / f"{data}-{part}.npz" for part in ("train", "test")]
        for pictures, path in zip(parts(data), files, strict=True):
            pictures.npz(path)
        folder = trained(recipe, files[0], chosen.models / name, device=named_device(chosen.device))
        settings = {"model": json.loads((folder / "manifest.json").read_text(encoding="utf-8"))}
        print(f"\n{shown(kept.find(name, settings) or kept.add(name, settings, measured(name, folder, files[1])))}")


if __name__ == "__main__":
    main()
