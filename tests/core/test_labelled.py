"""The labelled prior against torch.distributions, and what it says where the label is unknown."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

from genvae.core.distributions import Capability, DiagonalGaussian, Mixture, kl
from genvae.core.latents import Block
from genvae.core.objectives.elbo import ElboSettings
from genvae.core.priors.labelled import Components, LabelledPrior, LabelledSettings, OneHot
from genvae.core.randomness import Stream
from genvae.errors import SettingError
from tests.core.toys import CONTENT, LABEL, SPLIT, STYLE, split_elements, split_toy

STREAM = Stream(0, "labelled")
ROWS = torch.tensor([2, 0, 1, 2, 2])
KNOWN = torch.eye(3)[ROWS]


def prior(settings: LabelledSettings | None = None, blocks: tuple[Block, ...] = SPLIT) -> LabelledPrior:
    made = (settings or LabelledSettings()).build(blocks)
    with torch.no_grad():  # values far from where it starts
        for number, parameter in enumerate(made.parameters()):
            parameter.copy_(
                STREAM.at("weights").again(number).normal(torch.arange(len(parameter)), *parameter.shape[1:])
            )
    return made


def parts(made: LabelledPrior, name: str = "content") -> tuple[Tensor, Tensor]:
    """Means and standard deviations, (3, d)."""
    found = made.components[name]
    assert isinstance(found, Components)
    return found.mean.detach(), (0.5 * found.log_variance.detach()).exp()


def mixture(made: LabelledPrior) -> MixtureSameFamily:
    mean, scale = parts(made)
    return MixtureSameFamily(Categorical(logits=made.logits.detach()), Independent(Normal(mean, scale), 1))


def noise(name: str, rows: int, *shape: int) -> Tensor:
    return STREAM.at(name).normal(torch.arange(rows), *shape)


def test_a_known_label_is_its_gaussian_with_a_kl_in_closed_form() -> None:
    made = prior()
    at = made.at(CONTENT, {"label": KNOWN}, 5)
    mean, scale = parts(made)
    q = DiagonalGaussian(noise("mean", 5, 2), noise("spread", 5, 2))
    found = kl(q, at)
    assert found is not None and isinstance(at, DiagonalGaussian)
    torch.testing.assert_close(found, kl_divergence(Normal(q.mean, q.scale), Normal(mean[ROWS], scale[ROWS])))
    value = noise("value", 5, 2)
    torch.testing.assert_close(at.log_prob(value), Normal(mean[ROWS], scale[ROWS]).log_prob(value).sum(1))


@pytest.mark.parametrize("before", [{}, {"label": torch.zeros(5, 3)}], ids=["no label", "rows of zeros"])
def test_an_unknown_label_is_the_mixture(before: dict[str, Tensor]) -> None:
    made, value = prior(), noise("value", 5, 2)
    at = made.at(CONTENT, before, 5)
    torch.testing.assert_close(at.log_prob(value), mixture(made).log_prob(value))
    torch.testing.assert_close(at.mean, mixture(made).mean.expand(5, 2))
    assert kl(DiagonalGaussian(value, value), at) is None


def test_known_and_unknown_rows_side_by_side() -> None:
    made, value = prior(), noise("value", 5, 2)
    label = KNOWN.clone()
    label[1] = label[4] = 0.0
    mean, scale = parts(made)
    at = made.at(CONTENT, {"label": label}, 5)
    nats = at.log_prob(value)
    wanted = Normal(mean[ROWS], scale[ROWS]).log_prob(value).sum(1)
    wanted[[1, 4]] = mixture(made).log_prob(value)[[1, 4]]
    torch.testing.assert_close(nats, wanted)
    # a row's draw is what it is alone
    alone = made.at(CONTENT, {"label": KNOWN[:1]}, 1)
    torch.testing.assert_close(at.push(value)[:1], alone.push(value[:1]))
    torch.testing.assert_close(at.pull(at.push(value)), value, rtol=1e-4, atol=1e-4)
    assert isinstance(at, Mixture)
    torch.testing.assert_close(at.take(torch.tensor([4, 0])).log_prob(value[[4, 0]]), nats[[4, 0]])


def test_unknown_rows_teach_the_weights_and_known_ones_do_not() -> None:
    made, value = prior(), noise("value", 5, 2)
    for row, taught in ((0, False), (1, True)):
        label = KNOWN.clone()
        label[1] = 0.0
        made.zero_grad()
        made.at(CONTENT, {"label": label}, 5).log_prob(value)[row].backward()
        assert made.logits.grad is not None and bool((made.logits.grad.abs() > 1e-5).any()) == taught


def test_noise_under_an_unknown_label_is_pushed_to_the_mixture() -> None:
    """In one dimension the share below what noise e becomes is the normal share below e."""
    line = Block(name="line", shape=(1,))
    made = prior(blocks=(LABEL, line))
    mean, scale = parts(made, "line")
    e = torch.linspace(-3, 3, 41)
    value = made.at(line, {"label": torch.zeros(41, 3)}, 41).push(e[:, None])
    below = (made.logits.detach().softmax(0) * Normal(mean[:, 0], scale[:, 0]).cdf(value)).sum(1)
    torch.testing.assert_close(below, Normal(0.0, 1.0).cdf(e), rtol=1e-4, atol=1e-5)


def test_a_label_between_two_has_its_gaussian_between_theirs() -> None:
    made = prior()
    mean, scale = parts(made)
    at = made.at(CONTENT, {"label": torch.tensor([[0.25, 0.0, 0.75]])}, 1)
    assert isinstance(at, DiagonalGaussian)
    torch.testing.assert_close(at.mean[0], 0.25 * mean[0] + 0.75 * mean[2])
    torch.testing.assert_close(at.log_variance[0].exp(), scale[0] ** 0.5 * scale[2] ** 1.5)


def test_other_blocks_are_standard_normal() -> None:
    at = prior().at(STYLE, {}, 4)
    assert isinstance(at, DiagonalGaussian) and not at.mean.any() and not at.log_variance.any()
    assert Capability.TRANSPORT in prior().capabilities and Capability.DENSITY in prior().capabilities


def test_a_label_that_nobody_gave_is_drawn() -> None:
    made = prior()
    model = split_toy(prior=made)
    items = torch.arange(20_000)
    drawn = model.sample_prior(items, STREAM)
    label, shares = drawn["label"], made.logits.detach().softmax(0)
    assert torch.equal(label.sum(1), torch.ones(20_000)) and set(label.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(label.mean(0), shares, rtol=0.0, atol=0.015)
    mean, scale = parts(made)
    for value in range(3):
        rows = drawn["content"][label[:, value] == 1]
        torch.testing.assert_close(rows.mean(0), mean[value], rtol=0.0, atol=5 * float(scale.max()) / len(rows) ** 0.5)
    given = model.sample_prior(items[:5], STREAM, observed={"label": KNOWN}, scale=0.0)
    assert torch.equal(given["label"], KNOWN)
    torch.testing.assert_close(given["content"], mean[ROWS])


def test_the_drawn_label_as_a_distribution() -> None:
    logits = torch.tensor([0.3, -1.0, 2.0], requires_grad=True)
    at = OneHot(logits, 3)
    every = torch.eye(3)
    assert torch.equal(at.push(at.pull(every)), every)
    torch.testing.assert_close(at.log_prob(every), Categorical(logits=logits).log_prob(torch.arange(3)))
    assert not at.log_prob(torch.zeros(3, 3)).any(), "an unknown label is charged"
    torch.testing.assert_close(at.mean[1], logits.softmax(0))
    extreme = at.push(torch.tensor([[-9.0, 0.0, 0.0], [0.0, 9.0, 9.0], [9.0, 0.0, 0.0]]))
    assert extreme.argmax(1).tolist() == [0, 2, 2] and at.take(torch.tensor([0])).rows == 1


def test_in_a_model_the_rate_is_against_the_labels_gaussian() -> None:
    made, batch = prior(), split_elements(4, 3)
    model = split_toy(prior=made)
    draw = model.infer(batch, STREAM)
    q, rows = draw.posteriors["content"], torch.arange(7) % 3
    assert isinstance(q, DiagonalGaussian)
    mean, scale = parts(made)
    torch.testing.assert_close(
        draw.rate(CONTENT), kl_divergence(Normal(q.mean, q.scale), Normal(mean[rows], scale[rows]))
    )
    assert "label" not in draw.posteriors
    # and where labels are missing it is the draw's own log ratio
    blind = split_elements(4, 3)
    hidden = nn.functional.one_hot(rows, 3).float()
    hidden[2] = 0.0
    blind = type(blind)(**{**vars(blind), "conditions": {"label": hidden}})
    draw = model.infer(blind, STREAM)
    torch.testing.assert_close(draw.rate(CONTENT)[:, 0], draw.log_q["content"] - draw.log_p["content"])
    loss = ElboSettings().build(model)(model, blind, 0, STREAM).loss
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in made.parameters())


def test_it_starts_near_the_standard_normal_and_apart() -> None:
    torch.manual_seed(0)
    made = LabelledSettings().build((Block(name="label", shape=(60,)), Block(name="content", shape=(10,))))
    at = made.at(Block(name="content", shape=(10,)), {}, 1000)
    drawn = at.push(noise("start", 1000, 10))
    assert float(drawn.mean().abs()) < 0.2 and float(drawn.var(0).mean()) == pytest.approx(1.0, abs=0.2)


SHARED = Block(name="content", shape=(2,), shared=True)


def test_what_cannot_be_served_is_said() -> None:
    with pytest.raises(SettingError, match="names the block 'lable'; did you mean 'label'"):
        LabelledSettings(label="lable").build(SPLIT)
    with pytest.raises(SettingError, match="names the block 'contents'; did you mean 'content'"):
        LabelledSettings(blocks=("contents",)).build(SPLIT)
    with pytest.raises(SettingError, match=r"'style' cannot depend on 'label': it is shared .* some of: content"):
        LabelledSettings(blocks=("style",)).build(SPLIT)
    with pytest.raises(SettingError, match="'content' cannot depend on 'label': it comes before it"):
        LabelledSettings(blocks=("content",)).build((CONTENT, LABEL, Block(name="rest", shape=(1,))))
    with pytest.raises(SettingError, match="no block to serve: none behind 'label'"):
        LabelledSettings().build((LABEL, SHARED))
    with pytest.raises(SettingError, match="a label that is a vector"):
        LabelledSettings().build((Block(name="label", shape=(2, 2)), CONTENT))
    shared = Block(name="label", shape=(3,), shared=True)
    assert list(LabelledSettings().build((shared, SHARED)).components) == ["content"]
    assert list(LabelledSettings().build((LABEL, STYLE, CONTENT)).components) == ["content"], "the first that may"


def test_labels_that_are_promised_are_not_looked_up() -> None:
    """The same Gaussian as with the look, and a closed form; the promise is the caller's."""
    label, block = Block(name="label", shape=(3,)), Block(name="content", shape=(2,))
    prior = LabelledSettings().build([label, block])
    given = {"label": torch.eye(3)}
    looked = prior.at(block, given, 3)
    prior.known = True
    promised = prior.at(block, given, 3)
    assert isinstance(promised, DiagonalGaussian) and isinstance(looked, DiagonalGaussian)
    assert torch.equal(promised.mean, looked.mean) and torch.equal(promised.log_variance, looked.log_variance)
