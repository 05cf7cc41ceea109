"""What a phase can do beside plain steps: multipliers, averaged weights, plateaus, an encoder that runs ahead, a prior
that is fitted to latents. Each resumes to the tensors of the straight run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from genvae.core.objectives.elbo import ElboSettings
from genvae.core.objectives.fit_prior import FitPriorSettings, drawn
from genvae.core.objectives.target_rate import TargetRateSettings
from genvae.core.priors.fitted import FittedPrior
from genvae.core.priors.mixture import MixtureSettings
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant
from genvae.core.terms import MMDSettings
from genvae.data.batching import Stacked
from genvae.errors import GenvaeError
from genvae.recipe.settings import Phase, TrainingSettings
from genvae.training.aggressive import run_ahead, sides
from genvae.training.checkpoints import Checkpoints
from genvae.training.latents import encoded
from genvae.training.loop import Trainer
from genvae.training.optimizers import rate
from tests.core.toys import Z, toy
from tests.training.small import Told, figures_of, mixed, trainer, weights

FIT = [Phase(name="first", max_steps=5), Phase(name="fit", data="latents", max_steps=9, evaluate_every=2)]
HELD = TargetRateSettings(target=Constant(value=3.0), speed=0.2, terms=(MMDSettings(),))

#: settings of a run, and the steps after which it is stopped
MECHANISMS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "multiplier": ({"objective": HELD.build, "learning_rate": 0.02}, (4,)),
    "average": ({"average": 0.9, "learning_rate": 0.02}, (5,)),
    "average over phases": ({"average": 0.9, "phases": [Phase(max_steps=4), Phase(max_steps=5)]}, (4, 6)),
    "plateau": (
        {"optimizer": "sgd", "learning_rate": 0.5, "decay": "plateau", "decay_patience": 1, "final_rate": 0.01,
         "evaluate_every": 1, "epochs": 6, "average": 0.5},
        (5, 9),
    ),
    "aggressive": (
        {"phases": [Phase(aggressive=True, aggressive_steps=6, aggressive_window=2)], "learning_rate": 0.02},
        (2, 7),
    ),
    "latents": ({"phases": FIT, "make": mixed, "learning_rate": 0.02, "average": 0.8,
                 "objective": [ElboSettings().build, FitPriorSettings().build]}, (3, 8)),
    "accumulated": ({"accumulate": 2, "objective": HELD.build, "batch_size": 4}, (4,)),
}  # fmt: skip


def stop_after(run: Trainer, step: int) -> None:
    """Ask for the end while a step is made, as Ctrl-C does."""
    real = run._step

    def asking(*arguments: Any) -> Any:
        run.interrupt.asked = run.state.step + 1 >= step
        return real(*arguments)

    run._step = asking  # type: ignore[method-assign]


@pytest.mark.parametrize("name", MECHANISMS)
def test_a_resumed_run_is_the_straight_one(name: str, tmp_path: Path) -> None:
    given, stops = MECHANISMS[name]
    whole = trainer(tmp_path / "whole", **given)
    whole.run()
    state = None
    for step in stops:
        part = trainer(tmp_path / "parts", state=state, **given)
        stop_after(part, step)
        with pytest.raises(GenvaeError, match=f"stopped at step {step}; saved"):
            part.run()
        state, refused = Checkpoints(tmp_path / "parts/checkpoints").newest()
        assert state is not None and state.step == step and not refused
    rest = trainer(tmp_path / "parts", state=state, **given)
    rest.run()
    for one, two in ((whole.model, rest.model), (whole.objective, rest.objective)):
        assert all(torch.equal(value, two.state_dict()[key]) for key, value in one.state_dict().items())
    one, two = ((tmp_path / folder / "metrics.jsonl").read_text() for folder in ("whole", "parts"))
    assert one == two and "validation" in one
    last = sorted((tmp_path / "whole/checkpoints").iterdir())[-1]
    for path in last.glob("*.safetensors"):
        other = load_file(str(tmp_path / "parts/checkpoints" / last.name / path.name))
        assert all(torch.equal(value, other[key]) for key, value in load_file(str(path)).items()), path.name


# -- the multiplier ---------------------------------------------------------------------------------


def test_the_multiplier_moves_once_a_step_by_the_mean_over_all_batches(tmp_path: Path) -> None:
    """The same items in a step, in one batch or in many."""
    held = TargetRateSettings(target=Constant(value=3.0), speed=0.2).build
    given: dict[str, Any] = {"objective": held, "optimizer": "sgd", "epochs": 4, "evaluate_every": 1}
    one = trainer(tmp_path / "one", **given, batch_size=100)
    many = trainer(tmp_path / "many", **given, batch_size=3, accumulate=100)
    assert one.run().step == many.run().step == 4
    torch.testing.assert_close(one.objective.log_multiplier, many.objective.log_multiplier, rtol=1e-5, atol=1e-6)
    assert float(one.objective.log_multiplier) != 0.0
    for a, b in zip(one.model.parameters(), many.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


# -- averaged weights -------------------------------------------------------------------------------


def test_the_average_is_that_of_the_weights_and_is_what_is_kept(tmp_path: Path) -> None:
    run = trainer(tmp_path, average=0.6, learning_rate=0.05, evaluate_every=1, keep=100, epochs=3)
    expected = {name: value.double() for name, value in run.model.state_dict().items()}
    state = run.run()
    for step in range(state.step):
        decay = min(0.6, (1 + step) / (10 + step))
        for name, value in weights(tmp_path, step + 1).items():
            expected[name] = decay * expected[name] + (1 - decay) * value.double()
        for name, value in weights(tmp_path, step + 1, "average").items():
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-6)
    best = weights(tmp_path, state.best_step, "average")
    assert all(torch.equal(value, best[name]) for name, value in run.model.state_dict().items())
    assert not torch.equal(weights(tmp_path, state.best_step)["decoder.linear.weight"], best["decoder.linear.weight"])


def test_validation_judges_the_average(tmp_path: Path) -> None:
    run = trainer(tmp_path, average=0.6, learning_rate=0.05, max_steps=3, evaluate_every=3)
    run.run()
    model = toy()
    model.load_state_dict(weights(tmp_path, 3, "average"))
    found = ElboSettings().build(model)(model, next(run.valid.in_order()), None, Stream(0, "validation"))
    assert figures_of(tmp_path, "validation")[0]["elbo"] == pytest.approx(float(found.named["elbo"]), rel=1e-6)


# -- optimizers and their rates -----------------------------------------------------------------------


def test_gradient_descent_moves_by_the_rate_times_the_gradient(tmp_path: Path) -> None:
    run = trainer(tmp_path, optimizer="sgd", decay="constant", learning_rate=0.25, clip=1e9, max_steps=1, batch_size=99)
    before = [p.detach().clone() for p in run.model.parameters()]
    run.run()
    model = toy()
    ElboSettings().build(model)(model, run.train.batch(run.train.resized(99).order(0, 0)[0]), 0,
                                Stream(0, "train", 0)).loss.backward()  # fmt: skip
    for start, end, clean in zip(before, run.model.parameters(), model.parameters(), strict=True):
        assert clean.grad is not None
        torch.testing.assert_close(end.detach(), start - 0.25 * clean.grad)


def test_how_the_rate_falls() -> None:
    plateau = TrainingSettings(learning_rate=0.8, decay="plateau", warmup_steps=4)
    assert [rate(plateau, step, 100, 0) for step in (0, 1, 3, 99)] == pytest.approx([0.2, 0.4, 0.8, 0.8])
    assert [rate(plateau, 50, 100, halvings) for halvings in range(4)] == pytest.approx([0.8, 0.4, 0.2, 0.1])
    constant = TrainingSettings(learning_rate=0.8, decay="constant", warmup_steps=0)
    assert [rate(constant, step, 100, 3) for step in (0, 99)] == pytest.approx([0.8, 0.8])


def test_a_plateau_halves_the_rate_and_ends_the_phase(tmp_path: Path) -> None:
    """The weights do not move: the first validation is the best, and every second one after it halves the rate;
    the third half would be under the final share."""
    told = Told()
    run = trainer(tmp_path, learning_rate=1e-40, decay="plateau", decay_patience=2, final_rate=0.2, epochs=99,
                  evaluate_every=3, told=told)  # fmt: skip
    state = run.run()
    assert (state.step, state.halvings, state.best_step, state.spent) == (7 * 3, 2, 3, True)
    halved = [line for line in told.lines if line.startswith("learning rate halved")]
    assert halved == ["learning rate halved, back to the weights of step 3"] * 2
    assert any("the learning rate was halved 2 times: train ends" in line for line in told.lines)
    assert run.optimizers["model"].param_groups[0]["lr"] == pytest.approx(1e-40 / 4)


def test_a_plateau_goes_back_to_the_best_weights(tmp_path: Path) -> None:
    run = trainer(tmp_path, objective=ElboSettings(beta=Constant(value=0.0)).build, learning_rate=0.3, keep=1000,
                  decay="plateau", decay_patience=1, final_rate=0.3, evaluate_every=1, epochs=60)  # fmt: skip
    state = run.run()
    elbos = [line["elbo"] for line in figures_of(tmp_path, "validation")]
    worse = next(step for step in range(1, len(elbos)) if elbos[step] < max(elbos[:step])) + 1  # counted from 1
    assert state.halvings == 1 and 1 < worse < state.step
    best = 1 + max(range(worse), key=lambda step: elbos[step])
    for name in ("model", "optimizer-model"):
        back = weights(tmp_path, best, name)
        assert all(torch.equal(value, back[key]) for key, value in weights(tmp_path, worse, name).items())


# -- an encoder that runs ahead -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("losses", "most", "window", "made"),
    [
        ([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], 10, 2, 10),  # falls to the end
        ([9, 8, 7, 6, 7, 6, 0, 0], 100, 2, 6),  # the third sum is the second
        ([1, 1, 5, 5, 0, 0], 100, 2, 4),
        ([1] * 40, 100, 10, 20),
        ([3, 2], 1, 10, 1),
        ([float("nan")] * 8, 100, 2, 2),
    ],
)
def test_how_long_it_runs_ahead(losses: list[float], most: int, window: int, made: int) -> None:
    called: list[int] = []

    def step(number: int) -> float:
        called.append(number)
        return losses[number]

    assert run_ahead(step, most=most, window=window) == made
    assert called == list(range(made))


def test_the_encoder_moves_alone_and_then_the_rest(tmp_path: Path) -> None:
    phase = Phase(aggressive=True, aggressive_steps=5, aggressive_window=5)
    run = trainer(tmp_path, phases=[phase], learning_rate=0.01, optimizer="sgd", max_steps=1)
    start = {name: value.clone() for name, value in run.model.state_dict().items()}
    middle: dict[str, Tensor] = {}
    real = run._run_ahead

    def watched() -> Any:
        found = real()
        middle.update({name: value.clone() for name, value in run.model.state_dict().items()})
        return found

    run._run_ahead = watched  # type: ignore[method-assign]
    run.run()
    for name, _ in run.model.named_parameters():
        end = run.model.state_dict()[name]
        ahead = name.startswith("posterior")
        assert torch.equal(start[name], middle[name]) != ahead, name
        assert torch.equal(middle[name], end) == ahead, name
    assert all(p.requires_grad for p in run.model.parameters())


def test_the_encoder_runs_ahead_on_other_batches_each_time(tmp_path: Path) -> None:
    run = trainer(tmp_path, phases=[Phase(aggressive=True, aggressive_steps=8)], batch_size=4, max_steps=2)
    read: list[tuple[int, ...]] = []
    real = run._batch

    def watched(rows: Any, stream: Stream) -> Any:
        read.append(tuple(sorted(rows.tolist())))
        return real(rows, stream)

    run._batch = watched  # type: ignore[method-assign]
    run.run()
    first, second = read[:9], read[9:]
    assert len(second) == 9 and len(set(first)) > 2 and first != second


def test_it_stops_running_ahead_for_good_when_the_information_stops_rising(tmp_path: Path) -> None:
    """The weights stand still, so the second validation finds what the first found."""
    told = Told()
    run = trainer(tmp_path, phases=[Phase(aggressive=True, aggressive_steps=2)], learning_rate=1e-40,
                  evaluate_every=2, max_steps=8, told=told)  # fmt: skip
    ahead: list[int] = []
    real = run._run_ahead

    def watched() -> Any:
        ahead.append(run.state.step)
        return real()

    run._run_ahead = watched  # type: ignore[method-assign]
    state = run.run()
    assert ahead == [0, 1, 2, 3] and state.caught_up
    information = figures_of(tmp_path, "validation")[0]["mutual_information"]
    assert state.information == pytest.approx(information)
    assert any("from step 4 on, all is trained at once" in line for line in told.lines)


def test_a_table_that_both_share_is_on_both_sides() -> None:
    model = toy()
    assert model.posterior is not None
    shared = model.posterior.get_parameter("heads.z.bias")
    model.decoder.register_parameter("extra", shared)
    inference, rest = sides(model, list(model.parameters()))
    assert {id(p) for p in inference} == {id(p) for p in model.posterior.parameters()}
    assert any(p is shared for p in rest) and len(rest) == 3


# -- a prior fitted to latents -----------------------------------------------------------------------


def fitting(folder: Path, **more: Any) -> Trainer:
    phases = [Phase(name="first", max_steps=6), Phase(name="fit", data="latents", evaluate_every=2, **more)]
    return trainer(folder, phases=phases, make=mixed, learning_rate=0.05, keep=100,
                   objective=[ElboSettings().build, FitPriorSettings().build])  # fmt: skip


def test_a_phase_on_latents_moves_the_prior_alone(tmp_path: Path) -> None:
    run = fitting(tmp_path, epochs=99, max_steps=40, batch_size=7)
    run.run()
    assert isinstance(run.model.prior, FittedPrior) and run.model.prior.in_use
    end = run.model.state_dict()
    first = figures_of(tmp_path, "validation")[:2]
    best = 3 if first[0]["elbo"] > first[1]["elbo"] else 6  # it begins with the best weights so far
    for name, value in weights(tmp_path, best).items():
        assert torch.equal(value, end[name]) != name.startswith("prior."), name
    losses = [line["loss"] for line in figures_of(tmp_path, "validation") if "prior/z" in line]
    assert len(losses) == 20 and losses[-1] < losses[0]
    # and that loss is the negative log density of what the model would draw of the held-out items
    assert isinstance(run.held, Stacked)
    z = drawn(run.model.blocks, run.held.whole, Stream(0, "validation/posterior"))["z"]
    own = run.model.infer(next(run.valid.in_order()), Stream(0, "validation/posterior")).latents["z"]
    torch.testing.assert_close(z, own)
    found = -run.model.prior.at(Z, {}, len(z)).log_prob(z).mean().detach()
    assert min(losses) == pytest.approx(float(found), rel=1e-5)


def test_batches_of_latents_are_random_and_hold_every_item(tmp_path: Path) -> None:
    model, run = mixed(), trainer(tmp_path)
    whole = encoded(model, run.train.in_order())
    stacked = Stacked(whole, run.train.modality, batch_size=6)
    one, again, other = (stacked.order(0, epoch) for epoch in (0, 0, 1))
    assert sorted(len(rows) for rows in one) == [2, 6, 6, 6]
    assert all((a == b).all() for a, b in zip(one, again, strict=True))
    assert any(list(a) != list(b) for a, b in zip(one, other, strict=True))
    items = torch.cat([stacked.batch(rows).items for rows in one])
    assert sorted(items.tolist()) == sorted(run.train.rows.tolist())
    whole.cost[:] = torch.arange(20.0).flip(0)
    costs = sorted(
        sorted(whole.cost[rows].tolist()) for rows in Stacked(whole, run.train.modality, batch_size=6).order(0, 0)
    )
    assert [entry for rows in costs for entry in rows] == list(range(20)), "near-equal costs are not together"
    run.metrics.close()


def test_a_fit_stops_by_its_held_out_loss(tmp_path: Path) -> None:
    run = fitting(tmp_path, epochs=500, patience=3)
    state = run.run()
    losses = [line["loss"] for line in figures_of(tmp_path, "validation") if "prior/z" in line]
    assert state.stale == 3 and len(losses) < 500 and state.best == pytest.approx(min(losses))
    assert min(losses) == losses[-4], "it went on for three validations without gain"


# -- a prior without a closed form -------------------------------------------------------------------


def test_validation_with_a_prior_that_has_no_closed_form(tmp_path: Path) -> None:
    """Its rate is log q - log p of the draw, the criterion follows it, and use is told by the posteriors alone."""
    run = trainer(tmp_path, make=lambda: toy(prior=MixtureSettings(components=3, when="with").build((Z,))), max_steps=6)
    run.run()
    line = figures_of(tmp_path, "validation")[-1]
    model = run.model
    model.load_state_dict(weights(tmp_path, 6))
    draw = model.infer(next(run.valid.in_order()), Stream(0, "validation/posterior"))
    assert "z" not in draw.kl
    nats = float((draw.log_q["z"] - draw.log_p["z"]).mean().detach())
    assert line["rate"] == line["rate/z"] == pytest.approx(nats, rel=1e-5)
    assert line["elbo"] == pytest.approx(-line["distortion"] - nats, rel=1e-5)
    assert line["mutual_information"] > 0 and line["active_units"] > 0
