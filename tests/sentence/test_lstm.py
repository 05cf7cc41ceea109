"""The LSTM networks: stepping equals teacher forcing, padding changes nothing, sizes are what was asked."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.likelihoods import CategoricalSequence
from genvae.core.vae import Networks
from genvae.store.weights import load_module, save_module, tensors
from genvae_sentence.encoder import PSEUDO_LENGTH
from genvae_sentence.lstm import LSTMDecoder, LSTMEncoder, LSTMSettings
from tests.conftest import own_lines
from tests.sentence.test_tokenizer import sentence

LINES = sorted(own_lines(12), key=len)


def networks(conditions: tuple[Block, ...] = (), **options: object) -> Networks:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        given = {"embedding_dim": 7, "hidden_dim": 11, "latent_dim": 3, **options}
        built = LSTMSettings(**given).build(sentence("char"), conditions)  # type: ignore[arg-type]
    for part in (built.encoder, built.decoder, built.likelihood):
        if part is not None:
            part.eval()
    return built


def batch(lines: list[str] = LINES) -> Batch:
    modality = sentence("char")
    return modality.collate([modality.example(line) for line in lines], range(len(lines)))


def noise(rows: int, width: int) -> Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("latent_dim", [0, 3])
@pytest.mark.parametrize(("tied", "skip"), [(False, False), (True, False), (False, True)])
def test_stepping_equals_teacher_forcing(layers: int, latent_dim: int, tied: bool, skip: bool) -> None:
    built = networks(layers=layers, latent_dim=latent_dim, tied=tied, skip=skip)
    assert isinstance(built.decoder, LSTMDecoder) and isinstance(built.likelihood, CategoricalSequence)
    latents = {"z": noise(12, 3)} if latent_dim else {}
    words = batch()
    with torch.no_grad():
        hidden = built.decoder(latents, words)
        whole = built.likelihood.head(hidden.flatten(0, 1)).unflatten(0, hidden.shape[:2])
        stepper = built.likelihood.stepper(built.decoder)
        state = stepper.start(latents, 12)
        assert all(len(tensor) == 12 for tensor in state), "the first axis of a state is rows"
        for place in range(words.views["context"].shape[1]):
            logits, state = stepper.step(words.views["context"][:, place], state)
            torch.testing.assert_close(logits, whole[:, place], rtol=1e-4, atol=1e-5)
            if place == 5:  # as a beam does: rows change places
                order = torch.tensor([11, 0, 0, *range(3, 12)])
                words, state, whole = words.take(order), stepper.reorder(state, order), whole[order]
    changed = built.likelihood.nats(built.decoder, {"z": noise(12, 3) + 1} if latent_dim else {}, batch())
    same = torch.allclose(changed, built.likelihood.nats(built.decoder, latents, batch()))
    assert same == (latent_dim == 0), "z does not reach the decoder"


def test_the_fused_kernel_computes_the_lstm_of_the_papers() -> None:
    """Hochreiter and Schmidhuber's cell with forget gates, written out, z beside every symbol and in the state."""
    built = networks()
    decoder = built.decoder
    assert isinstance(decoder, LSTMDecoder) and decoder.first is not None
    z = noise(1, 3)
    words = batch(LINES[:1])
    w = {name: p.detach() for name, p in decoder.lstm.named_parameters()}
    with torch.no_grad():
        cell = decoder.first(z)[0]
        hidden, found = cell.tanh(), []
        for symbol in words.views["context"][0]:
            x = torch.cat([decoder.embedding(symbol), z[0]])
            gates = w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ hidden + w["bias_hh_l0"]
            enter, keep, new, out = gates.chunk(4)
            cell = keep.sigmoid() * cell + enter.sigmoid() * new.tanh()
            hidden = out.sigmoid() * cell.tanh()
            found.append(hidden)
        torch.testing.assert_close(decoder({"z": z}, words)[0], torch.stack(found), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_line_is_read_the_same_whatever_the_padding(bidirectional: bool, layers: int) -> None:
    built = networks(bidirectional=bidirectional, layers=layers, encoder_dim=5)
    assert isinstance(built.encoder, LSTMEncoder) and built.features == (10 if bidirectional else 5)
    with torch.no_grad():
        whole = built.encoder(batch())["summary"]
        assert whole.shape == (12, built.features)
        for row in (0, 5, 11):
            alone = built.encoder(batch([LINES[row]]))["summary"]
            torch.testing.assert_close(alone[0], whole[row], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooled", ["max", "mean", "attention"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_pooled_summary_is_of_the_real_states_alone(pooled: str, bidirectional: bool) -> None:
    """A line at a time, without padding: the pooling written out over both directions' states of each position."""
    built = networks(bidirectional=bidirectional, encoder_dim=5, pooling=pooled)
    encoder = built.encoder
    assert isinstance(encoder, LSTMEncoder) and encoder.pool is not None
    with torch.no_grad():
        whole = encoder(batch())["summary"]
        for row in (0, 5, 11):
            embedded = encoder.embedding(batch([LINES[row]]).views["input"])
            states = encoder.forwards(embedded)[0][0]
            if encoder.backwards is not None:
                states = torch.cat([states, encoder.backwards(embedded.flip(1))[0][0].flip(0)], -1)
            if pooled == "attention":
                weights = (states @ encoder.pool.queries.weight[0]).exp()
                wanted = (weights[:, None] * states).sum(0) / weights.sum()
            else:
                wanted = torch.stack([{"max": max, "mean": lambda c: sum(c) / len(c)}[pooled](c) for c in states.T])
            torch.testing.assert_close(whole[row], wanted, rtol=1e-4, atol=1e-5)


def test_the_second_direction_reads_backwards() -> None:
    """Its summary of a line is the first direction's of the line reversed."""
    built = networks(bidirectional=True, encoder_dim=5)
    assert isinstance(built.encoder, LSTMEncoder) and built.encoder.backwards is not None
    built.encoder.backwards.load_state_dict(built.encoder.forwards.state_dict())
    with torch.no_grad():
        there = built.encoder(batch())["summary"]
        back = built.encoder(batch([line[::-1] for line in LINES]))["summary"]
    torch.testing.assert_close(there, back.roll(5, 1), rtol=1e-4, atol=1e-5)


def test_padding_costs_nothing_and_gets_no_gradient() -> None:
    built = networks()
    z = noise(12, 3)
    nats = built.likelihood.nats(built.decoder, {"z": z}, batch())
    for row in (0, 11):
        alone = built.likelihood.nats(built.decoder, {"z": z[[row]]}, batch([LINES[row]]))
        torch.testing.assert_close(alone[0], nats[row], rtol=1e-4, atol=1e-4)


def test_tied_weights_are_one_table_stored_once(tmp_path: object) -> None:
    from pathlib import Path

    built = networks(tied=True)
    assert isinstance(built.encoder, LSTMEncoder) and isinstance(built.decoder, LSTMDecoder)
    assert built.encoder.embedding is built.decoder.embedding is built.likelihood.head.embedding  # type: ignore[union-attr]
    model = nn.ModuleDict({"e": built.encoder, "d": built.decoder, "l": built.likelihood})
    assert len(tensors(model)) == len(list(model.parameters()))
    path = Path(str(tmp_path)) / "m.safetensors"
    save_module(model, path)
    again = networks(tied=True)
    other = nn.ModuleDict({"e": again.encoder, "d": again.decoder, "l": again.likelihood})  # type: ignore[dict-item]
    with torch.no_grad():
        for p in other.parameters():
            p.zero_()
    load_module(other, path)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_a_condition_reaches_the_decoder_at_every_step() -> None:
    kind = Block(name="kind", shape=(2,))
    built = networks((kind,))
    assert [block.name for block in built.blocks] == ["z", "kind"]
    z, words = noise(12, 3), batch()
    one, two = (built.decoder({"z": z, "kind": torch.full((12, 2), value)}, words).detach() for value in (0.0, 1.0))
    assert ((one - two).abs().amax(-1) > 1e-6).all()


def test_dropout_acts_in_training_alone() -> None:
    built = networks(dropout=0.5, layers=2)
    words, z = batch(), {"z": noise(12, 3)}
    quiet = built.decoder(z, words)
    assert torch.equal(quiet, built.decoder(z, words))
    built.decoder.train()
    torch.manual_seed(0)
    loud = built.decoder(z, words)
    assert not torch.allclose(loud, quiet)
    torch.manual_seed(0)
    assert torch.equal(loud, built.decoder(z, words)), "reseeded, it must be the same"


def test_without_latents_there_is_no_encoder() -> None:
    built = networks(latent_dim=0)
    assert built.encoder is None and not built.blocks and isinstance(built.decoder, LSTMDecoder)
    assert built.decoder.first is None


def test_the_skip_is_a_linear_map_of_z_past_the_lstm() -> None:
    """Dieng et al.: with the LSTM deaf to z, the vectors for the output layer still differ by W_z z."""
    built = networks(skip=True)
    decoder = built.decoder
    assert isinstance(decoder, LSTMDecoder) and decoder.first is not None and decoder.skip is not None
    z, words = noise(12, 3), batch()
    with torch.no_grad():
        decoder.lstm.weight_ih_l0[:, 7:] = 0.0
        decoder.first.weight.zero_()
        difference = decoder({"z": z}, words) - decoder({"z": torch.zeros(12, 3)}, words)
        wanted = z @ decoder.skip.project.weight.T
    torch.testing.assert_close(difference, wanted[:, None].expand_as(difference), rtol=1e-4, atol=1e-5)


def test_first_weights_are_in_their_ranges() -> None:
    """As in the PTB figures of He et al. (2019): 0.01, and 0.1 for embeddings; biases of forget gates beside."""
    built = networks(init_range=0.01, embedding_range=0.1, forget_bias=1.0, layers=2, tied=True, bidirectional=True)
    model = nn.ModuleDict({"e": built.encoder, "d": built.decoder, "l": built.likelihood})  # type: ignore[dict-item]
    forget = torch.zeros(44).index_fill(0, torch.arange(11, 22), 1.0)  # input, forget, cell, output: 11 each
    for name, weight in model.named_parameters():
        if "embedding" in name:
            assert 0.09 < weight.abs().max() <= 0.1
        elif "bias_ih" in name:
            assert 0 < (weight - forget).abs().max() <= 0.01
        else:
            assert 0 < weight.abs().max() <= 0.01, name
    plain = networks()
    assert isinstance(plain.decoder, LSTMDecoder)
    assert 0.2 < plain.decoder.lstm.weight_hh_l0.abs().max() <= 11**-0.5 + 1e-6
    assert float(plain.decoder.embedding.weight.detach().norm(dim=1).mean()) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("pooled", ["last", "attention"])
def test_pseudo_inputs_are_read_as_lines_are(pooled: str) -> None:
    built = networks(bidirectional=True, pooling=pooled)
    assert isinstance(built.encoder, LSTMEncoder)
    words = batch([LINES[4]])
    embedded = built.encoder.embedding(words.views["input"])
    torch.testing.assert_close(built.encoder.read(embedded)["summary"], built.encoder(words)["summary"])
    torch.manual_seed(5)
    pseudo = built.encoder.pseudo(7)
    assert pseudo.shape == (7, PSEUDO_LENGTH, 7) and not pseudo.requires_grad
    torch.manual_seed(5)
    assert torch.equal(pseudo, built.encoder.pseudo(7)) and not torch.equal(pseudo, built.encoder.pseudo(7))
    ordinary = built.encoder.embedding.weight[5:]
    assert torch.cdist(pseudo.flatten(0, 1), ordinary).amin(1).max() < 1e-3, "not the vector of an ordinary symbol"
    learned = nn.Parameter(pseudo)
    built.encoder.read(learned)["summary"].square().sum().backward()
    assert learned.grad is not None and learned.grad.abs().amax((1, 2)).min() > 0


@pytest.mark.parametrize("options", [{}, {"layers": 2, "bidirectional": True, "skip": True, "pooling": "attention"}])
def test_training_and_stepping_in_bfloat16_stay_finite(options: dict[str, object]) -> None:
    built, words, z = networks(**options), batch(), noise(12, 3)
    assert built.encoder is not None and isinstance(built.decoder, LSTMDecoder)
    with torch.autocast("cpu", torch.bfloat16):
        drawn = z + built.encoder(words)["summary"].float()[:, :3]
        loss = built.likelihood.nats(built.decoder, {"z": drawn}, words).mean()
    loss.backward()
    model = nn.ModuleDict({"e": built.encoder, "d": built.decoder, "l": built.likelihood})
    assert loss.isfinite() and all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        whole = built.decoder({"z": z}, words)
        state = built.decoder.start({"z": z}, 12)
        for place in range(words.views["context"].shape[1]):
            vector, state = built.decoder.step(words.views["context"][:, place], state)
            assert (vector - whole[:, place]).abs().max() < 0.05
