"""What comes back of a picture, and how sharp pictures are."""

from __future__ import annotations

from typing import Any

import torch

from genvae.evaluation.evaluation import Evaluation
from genvae_image_style.measures.formulas import WINDOW, Errors, laplacian_variance, numbers, stacked

SHARP = 2_000  # most pictures of each kind


def image_error(evaluation: Evaluation) -> dict[str, Any]:
    """Of pictures that are decoded from their posterior mean, numbers in [0, 1]: ``rmse``, the root of the mean square
    over all pictures and pixels; ``l1``, the mean absolute difference; ``ssim``, the structural similarity (Wang et al.
    2004, Gaussian window 11, sigma 1.5), 1 for equal pictures."""
    found = Errors()
    for _, wanted, said in evaluation.reconstructions():
        found.add(numbers(stacked(said)), numbers(stacked(wanted)))
    if found.similarity is None:
        evaluation.left_out["ssim"] = f"its window is {WINDOW} x {WINDOW}, and the pictures are smaller"
    return found.figures()


def sharpness(evaluation: Evaluation) -> dict[str, Any]:
    """The mean variance of the Laplacian, which blur takes away: ``sharpness_data`` of real pictures, and of the
    samples (``sharpness_samples``) and of the same pictures reconstructed (``sharpness_reconstructions``);
    ``sharpness_ratio`` and ``sharpness_ratio_reconstructions`` are those over the first. Below 1 is blurred; noise of
    pixels is sharp, too, so look at the pictures where it is above 1."""
    if not evaluation.full:
        return {}
    figures: dict[str, Any] = {}
    real = evaluation.some_items(SHARP)
    figures["sharpness_data"] = data = _sharpness(real)
    if evaluation.generated:
        figures["sharpness_samples"] = _sharpness(evaluation.drawn[:SHARP])
    if evaluation.model.latent_dim:
        back: list[Any] = []
        for _, _, said in evaluation.few(SHARP).reconstructions():
            back += said
        figures["sharpness_reconstructions"] = _sharpness(back)
    if not data:
        evaluation.left_out["sharpness_ratio"] = "the real pictures are flat"
        return figures
    for name, figure in (("", "samples"), ("_reconstructions", "reconstructions")):
        if f"sharpness_{figure}" in figures:
            figures[f"sharpness_ratio{name}"] = figures[f"sharpness_{figure}"] / data
    return figures


def _sharpness(pictures: list[Any]) -> float:
    parts = [laplacian_variance(numbers(stacked(pictures[i : i + 256]))) for i in range(0, len(pictures), 256)]
    return float(torch.cat(parts).mean())
