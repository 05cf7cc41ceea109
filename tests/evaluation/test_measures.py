"""Measures by their definitions, worked out another way."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from genvae.core.decoding.options import Decoding
from genvae.core.distributions import DiagonalGaussian
from genvae.core.latents import Block
from genvae.core.randomness import Stream
from genvae.evaluation.collapse import Pass, active_units, gaussian_parts, mutual_information, usage_of
from genvae.evaluation.evaluation import Evaluation, measured
from genvae.evaluation.measures import bounds, collapse, rates
from genvae.handlers.evaluate import diagnosis
from genvae.host import default_host
from genvae.service import Model, Service, load
from tests.core.toys import Implicit, Pooled, elements, toy
from tests.evaluation.asked import evaluation
from tests.latent.learned import KNOWN

# -- mutual information and active units -----------------------------------------------------------


def posteriors(n: int, d: int, spread: float, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    means = spread * torch.randn(n, d, generator=generator)
    log_variances = torch.randn(n, d, generator=generator) - 1
    return means, log_variances, means + (0.5 * log_variances).exp() * torch.randn(n, d, generator=generator)


def direct(means: Tensor, log_variances: Tensor, drawn: Tensor) -> float:
    """mean over i of log q(z_i|x_i) - log(1/n sum over j of q(z_i|x_j)), all n^2 d densities."""
    each = torch.distributions.Normal(means[None].double(), (0.5 * log_variances[None].double()).exp())
    pairs = each.log_prob(drawn[:, None].double()).sum(2)
    return float((pairs.diagonal() - (pairs.logsumexp(1) - math.log(len(means)))).mean())


@pytest.mark.parametrize("spread", [0.05, 0.5, 5.0])
@pytest.mark.parametrize("rows", [7, 1024])
def test_mutual_information_equals_the_direct_formula(
    spread: float, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genvae.evaluation.collapse.ROWS", rows)
    parts = posteriors(150, 6, spread)
    assert mutual_information(*parts) == pytest.approx(max(0.0, direct(*parts)), rel=1e-6, abs=1e-6)


def test_narrow_posteriors_far_out_keep_their_digits() -> None:
    """A log variance at its floor and a mean far from 0: in float32 the expanded square has no digit left."""
    means, _, _ = posteriors(60, 16, 0.01)
    means, log_variances = means + 30, torch.full((60, 16), -12.0)
    drawn = means + math.exp(-6) * torch.randn(60, 16, generator=torch.Generator().manual_seed(1))
    assert mutual_information(means, log_variances, drawn) == pytest.approx(
        direct(means, log_variances, drawn), abs=1e-4
    )


def test_mutual_information_is_capped_by_the_logarithm_of_the_items() -> None:
    for n in (10, 100):
        apart = posteriors(n, 8, 1000.0)
        assert mutual_information(*apart) == pytest.approx(math.log(n), abs=1e-6)
    means, log_variances, drawn = posteriors(50, 4, 1.0)
    same = means[:1].expand(50, -1), log_variances[:1].expand(50, -1)
    assert mutual_information(*same, drawn) == pytest.approx(0.0, abs=1e-9)


def test_it_is_the_known_value_of_a_gaussian_channel() -> None:
    """x ~ N(0, 1), q(z|x) = N(x, s^2): I = 0.5 log(1 + 1/s^2)."""
    n = 2000
    x = Stream(0, "x").normal(torch.arange(n), 1)
    z = x + 0.5 * Stream(0, "z").normal(torch.arange(n), 1)
    found = mutual_information(x, torch.full((n, 1), 2 * math.log(0.5)), z)
    assert found == pytest.approx(0.5 * math.log(5), abs=0.05)


def test_active_units_are_dimensions_whose_mean_varies() -> None:
    generator = torch.Generator().manual_seed(0)
    deviations = torch.tensor([0.0, 0.05, 0.09, 0.11, 0.5, 2.0])  # active from 0.1 on: a variance of 0.01
    means = torch.randn(5000, 6, generator=generator) * deviations + 3
    assert active_units(means) == 3 and active_units(means[:1]) == 0


def test_usage_of_batches_is_that_of_all_items_together() -> None:
    whole = posteriors(90, 4, 1.0)
    parts = [tuple(t[i : i + 25] for t in whole) for i in range(0, 90, 25)]
    together, apart = usage_of(1.5, [whole], 4), usage_of(1.5, parts, 4)  # type: ignore[arg-type]
    assert apart.mutual_information == pytest.approx(together.mutual_information)
    assert (apart.kl, apart.active_units, apart.latent_dim) == (1.5, together.active_units, 4)
    assert usage_of(0.0, [], 0).active_units == 0


def test_a_block_shared_by_a_group_counts_for_each_of_its_items() -> None:
    content, style = Block(name="content", shape=(2,), shared=True), Block(name="style", shape=(3,))
    model = toy((content, style), posterior=Pooled((content, style), 5))
    draw = model.infer(elements(5, group=torch.tensor([7, 3, 7, 7, 3])), Stream(0, "g"))
    found = gaussian_parts(draw)
    assert found is not None
    means, log_variances, drawn = found
    assert means.shape == log_variances.shape == drawn.shape == (5, 5)
    assert torch.equal(means[0, :2], means[2, :2]) and torch.equal(drawn[:, 2:], draw.latents["style"])
    assert torch.equal(means[[1, 0], :2], draw.posteriors["content"].mean)


# -- measures of a model ---------------------------------------------------------------------------

LINES = ["the grey cat waits", "a small bird sings", "soup"]


def test_the_bound_is_in_nats_per_item_where_items_share_a_group() -> None:
    content = Block(name="content", shape=(2,), shared=True)
    model = toy((content,), posterior=Pooled((content,), 5))
    batch = elements(5, group=torch.tensor([7, 3, 7, 7, 3]))

    class Given:
        rows = np.arange(5)

        def in_order(self) -> list[object]:
            return [batch]

    asked = Evaluation(model, None, "toy", Given(), samples=3)  # type: ignore[arg-type]
    figures = bounds(asked)
    assert figures["nll"] == pytest.approx(-float(asked.bound.log_likelihood.sum()) / 5)
    assert figures["negative_elbo"] == -figures["elbo"] >= figures["nll"]
    assert len(asked.bound.log_likelihood) == 2


def test_a_language_models_figures(bare: Path) -> None:
    asked = evaluation(bare, LINES, samples=7)
    nats = []
    with torch.no_grad():
        for line in LINES:  # each alone, by the chain rule
            batch = asked.modality.collate([asked.modality.example(line)], [0])
            logits = asked.model.likelihood.get_submodule("head")(asked.model.decoder({}, batch))[0]
            nats.append(-float(logits.log_softmax(-1).gather(1, batch.views["target"].T).sum()))
    figures = bounds(asked)
    assert figures["items"] == 3 and figures["nll_samples"] == 1
    assert figures["nll"] == pytest.approx(sum(nats) / 3, rel=1e-5)
    assert figures["negative_elbo"] == pytest.approx(sum(nats) / 3, rel=1e-5)
    assert figures["nll_error"] == pytest.approx(np.std(nats, ddof=1) / 3**0.5, rel=1e-4)
    assert collapse(asked) == {"kl": 0.0, "mutual_information": 0.0, "active_units": 0, "latent_dim": 0}
    assert rates(asked) == {} and asked.left_out == {}
    assert diagnosis(asked) == {"diagnosis": "The model has no latent."}


def test_the_models_figures_are_those_of_its_parts(learned: Model) -> None:
    figures = learned.evaluate(KNOWN, samples=20, generated=0)
    assert figures["nll"] <= -figures["elbo"] + 1e-4 and figures["nll_samples"] == 20
    assert figures["latent_dim"] == 4 and 0 < figures["active_units"] <= 4
    assert 0 < figures["mutual_information"] <= math.log(len(KNOWN)) + 1e-6
    bundle = learned._service.bundle(learned.name)
    batch = bundle.modality.collate([bundle.modality.example(line) for line in KNOWN], range(8))
    posterior = bundle.vae.infer(batch).posteriors["z"]
    assert isinstance(posterior, DiagonalGaussian)
    normal = torch.distributions.Normal(posterior.mean, posterior.scale)
    rate = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).mean(0)
    assert figures["kl_per_dimension"] == pytest.approx(rate.tolist(), rel=1e-3)
    assert figures["kl"] == pytest.approx(float(rate.sum()), rel=1e-4)
    assert figures["active_units"] == int((posterior.mean.var(0) > 0.01).sum())
    assert "No posterior collapse: 4 of 4" in figures["diagnosis"] and "left_out" not in figures
    assert figures == learned.evaluate(KNOWN, samples=20, generated=0)


def test_information_of_some_items_and_active_units_of_all(learned: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of the information grows with the square of the items, so of many only some take part."""
    whole, part = evaluation(learned.name, KNOWN), evaluation(learned.name, KNOWN)
    assert whole.usage.mutual_information > math.log(3) + 0.1
    monkeypatch.setattr("genvae.evaluation.evaluation.INFORMATIVE", 3)
    assert 0 < part.usage.mutual_information <= math.log(3) + 1e-9
    assert (part.usage.active_units, part.usage.kl) == (whole.usage.active_units, whole.usage.kl)


def test_blocks_have_rates_of_their_own() -> None:
    content, style = Block(name="content", shape=(2,), shared=True), Block(name="style", shape=(3,))
    model = toy((content, style), posterior=Pooled((content, style), 5))
    batch = elements(5, group=torch.tensor([7, 3, 7, 7, 3]))
    found = Pass(model)
    with torch.no_grad():
        draw = model.infer(batch, Stream(0, "g"))
    found.add(draw, 5, None)
    found.add(draw, 5, None)
    assert [len(rate) for rate in found.rates.values()] == [2, 3] and found.by_dimension
    shared = float(draw.rate(content).sum()) / 5
    assert draw.rate(content).shape == (2, 2) and sum(found.rates["content"]) == pytest.approx(shared)
    assert found.usage.kl == pytest.approx(shared + float(draw.rate(style).sum()) / 5)


def test_a_prior_without_a_density_leaves_its_figures_out_with_the_reason(learned: Model) -> None:
    service = Service()
    vae = service.bundle(learned.name).vae
    vae.prior = Implicit()
    figures = service.run("evaluate", model=learned.name, data=KNOWN, generated=20).to_config()
    assert not {"nll", "elbo", "perplexity", "kl", "kl_per_dimension"} & set(figures)
    assert {"bounds", "words", "kl"} <= set(figures["left_out"])
    assert "needs a prior that has a density" in figures["left_out"]["bounds"]
    assert all("\n" not in reason for reason in figures["left_out"].values())
    assert figures["active_units"] > 0 and figures["exact_match"] == 1.0 and 0 < figures["distinct_1"] <= 1
    assert "No posterior collapse" in figures["diagnosis"]


def test_items_are_read_a_part_at_a_time_and_in_order(learned: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genvae.evaluation.evaluation.READ", 3)
    asked = evaluation(learned.name, KNOWN)
    assert list(asked.items) == KNOWN and len(asked.items) == 8
    assert asked.items[2] == KNOWN[2] and asked.items[1:3] == KNOWN[1:3]
    some = asked.some_items(3)
    assert len(set(some)) == 3 and set(some) <= set(KNOWN) and some == asked.some_items(3)


def test_few_samples_are_the_beginning_of_many(learned: Model) -> None:
    few, many = (evaluation(learned.name, KNOWN, generated=count, seed=3) for count in (10, 150))
    assert len(few.drawn) == 10 and len(many.drawn) == 150 and many.drawn[:10] == few.drawn
    assert evaluation(learned.name, KNOWN, generated=10, seed=4).drawn != few.drawn
    still = evaluation(learned.name, KNOWN, generated=6, prior_scale=0.0, options=Decoding(temperature=0.0))
    assert len(set(still.drawn)) == 1


def test_what_a_run_measures_at_its_end_draws_no_samples(learned: Model) -> None:
    asked = evaluation(learned.name, KNOWN)
    figures = measured(asked, default_host())
    assert {"nll", "kl", "kl_per_dimension", "exact_match", "perplexity", "diagnosis"} <= set(figures)
    assert "bleu" not in figures and "distinct_1" not in figures and "drawn" not in vars(asked)


def test_a_baseline_is_measured_on_the_same_items(learned: Model, bare: Path) -> None:
    figures = learned.evaluate(KNOWN, samples=3, generated=9, baseline=str(bare))
    alone = load(bare).evaluate(KNOWN, samples=3, generated=9)
    assert figures["baseline"] == alone and figures["nll"] < alone["nll"]
