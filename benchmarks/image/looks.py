"""A quick look at the codes of a model of digits, on whatever device it is: what a probe reads from each block, what
swaps take from the picture of the style, errors and rates. The tables are measured by genvae's own measures; this tells
a training whether it is on its way.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.image.arrays import Held, Pictures
from genvae.core.vae import VAE
from genvae.evaluation.probes import probe
from genvae_image_style.measures.formulas import slant, stroke_width
from genvae_image_style.modality import Image

AT_ONCE = 1000


@torch.no_grad()
def look(model: VAE, modality: Image, pictures: Pictures, device: torch.device) -> dict[str, Any]:
    """Of each block its rate and the share of digits that a probe reads from its posterior means; "rmse" and "l1" of
    what is decoded from those; of swaps the correlation of slant and stroke width with the style's picture, and of
    what is left of both when each digit's mean is taken off."""
    held = Held(modality, pictures, device)
    squared = absolute = distortion = 0.0
    rates: dict[str, float] = {}
    codes: dict[str, list[torch.Tensor]] = {}
    for batch in held.in_order(AT_ONCE):
        draw = model.infer(batch)
        gap = model.likelihood.mean(model.decoder(draw.latents, batch).float()) - batch.views["target"]  # type: ignore[operator]
        squared += float(gap.square().mean((1, 2, 3)).sum())
        absolute += float(gap.abs().mean((1, 2, 3)).sum())
        distortion += float(model.distortion(draw.latents, batch).sum())
        for block in model.blocks:
            if block.name in draw.posteriors:
                rates[block.name] = rates.get(block.name, 0.0) + float(draw.rate(block).sum())
                codes.setdefault(block.name, []).append(draw.latents[block.name])
    count = len(pictures)
    figures: dict[str, Any] = {
        "rmse": math.sqrt(squared / count), "l1": absolute / count, "distortion_at_mean": distortion / count,
    }  # fmt: skip
    figures |= {f"rate/{name}": value / count for name, value in rates.items()}
    keys = [picture.tobytes() for picture in pictures.images]
    whole = {name: torch.cat(parts) for name, parts in codes.items()}
    for name, values in whole.items():
        read = probe(values.flatten(1).double().cpu().numpy(), pictures.content.tolist(), keys)
        figures[f"digit from {name}"] = read.accuracy
    if {"content", "style"} <= set(whole):
        figures |= swapped(model, whole, held, pictures)
    return figures


def swapped(model: VAE, codes: dict[str, torch.Tensor], held: Held, pictures: Pictures) -> dict[str, float]:
    """Whose slant and whose stroke a swap has."""
    generator = np.random.default_rng(0)
    content, style = (generator.permutation(len(pictures)) for _ in range(2))
    apart = pictures.content[content] != pictures.content[style]
    content, style = content[apart], style[apart]
    found: dict[str, list[NDArray[np.float64]]] = {"slant": [], "stroke": []}
    for first in range(0, len(content), AT_ONCE):
        rows = torch.from_numpy(content[first : first + AT_ONCE]).to(held.planes.device)
        other = torch.from_numpy(style[first : first + AT_ONCE]).to(held.planes.device)
        batch = held.batch(rows)
        mixed = {"content": codes["content"][rows], "style": codes["style"][other]}
        drawn = model.likelihood.mean(model.decoder(mixed, batch).float()).cpu()  # type: ignore[operator]
        real = held.batch(other).views["target"].cpu()
        for name, trait in (("slant", slant), ("stroke", stroke_width)):
            found[name].append(np.stack([trait(drawn).numpy(), trait(real).numpy()]))
    figures = {}
    for name, parts in found.items():
        ours, theirs = np.concatenate(parts, 1)
        figures[name] = float(np.corrcoef(ours, theirs)[0, 1])
        within = _without_means(ours, pictures.content[content]), _without_means(theirs, pictures.content[style])
        figures[f"{name} within"] = float(np.corrcoef(*within)[0, 1])
    return figures


def _without_means(values: NDArray[np.float64], labels: NDArray[np.str_]) -> NDArray[np.float64]:
    of_label = np.unique(labels, return_inverse=True)[1]
    means: NDArray[np.float64] = np.bincount(of_label, values) / np.bincount(of_label)
    return values - means[of_label]
