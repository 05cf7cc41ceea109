"""The semi-supervised objective against sums written out by hand, and what its gradients reach."""

from __future__ import annotations

import math

import pytest
import torch

from genvae.core.batch import Batch
from genvae.core.corruption.shift import Shift
from genvae.core.priors.labelled import LabelledSettings
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.errors import LacksCapability, SettingError
from genvae.settings import build
from genvae_conditional.objectives.semi_supervised import SemiSupervised, SemiSupervisedSettings
from tests.core.toys import COLOUR, SHARES, SPLIT, Z, coloured, coloured_toy, elements, sequence_toy, split_toy, toy

STREAM = Stream(4, "test", 7)


def model_of(prior: bool = True) -> VAE:
    """A linear VAE whose decoder and prior see a condition of three values, one likelier than the others."""
    return coloured_toy(LabelledSettings(label="colour").build([Z], [COLOUR]) if prior else None)


def objective_of(model: VAE, **values: object) -> SemiSupervised:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return build(SemiSupervisedSettings, values).build(model)


def one_bound(model: VAE, batch: Batch, place: int, value: int) -> torch.Tensor:
    """L(x, c) of one item, one value, worked out by itself: distortion, KL by its formula, -log p(c)."""
    row = torch.eye(3)[value][None]
    alone = batch.take(torch.tensor([place])).knowing(colour=row)
    q = model.posterior.at(Z, model.encode(alone), {"colour": row}, model.prior.at(Z, {"colour": row}, 1), alone.groups)
    z = q.push(STREAM.at("posterior").at("z").normal(alone.items, 2))
    p = model.prior.at(Z, {"colour": row}, 1)
    ratio = (q.log_variance - p.log_variance).exp()
    gap = (q.mean - p.mean).square() / p.log_variance.exp()
    rate = 0.5 * (ratio + gap - 1.0 - ratio.log()).sum()
    mean = model.decoder({"colour": row, "z": z}, alone)
    nats = 0.5 * ((alone.views["target"] - mean) / 0.7).square() + math.log(0.7) + 0.5 * math.log(2 * math.pi)
    return nats.sum() + rate - math.log(SHARES[value] / sum(SHARES))


@pytest.mark.parametrize("told", [True, False])
def test_bounds_are_those_of_a_sum_over_all_values(told):
    model, batch = model_of(), coloured([None, 1, None, 2, None])
    objective = objective_of(model, weight=0.7, posterior_told=told)
    found = objective(model, batch, 0, STREAM)
    q = objective.logits(model, batch).softmax(1)
    wanted = torch.zeros(())
    for place, value in enumerate([None, 1, None, 2, None]):
        if value is not None:
            wanted = wanted + one_bound(model, batch, place, value) - 0.7 * q[place, value].log()
            continue
        for tried in range(3):
            wanted = wanted + q[place, tried] * (one_bound(model, batch, place, tried) + q[place, tried].log())
    torch.testing.assert_close(found.loss, wanted / 5)


def test_the_bound_of_an_unknown_value_is_no_better_than_that_of_the_best_q():
    """U(x) is least where q(c|x) is p(x, c) normalised: then it is -log of the sum over c of exp(-L(x, c))."""
    model, batch = model_of(), coloured([None])
    objective = objective_of(model)
    bounds = torch.stack([one_bound(model, batch, 0, value) for value in range(3)])
    best = -torch.logsumexp(-bounds, 0)
    assert objective(model, batch, 0, STREAM).loss.item() > best.item() - 1e-5
    with torch.no_grad():  # q says just that
        objective.recogniser.last.weight.zero_()
        objective.recogniser.last.bias.copy_(-bounds)
    torch.testing.assert_close(objective(model, batch, 0, STREAM).loss, best)


def test_few_values_may_be_tried_and_the_bound_stays_one():
    model, batch = model_of(), coloured([None, None, 1, None])
    objective = objective_of(model, tried=2)
    found = objective(model, batch, 0, STREAM)
    q = objective.logits(model, batch).softmax(1)
    wanted = one_bound(model, batch, 2, 1) - q[2, 1].log()
    for place in (0, 1, 3):
        two = q[place].topk(2).indices.tolist()
        share = q[place][two] / q[place][two].sum()
        each = torch.stack([one_bound(model, batch, place, value) for value in two])
        wanted = wanted + (share * (each + share.log())).sum()
    torch.testing.assert_close(found.loss, wanted / 4)
    found.loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in objective.parameters())
    one = objective_of(model, tried=1)(model, batch, 0, STREAM)
    assert one.loss.isfinite() and all(value.isfinite() for value in one.named.values())
    every = objective_of(model, tried=9)(model, batch, 0, STREAM).loss
    assert torch.equal(every, objective_of(model)(model, batch, 0, STREAM).loss)


@pytest.mark.parametrize("encoder", ["own", "shared"])
def test_gradients_of_unknown_items_reach_q_and_all_of_the_model(encoder):
    model, batch = model_of(), coloured([None] * 4)
    objective = objective_of(model, encoder=encoder, weight=3.0)
    objective(model, batch, 0, STREAM).loss.backward()
    for module in (model, objective):
        missed = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]
        assert missed == ["prior.logits"] or not missed


def test_what_q_hears_of_the_bounds_is_a_share_of_their_gradient():
    def heard(share: float) -> torch.Tensor:
        model = model_of()
        objective = objective_of(model, heard=share)
        objective(model, coloured([None] * 4), 0, STREAM).loss.backward()
        grad = objective.recogniser.last.weight.grad
        assert grad is not None
        return grad

    torch.testing.assert_close(heard(0.25), 0.25 * heard(1.0))
    assert not heard(0.0).abs().gt(1e-7).any()


def test_known_items_teach_q_by_their_cross_entropy_alone():
    model, batch = model_of(), coloured([0, 1, 2])
    objective = objective_of(model, weight=0.0)
    objective(model, batch, 0, STREAM).loss.backward()
    assert all(p.grad is None or not p.grad.any() for p in objective.parameters())
    objective = objective_of(model, weight=2.0)
    objective(model, batch, 0, STREAM).loss.backward()
    assert all(p.grad is not None and p.grad.any() for p in objective.parameters())


def test_what_is_known_is_not_seen_by_q():
    model = model_of()
    objective = objective_of(model)
    same = [objective.logits(model, coloured(known)) for known in ([None, None], [0, 2])]
    assert torch.equal(*same)


def test_figures_are_in_nats_per_item_and_parts_of_a_batch_make_the_whole():
    model, batch = model_of(), coloured([None, 1, None, 2, None, 0])
    objective = objective_of(model, weight=0.5)
    whole = objective(model, batch, 0, STREAM)
    parts = [objective(model, batch.take(rows), 0, STREAM) for rows in torch.arange(6).split(2)]
    torch.testing.assert_close(whole.loss, sum(part.loss for part in parts) / 3)
    torch.testing.assert_close(whole.named["elbo"], -(whole.named["distortion"] + whole.named["rate"]))
    assert 0 <= float(whole.named["error"]) <= 1


def test_a_batch_without_the_condition_is_unknown_and_one_value_may_be_all():
    model = model_of()
    objective = objective_of(model)
    bare = elements(3)
    assert torch.equal(objective(model, bare, 0, STREAM).loss, objective(model, coloured([None] * 3), 0, STREAM).loss)
    assert objective(model, coloured([1] * 3), 0, STREAM).loss.isfinite()


def test_shares_between_values_are_known_too():
    model = model_of()
    batch = elements(2, colour=torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.2, 0.8]]))
    assert objective_of(model)(model, batch, 0, STREAM).loss.isfinite()


def test_changed_copies_are_taught_what_q_is_sure_of():
    model, batch = model_of(), coloured([None, 1, None, None])
    objective = objective_of(model, consistency=1.0, changes=(build(Shift, {"rate": 1.0}),), sure=0.0)
    plain = objective_of(model)
    found, without = objective(model, batch, 0, STREAM), plain(model, batch, 0, STREAM)
    torch.testing.assert_close(found.loss - without.loss, found.named["consistency"])
    assert float(found.named["sure"]) == 1.0 and float(found.named["consistency"]) > 0
    unsure = objective_of(model, consistency=1.0, changes=(build(Shift, {"rate": 1.0}),), sure=1.0)
    assert float(unsure(model, batch, 0, STREAM).named["sure"]) == 0.25  # the one that is known
    assert "consistency" not in objective.eval()(model, batch, None, STREAM).named


def test_it_learns_to_tell_values_from_few_labels():
    """Three clusters, three labels in all."""
    generator = torch.Generator().manual_seed(0)
    middle = 2.5 * torch.tensor([[1.0, 1, 1, 0, 0], [-1, -1, 0, 1, 1], [0, 0, -1, -1, 1.0]])
    truth = torch.arange(60) % 3
    x = middle[truth] + 0.5 * torch.randn(60, 5, generator=generator)
    rows = torch.zeros(60, 3)
    rows[:3] = torch.eye(3)
    batch = Batch(
        views={"input": x, "target": x}, items=torch.arange(60), cost=torch.ones(60), conditions={"colour": rows}
    )
    model = model_of(prior=False)
    objective = objective_of(model, weight=20.0, heard=0.1, even=True)
    optimizer = torch.optim.Adam([*model.parameters(), *objective.parameters()], lr=0.02)
    first = float((objective.logits(model, batch).argmax(1) != truth).float().mean())
    for step in range(150):
        optimizer.zero_grad()
        objective(model, batch, step, Stream(0, "train", step)).loss.backward()
        optimizer.step()
    last = float((objective.logits(model, batch).argmax(1) != truth).float().mean())
    assert last <= 0.05 < first


def test_models_that_it_cannot_serve():
    with pytest.raises(LacksCapability, match="needs a model with a condition that has values"):
        SemiSupervisedSettings().build(toy())
    with pytest.raises(LacksCapability, match="needs a model with a condition"):
        SemiSupervisedSettings().build(sequence_toy())
    with pytest.raises(SettingError, match="'z' is no condition with values; there are: colour"):
        objective_of(model_of(), label="z")
    with pytest.raises(SettingError, match="did you mean 'colour'"):
        objective_of(model_of(), label="color")
    with pytest.raises(SettingError, match="consistency needs changes"):
        objective_of(model_of(), consistency=1.0)
    with pytest.raises(SettingError, match="changes = 'shift' must be a corruption"):
        objective_of(model_of(), consistency=1.0, changes=("shift",))
    shared = split_toy(SPLIT)
    shared.observed = ("label",)
    with pytest.raises(LacksCapability, match="'style' is a group's"):
        SemiSupervisedSettings().build(shared)
