"""Labels spread from a few items to their neighbours."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import load_dataset
from torch import Tensor

from genvae.errors import DataError, GenvaeError
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.service import Service
from genvae.training.run import train
from genvae_conditional.spreading.graph import Neighbourhood, Reached, nearest, surest


def moons(each: int = 300) -> tuple[Tensor, Tensor]:
    """Two half circles that reach into each other, and which of them a point is of: a line cannot part them."""
    generator = torch.Generator().manual_seed(0)
    angle = torch.pi * torch.rand(2, each, generator=generator)
    upper = torch.stack([angle[0].cos(), angle[0].sin()], 1)
    lower = torch.stack([1.0 - angle[1].cos(), 0.4 - angle[1].sin()], 1)
    points = torch.cat([upper, lower])
    truth = torch.arange(2).repeat_interleave(each)
    return points + 0.04 * torch.randn(2 * each, 2, generator=generator), truth


def test_neighbours_are_the_nearest_others() -> None:
    vectors = torch.randn(50, 3, generator=torch.Generator().manual_seed(1)) + 100.0
    distances, numbers = nearest(vectors, 4)
    table = torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")
    wanted = table.fill_diagonal_(torch.inf).sort(1)
    assert torch.equal(numbers, wanted.indices[:, :4])
    torch.testing.assert_close(distances, wanted.values[:, :4], atol=1e-4, rtol=1e-4)


def test_a_label_goes_round_the_bend() -> None:
    points, truth = moons()
    known = torch.zeros(600, 2)
    known[0, 0] = known[300, 1] = 1.0
    shares = Neighbourhood.of(points).spread(known)
    assert shares.shape == (600, 2) and float((shares.argmax(1) == truth).float().mean()) > 0.99
    torch.testing.assert_close(shares.sum(1), torch.ones(600))
    nearest_label = torch.cdist(points, points[[0, 300]]).argmin(1)
    assert float((nearest_label == truth).float().mean()) < 0.9, "too easy: no graph is needed"


def test_rounds_are_those_of_the_closed_form() -> None:
    """F = (1 - a) (I - a S)^-1 Y."""
    graph = Neighbourhood.of(torch.randn(30, 2, generator=torch.Generator().manual_seed(2)), 3)
    known = torch.zeros(30, 3)
    known[torch.arange(3), torch.arange(3)] = 1.0
    edges = graph.edges.to_dense()
    torch.testing.assert_close(edges, edges.T)
    wanted = torch.linalg.solve(torch.eye(30) - 0.8 * edges, known)
    wanted = wanted / wanted.sum(1, keepdim=True)
    reached = wanted.isfinite().all(1)
    found = graph.spread(known, kept=0.8, rounds=200)
    torch.testing.assert_close(found[reached], wanted[reached], atol=1e-4, rtol=1e-3)


def test_where_nothing_reaches_nothing_is_known() -> None:
    points = torch.cat([torch.randn(20, 2), torch.randn(20, 2) + 1000.0])
    known = torch.zeros(40, 2)
    known[:2] = torch.eye(2)
    shares = Neighbourhood.of(points, 5).spread(known)
    assert not shares[20:].any() and shares[:20].any(1).float().mean() > 0.5
    assert shares.isfinite().all()


def test_equal_items_and_too_few() -> None:
    shares = Neighbourhood.of(torch.zeros(12, 3), 4).spread(torch.eye(12)[:, :2])
    assert shares.isfinite().all()
    with pytest.raises(DataError, match="10 neighbours need more items than 10"):
        Neighbourhood.of(torch.zeros(10, 2))


def test_the_surest_of_each_value_are_told() -> None:
    shares = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.45, 0.55], [0.4, 0.6], [0.0, 0.0]])
    assert surest(shares, 0.5).tolist() == [[1, 0], [0, 0], [1, 0], [0, 0], [0, 1], [0, 0]]
    every = surest(shares, 1.0)
    assert torch.equal(every[:5].argmax(1), shares[:5].argmax(1)) and not every[5].any()
    assert not surest(shares, 0.0).any()


def test_values_by_their_names() -> None:
    points, truth = moons()
    values = [""] * 600
    values[0], values[300] = "upper", "lower"
    reached = Reached.of(Neighbourhood.of(points), values)
    right = ["upper" if value == 0 else "lower" for value in truth.tolist()]
    most, told = reached.most(), reached.told(values, 0.5)
    assert sum(a == b for a, b in zip(most, right, strict=True)) > 594
    assert told[0] == "upper" and told[300] == "lower" and 295 < told.count("") < 305
    assert all(value in ("", own) for value, own in zip(told, right, strict=True) if value), "half are surely right"
    nothing = Reached.of(Neighbourhood.of(torch.cat([points, points + 1e4])), [*values, *[""] * 600]).most()
    assert nothing[600:] == [""] * 600


# -- the operation -------------------------------------------------------------------------------


def shades(count: int = 60) -> list[dict[str, Any]]:
    """Pictures that are dark or bright on one side; what some are is known."""
    made = []
    for number in range(count):
        picture = np.full((8, 8), 20 + number % 5, np.uint8)
        picture[:, : 4 if number % 2 else 8] = 200 + number % 7
        made.append({"image": picture.tolist(), "kind": ["whole", "half"][number % 2] if number < 8 else None})
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = Recipe.of("image", default_host())
    recipe.set(["size=8", "hidden=[16]", "latent_dim=2", "max_steps=60", "evaluate_every=60", "batch_size=30",
                "learning_rate=0.01", "warmup_steps=0", "validation=0.1"])  # fmt: skip
    made = tmp_path_factory.mktemp("shades") / "model"
    train(recipe, shades(), made, resume=False, reporter=Silent())
    return made


def spread(folder: Path, **asked: Any) -> Any:
    return Service().run("spread", **{"model": str(folder), "data": shades(), "label": "kind", **asked})


def test_few_pictures_tell_the_others(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "told.parquet"
    answer = spread(folder, sure=0.9, neighbours=6, output=str(output))
    right = ["half" if number % 2 else "whole" for number in range(60)]
    assert all(own in ("", truth) for own, truth in zip(answer.labels, right, strict=True))
    assert answer.labels[:8] == right[:8] and 4 <= answer.unknown <= 8 and answer.right == 1.0
    assert answer.counts["half"]["known"] == 4 and answer.counts["half"]["told"] >= 21
    table = load_dataset("parquet", data_files=str(output), split="train", cache_dir=str(tmp_path))
    assert table["kind"][:] == answer.labels and table["image"][3] == shades()[3]["image"]


def test_lines_and_rows_that_are_no_items_stay(told_model: Path, tmp_path: Path) -> None:
    rows = [{"mood": ["glad", "sad", ""][n % 3], "text": f"{'ab'[n % 2]} line {n % 9}"} for n in range(30)]
    rows[4] |= {"text": "", "mood": "glad"}
    output = tmp_path / "told.csv"
    answer: Any = Service().run("spread", model=str(told_model), data=rows, label="mood", sure=1.0, neighbours=4,
                                output=str(output))  # fmt: skip
    with output.open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == ["mood", "text"] and [row["text"] for row in found] == [row["text"] for row in rows]
    assert [row["mood"] for row in found] == answer.labels
    assert all(a == b["mood"] for a, b in zip(answer.labels, rows, strict=True) if b["mood"] and b["text"])


@pytest.mark.parametrize(("asked", "said"), [
    ({"label": "kid"}, "no column 'kid'; did you mean 'kind'"),
    ({"blocks": ["y"]}, "spread names the block 'y'; known: z"),
    ({"neighbours": 60}, "60 neighbours need more items than 60: give more, or fewer neighbours"),
    ({"data": [{**row, "kind": None} for row in shades()]}, "no item has a value"),
    ({"data": [{**row, "kind": "half"} for row in shades()]}, "every item has 'half'"),
    ({"output": "told.csv"}, "the column 'image' is no text: give an output that ends in .parquet"),
    ({"output": "told.png"}, "must end in .csv, .jsonl or .parquet"),
])  # fmt: skip
def test_what_cannot_be_spread_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GenvaeError, match=said.replace(".", r"\.")) as raised:
        spread(folder, **{"neighbours": 5, **asked})
    assert "\n" not in str(raised.value) and not list(tmp_path.iterdir())
