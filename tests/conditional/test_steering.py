"""Steering: the walks against densities worked out on a grid, and the operations on tiny models."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from genvae.core.randomness import Stream
from genvae.errors import GenvaeError
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.service import Model, Service, load
from genvae.training.run import train
from genvae_conditional.rules.english import labels
from genvae_conditional.steering.classifiers import fit
from genvae_conditional.steering.walks import langevin, ode, slope
from tests.cli.conftest import cli  # noqa: F401 - a fixture
from tests.cli.program import Cli
from tests.latent.learned import KNOWN

STREAM = Stream(5, "walks")
ITEMS = torch.arange(4_000)


def side(noise: Tensor) -> Tensor:
    """-log p(right | noise) twice over, a logistic classifier on the first of two numbers."""
    return -2.0 * torch.nn.functional.logsigmoid(3.0 * noise[:, 0] - 1.0)


def begin(count: int = len(ITEMS)) -> Tensor:
    return STREAM.at("start").normal(ITEMS[:count], 2).double()


@pytest.mark.parametrize("size", [0.1, 0.5, 1.5])
def test_langevin_draws_from_prior_times_classifier(size: float) -> None:
    steps = round(12 / size) + 30
    found, taken = langevin(side, begin(), steps, size, ITEMS, STREAM)
    grid = torch.linspace(-6, 6, 4001, dtype=torch.float64)
    density = (-0.5 * grid.square() - side(grid[:, None])).exp()
    density /= density.sum()
    mean = float((grid * density).sum())
    spread = math.sqrt(float(((grid - mean).square() * density).sum()))
    assert float(found[:, 0].mean()) == pytest.approx(mean, abs=0.05)
    assert float(found[:, 0].std()) == pytest.approx(spread, abs=0.05)
    assert abs(float(found[:, 1].mean())) < 0.06 and float(found[:, 1].std()) == pytest.approx(1.0, abs=0.05)
    assert 0.3 < taken < 1.0


def test_without_a_classifier_every_step_is_taken_and_the_prior_stays() -> None:
    def nothing(noise: Tensor) -> Tensor:
        return 0.0 * noise.sum(1)

    found, taken = langevin(nothing, begin(), 5, 0.7, ITEMS, STREAM)
    assert taken == pytest.approx(1.0)
    assert float(found.std()) == pytest.approx(1.0, abs=0.03)
    assert torch.equal(ode(nothing, begin(8), 5, 0.3), begin(8))


def test_a_walk_depends_on_its_own_item_alone() -> None:
    every, _ = langevin(side, begin(40), 20, 0.5, ITEMS[:40], STREAM)
    some, _ = langevin(side, begin(40)[7:9], 20, 0.5, ITEMS[7:9], STREAM)
    torch.testing.assert_close(some, every[7:9], rtol=1e-9, atol=1e-9)


def test_the_ode_walks_down() -> None:
    start = begin(50)
    end = ode(side, start, 30, 0.1)
    assert (side(end) < side(start)).all()
    torch.testing.assert_close(end.norm(dim=1), start.norm(dim=1))  # as likely under the prior as before
    value, gradient = slope(side, start)
    h = 1e-6
    ahead = start + h * torch.tensor([1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close((side(ahead) - value) / h, gradient[:, 0], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("hidden", [0, 16])
def test_a_classifier_learns_what_noise_tells(hidden: int) -> None:
    noise = STREAM.normal(torch.arange(1200), 3)
    labels = ["left" if row[0] < 0.2 * row[1] else "right" for row in noise.tolist()]
    made = fit("side", noise, labels, ["left", "right"], hidden, seed=0)
    assert made.about["accuracy"] > 0.93 > made.about["commonest"]
    again = fit("side", noise, labels, ["left", "right"], hidden, seed=0)
    for name, value in made.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name])


# -- the operations --------------------------------------------------------------------------------

ROWS = [{"text": line, "who": "bird" if "bird" in line else "other", "same": "x", "none": ""} for line in KNOWN] * 12


@pytest.fixture(scope="module")
def taught(learned: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Classifiers for the model that knows eight sentences by heart."""
    place = tmp_path_factory.mktemp("classifiers")
    told = learned.teach(["who"], data=ROWS, classifiers=str(place), hidden=16)
    assert told["who"]["values"] == ["bird", "other"] and told["who"]["items"] == len(ROWS)
    assert told["who"]["accuracy"] > 0.9
    told = learned.teach(["length"], labeller="english", generated=1_000, classifiers=str(place), hidden=32)
    assert told["length"]["accuracy"] > 0.8 > told["length"]["commonest"]
    return place


def share(lines: list[str], length: str) -> float:
    return sum(labels(line)["length"] == length for line in lines) / len(lines)


def birds(lines: list[str]) -> float:
    return sum("bird" in line for line in lines) / len(lines)


@pytest.mark.parametrize("method", ["ode", "langevin"])
def test_new_items_are_what_is_asked_for(learned: Model, taught: Path, method: str) -> None:
    strength = {"ode": 2.0, "langevin": 6.0}[method]
    asked = {"classifiers": str(taught), "n": 48, "seed": 1, "temperature": 0.0, "method": method, "strength": strength}
    plain = learned.steer(toward={"length": "4-5"}, steps=0, **asked)
    found = learned.steer(toward={"length": "4-5"}, **asked)
    long = learned.steer(toward={"length": "8-10"}, weights={"length": 1.5 * strength}, **asked)
    assert share(found, "4-5") > 0.85 and share(long, "8-10") > 0.85
    assert max(share(plain, "4-5"), share(plain, "8-10")) < 0.6
    both = learned.steer(toward={"who": "bird", "length": "1-3"}, **asked)
    assert share(both, "1-3") > 0.7 and birds(both) > birds(plain) + 0.2
    still = learned.steer(toward={"length": "4-5"}, **{**asked, "strength": 0.0, "method": "ode"})
    assert still == plain, "nothing asks"
    assert learned.steer(toward={"length": "4-5"}, **{**asked, "n": 5}) == found[:5]
    assert learned.steer(toward={"length": "4-5"}, **{**asked, "n": 3}, start=40) == found[40:43]


def test_given_items_are_steered_from_where_they_are(learned: Model, taught: Path) -> None:
    service = Service()
    asked = {"model": learned.name, "toward": {"length": "4-5"}, "classifiers": str(taught)}
    done = service.run("steer", items=KNOWN, **asked)
    assert share(done.items, "4-5") > 0.8 > share(KNOWN, "4-5") and done.before == KNOWN  # type: ignore[attr-defined]
    assert min(done.sure) > 0.75 > min(done.sure_before)  # type: ignore[attr-defined]
    still = service.run("steer", items=KNOWN, steps=0, **asked)
    assert still.items == KNOWN  # type: ignore[attr-defined]


def test_kept_beside_the_model_and_made_from_its_own_items(learned: Model, tmp_path: Path, cli: Cli) -> None:  # noqa: F811
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(learned.name, folder, ignore=shutil.ignore_patterns("run"))
    done = cli("teach", folder, "--labels", "length", "--labeller", "english", "--generated", "200", "--json")
    assert set(done.json["told"]) == {"length"} and (folder / "classifiers" / "length").is_dir()
    assert load(folder).generate(2, seed=1) == learned.generate(2, seed=1)
    values = done.json["told"]["length"]["values"]
    said = cli("steer", folder, "--toward", f"length={values[0]}", "-n", "3", "--json").json
    assert len(said["items"]) == 3 and len(said["sure"]) == 3
    cli("steer", folder, "--toward", "lenght=4-5").refused("there is no classifier of 'lenght'", "'length'")
    (folder / "classifiers" / "length" / "classifier.safetensors").write_bytes(b"x" * 100)
    cli("steer", folder, "--toward", f"length={values[0]}").refused("damaged")


@pytest.mark.parametrize("prior", ["mixture", "autoregressive"])
def test_under_a_learned_prior_it_walks_in_that_priors_noise(prior: str, tmp_path: Path) -> None:
    recipe = Recipe.of("sentence", default_host())
    recipe.set([
        "tokenizer=word", "embedding_dim=8", "hidden_dim=16", "latent_dim=3", "max_length=60", "max_steps=24",
        "evaluate_every=24", "batch_size=32", "learning_rate=0.02", "beta=0.05", "free_bits=0",
        {"mixture": "prior={prior: mixture, components: 4}",
         "autoregressive": "prior={prior: autoregressive, when: with}"}[prior],
    ])  # fmt: skip
    train(recipe, KNOWN * 6, tmp_path / "model", resume=False, reporter=Silent())
    model = load(tmp_path / "model")
    told = model.teach(["who"], data=ROWS, hidden=16)
    assert told["who"]["items"] == len(ROWS)
    sure = Service().run("steer", model=model.name, toward={"who": "bird"}, n=40, strength=3.0)
    assert sum(sure.sure) > sum(sure.sure_before)  # type: ignore[attr-defined]


def test_a_model_that_is_told_conditions_is_steered_beside_them(told_model: Path, tmp_path: Path) -> None:
    from tests.conditional.conftest import labelled_rows

    place = str(tmp_path / "classifiers")
    model = load(told_model)
    told = model.teach(["form"], data=labelled_rows(), classifiers=place)
    assert told["form"]["values"] == ["command", "exclamation", "question", "statement"]
    assert len(model.steer(toward={"form": "question"}, n=3, classifiers=place, max_length=8, steps=5)) == 3


@pytest.mark.parametrize(
    ("operation", "values", "words"),
    [
        ("teach", {}, "needs labelled items"),
        ("teach", {"data": ROWS}, "which columns are to be told"),
        ("teach", {"data": ROWS, "labels": ["whom"]}, "there is no column 'whom'; did you mean 'who'"),
        ("teach", {"data": ROWS, "labels": ["same"]}, "every item has 'x'; at least two values"),
        ("teach", {"data": ROWS, "labels": ["none"]}, "no item has a value"),
        ("teach", {"data": ROWS[:4], "labels": ["who"]}, "at least 10 are needed"),
        ("teach", {"generated": 5}, "name a labeller"),
        ("teach", {"generated": 5, "labeller": "english", "labels": ["tens"]}, "did you mean 'tense'"),
        ("steer", {}, "what are the items to be"),
        ("steer", {"toward": {"who": "brid"}}, "did you mean 'bird'"),
        ("steer", {"toward": {"what": "bird"}}, "there is no classifier of 'what'"),
        ("steer", {"toward": {"who": "bird"}, "weights": {"form": 1}}, "which is not asked for"),
        ("steer", {"toward": {"who": "bird"}, "weights": {"who": "much"}}, "is not a number"),
        ("steer", {"toward": {"who": "bird"}, "classifiers": "nowhere"}, "no classifiers are in nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    learned: Model, taught: Path, operation: str, values: dict, words: str
) -> None:
    given = {"model": learned.name, "classifiers": str(taught), **values}
    with pytest.raises(GenvaeError) as raised:
        Service().run(operation, **given)
    assert words in str(raised.value) and "\n" not in str(raised.value)


def test_models_that_cannot_be_steered(bare: Path, learned: Model, tiny_model: Path, taught: Path) -> None:
    for operation, values in (("teach", {"data": ROWS, "labels": ["who"]}), ("steer", {"toward": {"who": "bird"}})):
        with pytest.raises(GenvaeError, match="has no latent"):
            Service().run(operation, model=str(bare), **values)
    with pytest.raises(GenvaeError, match="for other weights than the model's"):
        Service().run("steer", model=str(tiny_model), toward={"who": "bird"}, classifiers=str(taught))
