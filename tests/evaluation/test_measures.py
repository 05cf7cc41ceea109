"""Measures by their definitions, worked out another way."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from genvae.core.latents import Block
from genvae.core.randomness import Stream
from genvae.data.batching import Batches
from genvae.data.prepare import prepare
from genvae.data.read import read
from genvae.evaluation.collapse import active_units, gaussian_parts, mutual_information, usage_of
from genvae.evaluation.evaluation import Evaluation
from genvae.evaluation.measures import bounds, collapse
from genvae.evaluation.ngram import NGramJudge
from genvae.host import default_host
from genvae.service import Model, load
from genvae_sentence import judge, measures
from tests.core.toys import Pooled, elements, toy
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

LINES = ["the grey cat waits", "a small bird sings about the train", "soup"]


def evaluation(folder: str | Path, lines: list[str], **more: object) -> Evaluation:
    bundle = load(folder)._service.bundle(str(folder))
    data = bundle.recipe.modality_settings().select(read(lines, default_host()))[0]
    batches = Batches(prepare(data, bundle.modality), np.arange(len(lines)), bundle.modality, batch_size=4)
    return Evaluation(bundle.vae, bundle.modality, "sentence", batches, **more)  # type: ignore[arg-type]


def test_a_language_models_likelihood_is_exact_and_its_perplexity_counts_the_ends(bare: Path) -> None:
    asked = evaluation(bare, LINES, samples=7)
    nats = []
    with torch.no_grad():
        for line in LINES:  # each alone, by the chain rule
            batch = asked.modality.collate([asked.modality.example(line)], [0])
            logits = asked.model.likelihood.get_submodule("head")(asked.model.decoder({}, batch))[0]
            nats.append(-float(logits.log_softmax(-1).gather(1, batch.views["target"].T).sum()))
    total = sum(nats)
    figures = bounds(asked)
    assert figures["items"] == 3 and figures["nll_samples"] == 1
    assert figures["nll"] == pytest.approx(total / 3, rel=1e-5) and figures["elbo"] == pytest.approx(
        -total / 3, rel=1e-5
    )
    assert figures["nll_error"] == pytest.approx(np.std(nats, ddof=1) / 3**0.5, rel=1e-4)
    words = measures.words(asked)
    assert words["perplexity"] == pytest.approx(math.exp(total / (4 + 7 + 1 + 3)), rel=1e-5)
    characters = sum(map(len, LINES))
    assert words["bits_per_character"] == pytest.approx(total / math.log(2) / characters, rel=1e-5)
    assert measures.exact_match(asked) == {"exact_match": 0.0}
    assert collapse(asked) == {"kl": 0.0, "mutual_information": 0.0, "active_units": 0, "latent_dim": 0}


def test_the_bound_is_in_nats_per_item_where_items_share_a_group() -> None:
    content = Block(name="content", shape=(2,), shared=True)
    model = toy((content,), posterior=Pooled((content,), 5))
    batch = elements(5, group=torch.tensor([7, 3, 7, 7, 3]))

    class Given:
        rows = np.arange(5)

        def in_order(self) -> list[object]:
            return [batch]

    asked = Evaluation(model, None, "toy", Given(), samples=3)  # type: ignore[arg-type]
    assert bounds(asked)["nll"] == pytest.approx(-float(asked.bound.log_likelihood.sum()) / 5)
    assert len(asked.bound.log_likelihood) == 2


def test_the_models_figures_are_those_of_its_parts(learned: Model) -> None:
    figures = learned.evaluate(KNOWN, samples=20)
    assert figures["nll"] <= -figures["elbo"] + 1e-4 and figures["nll_samples"] == 20
    assert figures["latent_dim"] == 4 and 0 < figures["active_units"] <= 4
    assert 0 < figures["mutual_information"] <= math.log(len(KNOWN)) + 1e-6
    bundle = learned._service.bundle(learned.name)
    batch = bundle.modality.collate([bundle.modality.example(line) for line in KNOWN], range(8))
    rate = float(bundle.vae.infer(batch).rate(bundle.vae.blocks[0]).sum()) / 8
    assert figures["kl"] == pytest.approx(rate, rel=1e-4)
    again = learned.evaluate(KNOWN, samples=20)
    assert figures == again


def test_exact_match_is_the_share_of_lines_that_come_back(learned: Model) -> None:
    strange = ["the cat sings", "seven seven seven", "a zebra waits", "soup about the"]
    back = learned.reconstruct(strange)
    right = 3 + sum(a == b for a, b in zip(strange, back, strict=True))
    assert learned.evaluate([*KNOWN[:3], *strange], samples=2)["exact_match"] == pytest.approx(right / 7)
    assert right < 7
    assert learned.evaluate(KNOWN, samples=2)["exact_match"] == 1.0


def test_the_judge_reads_samples_and_data_alike(learned: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "SAMPLES", 150)
    asked = evaluation(learned.name, KNOWN, judge=KNOWN, seed=3)
    figures = judge.judge(asked)
    judging = NGramJudge([judge.tokens(line) for line in KNOWN], 5, least=2)
    data = judging.perplexity([judge.tokens(line) for line in KNOWN])
    assert figures["judge_perplexity_data"] == pytest.approx(data)
    assert figures["judge_samples"] >= 150
    assert figures["judge_ratio"] == pytest.approx(figures["judge_perplexity_samples"] / data)
    assert 0.5 < figures["judge_ratio"] < 20
    assert judge.judge(evaluation(learned.name, KNOWN)) == {}, "no judge was asked for"


def test_made_up_words_are_charged_by_their_letters_and_counted() -> None:
    known = ["the cat waits", "the dog waits", "the cat sings", "a heron waits"]
    judging = judge.Judge(known)
    plain, spelt, strange = judging.figures(["the cat waits"])
    assert plain == pytest.approx(spelt) and strange == 0
    of_word = judging.figures(["the heron waits"])
    made_up = judging.figures(["the xqzzk waits"])
    assert of_word[0] == pytest.approx(made_up[0]), "one class, however it is spelt"
    assert made_up[1] > of_word[1] > of_word[0]
    assert of_word[2] == made_up[2] == pytest.approx(1 / 4)


def test_what_the_judge_reads_are_words_and_marks() -> None:
    assert judge.tokens("Don't stop, Mr. O’Hara!") == ["Don't", "stop", ",", "Mr", ".", "O’Hara", "!"]


def test_a_baseline_is_measured_on_the_same_items(learned: Model, bare: Path) -> None:
    figures = learned.evaluate(KNOWN, samples=3, baseline=str(bare))
    alone = load(bare).evaluate(KNOWN, samples=3)
    assert figures["baseline"] == alone and figures["nll"] < alone["nll"]
