"""Generating, reconstructing, walking, varying and mixing, on a model whose answers differ."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genvae.errors import DataError, GenvaeError, LacksCapability, SettingError
from genvae.latent.interpolate import linear, spherical
from genvae.latent.output import as_text
from genvae.service import Model, load
from tests.latent.learned import KNOWN

T = torch.linspace(0, 1, 33)


def vector(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


NUMBERS = st.lists(st.floats(-5, 5, width=32), min_size=5, max_size=5).map(vector)


@settings(max_examples=80, deadline=None)
@given(NUMBERS, NUMBERS)
def test_a_spherical_path_has_exact_ends_and_goes_nowhere_wild(a: torch.Tensor, b: torch.Tensor) -> None:
    path = spherical(a, b, T)
    assert torch.equal(path[0], a) and torch.equal(path[-1], b)
    assert path.isfinite().all() and float(path.norm(dim=1).max()) <= max(float(a.norm()), float(b.norm())) * 1.001


@settings(max_examples=80, deadline=None)
@given(NUMBERS, NUMBERS)
def test_the_norm_of_a_spherical_path_is_monotone(a: torch.Tensor, b: torch.Tensor) -> None:
    angle = torch.arccos((a @ b / (a.norm() * b.norm()).clamp(min=1e-9)).clamp(-1, 1))
    if float(angle) > 3.1:  # opposite: a straight line through the middle
        return
    steps = spherical(a, b, T).norm(dim=1).diff() * (1 if b.norm() >= a.norm() else -1)
    assert float(steps.min()) >= -1e-4 * float(a.norm() + b.norm())


def test_a_spherical_path_turns_at_a_constant_rate() -> None:
    a, b = vector([2.0, 0.0]), vector([0.0, 4.0])
    path = spherical(a, b, T)
    torch.testing.assert_close(torch.atan2(path[:, 1], path[:, 0]), T * torch.pi / 2, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(path.norm(dim=1), 2 + 2 * T)


def test_the_same_and_the_opposite_end_are_a_straight_line() -> None:
    a = vector([1.0, -2.0, 0.5])
    for b in (a, -a, a.clone() + 1e-7):
        torch.testing.assert_close(spherical(a, b, T), linear(a, b, T), rtol=1e-4, atol=1e-5)


def test_a_linear_path_is_straight() -> None:
    a, b = vector([1.0, 2.0]), vector([-1.0, 4.0])
    torch.testing.assert_close(linear(a, b, T), a + T[:, None] * (b - a))


# -- the model -------------------------------------------------------------------------------------


def test_it_knows_its_sentences(learned: Model) -> None:
    """What the tests below stand on: eight answers that differ."""
    assert learned.reconstruct(KNOWN) == KNOWN


def test_decoding_what_was_encoded_is_reconstructing(learned: Model) -> None:
    latents = learned.encode(KNOWN)
    assert {name: value.shape for name, value in latents.items()} == {"z": (8, 4)}
    assert learned.decode(latents) == learned.reconstruct(KNOWN)
    assert learned.decode({"z": latents["z"].tolist()[2:3]}) == [KNOWN[2]]


def test_encoding_does_not_depend_on_the_neighbours(learned: Model) -> None:
    whole = learned.encode(KNOWN)["z"]
    for row in (0, 5):
        np.testing.assert_allclose(learned.encode(KNOWN[row])["z"][0], whole[row], rtol=1e-4, atol=1e-5)


def test_a_latent_between_sentences_is_one_of_another(learned: Model) -> None:
    assert learned.decode({"z": -learned.encode(KNOWN)["z"]}) != KNOWN


@pytest.mark.parametrize("path", ["spherical", "linear"])
@pytest.mark.parametrize("steps", [2, 7])
def test_a_walk_begins_and_ends_at_its_ends(learned: Model, path: str, steps: int) -> None:
    walk = learned.interpolate(KNOWN[0], KNOWN[2], steps, path=path)
    assert len(walk) == steps and walk[0] == KNOWN[0] and walk[-1] == KNOWN[2]
    back = learned.interpolate(KNOWN[2], KNOWN[0], steps, path=path)
    assert back[0] == KNOWN[2] and back[-1] == KNOWN[0]


def test_a_walk_passes_through_what_lies_between(learned: Model) -> None:
    z = learned.encode([KNOWN[0], KNOWN[2]])["z"]
    between = learned.decode({"z": [((z[0] + z[1]) / 2).tolist()]})
    assert learned.interpolate(KNOWN[0], KNOWN[2], 3, path="linear")[1] == between[0]
    steps = learned.interpolate(KNOWN[0], KNOWN[2], 40)
    changes = sum(a != b for a, b in itertools.pairwise(steps))
    assert 1 <= changes < 12, "a walk jumps to and fro"


def test_no_variation_at_no_distance(learned: Model) -> None:
    assert learned.vary(KNOWN[3], 4, distance=0.0) == [KNOWN[3]] * 4


def test_variations_differ_the_more_the_farther(learned: Model) -> None:
    near, far = (learned.vary(KNOWN[3], 60, distance=d).count(KNOWN[3]) for d in (0.05, 3.0))
    assert near > 55 and far < 40
    assert learned.vary(KNOWN[3], 8, distance=2.0, seed=1) == learned.vary(KNOWN[3], 60, distance=2.0, seed=1)[:8]
    assert learned.vary(KNOWN[3], 40, distance=2.0, seed=1) != learned.vary(KNOWN[3], 40, distance=2.0, seed=2)


def test_all_weight_on_one_item_is_its_reconstruction(learned: Model) -> None:
    for place in range(3):
        weights = [0.0, 0.0, 0.0]
        weights[place] = 2.5  # weights are scaled
        assert learned.mix(KNOWN[:3], weights={"z": weights}) == [KNOWN[place]]
    assert learned.mix(KNOWN[4]) == [KNOWN[4]]


def test_equal_weights_are_the_middle(learned: Model) -> None:
    z = learned.encode(KNOWN[:2])["z"]
    middle = learned.decode({"z": [z.mean(0).tolist()]})
    assert learned.mix(KNOWN[:2]) == learned.mix(KNOWN[:2], weights={"z": [3, 3]}) == middle


def test_few_items_are_the_beginning_of_many_whatever_the_tiles(learned: Model) -> None:
    many = learned.generate(100, seed=4)
    assert len(set(many)) >= 4, "every item alike: the test would say nothing"
    for count in (1, 31, 33, 64):
        assert learned.generate(count, seed=4) == many[:count]
    for start, count in ((1, 5), (30, 40), (64, 36), (99, 1)):
        assert learned.generate(count, seed=4, start=start) == many[start : start + count]
    assert learned.generate(100, seed=5) != many


def test_the_scale_of_the_prior(learned: Model) -> None:
    assert len(set(learned.generate(40, prior_scale=0.0, temperature=0.0))) == 1
    origin = learned.decode({"z": [[0.0] * 4]})
    assert set(learned.generate(40, prior_scale=0.0, temperature=0.0)) == set(origin)
    assert len(set(learned.generate(100, prior_scale=2.0))) >= len(set(learned.generate(100, prior_scale=0.2)))


def test_rendering_settings_reach_every_tool(learned: Model) -> None:
    assert all(len(line.split()) <= 2 for line in learned.generate(20, max_length=2))
    assert learned.reconstruct(KNOWN[:2], max_length=2) == ["the grey", "a small"]
    assert learned.interpolate(KNOWN[0], KNOWN[2], 2, max_length=1) == ["the", "our"]
    assert learned.reconstruct(KNOWN, beam=3) == KNOWN
    with pytest.raises(SettingError, match=r"unknown setting 'temprature'.*did you mean 'temperature'"):
        learned.generate(2, temprature=1.0)


@pytest.mark.parametrize(
    ("latents", "said"),
    [
        ({}, "the block 'z' is missing"), ({"x": [[0.0] * 4]}, "no block 'x'"),
        ({"z": [[0.0] * 3]}, r"shape \(1, 3\); it must be \('rows', 4\)"), ({"z": [0.0] * 4}, r"shape \(4,\)"),
        ({"z": []}, "shape"), ({"z": 1.0}, "shape"), ({"z": "abc"}, "not a table of numbers"),
        ({"z": [[0.0, 0.0, 0.0, float("nan")]]}, "not finite"), ({"z": [[0.0] * 4, [0.0] * 3]}, "not a table"),
        ({"z": [[0.0] * 4], "y": [[1.0]]}, "no block 'y'"),
    ],
)  # fmt: skip
def test_latents_that_do_not_fit_are_refused(learned: Model, latents: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        learned.decode(latents)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"style": [1, 0]}, "no block 'style'"), ({"z": [1.0]}, "needs 2 weights, one an item; got 1"),
        ({"z": [1, -1]}, "not sum to 0"), ({"z": [0, 0]}, "not sum to 0"), ({"z": [1, float("inf")]}, "finite"),
        ({"z": ["a", "b"]}, "not a list of numbers"), ({"z": [[[1, 0]]]}, "needs 2 weights"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit_are_refused(learned: Model, weights: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        learned.mix(KNOWN[:2], weights=weights)


def test_what_cannot_be_read_is_refused(learned: Model) -> None:
    for ask in (learned.encode, learned.reconstruct, learned.mix):
        with pytest.raises(GenvaeError, match=r"no items|at least"):
            ask([])
        with pytest.raises(DataError, match="the text is empty"):
            ask(["fine", " "])
    with pytest.raises(DataError, match="this model reads at most 60"):
        learned.vary("a" * 61)


def test_a_model_without_a_latent_generates_and_says_what_it_cannot_do(bare: Path) -> None:
    model = load(bare)
    assert len(model.generate(3, seed=1)) == 3
    for ask in (
        lambda: model.encode("a"), lambda: model.reconstruct("a"), lambda: model.decode({}), lambda: model.vary("a"),
        lambda: model.interpolate("a", "b"), lambda: model.mix(["a", "b"]),
    ):  # fmt: skip
        with pytest.raises(LacksCapability, match="has no latent: it can only generate and be evaluated"):
            ask()


def test_objects_stand_in_a_table_as_json() -> None:
    assert as_text([{"a": [1, 2]}, "b"], 2, ".csv").decode().strip() == '"{""a"": [1, 2]}",b'
