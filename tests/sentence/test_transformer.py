"""The transformer networks: what they compute, stepping against teacher forcing, causality, padding, ways of z."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.likelihoods import CategoricalSequence
from genvae.core.vae import Networks
from genvae.errors import GenvaeError, SettingError
from genvae.host import default_host
from genvae.store.weights import load_module, save_module, tensors
from genvae_sentence.encoder import PSEUDO_LENGTH
from genvae_sentence.transformer.networks import WAYS, TransformerDecoder, TransformerEncoder
from genvae_sentence.transformer.rotary import Rotary, turn
from genvae_sentence.transformer.settings import TransformerSettings
from tests.conftest import own_lines
from tests.sentence.test_tokenizer import sentence

LINES = [line[: 6 + row] for row, line in enumerate(own_lines(12))]
SETS = [ways for count in (1, 2, 3) for ways in combinations(WAYS, count)]
CLOSE = {"rtol": 1e-4, "atol": 2e-5}


def networks(conditions: tuple[Block, ...] = (), **options: Any) -> Networks:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        given = {"hidden_dim": 12, "latent_dim": 3, "layers": 2, "heads": 2, "prefix_positions": 2, **options}
        built = TransformerSettings(**given).build(sentence("char"), conditions)
    whole(built).eval()
    return built


def whole(built: Networks) -> nn.ModuleDict:
    parts = {"encoder": built.encoder, "decoder": built.decoder, "likelihood": built.likelihood}
    return nn.ModuleDict({name: part for name, part in parts.items() if part is not None})


def batch(lines: list[str] = LINES) -> Batch:
    modality = sentence("char")
    return modality.collate([modality.example(line) for line in lines], range(len(lines)))


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("positions", ["rotary", "learned"])
@pytest.mark.parametrize("ways", [*SETS, None], ids=str)
def test_stepping_equals_teacher_forcing(ways: tuple[str, ...] | None, positions: str) -> None:
    options = {"z_by": ways, "skip": True} if ways else {"latent_dim": 0}
    built = networks(positions=positions, tied=positions == "learned", **options)
    assert isinstance(built.decoder, TransformerDecoder) and isinstance(built.likelihood, CategoricalSequence)
    latents = {"z": noise(12, 3)} if ways else {}
    words = batch()
    with torch.no_grad():
        hidden = built.decoder(latents, words)
        assert hidden.shape[:2] == words.views["context"].shape
        full = built.likelihood.head(hidden.flatten(0, 1)).unflatten(0, hidden.shape[:2])
        stepper = built.likelihood.stepper(built.decoder)
        state = stepper.start(latents, 12)
        for place in range(words.views["context"].shape[1]):
            assert all(len(tensor) == len(words) for tensor in state), "the first axis of a state is rows"
            logits, state = stepper.step(words.views["context"][:, place], state)
            torch.testing.assert_close(logits, full[:, place], **CLOSE)
            if place == 5:  # as a beam does, rows change places; and some have ended
                order = torch.tensor([11, 0, 0, *range(3, 9)])
                words, state, full = words.take(order), stepper.reorder(state, order), full[order]


def test_a_step_leaves_its_state_as_it_was() -> None:
    """Beams and imputation go on from one state in several ways."""
    built = networks(z_by=WAYS)
    assert isinstance(built.decoder, TransformerDecoder)
    with torch.no_grad():
        state = built.decoder.start({"z": noise(2, 3)}, 2)
        copies = [tensor.clone() for tensor in state]
        one, after = built.decoder.step(torch.tensor([5, 6]), state)
        kept = [tensor.clone() for tensor in after]
        built.decoder.step(torch.tensor([9, 9]), state)
        assert torch.equal(one, built.decoder.step(torch.tensor([5, 6]), state)[0])
    assert all(map(torch.equal, state, copies)) and all(map(torch.equal, after, kept))


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_nothing_looks_ahead(positions: str) -> None:
    built = networks(z_by=WAYS, positions=positions)
    words, latents = batch(LINES[-1:]), {"z": noise(1, 3)}
    with torch.no_grad():
        before = built.decoder(latents, words)[0]
        for place in (1, 4, before.shape[0] - 1):
            context = words.views["context"].clone()
            context[0, place] = 5 if context[0, place] != 5 else 6
            after = built.decoder(latents, words.viewing(context=context))[0]
            torch.testing.assert_close(after[:place], before[:place], **CLOSE)
            assert ((after[place:] - before[place:]).abs().amax(-1) > 1e-4).all(), "what follows must know of it"


@pytest.mark.parametrize("pooled", ["attention", "mean", "max"])
@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_padding_does_not_change_a_row(pooled: str, positions: str) -> None:
    built = networks(z_by=WAYS, positions=positions, pooling=pooled)
    assert built.encoder is not None
    z = noise(12, 3)
    with torch.no_grad():
        summary = built.encoder(batch())["summary"]
        nats = built.likelihood.nats(built.decoder, {"z": z}, batch())
        assert summary.shape == (12, built.features)
        for row in (0, 5, 11):
            alone = batch([LINES[row]])
            torch.testing.assert_close(built.encoder(alone)["summary"][0], summary[row], **CLOSE)
            found = built.likelihood.nats(built.decoder, {"z": z[[row]]}, alone)
            torch.testing.assert_close(found[0], nats[row], rtol=1e-4, atol=1e-4)


def test_an_order_of_symbols_is_more_than_the_symbols() -> None:
    """The encoder tells positions apart, learned or rotary."""
    for positions in ("rotary", "learned"):
        built = networks(positions=positions, pooling="mean")
        assert built.encoder is not None
        with torch.no_grad():
            there, back = (built.encoder(batch([line]))["summary"] for line in (LINES[3], LINES[3][::-1]))
        assert (there - back).abs().max() > 1e-3, positions


@pytest.mark.parametrize("way", WAYS)
def test_each_way_brings_z_to_every_position(way: str) -> None:
    built = networks(z_by=(way,))
    words = batch(LINES[:2])
    one, two = (built.decoder({"z": noise(2, 3) + shift}, words).detach() for shift in (0.0, 1.0))
    assert ((one - two).abs().amax(-1) > 1e-4).all()
    parts = {"prefix": "prefix", "addition": "addition", "cross-attention": "vectors"}
    there = {name for name, part in parts.items() if getattr(built.decoder, part) is not None}
    assert there == {way}


@pytest.mark.parametrize("skip", [False, True])
def test_the_skip_goes_past_the_layers(skip: bool) -> None:
    """With every other way shut, z still reaches the output, and by a linear map."""
    built = networks(z_by=("addition",), skip=skip)
    assert isinstance(built.decoder, TransformerDecoder) and built.decoder.addition is not None
    nn.init.zeros_(built.decoder.addition.weight)
    words, z = batch(LINES[:1]), noise(1, 3)
    with torch.no_grad():
        none, one, three = (built.decoder({"z": z * scale}, words) for scale in (0.0, 1.0, 3.0))
    torch.testing.assert_close(three - none, 3 * (one - none), **CLOSE)
    assert bool((one - none).abs().max() > 1e-3) == skip


def test_a_condition_goes_the_way_of_z() -> None:
    kind = Block(name="kind", shape=(2, 2))
    for latent_dim in (3, 0):
        built = networks((kind,), latent_dim=latent_dim, z_by=("addition",))
        assert [block.name for block in built.blocks] == ["z", "kind"][not latent_dim :]
        words = batch()
        one, two = (
            built.decoder({"z": noise(12, 3), "kind": torch.full((12, 2, 2), value)}, words).detach()
            for value in (0.0, 1.0)
        )
        assert ((one - two).abs().amax(-1) > 1e-4).all()


# -- what they compute -------------------------------------------------------------------------------


def test_rotary_is_a_product_with_complex_numbers() -> None:
    """A plane as one complex number, turned by exp(i t 10000^(-2i/d)); products know distances alone."""
    x = noise(2, 3, 7, 8)
    turned = turn(x, Rotary(8)(5, 7))
    speed = 10_000.0 ** (-torch.arange(4, dtype=torch.float64) / 4)
    angle = torch.arange(5, 12, dtype=torch.float64)[:, None] * speed
    wanted = torch.complex(x[..., :4].double(), x[..., 4:].double()) * torch.polar(torch.ones_like(angle), angle)
    torch.testing.assert_close(turned.double(), torch.cat([wanted.real, wanted.imag], -1), **CLOSE)

    def product(query: int, key: int) -> Tensor:
        same = x[:1, :1, :1].expand(1, 1, 30, 8)
        there = turn(same, Rotary(8)(0, 30))[0, 0]
        return there[query] @ there[key]

    for distance in (0, 1, 6):
        torch.testing.assert_close(product(3 + distance, 3), product(20 + distance, 20), **CLOSE)


def _normalised(x: Tensor) -> Tensor:
    """Layer normalisation with the weights it has at first."""
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()


def _attended(query: Tensor, key: Tensor, value: Tensor, heads: int, causal: bool) -> Tensor:
    """Attention a position and a head at a time."""
    width = query.shape[-1] // heads
    rows = []
    for place in range(len(query)):
        seen = place + 1 if causal else len(key)
        parts = []
        for head in range(heads):
            own = slice(head * width, (head + 1) * width)
            scores = torch.stack([query[place, own] @ key[t, own] for t in range(seen)]) / math.sqrt(width)
            weights = scores.exp() / scores.exp().sum()
            parts.append(sum((w * value[t, own] for t, w in enumerate(weights)), torch.zeros(())))
        rows.append(torch.cat(parts))
    return torch.stack(rows)


def test_the_decoder_computes_the_transformer_of_the_papers() -> None:
    """Pre-norm layers with a prefix, an addition and cross-attention, written out a position and a head at a time."""
    built = networks(z_by=WAYS, positions="learned", layers=1, cross_vectors=3)
    decoder = built.decoder
    assert isinstance(decoder, TransformerDecoder)
    w = {name: p.detach().double() for name, p in decoder.named_parameters()}
    z, words = noise(1, 3), batch(LINES[:1])
    row = z[0].double()

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    prefix = linear("prefix", row).reshape(2, 12)
    symbols = w["embedding.weight"][words.views["context"][0]] * math.sqrt(12) + linear("addition", row)
    x = torch.cat([prefix, symbols])
    x = x + w["stack.places.weight"][: len(x)] * math.sqrt(12)
    of_input = linear("stack.layers.0.attention.of_input", _normalised(x))
    query, key, value = of_input[:, :12], of_input[:, 12:24], of_input[:, 24:]
    x = x + linear("stack.layers.0.attention.out", _attended(query, key, value, 2, causal=True))
    memory = linear("stack.layers.0.across.of_memory", linear("vectors", row).reshape(3, 12))
    query = linear("stack.layers.0.across.of_input", _normalised(x))
    x = x + linear("stack.layers.0.across.out", _attended(query, memory[:, :12], memory[:, 12:], 2, causal=False))
    wide = linear("stack.layers.0.widen", _normalised(x))
    wide = 0.5 * wide * (1 + torch.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3)))
    x = x + linear("stack.layers.0.narrow", wide)
    found = decoder({"z": z}, words)[0].detach().double()
    torch.testing.assert_close(found, _normalised(x)[2:], **CLOSE)


def test_the_summary_of_attention_pooling() -> None:
    """Each head's slice is averaged by the softmax of its query's products with the whole vectors."""
    built = networks(layers=1)
    assert isinstance(built.encoder, TransformerEncoder)
    encoder, words = built.encoder, batch(LINES[:1])
    with torch.no_grad():
        hidden, _ = encoder.stack(encoder.embedding(words.views["input"]) * math.sqrt(12))
        queries = encoder.pool.queries.weight
        wanted = [(hidden[0] @ queries[head]).softmax(0) @ hidden[0, :, 6 * head : 6 * head + 6] for head in (0, 1)]
        torch.testing.assert_close(encoder(words)["summary"][0], torch.cat(wanted), **CLOSE)


def test_first_weights_keep_the_scale_of_the_stream() -> None:
    """However deep, what the layers add is about as large as what came in, and logits are about as wide as 1."""
    for layers in (1, 12):
        built = networks(hidden_dim=64, layers=layers, tied=True, latent_dim=16, z_by=WAYS)
        assert isinstance(built.decoder, TransformerDecoder) and isinstance(built.likelihood, CategoricalSequence)
        seen: list[Tensor] = []
        built.decoder.stack.norm.register_forward_pre_hook(lambda _, given, seen=seen: seen.append(given[0]))
        with torch.no_grad():
            hidden = built.decoder({"z": noise(12, 16)}, batch())
            logits = built.likelihood.head(hidden.flatten(0, 1))
        assert 0.7 < float(seen[0].std()) < 3.0
        assert 0.1 < float(logits.std()) < 1.5


# -- pseudo-inputs, precision, sizes -------------------------------------------------------------------


def test_pseudo_inputs_are_read_as_lines_are() -> None:
    built = networks()
    assert isinstance(built.encoder, TransformerEncoder)
    words = batch([LINES[4]])
    embedded = built.encoder.embedding(words.views["input"])
    torch.testing.assert_close(built.encoder.read(embedded)["summary"], built.encoder(words)["summary"], **CLOSE)
    torch.manual_seed(5)
    pseudo = built.encoder.pseudo(7)
    assert pseudo.shape == (7, PSEUDO_LENGTH, 12) and not pseudo.requires_grad
    torch.manual_seed(5)
    assert torch.equal(pseudo, built.encoder.pseudo(7)) and not torch.equal(pseudo, built.encoder.pseudo(7))
    learned = nn.Parameter(pseudo)
    built.encoder.read(learned)["summary"].square().sum().backward()
    assert learned.grad is not None and learned.grad.abs().amax((1, 2)).min() > 0


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_training_in_bfloat16_stays_finite_and_learns(data: st.DataObject) -> None:
    options = {
        "heads": data.draw(st.sampled_from([1, 2, 4])), "layers": data.draw(st.integers(1, 3)),
        "positions": data.draw(st.sampled_from(["rotary", "learned"])), "z_by": data.draw(st.sampled_from(SETS)),
        "pooling": data.draw(st.sampled_from(["attention", "mean", "max"])), "skip": data.draw(st.booleans()),
        "tied": data.draw(st.booleans()), "dropout": data.draw(st.sampled_from([0.0, 0.2])), "hidden_dim": 16,
    }  # fmt: skip
    built = networks(**options)
    model, words = whole(built).train(), batch(LINES[:4])
    assert built.encoder is not None
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    found = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(4):
            with torch.autocast("cpu", torch.bfloat16):
                z = built.encoder(words)["summary"].float()[:, :3]
                loss = built.likelihood.nats(built.decoder, {"z": z}, words).mean()
            optimizer.zero_grad()
            loss.backward()
            assert loss.isfinite() and all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
            optimizer.step()
            found.append(float(loss.detach()))
    assert found[-1] < found[0]


def test_stepping_in_bfloat16_is_near_teacher_forcing() -> None:
    built = networks(z_by=WAYS, skip=True)
    assert isinstance(built.decoder, TransformerDecoder)
    words, latents = batch(), {"z": noise(12, 3)}
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        full = built.decoder(latents, words)
        state = built.decoder.start(latents, 12)
        for place in range(words.views["context"].shape[1]):
            vector, state = built.decoder.step(words.views["context"][:, place], state)
            assert (vector - full[:, place]).abs().max() < 0.1
    assert {tensor.dtype for tensor in state[:4]} == {torch.bfloat16}, "the cache is kept in autocast's precision"


def test_tied_weights_are_one_table_stored_once(tmp_path: Path) -> None:
    built, again = networks(tied=True), networks(tied=True)
    assert isinstance(built.encoder, TransformerEncoder) and isinstance(built.decoder, TransformerDecoder)
    assert isinstance(built.likelihood, CategoricalSequence)
    assert built.encoder.embedding is built.decoder.embedding is built.likelihood.head.embedding
    apart = networks(tied=True, own_table=True)
    assert isinstance(apart.encoder, TransformerEncoder) and isinstance(apart.decoder, TransformerDecoder)
    assert isinstance(apart.likelihood, CategoricalSequence)
    assert apart.encoder.embedding is not apart.decoder.embedding is apart.likelihood.head.embedding
    model, other = whole(built), whole(again)
    assert len(tensors(model)) == len(list(model.parameters()))
    save_module(model, tmp_path / "m.safetensors")
    with torch.no_grad():
        for p in other.parameters():
            p.zero_()
    load_module(other, tmp_path / "m.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_every_weight_gets_a_gradient() -> None:
    for options in ({"z_by": WAYS, "skip": True, "positions": "learned"}, {"latent_dim": 0}):
        built = networks(**options)
        z = built.encoder(batch())["summary"][:, :3] if built.encoder is not None else torch.zeros(12, 0)
        built.likelihood.nats(built.decoder, {"z": z}, batch()).sum().backward()
        missed = [name for name, p in whole(built).named_parameters() if p.grad is None or not p.grad.any()]
        assert not missed


def test_without_latents_there_is_no_encoder_and_no_way() -> None:
    built = networks(latent_dim=0, z_by=WAYS, skip=True)
    assert built.encoder is None and not built.blocks
    assert not [
        name for name, _ in built.decoder.named_parameters() if name.split(".")[0] not in ("embedding", "stack")
    ]
    assert isinstance(built.decoder, TransformerDecoder) and not any("across" in n for n in built.decoder.state_dict())


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SettingError, match="hidden_dim = 12 must be a multiple of heads = 5"):
        networks(heads=5)
    with pytest.raises(SettingError, match=r"even width, and 12 / 4 is odd.*positions=learned"):
        networks(heads=4)
    assert networks(heads=4, positions="learned").features == 12


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("prefixes", "unknown way 'prefixes'; did you mean 'prefix'"),
        ([], "one or several of: prefix, addition, cross-attention"),
        (["prefix", "prefix"], "names a way twice"),
        (3, "one or several of"),
        ([["prefix"]], "unknown way"),
    ],
)
def test_ways_that_are_none(given: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        default_host().make("architecture", {"architecture": "transformer", "z_by": given})


def test_one_way_may_be_given_as_a_word() -> None:
    made = default_host().make("architecture", {"architecture": "transformer", "z_by": "cross-attention"})
    assert made.z_by == ("cross-attention",)


def test_learned_positions_end_and_rotary_ones_do_not() -> None:
    """Every line that can be trained on fits; a longer decoding is refused, not folded back."""
    longest = 4 * sentence("char").max_length + 1
    context = torch.full((1, longest + 1), 7)
    words = batch(LINES[:1])
    learned = networks(positions="learned")
    learned.decoder({"z": noise(1, 3)}, words.viewing(context=context[:, 1:]))
    with pytest.raises(GenvaeError, match=r"has learned 803 positions.*smaller max_length"):
        learned.decoder({"z": noise(1, 3)}, words.viewing(context=context))
    assert networks().decoder({"z": noise(1, 3)}, words.viewing(context=context)).isfinite().all()


def test_dropout_acts_in_training_alone() -> None:
    built = networks(dropout=0.5)
    words, z = batch(), {"z": noise(12, 3)}
    quiet = built.decoder(z, words)
    assert torch.equal(quiet, built.decoder(z, words))
    built.decoder.train()
    torch.manual_seed(0)
    loud = built.decoder(z, words)
    assert not torch.allclose(loud, quiet)
    torch.manual_seed(0)
    assert torch.equal(loud, built.decoder(z, words)), "reseeded, it must be the same"
