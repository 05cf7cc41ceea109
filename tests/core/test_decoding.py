"""Decoding against brute force over every sequence of a tiny vocabulary."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from genvae.core.decoding import sampling
from genvae.core.decoding.beam import beam_search, beams
from genvae.core.decoding.decode import decode
from genvae.core.decoding.options import Decoding
from genvae.core.decoding.sampling import choose, sample
from genvae.core.likelihoods import CategoricalSequence, SequenceDecoder, Stepper
from genvae.core.randomness import Stream
from genvae.core.symbols import Symbols
from tests.core.toys import TinyRNN, sequence_parts, sequences

LONGEST = 4
ORDINARY = (5, 6)
STREAM = Stream(0, "decoding")
GREEDY = Decoding(temperature=0.0)
FORBIDDEN = [Symbols.PAD, Symbols.BEGIN, Symbols.UNKNOWN, Symbols.MASK]


def latents(rows: int, seed: int = 0) -> dict[str, Tensor]:
    return {"z": torch.randn(rows, 2, generator=torch.Generator().manual_seed(seed))}


def stepper(ordinary: int = 2, seed: int = 0, sharpness: float = 3.0) -> Stepper:
    decoder, likelihood = sequence_parts(ordinary, seed, sharpness)
    return likelihood.stepper(decoder)


def run(stepper: Stepper, rows: int, options: Decoding, longest: int = LONGEST, seed: int = 0) -> list[list[int]]:
    return decode(stepper, latents(rows, seed), torch.arange(rows), options, STREAM, longest=longest)


def every_ending(decoder: SequenceDecoder, likelihood: CategoricalSequence, z: Tensor) -> dict[tuple[int, ...], float]:
    """log p of every sequence that ends within LONGEST symbols, its end counted, at least one symbol before it; by
    teacher forcing, over the symbols that may be said."""
    found = {}
    for length in range(1, LONGEST):
        every = list(itertools.product(ORDINARY, repeat=length))
        batch = sequences(every)
        logits = likelihood.head(decoder({"z": z.expand(len(every), -1)}, batch)).detach()
        logits[..., FORBIDDEN] = -torch.inf
        logits[:, 0, Symbols.END] = -torch.inf  # the least length is 1
        log_p = logits.log_softmax(-1).gather(-1, batch.views["target"][..., None])[..., 0].sum(1)
        found.update(zip(every, log_p.tolist(), strict=True))
    return found


@pytest.mark.parametrize("penalty", [0.0, 1.0, 0.6])
@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_the_best_of_all(seed: int, penalty: float) -> None:
    decoder, likelihood = sequence_parts(2, seed)
    z = latents(3, seed)
    wide = Decoding(beam=64, length_penalty=penalty)
    found = decode(likelihood.stepper(decoder), z, torch.arange(3), wide, STREAM, longest=LONGEST)
    for row in range(3):
        scored = {s: p / (len(s) + 1) ** penalty for s, p in every_ending(decoder, likelihood, z["z"][row]).items()}
        best = max(scored, key=lambda s: scored[s])
        assert scored[tuple(found[row])] == pytest.approx(scored[best], abs=1e-5), (found[row], best)


def test_all_beams_are_the_best_of_all_in_their_worth() -> None:
    decoder, likelihood = sequence_parts(2, 1)
    z = latents(1)["z"]
    written, ranked = beams(likelihood.stepper(decoder), {"z": z}, 1, Decoding(beam=16, length_penalty=0.6), LONGEST)
    found = {
        tuple(s for s in way if s != Symbols.PAD): worth
        for way, worth in zip(written[0].tolist(), ranked[0].tolist(), strict=True) if worth > -1e5
    }  # fmt: skip
    every = every_ending(decoder, likelihood, z)
    wanted = sorted((log_p / (len(way) + 1) ** 0.6, way) for way, log_p in every.items())[-3:]
    for worth, way in wanted:
        assert found[way] == pytest.approx(worth, abs=1e-4)


def test_greedy_takes_the_likeliest_next_symbol_each_time() -> None:
    decoder, likelihood = sequence_parts(2, 1)
    z = latents(6)
    found = decode(likelihood.stepper(decoder), z, torch.arange(6), GREEDY, STREAM, longest=LONGEST)
    for row in range(6):
        said: list[int] = []
        while len(said) < LONGEST:
            logits = likelihood.head(decoder({"z": z["z"][[row]]}, sequences([said])))[0, -1].detach()
            logits[FORBIDDEN + ([Symbols.END] if not said else [])] = -torch.inf
            if int(logits.argmax()) == Symbols.END:
                break
            said.append(int(logits.argmax()))
        assert found[row] == said
    assert len(set(map(tuple, found))) > 1, "every row alike: the test would say nothing"


@pytest.mark.parametrize("seed", range(3))
def test_one_beam_is_greedy(seed: int) -> None:
    parts = stepper(4, seed)
    z = latents(20, seed)
    beam = beam_search(parts, z, 20, Decoding(beam=1), 8)
    greedy = sample(parts, z, torch.arange(20), GREEDY, STREAM, 8)
    assert torch.equal(beam, greedy)


def test_more_beams_never_find_less_likely_sequences() -> None:
    decoder, likelihood = sequence_parts(2, 2)
    z = latents(8)
    for row, (greedy, beam) in enumerate(
        zip(
            decode(likelihood.stepper(decoder), z, torch.arange(8), GREEDY, STREAM, longest=LONGEST),
            decode(likelihood.stepper(decoder), z, torch.arange(8),
                   Decoding(beam=64, length_penalty=0.0), STREAM, longest=LONGEST),
            strict=True,
        )
    ):  # fmt: skip
        ending = every_ending(decoder, likelihood, z["z"][row])
        assert ending[tuple(beam)] >= ending.get(tuple(greedy), -1e9) - 1e-5


def test_an_ended_beam_goes_before_a_cut_one() -> None:
    """With room for one symbol only, no sequence ends; with room for two some do and one of them is taken."""
    parts = stepper(2, 0, sharpness=0.1)
    cut = run(parts, 4, Decoding(beam=8), longest=1)
    assert all(len(row) == 1 for row in cut)
    ended = run(parts, 4, Decoding(beam=16), longest=2)
    assert all(len(row) == 1 for row in ended), "a sequence that was cut was preferred"


def test_sampled_frequencies_are_the_models_probabilities() -> None:
    decoder, likelihood = sequence_parts(2, 3, sharpness=1.0)
    z = latents(1)["z"]
    count = 6000
    options = Decoding(temperature=1.0)
    found = decode(
        likelihood.stepper(decoder), {"z": z.expand(count, -1)}, torch.arange(count), options, STREAM, longest=LONGEST
    )
    for symbols, log_p in every_ending(decoder, likelihood, z[0]).items():
        p = float(torch.tensor(log_p).exp())
        share = found.count(list(symbols)) / count
        assert share == pytest.approx(p, abs=4.5 * (p * (1 - p) / count) ** 0.5 + 1e-9), symbols


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_choosing_by_the_inverse_distribution_function(temperature: float) -> None:
    logits = torch.tensor([[0.3, -1.0, 2.0, -torch.inf, 0.0]])
    probability = (logits[0] / temperature).softmax(-1)
    uniform = (torch.arange(10_000) + 0.5) / 10_000  # a grid instead of chance: the shares are then exact
    chosen = choose(logits.expand(10_000, -1), uniform, temperature, 0, 1.0)
    share = torch.bincount(chosen, minlength=5) / 10_000
    torch.testing.assert_close(share, probability, rtol=0, atol=2e-4)


def support(top_k: int, top_p: float, temperature: float = 1.0) -> tuple[set[int], Tensor]:
    logits = torch.tensor([0.1, 0.4, 0.05, 0.2, 0.25]).log()
    uniform = (torch.arange(10_000) + 0.5) / 10_000
    chosen = choose(logits.expand(10_000, -1), uniform, temperature, top_k, top_p)
    return set(chosen.tolist()), torch.bincount(chosen, minlength=5) / 10_000


@pytest.mark.parametrize(
    ("top_k", "top_p", "expected"),
    [
        (1, 1.0, {1}), (2, 1.0, {1, 4}), (3, 1.0, {1, 4, 3}), (5, 1.0, {0, 1, 2, 3, 4}), (99, 1.0, {0, 1, 2, 3, 4}),
        (0, 0.39, {1}), (0, 0.41, {1, 4}), (0, 0.66, {1, 4, 3}), (0, 0.9, {0, 1, 3, 4}), (0, 1e-6, {1}),
        (2, 0.99, {1, 4}), (4, 0.41, {1}),
    ],
)  # fmt: skip
def test_the_support_of_top_k_and_top_p(top_k: int, top_p: float, expected: set[int]) -> None:
    """p = .1 .4 .05 .2 .25; the nucleus is the smallest set of the likeliest that holds top_p (of the top k)."""
    found, share = support(top_k, top_p)
    assert found == expected
    p = torch.tensor([0.1, 0.4, 0.05, 0.2, 0.25])
    kept = torch.tensor([place in expected for place in range(5)])
    torch.testing.assert_close(share, p * kept / (p * kept).sum(), rtol=0, atol=3e-4)


def test_the_temperature_comes_before_the_nucleus() -> None:
    assert support(0, 0.41, temperature=0.2)[0] == {1}
    assert support(0, 0.41, temperature=5.0)[0] == {1, 4}


@pytest.mark.parametrize("uniform", [0.0, 1 - 2.0**-53])
@pytest.mark.parametrize("temperature", [1e-45, 1e-9, 1e-3, 1.0, 10.0])
def test_the_ends_of_the_unit_interval_and_extreme_temperatures_meet_no_forbidden_symbol(
    uniform: float, temperature: float
) -> None:
    logits = torch.full((1, 300), -torch.inf)
    logits[0, 100:200] = torch.linspace(-80, 80, 100)
    at = torch.tensor([uniform], dtype=torch.float64)
    for top_k, top_p in ((0, 1.0), (150, 1.0), (0, 0.9999)):
        assert 100 <= int(choose(logits, at, temperature, top_k, top_p)) < 200


def test_temperature_zero_is_argmax() -> None:
    logits = torch.randn(50, 9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(choose(logits, torch.rand(50).double(), 0.0, 0, 1.0), logits.argmax(-1))


SOME = [
    Decoding(temperature=1.0), GREEDY, Decoding(beam=3), Decoding(temperature=1.0, top_k=4),
    Decoding(temperature=1.5, top_p=0.8),
]  # fmt: skip


@pytest.mark.parametrize("symbols", [3, 127, 128, 129, 384, 1000])
def test_the_likeliest_is_the_first_of_the_largest(symbols: int) -> None:
    logits = torch.randint(0, 40, (64, symbols), generator=torch.Generator().manual_seed(0)).float()  # many are equal
    logits[0], logits[1, :-1] = float("-inf"), float("-inf")
    assert torch.equal(sampling._likeliest(logits), logits.argmax(-1))


def test_logits_are_the_same_with_and_without_gradients() -> None:
    made, vectors = stepper(ordinary=300), torch.randn(7, 8)
    vectors = vectors[:, : made.head.linear()[0].shape[1]]
    with_gradients = made.logits(vectors)
    with torch.no_grad():
        torch.testing.assert_close(made.logits(vectors), with_gradients.detach())
    assert with_gradients.requires_grad


@pytest.mark.parametrize("options", SOME, ids=["sampled", "greedy", "beam", "top-k", "nucleus"])
def test_lengths_are_kept(options: Decoding) -> None:
    parts = stepper(6, 4, sharpness=1.0)
    free = run(parts, 40, options, longest=12)
    held = run(parts, 40, replace(options, min_length=5, max_length=7), longest=12)
    assert min(map(len, free)) < 5 or max(map(len, free)) > 7, "the limits would change nothing"
    assert min(map(len, held)) >= 5 and max(map(len, held)) <= 7
    assert all(len(row) >= 1 for row in free), "the default least length is 1"


@pytest.mark.parametrize("options", SOME, ids=["sampled", "greedy", "beam", "top-k", "nucleus"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_run_of_n_symbols_comes_twice(options: Decoding, size: int) -> None:
    parts = stepper(5, 4, sharpness=2.0)

    def repeats(rows: list[list[int]]) -> int:
        grams = [[tuple(row[i : i + size]) for i in range(len(row) - size + 1)] for row in rows]
        return sum(len(g) - len(set(g)) for g in grams)

    long = replace(options, min_length=4)
    assert repeats(run(parts, 30, long, longest=12)) > 0, "nothing repeats anyway"
    assert repeats(run(parts, 30, replace(long, no_repeat_ngram=size), longest=12)) == 0


@pytest.mark.parametrize("options", SOME, ids=["sampled", "greedy", "beam", "top-k", "nucleus"])
def test_a_row_that_has_nothing_left_to_say_ends(options: Decoding) -> None:
    """Two symbols, none twice, at least ten: it ends after two, and says nothing forbidden."""
    found = run(stepper(2), 20, replace(options, min_length=10, no_repeat_ngram=1), longest=12)
    assert all(sorted(row) == [5, 6] for row in found)


@pytest.mark.parametrize("options", SOME, ids=["sampled", "greedy", "beam", "top-k", "nucleus"])
def test_an_unknown_symbol_only_when_asked_and_no_other_special_one_ever(options: Decoding) -> None:
    parts = stepper(3, 7, sharpness=1.0)
    with torch.no_grad():
        parts.head.linear()[1][:] = 0.0
        parts.head.linear()[1][FORBIDDEN] = 4.0
    never = {symbol for row in run(parts, 60, options, longest=8) for symbol in row}
    assert never <= {5, 6, 7}
    asked = {symbol for row in run(parts, 60, replace(options, allow_unknown=True), longest=8) for symbol in row}
    assert Symbols.UNKNOWN in asked and asked <= {Symbols.UNKNOWN, 5, 6, 7}


@pytest.mark.parametrize("options", SOME, ids=["sampled", "greedy", "beam", "top-k", "nucleus"])
def test_a_row_does_not_depend_on_its_neighbours(options: Decoding) -> None:
    parts = stepper(6, 5, sharpness=1.0)
    z = latents(30)["z"]
    whole = decode(parts, {"z": z}, torch.arange(30), options, STREAM, longest=10)
    some = torch.tensor([29, 4, 11])
    assert decode(parts, {"z": z[some]}, some, options, STREAM, longest=10) == [whole[row] for row in some]
    other = decode(parts, {"z": z}, torch.arange(30), options, Stream(1, "decoding"), longest=10)
    random = bool(options.temperature) and options.beam == 1
    assert (other != whole) == random, "a draw that no seed moves, or a search that a seed moves"


def test_a_longer_room_does_not_change_what_fits() -> None:
    parts = stepper(6, 5, sharpness=1.0)
    short, long = (run(parts, 30, Decoding(temperature=1.0), longest=n) for n in (6, 14))
    assert short == [row[:6] for row in long]


@pytest.mark.parametrize(
    "options", [Decoding(temperature=1.0), GREEDY, Decoding(temperature=1.5, top_p=0.8), Decoding(beam=3)]
)
def test_dropping_ended_rows_changes_nothing(options: Decoding, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = stepper(6, 1)
    counted: list[int] = []
    advance = TinyRNN.step
    monkeypatch.setattr(TinyRNN, "step", lambda self, s, state: (counted.append(len(s)), advance(self, s, state))[1])
    dropped = run(parts, 300, options, longest=20)
    assert len(counted) > 3 and counted[-1] < counted[0] == 300 * options.beam, "no row was dropped"
    monkeypatch.setattr(sampling, "DROP", -1.0)
    assert run(parts, 300, options, longest=20) == dropped


@pytest.mark.parametrize("count", [sampling.FLOOR, 100, 257])
def test_a_row_is_decoded_alike_in_any_company(count: int) -> None:
    """To the bit: the vectors of a wide table come from products of ``FLOOR`` rows or more."""
    parts = stepper(700, 4, sharpness=1.0)
    z, options = latents(400)["z"], Decoding(temperature=1.0)
    few, many = (
        decode(parts, {"z": z[:rows]}, torch.arange(rows), options, STREAM, longest=12) for rows in (count, 400)
    )
    assert few == many[:count]


@pytest.mark.parametrize("symbols", [5, 256, 257, 300, 1000])
def test_a_draw_in_two_levels_finds_the_symbol_of_the_whole_sum(symbols: int) -> None:
    logits = torch.randn(200, symbols, generator=torch.Generator().manual_seed(symbols)) * 2
    logits[:, 3] = -torch.inf
    uniform = STREAM.at("levels").uniform(torch.arange(200), 1)[:, 0]
    cumulative = logits.double().softmax(-1).cumsum(-1)
    found = choose(logits, uniform, 1.0, 0, 1.0)
    upper = cumulative.gather(1, found[:, None])[:, 0]
    lower = upper - logits.double().softmax(-1).gather(1, found[:, None])[:, 0]
    assert ((lower - 1e-5 <= uniform) & (uniform <= upper + 1e-5)).all() and (found != 3).all()


def test_a_nucleus_wider_than_the_first_look() -> None:
    """Nearly even probabilities: most of the symbols are in the nucleus, those outside are never drawn."""
    logits = torch.linspace(0.0, 0.5, 1000).expand(4000, -1)
    uniform = (torch.arange(4000) + 0.5) / 4000
    found = choose(logits, uniform, 1.0, 0, 0.9)
    order = logits[0].softmax(-1).flip(0).cumsum(0)
    least = 999 - int((order < 0.9).sum())
    assert int(found.min()) == least and len(found.unique()) == 1000 - least


def test_a_nucleus_that_is_met_by_chance_is_drawn_from_as_it_is() -> None:
    """Of a grid of numbers, each symbol of the nucleus gets its share, whichever draw met it."""
    probabilities = torch.tensor([0.05, 0.3, 0.06, 0.04, 0.25, 0.03, 0.2, 0.07])
    uniform = (torch.arange(400_000, dtype=torch.float64) + 0.5) / 400_000
    found = choose(probabilities.log().expand(400_000, -1), uniform, 1.0, 0, 0.83)
    shares = torch.bincount(found, minlength=8) / 400_000
    nucleus = torch.tensor([0.0, 0.3, 0.06, 0.0, 0.25, 0.0, 0.2, 0.07])  # .3 .25 .2 .07 hold .82, and .06 passes .83
    assert torch.allclose(shares, nucleus / nucleus.sum(), atol=1e-3)
