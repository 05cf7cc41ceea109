"""The learned priors, against scikit-learn, explicit sums, numerical integration and finite differences."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn
from torch.distributions import Normal

from genvae.core.distributions import Capability, DiagonalGaussian, Distribution, kl
from genvae.core.latents import Block, Groups
from genvae.core.posteriors import Posterior
from genvae.core.posteriors.base import Features
from genvae.core.posteriors.batch_normalised import BatchNormalisedSettings
from genvae.core.priors import FittedPrior, Prior, StandardNormal
from genvae.core.priors.autoregressive import AutoregressiveSettings
from genvae.core.priors.fitted import Context
from genvae.core.priors.flow_matching import Flow, FlowMatchingPrior, FlowMatchingSettings
from genvae.core.priors.mixture import MixtureSettings
from genvae.core.priors.vamp import VampPrior, VampSettings
from genvae.core.randomness import Stream
from genvae.errors import LacksCapability, SettingError
from tests.core.toys import ReadsPseudo, elements, toy

STREAM = Stream(4, "priors")
PAIR, SEQUENCE = Block(name="pair", shape=(2,)), Block(name="sequence", shape=(2, 2))
BLOCKS = (PAIR, SEQUENCE)

Build = Callable[..., FittedPrior]


def mixture(blocks: Sequence[Block] = BLOCKS, **more: Any) -> FittedPrior:
    return MixtureSettings(components=3, **more).build(blocks)


def autoregressive(blocks: Sequence[Block] = BLOCKS, **more: Any) -> FittedPrior:
    return AutoregressiveSettings(hidden=12, layers=2, mixtures=3, **more).build(blocks)


def flow(blocks: Sequence[Block] = BLOCKS, steps: int = 4, **more: Any) -> FittedPrior:
    return FlowMatchingSettings(hidden=12, layers=1, steps=steps).build(blocks)


LEARNED = [mixture, autoregressive, flow]


def wild(prior: FittedPrior, size: float = 1.0) -> FittedPrior:
    """Weights that make it far from normal, and standards of other means and scales."""
    with torch.no_grad():
        for number, parameter in enumerate(prior.parameters()):
            if parameter.dim():
                rows = parameter.reshape(len(parameter), -1)
                more = Stream(number, "wild").normal(torch.arange(len(rows)), rows.shape[1]).reshape(parameter.shape)
                parameter.add_(size * more / max(1.0, parameter[0].numel() ** 0.5))
    for block in BLOCKS:
        if not isinstance(prior, type(mixture())) and block.name in prior.standards:
            values = 0.5 + 1.5 * STREAM.at(block.name).normal(torch.arange(50), *block.shape)
            prior.initialise(values, block)
    prior.mark_fitted()
    return prior


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def latents(rows: int, block: Block, name: str = "latents") -> Tensor:
    return STREAM.at(name).normal(torch.arange(rows), *block.shape)


# -- what every learned prior keeps to --------------------------------------------------------------


@pytest.mark.parametrize("build", LEARNED)
def test_until_it_is_fitted_it_is_the_standard_normal(build: Build) -> None:
    prior = build(when="after")
    assert prior.capabilities == frozenset(Capability)
    p = prior.at(SEQUENCE, {"pair": torch.zeros(5, 2)}, 5)
    value = latents(5, SEQUENCE)
    torch.testing.assert_close(p.log_prob(value), Normal(0.0, 1.0).log_prob(value).sum((1, 2)))
    assert kl(DiagonalGaussian(value, value), p) is not None
    draw = toy(BLOCKS, prior=prior).infer(elements(5), STREAM)
    assert set(draw.kl) == {"pair", "sequence"}, "the rate has its closed form"


@pytest.mark.parametrize("build", LEARNED)
def test_once_fitted_it_is_what_was_learned_also_when_saved(build: Build) -> None:
    prior = build(when="after")
    learned = prior.learned(PAIR, {}, 4).push(latents(4, PAIR))
    assert torch.equal(prior.at(PAIR, {}, 4).push(latents(4, PAIR)), latents(4, PAIR))
    prior.mark_fitted()
    assert prior.capabilities == {Capability.DENSITY, Capability.TRANSPORT}
    assert torch.equal(prior.at(PAIR, {}, 4).push(latents(4, PAIR)), learned)
    other = build(when="after")
    other.load_state_dict(prior.state_dict())
    assert other.in_use and torch.equal(other.at(PAIR, {}, 4).push(latents(4, PAIR)), learned)
    prior.mark_fitted(False)
    assert not prior.in_use


@pytest.mark.parametrize("build", [mixture, autoregressive])
def test_learned_with_the_model_it_is_in_use_at_once(build: Build) -> None:
    prior = build()
    assert prior.in_use and prior.capabilities == {Capability.DENSITY, Capability.TRANSPORT}
    model = toy(BLOCKS, prior=prior)
    draw = model.infer(elements(6), STREAM)
    by_hand = draw.log_q["sequence"] - prior.at(SEQUENCE, draw.latents, 6).log_prob(draw.latents["sequence"])
    torch.testing.assert_close(draw.rate(SEQUENCE)[:, 0], by_hand)
    (draw.rate(PAIR).sum() + draw.rate(SEQUENCE).sum()).backward()
    assert all(p.grad is not None and p.grad.any() for p in prior.parameters())


@pytest.mark.parametrize("build", [mixture, autoregressive])
def test_the_loss_is_that_of_the_learned_distribution_fitted_or_not(build: Build) -> None:
    prior = wild(build(when="after"))
    value, before = latents(5, SEQUENCE), {"pair": latents(5, PAIR)}
    fitted = prior.loss(SEQUENCE, value, before, STREAM, torch.arange(5))
    torch.testing.assert_close(fitted, -prior.at(SEQUENCE, before, 5).log_prob(value))
    prior.mark_fitted(False)
    assert torch.equal(prior.loss(SEQUENCE, value, before, STREAM, torch.arange(5)), fitted)
    plain = StandardNormal()
    torch.testing.assert_close(
        plain.loss(PAIR, latents(5, PAIR), {}, STREAM, torch.arange(5)),
        -Normal(0.0, 1.0).log_prob(latents(5, PAIR)).sum(1),
    )


@pytest.mark.parametrize(("build", "points"), [(mixture, 171), (autoregressive, 171), (flow, 69)])
def test_its_density_integrates_to_one(build: Build, points: int) -> None:
    p = wild(build(steps=2) if build is flow else build(), 0.7).learned(PAIR, {}, 1)
    line = torch.linspace(-16, 18, points, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line)
    with torch.no_grad():
        total = p.take(torch.zeros(len(grid), dtype=torch.int64)).log_prob(grid).exp().sum() * (34 / (points - 1)) ** 2
    assert float(total) == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("build", LEARNED)
def test_its_density_is_that_of_what_it_draws(build: Build) -> None:
    """p(x) = N(e) / |dx/de|, the Jacobian of ``push`` by differences; of a block that sees another one, too."""
    prior, rows = wild(build(), 0.7), 4
    before = {"pair": latents(rows, PAIR)}
    p = prior.learned(SEQUENCE, before, rows)
    noise = latents(rows, SEQUENCE, "noise").double()
    value = p.push(noise)
    torch.testing.assert_close(p.pull(value), noise, rtol=1e-6, atol=1e-6)
    step = 1e-5
    columns = []
    for direction in torch.eye(4, dtype=torch.float64):
        shift = step * direction.reshape(2, 2)
        columns.append((p.push(noise + shift) - p.push(noise - shift)).flatten(1) / (2 * step))
    log_det = torch.linalg.slogdet(torch.stack(columns, 2)).logabsdet
    expected = Normal(0.0, 1.0).log_prob(noise).sum((1, 2)) - log_det
    torch.testing.assert_close(p.log_prob(value).double(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("build", LEARNED)
def test_its_figures_are_the_same_under_mixed_precision(build: Build) -> None:
    prior = wild(build())
    value, before = latents(5, SEQUENCE), {"pair": latents(5, PAIR)}
    p = prior.learned(SEQUENCE, before, 5)
    expected, drawn = p.log_prob(value).detach(), p.push(value)
    with torch.autocast("cpu", torch.bfloat16):
        p = prior.learned(SEQUENCE, before, 5)
        assert torch.equal(p.log_prob(value).detach(), expected) and torch.equal(p.push(value), drawn)


@pytest.mark.parametrize("build", [autoregressive, flow])
def test_a_block_sees_those_before_it_and_rows_can_be_taken(build: Build) -> None:
    prior = wild(build())
    noise = latents(4, SEQUENCE)
    one, two = ({"pair": latents(4, PAIR, name)} for name in ("one", "two"))
    p = prior.learned(SEQUENCE, one, 4)
    assert not torch.allclose(p.push(noise), prior.learned(SEQUENCE, two, 4).push(noise), atol=1e-3)
    rows = torch.tensor([3, 0])
    torch.testing.assert_close(p.take(rows).push(noise[rows]), p.push(noise)[rows])
    with pytest.raises(LacksCapability, match="has no closed form"):
        _ = p.mean
    shared = (Block(name="own", shape=(3,)), Block(name="group", shape=(2,), shared=True))
    assert prior.context(PAIR, {}, 4).told is None
    assert build(shared).learned(shared[1], {}, 2).push(latents(2, PAIR)).shape == (2, 2), "it sees shared blocks alone"


@pytest.mark.parametrize("build", [autoregressive, flow])
def test_it_starts_from_the_scale_of_the_latents(build: Build) -> None:
    prior = build()
    values = torch.tensor([5.0, -3.0]) + torch.tensor([0.1, 4.0]) * latents(400, PAIR)
    prior.initialise(values, PAIR)
    drawn = prior.learned(PAIR, {}, 2_000).push(latents(2_000, PAIR, "noise"))
    assert ((drawn.mean(0) - values.mean(0)).abs() < 0.5 * values.std(0)).all()
    assert ((drawn.std(0) / values.std(0)).log().abs() < 0.5).all()


# -- mixture ----------------------------------------------------------------------------------------


def two_clusters(rows: int = 300) -> Tensor:
    which = (torch.arange(rows) % 3 == 0).float()[:, None, None]
    return torch.tensor([[4.0, -4.0], [0.0, 9.0]]) * which + torch.tensor(0.5) * latents(rows, SEQUENCE)


def test_a_mixture_is_fitted_by_expectation_maximisation() -> None:
    prior = MixtureSettings(components=2, when="after").build(BLOCKS)
    values = two_clusters()
    prior.initialise(values, SEQUENCE)
    part = prior.components["sequence"]
    heavy = int(part.logits.argmax())
    assert part.logits.softmax(0)[heavy].item() == pytest.approx(2 / 3, abs=1e-3)
    torch.testing.assert_close(part.mean[heavy], values[torch.arange(300) % 3 != 0].mean(0), rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(part.mean[1 - heavy], values[::3].mean(0), rtol=1e-2, atol=1e-2)
    # its density is what scikit-learn gives a mixture of these parameters
    peer = GaussianMixture(2, covariance_type="diag")
    peer.weights_ = part.logits.softmax(0).detach().double().numpy()
    peer.means_ = part.mean.flatten(1).detach().double().numpy()
    peer.covariances_ = part.log_variance.exp().flatten(1).detach().double().numpy()
    peer.precisions_cholesky_ = peer.covariances_**-0.5
    expected = torch.from_numpy(peer.score_samples(values.flatten(1).double().numpy()))
    found = prior.learned(SEQUENCE, {}, 300).log_prob(values)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)
    # and better than that of one Gaussian on the same latents
    one = MixtureSettings(components=1).build((SEQUENCE,))
    one.initialise(values, SEQUENCE)
    mean, scale = values.mean(0), values.std(0, correction=0)
    single = one.at(SEQUENCE, {}, 300).log_prob(values)
    torch.testing.assert_close(single, Normal(mean, scale).log_prob(values).sum((1, 2)), rtol=1e-4, atol=1e-4)
    assert found.mean() > single.mean() + 1


def test_a_mixture_needs_as_many_latents_as_components() -> None:
    with pytest.raises(SettingError, match=r"3 components needs as many latents .* there are 2: lower"):
        mixture().initialise(latents(2, PAIR), PAIR)


def test_a_new_mixture_is_near_the_standard_normal_and_follows_the_seed() -> None:
    def mean(seed: int) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return MixtureSettings(components=50).build(BLOCKS).components["pair"].mean.detach()

    assert torch.equal(mean(1), mean(1)) and not torch.equal(mean(1), mean(2))
    spread = (mean(1).var(0) + 0.5).sqrt()
    assert ((spread - 1).abs() < 0.25).all()


# -- vamp -------------------------------------------------------------------------------------------


class LooksBack(Posterior):
    """A toy posterior whose second block depends on the first."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.back = nn.Linear(5, 4), nn.Linear(5, 8), nn.Linear(2, 4)

    def at(
        self, block: Block, features: Features, before: Mapping[str, Tensor], prior: Distribution, groups: Groups
    ) -> DiagonalGaussian:
        summary = features["summary"]
        assert len(summary) == groups.count == len(prior.mean)
        mean, log_variance = (self.first if block is PAIR else self.second)(summary).chunk(2, 1)
        if before:
            mean = mean + self.back(before["pair"])
        return DiagonalGaussian(mean.reshape(-1, *block.shape), log_variance.reshape(-1, *block.shape))


def vamp(posterior: Posterior | None = None, components: int = 6) -> Any:
    prior = VampSettings(components=components).build(BLOCKS)
    return toy(BLOCKS, prior=prior, encoder=ReadsPseudo(), posterior=posterior)


@torch.no_grad()
@pytest.mark.parametrize("looks_back", [False, True])
def test_a_vamp_is_the_mean_of_the_posteriors_of_its_inputs(looks_back: bool) -> None:
    model = vamp(LooksBack() if looks_back else None)
    prior, rows = model.prior, 5
    pair, sequence = latents(rows, PAIR), latents(rows, SEQUENCE)
    found = prior.at(PAIR, {}, rows).log_prob(pair) + prior.at(SEQUENCE, {"pair": pair}, rows).log_prob(sequence)
    # the joint density, one row and one pseudo-input at a time
    flat = torch.zeros(1, 2)
    for row in range(rows):
        each = []
        for pseudo in prior.pseudo:
            features = model.encoder.read(pseudo[None])
            first = model.posterior.at(PAIR, features, {}, DiagonalGaussian(flat, flat), Groups.each(1))
            given = {"pair": pair[[row]]}
            square = torch.zeros(1, 2, 2)
            second = model.posterior.at(SEQUENCE, features, given, DiagonalGaussian(square, square), Groups.each(1))
            each.append(first.log_prob(pair[[row]]) + second.log_prob(sequence[[row]]))
        expected = torch.stack(each).exp().mean()
        assert float(found[row].exp()) == pytest.approx(float(expected), rel=1e-4)


def test_pseudo_inputs_are_learned_through_the_encoder() -> None:
    model = vamp()
    draw = model.infer(elements(8), STREAM)
    draw.rate(PAIR).sum().backward()
    assert model.prior.pseudo.grad is not None and model.prior.pseudo.grad.any()
    assert "prior.pseudo" in dict(model.named_parameters())
    names = [name for name, _ in model.named_modules()]
    assert len(names) == len(set(names)) and not any(name.startswith("prior.") for name in names)
    assert [name for name in model.state_dict() if name.startswith("prior.")] == ["prior.pseudo"]


def test_a_copied_models_prior_reads_by_the_copys_encoder() -> None:
    model = vamp()
    other = copy.deepcopy(model)
    value = latents(3, PAIR)
    before = model.prior.at(PAIR, {}, 3).log_prob(value)
    torch.testing.assert_close(other.prior.at(PAIR, {}, 3).log_prob(value), before)
    with torch.no_grad():
        other.encoder.stretch.weight += 1.0
    assert not torch.allclose(other.prior.at(PAIR, {}, 3).log_prob(value), before)
    assert torch.equal(model.prior.at(PAIR, {}, 3).log_prob(value), before)


@torch.no_grad()
def test_pseudo_inputs_are_read_once_while_no_weight_moves() -> None:
    model = vamp().eval()
    value = latents(3, PAIR)
    read: list[int] = []
    model.encoder.stretch.register_forward_hook(lambda *_: read.append(1))
    first = model.prior.at(PAIR, {}, 3).log_prob(value)
    assert torch.equal(model.prior.at(PAIR, {}, 3).log_prob(value), first) and len(read) == 1
    for weight in (model.prior.pseudo, model.encoder.stretch.weight, model.encoder.stretch.bias):
        weight.add_(0.5)
        moved = model.prior.at(PAIR, {}, 3).log_prob(value)
        assert not torch.allclose(moved, first)
        first = moved
    assert len(read) == 4
    state = {name: value + 0.1 for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    assert not torch.allclose(model.prior.at(PAIR, {}, 3).log_prob(value), first)


def test_what_a_vamp_cannot_work_with_it_says() -> None:
    prior = VampSettings(components=3).build(BLOCKS)
    with pytest.raises(SettingError, match="part of no model"):
        prior.at(PAIR, {}, 2)
    with pytest.raises(SettingError, match="needs an encoder that reads pseudo-inputs; Reads does not"):
        toy(BLOCKS, prior=VampSettings(components=3).build(BLOCKS))
    with pytest.raises(SettingError, match="depends on its batch does not serve: choose"):
        vamp(BatchNormalisedSettings().build(BLOCKS, 5))


def test_a_model_without_blocks_may_name_a_vamp() -> None:
    prior = VampPrior((), 3)
    prior.bind(nn.Module())
    assert not list(prior.parameters())


def test_every_prior_is_told_of_its_model() -> None:
    told: list[nn.Module] = []

    class Told(StandardNormal):
        def bind(self, model: nn.Module) -> None:
            told.append(model)

    prior: Prior = Told()
    assert told == [toy(prior=prior)]


# -- autoregressive ---------------------------------------------------------------------------------


def test_a_conditional_depends_on_the_numbers_before_it_and_on_each_of_them() -> None:
    block = Block(name="z", shape=(5,))
    prior = AutoregressiveSettings(hidden=30, layers=3, mixtures=2).build((PAIR, block))
    net: Any = prior.nets["z"]
    value, given = latents(1, block), latents(1, PAIR)
    for which in range(3):  # logits, means, log scales
        jacobian = torch.autograd.functional.jacobian(lambda v: net(v, Context(given, 1))[which][0], value)[:, :, 0]  # noqa: B023
        reach = jacobian.abs().amax(1) > 0
        assert torch.equal(reach, torch.ones(5, 5).tril(-1).bool())
        context = torch.autograd.functional.jacobian(lambda c: net(value, Context(c, 1))[which][0], given)  # noqa: B023
        assert (context.abs().amax((1, 2, 3)) > 0).all(), "every number sees the context, the first one, too"


@pytest.mark.parametrize("size", [1, 2, 7])
def test_drawing_number_by_number_agrees_with_the_one_pass(size: int) -> None:
    block = Block(name="z", shape=(size,))
    for blocks in ((block,), (PAIR, block)):
        prior = wild(AutoregressiveSettings(hidden=9, layers=3, mixtures=3).build(blocks))
        p = prior.at(block, {"pair": latents(6, PAIR)}, 6)
        noise = 1.5 * latents(6, block).double()
        torch.testing.assert_close(p.pull(p.push(noise)), noise, rtol=1e-7, atol=1e-7)


def test_a_net_too_narrow_for_its_block_is_refused() -> None:
    with pytest.raises(SettingError, match="hidden = 4 is too few for a block of 9 numbers; give at least 8"):
        AutoregressiveSettings(hidden=4).build((Block(name="z", shape=(9,)),))


# -- flow matching ----------------------------------------------------------------------------------


@torch.no_grad()
def test_the_loss_is_half_the_squared_error_of_the_velocity() -> None:
    """At velocity 0 its mean is half of E|end - start|^2 = (1 + 1) d / 2, the latents standardised."""
    prior = flow()
    for block in BLOCKS:
        prior.initialise(3 + 2 * latents(4_000, block), block)
    for name, parameter in prior.named_parameters():
        if "leave" in name:
            parameter.zero_()
    items = torch.arange(4_000)
    loss = prior.loss(SEQUENCE, 3 + 2 * latents(4_000, SEQUENCE), {"pair": latents(4_000, PAIR)}, STREAM, items)
    assert float(loss.mean()) == pytest.approx(4.0, abs=5 * float(loss.std()) / 4_000**0.5)
    some = torch.tensor([17, 3])
    again = prior.loss(
        SEQUENCE, 3 + 2 * latents(4_000, SEQUENCE)[some], {"pair": latents(4_000, PAIR)[some]}, STREAM, items[some]
    )
    torch.testing.assert_close(again, loss[some])


def test_the_regression_finds_the_latents() -> None:
    """Two far clusters of one number: after a short regression the flow draws both and little between."""
    block = Block(name="z", shape=(1,))
    prior = FlowMatchingSettings(hidden=32, layers=1, steps=8).build((block,))
    which = (torch.arange(256) % 4 > 0).float()[:, None] * 2 - 1
    values = 3 * which + 0.3 * latents(256, block)
    prior.initialise(values, block)
    optimizer = torch.optim.Adam(prior.parameters(), 0.01)
    for step in range(80):
        optimizer.zero_grad()
        prior.loss(block, values, {}, Stream(0, "fit", step), torch.arange(256)).mean().backward()
        optimizer.step()
    prior.mark_fitted()
    drawn = prior.at(block, {}, 1_000).push(latents(1_000, block, "noise"))
    assert float((drawn > 0).float().mean()) == pytest.approx(0.75, abs=0.08)
    assert float((drawn.abs() < 1.5).float().mean()) < 0.1
    nats = prior.at(block, {}, 256).log_prob(values).mean()
    normal = Normal(values.mean(), values.std()).log_prob(values).mean()
    assert float(nats) > float(normal) + 0.5


def test_long_steps_are_inverted_too_and_where_that_fails_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    p = wild(flow(steps=1), 8.0).at(PAIR, {}, 20)
    value = latents(20, PAIR)
    torch.testing.assert_close(p.push(p.pull(value)), value, rtol=1e-4, atol=1e-4)
    monkeypatch.setattr("genvae.core.priors.flow_matching.ROUNDS", 1)
    with pytest.raises(LacksCapability, match="the flow's 1 steps are too long to be inverted here: raise"):
        p.pull(value)
    with pytest.raises(LacksCapability, match="too long to be inverted"):
        p.log_prob(value)


def test_the_density_of_a_flow_says_that_it_has_no_gradient() -> None:
    p = wild(flow()).at(PAIR, {}, 3)
    with pytest.raises(LacksCapability, match="has no gradient: freeze encoder"):
        p.log_prob(latents(3, PAIR).requires_grad_())


def test_the_jacobian_is_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    p = wild(flow(steps=2)).at(PAIR, {}, 5)
    whole = p.log_prob(latents(5, PAIR))
    monkeypatch.setattr("genvae.core.priors.flow_matching.COLUMNS", 6)
    torch.testing.assert_close(p.log_prob(latents(5, PAIR)), whole)


def by_forward_derivatives(p: Flow, value: Tensor) -> Tensor:
    """The density with each column of a step's Jacobian by ``torch.func``, all in float64."""
    noise = p.standard(value.double())
    log_det = p.standard.scale.double().log().sum().expand(len(value))
    eye = torch.eye(noise.shape[1], dtype=torch.float64)
    for t, start in p._backwards(noise):

        def column(direction: Tensor, at: Tensor = start, t: float = t) -> Tensor:
            slope: Tensor = torch.func.jvp(
                lambda x: x + p._step(x, t, p.conditions), (at,), (direction.expand_as(at),)
            )[1]  # fmt: skip
            return slope

        log_det = log_det + torch.linalg.slogdet(torch.func.vmap(column)(eye).permute(1, 2, 0))[1]
        noise = start
    return Normal(0.0, 1.0).log_prob(noise).sum(1) - log_det


@torch.no_grad()
def test_the_density_is_that_of_forward_derivatives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several layers, given blocks before, guided, and a chunk at a time; in the precision of the value."""
    prior = wild(FlowMatchingSettings(hidden=12, layers=3, steps=3).build(BLOCKS))
    assert isinstance(prior, FlowMatchingPrior)
    before, value = {"pair": latents(5, PAIR)}, latents(5, SEQUENCE)
    plain = prior.learned(SEQUENCE, before, 5)
    without = prior.learned(SEQUENCE, {"pair": torch.zeros(5, 2)}, 5)
    monkeypatch.setattr("genvae.core.priors.flow_matching.COLUMNS", 8)
    for p in (plain, plain.guided(without, 1.5)):
        assert isinstance(p, Flow)
        expected = by_forward_derivatives(p, value)
        assert float((expected - Normal(0.0, 1.0).log_prob(value).sum((1, 2))).abs().max()) > 1, "hardly a flow"
        torch.testing.assert_close(p.log_prob(value.double()), expected, rtol=0, atol=1e-9)
        torch.testing.assert_close(p.log_prob(value).double(), expected, rtol=0, atol=1e-4)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(p.log_prob(value).double(), expected, rtol=0, atol=1e-4)
