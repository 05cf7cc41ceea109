"""Measures of sentence models by their definitions, worked out another way."""

from __future__ import annotations

import math
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch

from genvae.core.decoding.options import Decoding
from genvae.data.prepare import CACHE
from genvae.errors import LacksCapability
from genvae.evaluation.lstm import LSTMJudge, LSTMJudgeSettings
from genvae.evaluation.ngram import NGramJudge, frequent
from genvae.evaluation.sequences import self_bleu
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.service import Model
from genvae.training.run import train
from genvae_sentence.measures import judging, likelihood, reconstruction, samples
from genvae_sentence.measures.tokens import portions, tokens
from tests.conftest import own_lines
from tests.evaluation.asked import evaluation
from tests.latent.learned import KNOWN

LINES = ["the grey cat waits", "a small bird sings", "soup"]


def test_what_is_counted_are_words_and_marks() -> None:
    assert tokens("Don't stop, Mr. O’Hara!") == ["Don't", "stop", ",", "Mr", ".", "O’Hara", "!"]
    assert tokens("cafe\N{COMBINING ACUTE ACCENT}") == tokens("caf\N{LATIN SMALL LETTER E WITH ACUTE}")
    assert list(portions(iter("abcde"), 2)) == [["a", "b"], ["c", "d"], ["e"]]


# -- likelihood and reconstruction -----------------------------------------------------------------


def test_perplexity_counts_words_and_ends(bare: Path) -> None:
    asked = evaluation(bare, LINES, samples=7)
    total = -float(asked.bound.log_likelihood.sum())
    words = likelihood.words(asked)
    assert words["perplexity"] == pytest.approx(math.exp(total / (4 + 4 + 1 + 3)), rel=1e-6)
    assert words["bits_per_character"] == pytest.approx(total / math.log(2) / sum(map(len, LINES)), rel=1e-6)


def test_a_perplexity_that_is_no_number_is_left_out(bare: Path) -> None:
    """One word of 60 characters under a decoder that is sure of something else."""
    asked = evaluation(bare, ["x" * 60])
    weights = {name: value.clone() for name, value in asked.model.state_dict().items()}
    with torch.no_grad():
        for value in asked.model.likelihood.parameters():
            value.mul_(1e3)
    try:
        figures = likelihood.words(asked)
    finally:
        asked.model.load_state_dict(weights)
    assert set(figures) == {"bits_per_character"} and math.isfinite(figures["bits_per_character"])
    assert "more than a number holds" in asked.left_out["perplexity"]


def test_reconstruction_is_counted_line_by_line_and_symbol_by_symbol(learned: Model) -> None:
    strange = ["the cat sings", "seven seven seven", "a zebra waits", "soup about the"]
    lines = [*KNOWN[:3], *strange]
    back = learned.reconstruct(lines)
    assert back[:3] == KNOWN[:3] and any(a != b for a, b in zip(strange, back[3:], strict=True))
    figures = reconstruction.reconstruction(evaluation(learned.name, lines, full=True))
    assert figures["exact_match"] == pytest.approx(sum(a == b for a, b in zip(lines, back, strict=True)) / 7)
    # the tokenizer splits at white space, and what it does not know it never says
    same = sum(x == y for a, b in zip(lines, back, strict=True) for x, y in zip(a.split(), b.split()))
    longer = sum(max(len(a.split()), len(b.split())) for a, b in zip(lines, back, strict=True))
    assert figures["token_accuracy"] == pytest.approx(same / longer)


def test_bleu_of_batches_is_sacrebleus_of_all_lines(learned: Model) -> None:
    from sacrebleu import corpus_bleu

    lines = [*KNOWN, "the old cat sings about seven tall trees", "a bird"]
    found = reconstruction.reconstruction(evaluation(learned.name, lines, full=True))["bleu"]
    whole = corpus_bleu(learned.reconstruct(lines), [lines]).score
    assert found == pytest.approx(whole) and 30 < whole < 100


def test_a_line_that_is_not_in_nfc_matches_what_is_canonically_the_same(tmp_path: Path) -> None:
    """The tokenizer reads NFC, and can say no other: the same text, written another way."""
    lines = ["un caf\u00e9 noir pour ma m\u00e8re", "deux th\u00e9s pour nous"]
    recipe = Recipe.of("sentence", default_host())
    recipe.set([
        "tokenizer=word", "embedding_dim=8", "hidden_dim=16", "latent_dim=2", "max_steps=60", "evaluate_every=60",
        "batch_size=16", "epochs=1000", "learning_rate=0.05", "warmup_steps=0", "beta=0.001", "free_bits=0",
    ])  # fmt: skip
    train(recipe, lines * 8, tmp_path / "cafe", resume=False, reporter=Silent())
    apart = [unicodedata.normalize("NFD", line) for line in lines]
    assert not set(apart) & set(lines)
    for same in (lines, apart):
        figures = reconstruction.reconstruction(evaluation(tmp_path / "cafe", same, full=True))
        assert figures == {"exact_match": 1.0, "token_accuracy": 1.0, "bleu": pytest.approx(100)}
    spaced = [line.replace(" pour", "  pour") for line in lines]
    assert reconstruction.reconstruction(evaluation(tmp_path / "cafe", spaced))["exact_match"] == 0.0
    short = evaluation(tmp_path / "cafe", ["deux"], full=True, plain=Decoding(max_length=3))
    assert "bleu" not in reconstruction.reconstruction(short)
    assert short.left_out["bleu"] == "no line that came back has four words"


def test_what_a_run_measures_has_no_bleu(learned: Model) -> None:
    assert set(reconstruction.reconstruction(evaluation(learned.name, KNOWN))) == {"exact_match", "token_accuracy"}


def test_a_model_without_a_latent_reconstructs_nothing(bare: Path) -> None:
    with pytest.raises(LacksCapability, match="a reconstruction needs a latent"):
        reconstruction.reconstruction(evaluation(bare, LINES))


# -- samples ---------------------------------------------------------------------------------------


def test_diversity_stands_beside_that_of_as_many_lines(learned: Model) -> None:
    asked = evaluation(learned.name, KNOWN, generated=30, seed=2)
    figures = samples.diversity(asked)
    assert figures["diversity_lines"] == 8
    for end, lines in (("", asked.drawn[:8]), ("_data", KNOWN)):
        pairs = [pair for line in lines for pair in zip(tokens(line), tokens(line)[1:], strict=False)]
        assert figures[f"distinct_2{end}"] == pytest.approx(len(set(pairs)) / len(pairs))
        assert figures[f"self_bleu{end}"] == pytest.approx(self_bleu([tokens(line) for line in lines]))
    assert samples.diversity(evaluation(learned.name, KNOWN)) == {}, "no samples were asked for"


def test_copies_are_found_in_samples_and_in_data(learned: Model) -> None:
    """A model that knows eight lines by heart copies them; the data are half of its training text."""
    lines = [*KNOWN[:4], *own_lines(4)]
    asked = evaluation(learned.name, lines, generated=8, seed=1, train=KNOWN)
    figures = samples.copied(asked)
    assert figures["copied_sentences"] == sum(line in KNOWN for line in asked.drawn) / 8 > 0
    assert figures["copied_sentences_data"] == 0.5 and 0 < figures["copied_4grams_data"] < 1
    assert samples.copied(evaluation(learned.name, lines, generated=8)) == {}, "no training text was given"
    short = evaluation(learned.name, ["a bird", "soup"], generated=2, train=KNOWN)
    assert "copied_4grams_data" not in samples.copied(short)
    assert short.left_out["copied_4grams_data"] == "no line has four words and marks"


# -- judges ----------------------------------------------------------------------------------------


def test_the_judge_reads_samples_and_data_alike(learned: Model) -> None:
    asked = evaluation(learned.name, KNOWN, generated=150, judge=KNOWN, seed=3)
    figures = judging.judge(asked)
    judge = NGramJudge([tokens(line) for line in KNOWN], 5, least=2)
    data = judge.perplexity([tokens(line) for line in KNOWN])
    ours = judge.perplexity([tokens(line) for line in asked.drawn])
    assert figures["judge_perplexity_data"] == pytest.approx(data) and figures["judge_samples"] == 150
    assert figures["judge_ratio"] == pytest.approx(ours / data)
    assert 0.5 < figures["judge_ratio"] < 20
    for other in ({"generated": 5}, {"judge": KNOWN}, {"generated": 5, "judge": KNOWN, "judges": ("lstm",)}):
        assert judging.judge(evaluation(learned.name, KNOWN, **other)) == {}, "it was not asked for"


def test_unknown_words_are_charged_in_three_ways() -> None:
    lines = [line.split() for line in ("the cat waits", "the dog waits", "the cat sings", "a heron waits")]
    judge = judging.Judge(NGramJudge(lines, 5, least=2), lines)
    known = judge.charge(["the cat waits"])
    assert known.perplexity == pytest.approx(known.spelt) == pytest.approx(known.known) and known.unknown == 0
    heron, made_up = judge.charge(["the heron waits"]), judge.charge(["the xqzzk waits"])
    assert heron.perplexity == pytest.approx(made_up.perplexity), "one class, however it is spelt"
    assert made_up.spelt > heron.spelt > heron.perplexity
    assert heron.unknown == made_up.unknown == 1 and heron.tokens == 4 and heron.known is None
    both = judge.charge(["the cat waits", "the heron waits"])
    assert both.known == pytest.approx(known.perplexity), "lines with an unknown word do not count"
    letters = NGramJudge(["dog", "sings", "a", "heron"], 4)
    assert heron.spelling == pytest.approx(letters.nats("heron"))


def test_reverse_perplexity_by_its_definition(learned: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    real, held = own_lines(160)[:150], own_lines(200)[160:]
    asked = evaluation(learned.name, held, generated=150, judge=real)
    figures = judging.reverse(asked)
    lines = [tokens(line) for line in real]
    known = frequent(lines, 2)
    perplexities = [
        NGramJudge(source, 5, vocabulary=known).perplexity([tokens(line) for line in held])
        for source in ([tokens(line) for line in asked.drawn], lines)
    ]
    assert figures["reverse_samples"] == 150
    assert figures["reverse_ratio"] == pytest.approx(perplexities[0] / perplexities[1]) and perplexities[1] > 1
    assert figures["reverse_ratio"] > 3, "the model knows eight other lines"
    like = evaluation(learned.name, held, generated=150, judge=real)
    like.__dict__["drawn"] = own_lines(150)
    assert judging.reverse(like)["reverse_ratio"] == pytest.approx(1, rel=0.02), "the same lines, as samples"


def test_reverse_perplexity_needs_enough_lines(learned: Model) -> None:
    for generated, judge in ((150, KNOWN), (20, own_lines(150))):
        with pytest.raises(LacksCapability, match=f"at least 100 samples .* {generated} samples and {len(judge)} li"):
            judging.reverse(evaluation(learned.name, KNOWN, generated=generated, judge=judge))


def test_the_lstm_judge_has_the_ngram_judges_words(
    learned: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path))
    quick = LSTMJudgeSettings(width=8, epochs=2, least=2)
    monkeypatch.setattr("genvae.evaluation.lstm.LSTMJudgeSettings", lambda **_: quick)
    lines = own_lines(130)
    asked = evaluation(learned.name, KNOWN, generated=110, judge=lines, judges=("lstm",))
    figures = {**judging.judge_lstm(asked), **judging.reverse_lstm(asked)}
    split = [tokens(line) for line in lines]
    judge = LSTMJudge(split, quick)
    assert judge.vocabulary == frequent(split, 2)
    nats = np.sum(judge.score([tokens(line) for line in KNOWN]))
    count = sum(len(tokens(line)) + 1 for line in KNOWN)
    assert figures["judge_lstm_perplexity_data"] == pytest.approx(math.exp(nats / count), rel=1e-5)
    assert figures["judge_lstm_ratio"] == pytest.approx(
        figures["judge_lstm_perplexity_samples"] / figures["judge_lstm_perplexity_data"]
    )
    assert {"judge_lstm_ratio_spelt", "reverse_lstm_ratio"} <= set(figures) and figures["reverse_lstm_samples"] == 110
    assert len(list((tmp_path / "judges").iterdir())) == 3, "one forward, two in reverse"
    assert figures["judge_samples"] == 110 and figures["judge_unknown_samples"] > 0, "as the n-gram judge would say"
    assert judging.judge(asked) == {}, "the n-gram judge was not asked for"
