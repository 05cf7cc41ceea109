"""The loop: phases, early stopping, accumulation, precision, what it says of collapse, and what stops it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.objectives import Objective, Terms
from genvae.core.objectives.elbo import ElboSettings
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant
from genvae.core.vae import VAE
from genvae.errors import GenvaeError
from genvae.evaluation.collapse import Usage
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.recipe.settings import TrainingSettings
from genvae.training.checkpoints import Checkpoints, State
from genvae.training.diagnostics import diagnose
from genvae.training.metrics import Metrics
from genvae.training.optimizers import rate
from genvae.training.run import Outcome, train
from tests.conftest import own_lines
from tests.core.toys import sequence_toy, toy
from tests.training.small import Told, figures_of, trainer

TINY = ["tokenizer=char", "embedding_dim=8", "hidden_dim=12", "latent_dim=3", "warmup_steps=0", "patience=0",
        "max_length=50"]  # fmt: skip


def trained(folder: Path, *settings: str, lines: int = 40, told: Told | None = None) -> Outcome:
    recipe = Recipe.of("sentence", default_host())
    recipe.set([*TINY, *settings])
    return train(recipe, own_lines(lines), folder, resume=False, reporter=told or Silent())


def figures(folder: Path, kind: str = "validation") -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "run/metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


# -- as if on one batch ----------------------------------------------------------------------------


def test_accumulated_batches_are_the_large_one(tmp_path: Path) -> None:
    """The same items in a step, in one batch or in many: the same draws, the same gradient. SGD would be exact to
    rounding; Adam divides by the gradient's size, so a weight with next to no gradient may be off by more."""
    common = ["epochs=5", "evaluate_every=1", "free_bits=0", "beta=0.7", "dropout=0", "word_dropout=0.3",
              "learning_rate=0.003"]  # fmt: skip
    whole = trained(tmp_path / "whole", *common, "batch_size=1000")
    parts = trained(tmp_path / "parts", *common, "batch_size=5", "accumulate=1024")
    assert whole.state.step == parts.state.step == 5, "a step did not hold every item"
    for one, two in zip(figures(tmp_path / "whole"), figures(tmp_path / "parts"), strict=True):
        assert one.pop("kind") == two.pop("kind") and one == pytest.approx(two, rel=1e-5, abs=1e-5)
    first, second = (load_file(str(tmp_path / name / "model.safetensors")) for name in ("whole", "parts"))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-3, atol=2e-4, msg=name)
    other = trained(tmp_path / "other", *common, "batch_size=5")
    assert other.state.step > 5


def test_bfloat16_stays_close_to_float32(tmp_path: Path) -> None:
    common = ["max_steps=60", "evaluate_every=20", "batch_size=16", "learning_rate=0.01", "epochs=100", "hidden_dim=32"]
    trained(tmp_path / "float32", *common)
    trained(tmp_path / "bfloat16", *common, "precision=bfloat16")
    exact, rough = ([line["loss"] for line in figures(tmp_path / name)] for name in ("float32", "bfloat16"))
    assert exact != rough, "the arithmetic was the same"
    assert exact[0] > 1.05 * exact[-1], "nothing was learned, so nothing is compared"
    assert rough == pytest.approx(exact, rel=0.02)
    weights = load_file(str(tmp_path / "bfloat16/model.safetensors"))
    assert all(value.dtype != torch.bfloat16 for value in weights.values()), "the weights themselves stay float32"


# -- early stopping --------------------------------------------------------------------------------

STILL = ["learning_rate=1e-40", "batch_size=1000", "epochs=60", "evaluate_every=2"]  # the weights do not move
FALLING = "{schedule: linear, start: 3.0, stop: 0.5, steps: 50}"


@pytest.mark.parametrize("criterion", ["elbo", "objective"])
def test_the_criterion_does_not_move_with_the_weight_of_the_rate(criterion: str, tmp_path: Path) -> None:
    """The weights stand still and beta falls: a criterion with beta in it would gain at every validation."""
    told = Told()
    outcome = trained(tmp_path / "run", *STILL, f"beta={FALLING}", f"criterion={criterion}", "patience=4", told=told)
    validations = figures(tmp_path / "run")
    assert len(validations) == 5 and outcome.state.step == 10 and outcome.state.best_step == 2
    assert len({line["loss"] for line in validations}) == 1
    line = validations[0]
    assert line["loss"] == pytest.approx(line["distortion"] + 0.5 * max(line["rate"], 3 * 0.2), rel=1e-5)
    assert outcome.state.best == pytest.approx(line["loss"] if criterion == "objective" else -line["elbo"])
    assert any("no gain in 4 validations: train ends, the best was step 2" in said for said in told.lines)


def test_without_patience_it_goes_to_the_end(tmp_path: Path) -> None:
    outcome = trained(tmp_path / "run", *STILL, "patience=0", "max_steps=14")
    assert outcome.state.step == 14


def test_checkpoints_that_are_neither_new_nor_best_are_removed(tmp_path: Path) -> None:
    outcome = trained(tmp_path / "run", *STILL, "max_steps=12", "keep=2")
    left = sorted(path.name for path in (tmp_path / "run/run/checkpoints").iterdir())
    assert outcome.state.best_step == 2 and left == ["step-00000002", "step-00000010", "step-00000012"]


# -- phases ----------------------------------------------------------------------------------------


def test_phases_freeze_reset_and_have_their_own_objective(tmp_path: Path) -> None:
    phases = (
        "phases=[{name: autoencoder, max_steps: 6, objective: {objective: elbo, beta: 0.0}},"
        " {name: finish, max_steps: 4, frozen: [encoder, posterior], reset: [decoder]}]"
    )
    trained(tmp_path / "run", phases, "batch_size=16", "evaluate_every=1", "keep=50", "learning_rate=0.001",
            "beta=2.0", "free_bits=0")  # fmt: skip

    def weights(step: int) -> dict[str, Tensor]:
        return load_file(str(tmp_path / f"run/run/checkpoints/step-{step:08d}/model.safetensors"))

    before, after, end = weights(6), weights(7), weights(10)
    frozen = [name for name in before if name.startswith(("encoder.", "posterior."))]
    decoder = [name for name in before if name.startswith("decoder.")]
    head = [name for name in before if name.startswith("likelihood.")]
    assert frozen and decoder and head
    assert all(torch.equal(before[name], end[name]) for name in frozen), "a frozen module moved"
    assert not any(torch.equal(weights(1)[name], before[name]) for name in frozen), "it was frozen before, too"
    # one step of Adam moves a weight by 0.001: the likelihood's by that, the decoder's to fresh weights
    assert all(float((after[name] - before[name]).abs().max()) < 0.0011 for name in head)
    assert all(float((after[name] - before[name]).abs().max()) > 0.05 for name in decoder), "it was not reset"
    losses = figures(tmp_path / "run")
    assert all(line["loss"] == pytest.approx(line["distortion"], rel=1e-5) for line in losses[:6])
    assert all(line["loss"] == pytest.approx(line["distortion"] + 2 * line["rate"], rel=1e-5) for line in losses[6:])


def test_a_part_of_a_module_stands_still_by_itself(tmp_path: Path) -> None:
    trained(tmp_path / "run", "phases=[{max_steps: 3, frozen: [decoder.embedding, posterior]}]", "batch_size=16",
            "evaluate_every=1", "keep=50")  # fmt: skip
    before, end = (
        load_file(str(tmp_path / f"run/run/checkpoints/step-{step:08d}/model.safetensors")) for step in (1, 3)
    )
    still = {name for name in before if torch.equal(before[name], end[name])}
    assert still == {name for name in before if name.startswith(("decoder.embedding.", "posterior."))}
    with pytest.raises(GenvaeError, match=r"freezes 'decoder\.embeding', and the model has no weights of that name"):
        trained(tmp_path / "other", "phases=[{frozen: [decoder.embeding]}]")


def test_the_best_of_a_later_phase_is_the_model(tmp_path: Path) -> None:
    """A phase with a reset decoder begins worse than the one before ended; its own best is what counts."""
    phases = "phases=[{name: one, max_steps: 20}, {name: two, max_steps: 2, reset: [decoder, likelihood]}]"
    outcome = trained(tmp_path / "run", phases, "batch_size=16", "evaluate_every=2", "learning_rate=0.01")
    losses = {line["step"]: -line["elbo"] for line in figures(tmp_path / "run")}
    assert losses[22] > losses[20] and outcome.state.best_step == 22


@pytest.mark.parametrize("which", ["frozen", "reset"])
def test_a_module_that_is_not_there_is_said_before_anything_is_trained(which: str, tmp_path: Path) -> None:
    phases = f"phases=[{{name: one, max_steps: 2}}, {{name: two, max_steps: 2, {which}: [decodr]}}]"
    with pytest.raises(GenvaeError, match="names the module 'decodr'; the model has: encoder, posterior, prior"):
        trained(tmp_path / "run", phases, "batch_size=16")
    assert not (tmp_path / "run/run/checkpoints").exists()


def test_a_phase_that_freezes_everything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GenvaeError, match="nothing is left to train: phase 'still'"):
        trained(tmp_path / "run", "phases=[{name: still, frozen: [encoder, posterior, decoder, likelihood]}]")


# -- collapse --------------------------------------------------------------------------------------


def test_a_run_that_collapses_says_so_with_the_remedy(tmp_path: Path) -> None:
    told = Told()
    trained(tmp_path / "run", "beta=30.0", "free_bits=0", "batch_size=16", "max_steps=60", "evaluate_every=30",
            "learning_rate=0.01", "epochs=99", told=told)  # fmt: skip
    warned = [line for line in told.lines if line.startswith("Posterior collapse")]
    assert len(warned) == 1, "once is enough"
    assert "0 of 3 latent dimensions are active" in warned[0]
    recipe = Recipe.of("sentence", default_host())
    for remedy in ("free_bits=0.25", "beta={schedule: cyclical, period: 2000}", "word_dropout=0.3"):
        assert remedy in warned[0]
        recipe.set([remedy])  # what it says can be typed


@pytest.mark.parametrize(
    ("active", "information", "dim", "warns"),
    [
        (32, 5.0, 32, False), (4, 0.9, 32, False), (3, 0.9, 32, True), (0, 0.0, 32, True),
        (32, 0.09, 32, True), (32, 0.1, 32, False), (1, 0.5, 5, False), (0, 0.5, 5, True), (0, 0.0, 0, False),
    ],
)  # fmt: skip
def test_when_it_warns(active: int, information: float, dim: int, warns: bool) -> None:
    """Under a tenth of the dimensions, or under 0.1 nats; a model without a latent cannot collapse."""
    assert bool(diagnose(Usage(1.0, information, active, dim), toy())) == warns


def test_it_advises_what_the_model_can_have() -> None:
    collapsed = Usage(0.0, 0.0, 0, 3)
    assert "word_dropout" in diagnose(collapsed, sequence_toy())
    assert "free_bits" in diagnose(collapsed, toy()) and "word_dropout" not in diagnose(collapsed, toy())


# -- a toy modality, where the numbers are known ----------------------------------------------------


def test_a_gradient_that_is_not_finite_is_a_clear_error_and_moves_nothing(tmp_path: Path) -> None:
    run = trainer(tmp_path, scale=1e25)
    before = [p.detach().clone() for p in run.model.parameters()]
    with pytest.raises(
        GenvaeError, match=r"the gradient is not finite at step 1 \(loss (inf|nan)\); lower learning_rate"
    ):
        run.run()
    assert all(torch.equal(a, b) for a, b in zip(before, run.model.parameters(), strict=True))
    assert not (tmp_path / "checkpoints").exists()


def test_the_best_weights_are_kept_not_the_last(tmp_path: Path) -> None:
    """A rate that costs nothing grows without end: the ELBO gets better, then worse."""
    free = ElboSettings(beta=Constant(value=0.0)).build
    run = trainer(tmp_path, objective=free, epochs=40, evaluate_every=10, learning_rate=0.1, keep=1000)
    state = run.run()
    elbos = {line["step"]: line["elbo"] for line in figures_of(tmp_path, "validation")}
    assert state.best_step == max(elbos, key=lambda step: elbos[step]) < state.step

    def weights(step: int) -> dict[str, Tensor]:
        return load_file(str(tmp_path / f"checkpoints/step-{step:08d}/model.safetensors"))

    left = run.model.state_dict()
    assert all(torch.equal(left[name], value) for name, value in weights(state.best_step).items())
    assert not all(torch.equal(left[name], value) for name, value in weights(state.step).items())


def test_the_learning_rate_rises_and_falls_along_a_cosine() -> None:
    settings = TrainingSettings(learning_rate=0.01, warmup_steps=4, final_rate=0.2)
    rates = [rate(settings, step, 20) for step in (0, 1, 3, 10, 20)]
    fall = [0.2 + 0.8 * (0.5 + 0.5 * math.cos(math.pi * step / 20)) for step in (0, 1, 3, 10, 20)]
    rise = [0.25, 0.5, 1, 1, 1]
    assert rates == pytest.approx([0.01 * a * b for a, b in zip(rise, fall, strict=True)])


def test_a_gradient_is_clipped_after_it_is_computed(tmp_path: Path) -> None:
    """The norm that is written is the true one; what Adam saw had norm 0.01."""
    run = trainer(tmp_path, clip=0.01, epochs=1, batch_size=100, scale=10.0, evaluate_every=100)
    order = run.train.order(0, 0)
    run.run()
    model = toy()
    batch = run.train.batch(order[0])
    ElboSettings().build(model)(model, batch, 0, Stream(0, "train", 0)).loss.backward()
    norm = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).norm()
    assert float(norm) > 1
    seen = torch.cat([s["exp_avg"].flatten() for s in run.optimizers["model"].state.values()]).norm() / 0.1
    assert float(seen) == pytest.approx(0.01, rel=1e-3)


class Duel(Objective):
    """Two players: the model, and a critic of its own that is trained on what the model draws."""

    players = ("model", "critic")

    def __init__(self, settings: ElboSettings, model: VAE) -> None:
        super().__init__()
        self.elbo = settings.build(model)
        self.critic = nn.Linear(2, 1)

    def forward(self, model: VAE, batch: Batch, step: int | None, stream: Stream, player: str = "model") -> Terms:
        terms = self.elbo(model, batch, step, stream)
        z = model.infer(batch, stream.at("posterior")).latents["z"]
        if player == "critic":
            loss = (self.critic(z.detach()) - 3).square().mean()
            return Terms(loss, {"elbo": terms.named["elbo"]})
        return terms

    def parameters_of(self, player: str, model: VAE) -> Any:
        yield from self.critic.parameters() if player == "critic" else model.parameters()


def duel(model: VAE) -> Objective:
    torch.manual_seed(5)
    return Duel(ElboSettings(), model)


def test_an_objective_may_own_networks_and_take_turns(tmp_path: Path) -> None:
    run = trainer(tmp_path / "whole", objective=duel, epochs=14, learning_rate=0.05)
    run.run()
    assert set(run.optimizers) == {"model", "critic"}
    line = figures_of(tmp_path / "whole", "train")[0]
    # the critic sees the model a step later
    assert line["critic/elbo"] == pytest.approx(line["elbo"], rel=0.2), "two players' figures were added up"
    assert {"loss", "critic/loss", "gradient_norm", "critic/gradient_norm"} <= set(line)
    critic = run.objective.get_parameter("critic.bias").detach()
    assert float(critic) > 1, "the critic did not learn"
    # and it is resumed like the model: half of the run, then the rest from its checkpoint
    half = trainer(tmp_path / "half", objective=duel, epochs=14, learning_rate=0.05)
    half.interrupt.asked = True  # as Ctrl-C does
    with pytest.raises(GenvaeError, match="saved"):
        half.run()
    state, refused = Checkpoints(tmp_path / "half/checkpoints").newest()
    assert state is not None and state.step == 1 and not refused
    rest = trainer(tmp_path / "half", objective=duel, epochs=14, learning_rate=0.05, state=state)
    rest.run()
    assert torch.equal(rest.objective.get_parameter("critic.bias"), critic)
    for one, two in zip(run.model.parameters(), rest.model.parameters(), strict=True):
        assert torch.equal(one, two)
    whole, again = ((tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "half"))
    assert whole == again


def test_the_record_is_cut_to_where_the_checkpoint_was(tmp_path: Path) -> None:
    first = Metrics(tmp_path, 0)
    first.write("train", 1, {"loss": 2.0})
    keep = first.bytes
    first.write("train", 2, {"loss": 1.0})
    first.close()
    again = Metrics(tmp_path, keep)
    again.write("train", 2, {"loss": 1.5})
    again.close()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == [(1, 2.0), (2, 1.5)]


def test_what_a_checkpoint_says_is_what_was_written(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    model = toy()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    model.decoder(model.sample_prior(torch.arange(2), Stream(0, "x")), Batch(views={}, items=torch.arange(2),
                  cost=torch.ones(2))).sum().backward()  # fmt: skip
    optimizer.step()
    state = State(phase=1, epoch=2, place=3, step=40, phase_step=7, best=1.25, best_step=30, stale=2, metrics=99)
    checkpoints.write(state, {"model": model}, {"model": optimizer})
    found, refused = checkpoints.newest()
    assert found == state and not refused
    other = toy(seed=1)
    second = torch.optim.AdamW(other.parameters(), fused=True)
    checkpoints.load(40, {"model": other}, {"model": second})
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    one, two = (o.state_dict()["state"] for o in (optimizer, second))
    assert set(one) == set(two) and one
    for number in one:
        assert all(torch.equal(torch.as_tensor(one[number][n]), torch.as_tensor(two[number][n])) for n in one[number])
    assert not list((tmp_path / "checkpoints").rglob("*.pt")) and not list((tmp_path / "checkpoints").rglob("*.pkl"))
