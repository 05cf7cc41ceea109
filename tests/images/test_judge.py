"""Formulas of pictures against loops and scipy, and the judge: what it learns, and that it learns it once."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from genvae.data.prepare import CACHE
from genvae.errors import LacksCapability
from genvae.progress import Silent
from genvae_image_style.measures import formulas
from genvae_image_style.measures.classifier import Classifier, ClassifierSettings

QUICK = ClassifierSettings(width=8, features=16, epochs=12, batch_size=32)

# -- formulas --------------------------------------------------------------------------------------


def pair(size: int = 14, channels: int = 1, count: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(size)
    a = torch.rand(count, channels, size, size + 2, generator=generator)
    return a, (a + 0.2 * torch.randn(a.shape, generator=generator)).clamp(0, 1)


def slow_similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Eq. 13 of Wang et al. (2004) at every place by a loop, weights and moments as in their eq. 14 to 16."""
    weights = np.array([[math.exp(-(i * i + j * j) / (2 * 1.5**2)) for j in range(-5, 6)] for i in range(-5, 6)])
    weights /= weights.sum()
    found = []
    for i in range(a.shape[0] - 10):
        for j in range(a.shape[1] - 10):
            x, y = a[i : i + 11, j : j + 11], b[i : i + 11, j : j + 11]
            mx, my = (weights * x).sum(), (weights * y).sum()
            sx, sy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
            sxy = (weights * (x - mx) * (y - my)).sum()
            found.append((2 * mx * my + 1e-4) * (2 * sxy + 9e-4) / ((mx**2 + my**2 + 1e-4) * (sx + sy + 9e-4)))
    return float(np.mean(found))


@pytest.mark.parametrize("channels", [1, 3])
def test_errors_are_their_definitions(channels: int) -> None:
    a, b = pair(channels=channels)
    x, y = a.double().numpy(), b.double().numpy()
    assert formulas.squared_error(a, b).numpy() == pytest.approx(((x - y) ** 2).mean((1, 2, 3)), rel=1e-5)
    assert formulas.absolute_error(a, b).numpy() == pytest.approx(np.abs(x - y).mean((1, 2, 3)), rel=1e-5)
    wanted = [np.mean([slow_similarity(x[n, c], y[n, c]) for c in range(channels)]) for n in range(len(x))]
    assert formulas.structural_similarity(a, b).numpy() == pytest.approx(wanted, rel=1e-9)
    assert formulas.structural_similarity(a, a).numpy() == pytest.approx(1.0)
    found = formulas.Errors()
    found.add(a[:1], b[:1])
    found.add(a[1:], b[1:])
    assert found.figures("x_") == {
        "x_rmse": pytest.approx(np.sqrt(((x - y) ** 2).mean())), "x_l1": pytest.approx(np.abs(x - y).mean()),
        "x_ssim": pytest.approx(np.mean(wanted)),
    }  # fmt: skip


def test_a_picture_smaller_than_the_window_has_no_similarity() -> None:
    a = torch.rand(2, 1, 10, 10)
    with pytest.raises(LacksCapability, match="11 x 11 or more"):
        formulas.structural_similarity(a, a)
    found = formulas.Errors()
    found.add(a, a)
    assert set(found.figures()) == {"rmse", "l1"}


def test_sharpness_is_the_variance_of_scipys_laplacian_and_falls_with_blur() -> None:
    from scipy.ndimage import gaussian_filter, laplace

    a, _ = pair(20)
    found = formulas.laplacian_variance(a).numpy()
    grey = a[:, 0].double().numpy()
    assert found == pytest.approx([laplace(picture)[1:-1, 1:-1].var() for picture in grey])
    blurred = torch.from_numpy(np.stack([gaussian_filter(picture, 1.0) for picture in grey]))[:, None].float()
    assert (formulas.laplacian_variance(blurred).numpy() < 0.1 * found).all()
    colours = torch.cat([a, torch.zeros_like(a), a], 1)
    assert formulas.laplacian_variance(colours).numpy() == pytest.approx((2 / 3) ** 2 * found, rel=1e-5)


def stroke(lean: float, width: float, size: int = 48) -> Tensor:
    """A straight stroke, its edges antialiased: it leans by ``lean`` pixels to the right for each row upward."""
    rows = np.arange(size)[:, None] - size / 2
    across = (np.arange(size)[None] - size / 2 + lean * rows) / math.hypot(1, lean)
    ink = np.clip(width / 2 + 0.5 - np.abs(across), 0, 1) * (np.abs(rows) < size * 0.4)
    return torch.from_numpy(ink)[None, None].float()


@pytest.mark.parametrize("lean", [-0.5, 0.0, 0.3, 0.7])
@pytest.mark.parametrize("width", [2.0, 5.0])
def test_slant_and_width_of_a_stroke_that_was_drawn_so(lean: float, width: float) -> None:
    assert float(formulas.slant(stroke(lean, width))) == pytest.approx(lean, abs=0.02)
    # its two ends are edge, too: a stroke of length l is measured as width * l / (l + width)
    length = 38 * math.hypot(1, lean)
    expected = width * length / (length + width)
    assert float(formulas.stroke_width(stroke(lean, width))) == pytest.approx(expected, rel=0.04)
    nothing = torch.zeros(1, 1, 9, 9)
    assert float(formulas.slant(nothing)) == float(formulas.stroke_width(nothing)) == 0.0


def test_total_variation() -> None:
    a, b = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.25, 0.5])
    assert formulas.total_variation(a, b) == pytest.approx(0.5) and formulas.total_variation(a, a) == 0
    assert formulas.total_variation(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])) == 1


# -- the judge -------------------------------------------------------------------------------------


def shapes(count: int, seed: int, size: int = 16) -> tuple[np.ndarray, list[str]]:
    """A bar, a cross or a frame, somewhere, on a noisy ground."""
    generator = np.random.default_rng(seed)
    made, names = [], []
    for number in range(count):
        name = ("bar", "cross", "frame")[number % 3]
        drawn = np.zeros((9, 9))
        if name == "frame":
            drawn[[0, -1]] = drawn[:, [0, -1]] = 1
        else:
            drawn[:, 4] = 1
            drawn[4] = name == "cross"
            drawn[:, 4] = 1
        picture = 0.3 * generator.random((size, size))
        top, left = generator.integers(0, size - 9, 2)
        picture[top : top + 9, left : left + 9] += 0.6 * drawn
        made.append((255 * picture).astype(np.uint8))
        names.append(name)
    return np.stack(made), names


class Counting(Silent):
    """Counts the trainings."""

    begun = 0

    def begin(self, title: str, total: int, done: int) -> None:
        self.begun += 1


def test_the_judge_learns_what_pictures_show() -> None:
    judge = Classifier(*shapes(240, 0), QUICK, cached=False)
    held, names = shapes(90, 1)
    assert judge.classes == ("bar", "cross", "frame") and judge.accuracy(held, names) > 0.95
    said = judge.predicted(held)
    assert judge.accuracy(held, names) == sum(a == b for a, b in zip(said, names, strict=True)) / 90
    assert judge.accuracy(held, ["another"] * 90) == 0.0
    features = judge.features(held)
    assert features.shape == (90, 16) and (features >= 0).all()
    apart = torch.cat([judge.features(held[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(apart, features[:5], rtol=1e-4, atol=1e-4)


def test_the_judge_reads_colour_where_colour_is_all_there_is() -> None:
    generator = np.random.default_rng(3)
    labels = [("red", "blue")[number % 2] for number in range(120)]
    pictures = generator.integers(0, 120, (120, 9, 13, 3)).astype(np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        picture[..., 0 if label == "red" else 2] += 100
    judge = Classifier(pictures[:80], labels[:80], QUICK, cached=False)
    assert judge.accuracy(pictures[80:], labels[80:]) > 0.95


def test_the_judge_is_trained_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path))
    pictures, names = shapes(60, 4)
    quick, counting = replace(QUICK, epochs=2), Counting()
    first = Classifier(pictures, names, quick, reporter=counting)
    again = Classifier(pictures, names, quick, reporter=counting)
    assert counting.begun == 1 and (again.logits(pictures) == first.logits(pictures)).all()
    same = Classifier(pictures, names, quick, cached=False)
    assert (same.logits(pictures) == first.logits(pictures)).all(), "the same seed, the same judge"
    Classifier(pictures, [names[-1], *names[1:]], quick, reporter=counting)
    Classifier(pictures[::-1].copy(), names, quick, reporter=counting)
    Classifier(pictures, names, replace(quick, seed=1), reporter=counting)
    assert counting.begun == 4
    for file in (tmp_path / "judges").iterdir():
        file.write_bytes(b"damaged")
    Classifier(pictures, names, quick, reporter=counting)
    assert counting.begun == 5
    other = Classifier(pictures, names, replace(quick, seed=1), cached=False)
    assert not torch.equal(other.logits(pictures), first.logits(pictures))


def test_a_judge_needs_pictures_of_two_contents() -> None:
    pictures, names = shapes(30, 5)
    with pytest.raises(LacksCapability, match="at least 20 pictures to learn from; there are 19"):
        Classifier(pictures[:19], names[:19], QUICK)
    with pytest.raises(LacksCapability, match="of two contents or more; all show 'bar'"):
        Classifier(pictures[::3].repeat(3, 0), ["bar"] * 30, QUICK)
