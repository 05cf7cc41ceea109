"""The architecture whose latent lies along the line."""

from __future__ import annotations

import pytest
import torch

from genvae.core.distributions import DiagonalGaussian
from genvae.core.latents import Groups
from genvae.core.likelihoods import CategoricalSequence
from genvae.core.posteriors.diagonal_gaussian import DiagonalGaussianSettings
from genvae.core.priors.by_block import ByBlockSettings
from genvae.core.priors.recurrent import RecurrentSettings
from genvae.core.randomness import Stream
from genvae.core.vae import VAE, Networks
from genvae_sentence.modality import Sentence
from genvae_sentence.places import PlacesDecoder, PlacesEncoder, PlacesSettings, resampled
from genvae_sentence.tokenizer import train_tokenizer
from tests.core.toys import sequences
from tests.sentence.test_lstm import noise

STREAM = Stream(4, "places")
LINES = [[5], [6, 7], [8, 9, 10, 5, 6, 7, 8], [9, 9, 9], [10, 5, 6, 7]]


WORDS = Sentence(train_tokenizer("character", ["abcdef"], 50), 9)


def networks(places: int = 4, sentence: int = 0, reading: int = 0) -> Networks:
    torch.manual_seed(0)
    chosen = PlacesSettings(
        places=places, place_dim=3, sentence_dim=sentence, embedding_dim=6, hidden_dim=8, encoder_dim=5, key_dim=4,
        reading_dim=reading,
    )  # fmt: skip
    return chosen.build(WORDS)


def test_positions_one_each_then_empty_ones_or_stretched() -> None:
    states = torch.arange(12.0).reshape(2, 6, 1)
    mask = torch.tensor([[True] * 3 + [False] * 3, [True] * 6])
    found = resampled(states, mask, 4, torch.tensor([-1.0]))[..., 0]
    torch.testing.assert_close(found, torch.tensor([[0.0, 1.0, 2.0, -1.0], [6.25, 7.75, 9.25, 10.75]]))
    wide = resampled(states, mask, 7, torch.tensor([-1.0]))[..., 0]
    torch.testing.assert_close(wide[1], torch.tensor([6.0, 7, 8, 9, 10, 11, -1]))
    short = torch.tensor([[True, False], [True, True]])
    torch.testing.assert_close(
        resampled(states[:, :2], short, 1, torch.tensor([-1.0]))[..., 0], torch.tensor([[0.0], [6.5]])
    )


@pytest.mark.parametrize("sentence", [0, 2])
def test_a_row_does_not_depend_on_the_padding(sentence: int) -> None:
    built = networks(sentence=sentence)
    assert built.encoder is not None
    with torch.no_grad():
        whole = built.encoder(sequences(LINES))
        assert whole["places"].shape == (5, 4, built.own["places"])
        assert whole["summary"].shape == (5, built.features)
        for row, line in enumerate(LINES):
            alone = built.encoder(sequences([line]))
            for name, features in whole.items():
                torch.testing.assert_close(alone[name][0], features[row], rtol=1e-4, atol=1e-5)


def test_the_posterior_reads_each_place() -> None:
    built = networks()
    assert built.encoder is not None
    posterior = DiagonalGaussianSettings().build(built.blocks, built.features, built.own)
    with torch.no_grad():
        flat = DiagonalGaussian(torch.zeros(5, 4, 3), torch.zeros(5, 4, 3))
        features = built.encoder(sequences(LINES))
        q = posterior.at(built.blocks[0], features, {}, flat, Groups.each(5))
        assert q.mean.shape == (5, 4, 3)
        features["places"][:, 2] += 1.0
        moved = posterior.at(built.blocks[0], features, {}, flat, Groups.each(5)).mean - q.mean
    assert (moved[:, 2] != 0).all() and not moved[:, [0, 1, 3]].any()


@pytest.mark.parametrize(("places", "sentence", "reading"), [(1, 0, 0), (4, 2, 0), (12, 0, 0), (4, 0, 3)])
def test_stepping_equals_teacher_forcing(places: int, sentence: int, reading: int) -> None:
    built = networks(places, sentence, reading)
    assert isinstance(built.decoder, PlacesDecoder) and isinstance(built.likelihood, CategoricalSequence)
    words, latents = sequences(LINES), {"places": noise(5, places * 3).reshape(5, places, 3)}
    latents["sentence"] = noise(5, sentence) if sentence else torch.empty(5, 0)
    with torch.no_grad():
        whole = built.likelihood.head(built.decoder(latents, words))
        stepper = built.likelihood.stepper(built.decoder)
        state = stepper.start(latents, 5)
        assert all(len(tensor) == 5 for tensor in state)
        for place in range(words.views["context"].shape[1]):
            logits, state = stepper.step(words.views["context"][:, place], state)
            torch.testing.assert_close(logits, whole[:, place], rtol=1e-4, atol=1e-5)
            if place == 2:
                order = torch.tensor([4, 0, 0, 3, 2])
                words, state, whole = words.take(order), stepper.reorder(state, order), whole[order]


def test_every_place_reaches_the_decoder() -> None:
    built = networks()
    latents = {"places": noise(5, 12).reshape(5, 4, 3).requires_grad_()}
    built.likelihood.nats(built.decoder, latents, sequences(LINES)).sum().backward()
    assert latents["places"].grad is not None and (latents["places"].grad.abs().sum((0, 2)) > 0).all()


def test_a_line_longer_than_any_seen_is_still_decoded() -> None:
    built = networks()
    stepper = built.likelihood.stepper(built.decoder)  # type: ignore[attr-defined]
    state = stepper.start({"places": noise(2, 12).reshape(2, 4, 3)}, 2)
    for _ in range(WORDS.max_length + 5):
        logits, state = stepper.step(torch.tensor([5, 6]), state)
    assert logits.isfinite().all()


def test_the_vector_of_the_line_comes_first_and_is_for_the_prior() -> None:
    built = networks(sentence=2)
    assert [block.name for block in built.blocks] == ["sentence", "places"]
    prior = ByBlockSettings(blocks={"places": RecurrentSettings(hidden=6, codes=None)}).build(built.blocks)
    posterior = DiagonalGaussianSettings().build(built.blocks, built.features, built.own)
    model = VAE(
        blocks=built.blocks, encoder=built.encoder, posterior=posterior, prior=prior, decoder=built.decoder,
        likelihood=built.likelihood,
    )  # fmt: skip
    prior.mark_fitted()
    words = sequences(LINES)
    draw = model.infer(words, STREAM)
    moved = {**draw.latents, "sentence": draw.latents["sentence"] + 1.0}
    torch.testing.assert_close(model.distortion(draw.latents, words), model.distortion(moved, words))
    places = built.blocks[1]
    before = [prior.at(places, latents, 5).log_prob(draw.latents["places"]) for latents in (draw.latents, moved)]
    assert not torch.isclose(*before).any()


def test_every_symbol_and_the_empty_place_are_listed_as_they_stand_in_lines() -> None:
    built = networks()
    assert isinstance(built.encoder, PlacesEncoder)
    listing = built.encoder.listed("places")
    assert listing is not None and built.encoder.listed("sentence") is None
    things = listing.features["places"].flatten(0, 1)
    assert listing.count == WORDS.vocabulary + 1 and listing.last == WORDS.vocabulary
    with torch.no_grad():
        seen = built.encoder(sequences([[6, 7]]))["places"][0]
    torch.testing.assert_close(seen, things[[6, 7, listing.last, listing.last]])
