"""The benchmarks of text: both sides do the same work, figures are counted right, rows are kept. Nothing is timed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import text_finite, text_quality, text_speed
from benchmarks.text import ceiling, curve, decoding, ours, textbook
from benchmarks.text.apart import Ran, apart
from benchmarks.text.engine import Engine
from benchmarks.text.kept import Kept, table
from benchmarks.text.ptb import SIZES, ptb, size
from benchmarks.text.remedies import laid, plain, quick, remedies
from genvae.core.likelihoods import CategoricalSequence
from genvae.core.randomness import Stream
from genvae.data.batching import Batches, split
from genvae.data.prepare import prepare
from genvae.data.read import read
from genvae_sentence.modality import Sentence
from tests.conftest import own_lines


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "train.txt"
    path.write_text("\n".join([*own_lines(60), "a <unk> cat", "the cat"]) + "\n", encoding="utf-8")
    return path


# -- both sides do the same work ------------------------------------------------------------------


def test_the_textbook_has_the_engines_loss(data: Path) -> None:
    """With the same weights and the same noise, every parameter among them."""
    engine = Engine.of(str(data), "tiny", 8, "float32")
    model = engine.trained(0).model
    plain_model = textbook.same_weights(model)
    assert sum(p.numel() for p in plain_model.parameters()) == sum(p.numel() for p in model.parameters())
    batch = engine.batches.batch(engine.order(1)[0])
    stream = Stream(3, "test")
    draw = model.infer(batch, stream)
    elbo = model.distortion(draw.latents, batch).mean() + draw.rate(model.blocks[0]).sum() / len(batch)
    noise = stream.at("z").normal(batch.items, model.latent_dim)
    torch.testing.assert_close(plain_model(batch.views["input"], noise), elbo)


def test_the_sampling_contender_samples_and_the_other_does_not(data: Path) -> None:
    """The tables' rows with a sampled gradient say by how much, so that another one is measured anew."""
    found = text_speed.rows(str(data), threads=1, precision="float32", rounds=1, quick=True)
    told = {row.name.partition("-")[0] for row in found if row.settings.get("sampled_gradient") == 0.1}
    assert told == {"training", "curve", "ceiling"}
    runs, _ = text_speed.contenders({**found[0].settings, "size": "tiny"}, install=False)
    assert list(runs)[:2] == ["genvae", "genvae, sampled gradient"]
    for sampled in (0.0, 0.1):
        likelihood = Engine.of(str(data), "tiny", 8, "float32", sampled).trained(0).model.likelihood
        assert isinstance(likelihood, CategoricalSequence) and likelihood.sampled_gradient == sampled


def test_the_textbook_says_the_engines_greedy_sentences(data: Path) -> None:
    engine = Engine.of(str(data), "tiny", 8, "float32")
    training = engine.trained(0)
    for number, rows in enumerate(engine.order(40)):
        training.step(engine.batches.batch(rows), number)
    model = training.model.eval()
    z = torch.randn(40, model.latent_dim, generator=torch.Generator().manual_seed(1))
    mine = decoding.ours(model, z, 0, 8, 0.0, 1.0)
    assert mine == textbook.same_weights(model).eval().decode(z, 8, temperature=0.0)
    assert len({len(sentence) for sentence in mine} | {tuple(sentence) for sentence in mine}) > 1


def test_the_textbooks_nucleus_leaves_out_the_tail() -> None:
    model = textbook.TextbookVAE(8, 4, 4, 2)
    with torch.no_grad():
        model.output.weight.zero_()
        model.output.bias.copy_(torch.tensor([0.0, 0, 0, 0, 0, 0.3, 0.5, 0.2]).clamp(min=1e-9).log())
    torch.manual_seed(0)
    drawn = [word for row in model.decode(torch.zeros(50, 2), 20, temperature=1.0, top_p=0.7) for word in row]
    assert set(drawn) == {5, 6} and drawn.count(6) / len(drawn) == pytest.approx(0.625, abs=0.06)


def test_tokens_are_those_of_the_steps(data: Path) -> None:
    """A whole epoch has every word and end of the training part, whoever batches."""
    lines, words = size(data)
    made = ours.recipe("tiny", 4)
    reader = made.modality_settings()
    selected, _ = reader.select(read(str(data), made.host))
    modality = reader.fit(selected)
    rows, held = split(lines, made.sections["training"]["validation"], 0)
    epoch = len(Batches(prepare(selected, modality), rows, modality, batch_size=4).order(0, 0))
    left_out = sum(len(selected["text"][row].split()) + 1 for row in held.tolist())
    assert ours.tokens(made, str(data), modality, epoch) == words - left_out
    assert ours.tokens(made, str(data), modality, 2 * epoch) == 2 * (words - left_out)
    of_textbook, symbols = textbook.sentences(data)
    assert isinstance(modality, Sentence)
    assert sum(len(row) + 1 for row in of_textbook) == words and symbols == modality.vocabulary
    for batches in (textbook.random_batches, textbook.equal_batches):
        taken, seen = 0, batches(of_textbook, 4, 0)
        while taken < lines:
            some = next(seen)
            taken += len(some)
            assert batches is textbook.random_batches or len({len(row) for row in some}) == 1
        assert taken == lines


def test_flops_are_what_torch_counts(data: Path) -> None:
    """Of the output layer, the posterior and z, by torch's own counter; it does not know the fused LSTM kernel, whose
    products are counted by hand."""
    engine = Engine.of(str(data), "tiny", 8, "float32")
    training = engine.trained(0)
    batch = engine.batches.batch(engine.order(1)[0])
    listed = ceiling.of_batch(batch, engine.modality.vocabulary, SIZES["tiny"])
    known = sum(product.flops for product in listed if "gates" not in product.name)
    assert isinstance(training.model.likelihood, CategoricalSequence)
    training.model.likelihood.fused = False  # torch's counter passes over the fused path's addmm_
    with FlopCounterMode(display=False) as counter:
        training.step(batch, 0)
    of_kernels = sum(
        flops for operation, flops in counter.get_flop_counts()["Global"].items() if "rnn" not in str(operation)
    )
    assert of_kernels == known
    gates = {product.name: product.flops for product in listed if "gates" in product.name}
    rows, length = batch.views["input"].shape
    embedding, hidden, latent = SIZES["tiny"]
    read, said = rows * length, rows * (length + 1)
    by_hand = read * (embedding + hidden) + said * (embedding + latent + hidden)
    assert sum(gates.values()) == 3 * 2 * 4 * hidden * by_hand


# -- the measurements run --------------------------------------------------------------------------


def test_a_run_of_its_own_is_timed_from_outside(data: Path) -> None:
    arguments = {"data": str(data), "size": SIZES["tiny"], "batch": 4, "steps": 2, "threads": 1, "batching": "equal"}
    ran = apart("textbook", arguments, threads=1)
    assert ran.answer["tokens"] > 8 and 50 < ran.peak < 5_000 and ran.seconds > 0
    with pytest.raises(SystemExit, match=r"(?s)textbook failed \(1\).*no-such"):
        apart("textbook", {**arguments, "data": "no-such"}, threads=1)


def test_speed_is_the_difference_of_two_runs() -> None:
    short = Ran(3.0, 2.0, 0, {"tokens": 100})
    assert text_speed.speed(short, Ran(5.0, 6.0, 0, {"tokens": 700})) == (300.0, 150.0)
    with pytest.raises(ValueError, match="too few steps"):
        text_speed.speed(short, Ran(2.0, 6.0, 0, {"tokens": 700}))


def test_the_curves_gap(data: Path) -> None:
    assert curve.gap([1.0, 2.0, 3.0], [1.0, 2.0, 6.0], 2) == {"largest": 1.5, "mean": 0.75}
    short = {"steps": 6, "window": 2, "count": 1}
    # so few rows leave symbols out
    found = curve.run(str(data), "tiny", 2, precision="float32", sampled_gradient=0.5, **short)
    assert found["fused - reference"]["largest"] < 1e-4 < found["fused - another seed"]["mean"]
    assert 0 < found["sampled - reference"]["mean"] < found["fused - another seed"]["mean"]
    assert text_speed.show_curve(found).count("\n") == 5
    rough = curve.run(str(data), "tiny", 2, precision="bfloat16", sampled_gradient=1e-12, **short)
    assert rough["last"]["reference"] == found["last"]["reference"], "the reference is float32, whatever is asked for"
    assert 0 < rough["fused - reference"]["mean"] < 0.01


def test_the_ceiling_and_the_breakdown(data: Path) -> None:
    found = ceiling.run(str(data), "tiny", 8, steps=2, repeats=1, count=1, precision="float32", sampled_gradient=0.1)
    assert sum(found["breakdown"]["kinds"].values()) == pytest.approx(1.0, abs=0.02)
    assert sum(product["share_of_flops"] for product in found["products"]) == pytest.approx(1.0)
    assert text_speed.show_ceiling(found).count("\n") > 20


# -- the table -------------------------------------------------------------------------------------


def test_every_row_is_a_recipe_of_its_own() -> None:
    made = {name: text_quality.recipe(laid(x.changes, plain(10)), 0, []) for name, x in remedies(10).items()}
    configs = {name: json.dumps(recipe.to_config()) for name, recipe in made.items()}
    assert len(set(configs.values())) == len(configs) >= 17
    assert made["vanilla"].sections["architecture"]["dropout"] == 0.5
    assert made["transformer"].sections["architecture"]["architecture"] == "transformer"
    assert "forget_bias" not in made["transformer"].sections["architecture"], "settings of another part came along"
    assert all(
        phase["max_steps"] == 3 for phase in quick(laid(remedies(10)["aggressive"].changes, plain(10)))["phases"]
    )


def test_a_row_is_trained_measured_and_kept(data: Path, tmp_path: Path) -> None:
    sections = quick(laid(remedies(2)["pretrained-free-bits"].changes, plain(2)))
    small = ["architecture.embedding_dim=8", "architecture.hidden_dim=8", "architecture.latent_dim=3"]
    kept = Kept(tmp_path / "kept.json")

    def landed() -> dict[str, Any]:
        made = text_quality.recipe(sections, 1, small)
        files = data, data, data
        return text_quality.row("pretrained-free-bits", made, files, tmp_path / "work", 2, kept, "cpu")

    first = landed()
    assert first["items"] == 62 and first["nll_samples"] == 2 and first["settings"]["recipe"]["training"]["seed"] == 1
    assert first["versions"]["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert landed() == first and len(kept.rows()) == 1, "a finished row was measured again"
    assert "96.9" in text_quality.shown(kept.rows(), {"pretrained-free-bits": 96.9})


def test_rows_of_other_files_are_taken_once(tmp_path: Path) -> None:
    kept, other = Kept(tmp_path / "kept.json"), Kept(tmp_path / "other.json")
    for file in (kept, other):
        file.add("both", {"seed": 0}, {"figure": 1})
    other.add("new", {"seed": 0}, {"figure": 2})
    for _ in range(2):
        kept.take(other)
    assert [row["row"] for row in kept.rows()] == ["both", "new"]


def test_schedules_keep_their_share_of_the_training_at_any_batch() -> None:
    lengths = {batch: remedies(10, batch)["linear"].changes["objective"]["beta"]["steps"] for batch in (32, 128)}
    assert lengths[32] == pytest.approx(4 * lengths[128], rel=0.01)


def test_kept_rows_are_told_apart_by_their_settings(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "deep" / "kept.json")
    kept.add("one", {"steps": (1, 2)}, {"figure": 1})
    kept.add("one", {"steps": (1, 3)}, {"figure": 2})
    found = kept.find("one", {"steps": (1, 3)})
    assert found is not None and found["figure"] == 2
    assert kept.find("two", {"steps": (1, 3)}) is None and kept.find("one", {"steps": (9, 9)}) is None
    assert table(("a", "b"), [("longer", "x")]).splitlines()[2] == "| longer | x |"


def test_without_the_data_a_line_says_where_it_should_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENVAE_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match=r"no .*text/ptb/ptb.test.txt: .*GENVAE_DATA") as stopped:
        ptb("test")
    assert "\n" not in str(stopped.value)


# -- training stays finite --------------------------------------------------------------------------


def test_a_drawn_recipe_is_trained_once_and_what_is_not_finite_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "text" / "ptb"
    folder.mkdir(parents=True)
    (folder / "ptb.train.txt").write_text("\n".join(own_lines(60)) + "\n", encoding="utf-8")
    monkeypatch.setenv("GENVAE_DATA", str(tmp_path))
    kept = Kept(tmp_path / "rows.json")
    (found,) = text_finite.run(1, 1, 40, kept)
    assert found["not_finite"] == [] and found["steps"] >= 1 and found["validations"] >= 1
    assert text_finite.run(1, 1, 40, kept) == [found]
    other = {**found, "not_finite": ["elbo at step 3"]}
    assert "not finite: elbo at step 3" in text_finite.line(other)
    assert text_finite.shown([found, other]).endswith("1 of 2 finite")
    failed = {key: found[key] for key in ("row", "settings")} | {"failed": "GenvaeError: the gradient"}
    assert text_finite.shown([failed, found]).endswith("1 of 2 finite") and "failed" in text_finite.line(failed)
