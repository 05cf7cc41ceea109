"""The architecture whose places are the line's own, and the blanks that it fills in."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genvae.core.decoding.filling import fill
from genvae.core.decoding.options import Decoding
from genvae.core.latents import Block
from genvae.core.likelihoods import CategoricalSequence
from genvae.core.posteriors.diagonal_gaussian import DiagonalGaussianSettings
from genvae.core.priors import StandardNormal
from genvae.core.randomness import Stream
from genvae.core.sequences import batch_of, blank
from genvae.core.symbols import Symbols
from genvae.core.vae import VAE
from genvae_sentence.aligned import AlignedSettings
from genvae_sentence.modality import Sentence
from genvae_sentence.tokenizer import train_tokenizer

MOOD = Block(name="mood", shape=(2,))
WORDS = Sentence(train_tokenizer("word", ["a b c d e f g"], 50), 40)
LINES = [[5, 6], [7, 8, 9, 10, 5], [6], [11, 6, 7]]
MASK = Symbols.MASK


def built(places: int = 6) -> VAE:
    torch.manual_seed(0)
    settings = AlignedSettings(places=places, place_dim=4, embedding_dim=5, hidden_dim=8, reading_dim=3, dropout=0.0)
    made = settings.build(WORDS, [MOOD])
    own = [block for block in made.blocks if block is not MOOD and block.name != "mood"]
    posterior = DiagonalGaussianSettings().build(own, made.features, made.own)
    return VAE(
        blocks=made.blocks, encoder=made.encoder, posterior=posterior, prior=StandardNormal(), decoder=made.decoder,
        likelihood=made.likelihood, observed=("mood",),
    ).eval().requires_grad_(False)  # fmt: skip


def inferred(model: VAE, lines: list[list[int]]) -> tuple[dict[str, Tensor], object]:
    batch = batch_of(lines, torch.arange(len(lines))).knowing(mood=torch.eye(2)[torch.arange(len(lines)) % 2])
    return model.infer(batch).latents, batch


@pytest.mark.parametrize("places", [6, 3])
def test_steps_say_what_the_whole_line_says(places: int) -> None:
    model = built(places)
    latents, batch = inferred(model, LINES)
    whole = model.decoder(latents, batch)
    state = model.decoder.start(latents, len(LINES))
    for position in range(whole.shape[1]):
        found, state = model.decoder.step(batch.views["context"][:, position], state)  # type: ignore[attr-defined]
        torch.testing.assert_close(found, whole[:, position])


def test_a_place_sees_both_sides_and_no_row_its_padding() -> None:
    model = built()
    whole, _ = inferred(model, [[5, MASK, 7], [5, MASK, 8], [9, MASK, 7], [5, 6, 7, 8, 9]])
    first = [fed(model, {k: v[row : row + 1] for k, v in whole.items()}) for row in range(3)]
    assert not torch.allclose(first[0], first[1]) and not torch.allclose(first[0], first[2])
    alone, _ = inferred(model, [[5, MASK, 7]])
    torch.testing.assert_close(fed(model, alone), first[0])


def fed(model: VAE, latents: dict[str, Tensor]) -> Tensor:
    """What is said at the second place, nothing having been said."""
    return model.decoder._read(latents)[:, 1]  # type: ignore[operator]


def test_what_is_blank_tells_how_long_it_is_and_nothing_more() -> None:
    model = built()
    batch = batch_of([[5, 6, 7], [8, 9, 10], [5, 6]], torch.arange(3))
    hidden = blank(batch)
    assert hidden.views["input"].tolist() == [[MASK] * 3, [MASK] * 3, [MASK, MASK, Symbols.PAD]]
    places = model.infer(hidden).latents["places"]
    torch.testing.assert_close(places[0], places[1])
    assert not torch.allclose(places[0], places[2])


def test_nats_of_symbols_are_those_of_the_line() -> None:
    model = built()
    latents, batch = inferred(model, LINES)
    assert isinstance(model.likelihood, CategoricalSequence)
    each = model.likelihood.symbol_nats(model.decoder, latents, batch)  # type: ignore[arg-type]
    torch.testing.assert_close(each.sum(1), model.distortion(latents, batch))  # type: ignore[arg-type]
    assert not each[2, 2:].any() and each[2, :2].all()


def test_blanks_alone_are_filled_in_and_by_no_end() -> None:
    model = built()
    lines = [[5, MASK, 7, MASK], [MASK], [6, 6, 6], [MASK, MASK, MASK, 9]] * 12
    latents, batch = inferred(model, lines)
    assert isinstance(model.likelihood, CategoricalSequence)
    stepper = model.likelihood.stepper(model.decoder)  # type: ignore[arg-type]
    given = batch.views["input"]  # type: ignore[attr-defined]
    arguments = (stepper, latents, given, torch.arange(len(lines)), Decoding(), Stream(1, "fill"))
    found = fill(*arguments)
    blanks = given == MASK
    assert torch.equal(found[~blanks], given[~blanks]) and bool((found[blanks] >= Symbols.COUNT).all())
    assert torch.equal(found, fill(*arguments)) and len(set(found[blanks].tolist())) > 2
    # with its end at the top everywhere, a line still does not end
    model.likelihood.head.bias[Symbols.END] = 100.0  # type: ignore[index, operator]
    assert not (fill(*arguments) == Symbols.END).any()
