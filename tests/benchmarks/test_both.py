"""The benchmark of both at once: every row on a toy, each figure beside another way to it, rows that are kept."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

from benchmarks import text_both
from benchmarks.text.both.judges import KINDS, LSTM, NGRAM, Judges, copied, variety
from benchmarks.text.both.lines import HELD, REPORTING, TUNING, Lines, halves
from benchmarks.text.both.models import AGGREGATED, Model, Samples, five_gram
from benchmarks.text.both.rows import ROWS, Bench, chosen
from benchmarks.text.both.shown import both, plot
from benchmarks.text.both.toy import HELD as HELD_OUT
from benchmarks.text.kept import Kept
from genvae.core.decoding.options import Decoding
from genvae.core.randomness import Stream
from genvae.evaluation.lstm import LSTMJudgeSettings
from genvae.evaluation.ngram import NGramJudge, frequent
from genvae.host import default_host
from genvae.progress import Silent
from genvae.store.bundle import load
from genvae_sentence.measures.tokens import tokens


@dataclass
class World:
    """One whole run on the toy, and what it printed."""

    bench: Bench
    models: dict[str, list[Model]]
    printed: str
    picture: Path

    @property
    def model(self) -> Model:
        return self.models["model"][0]


def run(bench: Bench, models: dict[str, list[Model]], picture: Path) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert not text_both.run(bench, models, None, picture)
    return printed.getvalue()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("both")
    bench, models = text_both.toy(folder, Kept(folder / "kept.json"))
    picture = folder / "results" / "both.svg"
    return World(bench, models, run(bench, models, picture), picture)


# -- the rows --------------------------------------------------------------------------------------


def test_every_row_lands_once(world: World) -> None:
    rows = world.bench.kept.rows()
    names = [row["row"] for row in rows]
    assert set(names) == set(ROWS) - {"plain"}, "a plain model's rows are those of any other"
    assert len(names) == 5 + 2 + 2, "reconstruction, samples and rates of two models"
    assert all("torch" in row["versions"] and row["seconds"] >= 0 for row in rows)
    again = run(world.bench, world.models, world.picture)
    assert again == world.printed and world.bench.kept.rows() == rows, "a finished row was measured again"
    other = replace(world.bench, seed=1, measure=False)
    assert other.five_gram() == {} and other.reconstruction(world.model) == {}, "kept for another seed"


def test_the_table_has_what_was_asked_beside_each_figure(world: World) -> None:
    table = {line.split("|")[1].strip(): line for line in world.printed.splitlines() if line.startswith("|")}
    for name, bounds in {
        "exact reconstruction": ">= 75 %, goal 85 %", "LSTM judge: ratio": "<= 2.0, goal 1.5",
        "5-gram judge: ratio": "<= 1.15", "distinct-2 ratio": ">= 0.95", "reverse ratio, LSTM judge": "<= 1.25",
        "reverse ratio, 5-gram judge": "<= 1.25", "copied sentences (held-out lines)": "<= 15 %",
        "numbers a sentence": "<= 256", "MB in half precision": "<= 10",
    }.items():  # fmt: skip
        assert bounds in table[name]
    rows = {row["row"]: row for row in world.bench.kept.rows()}
    assert f"{rows['five-gram']['ngram_ratio']:.2f}" in table["5-gram judge: ratio"]
    assert f"{rows['standard-normal']['literal']['ngram_ratio']:.2f}" in table["5-gram judge: ratio"]
    assert "60 held-out lines, 30 of them to tune and 30 to report" in world.printed
    alone = both({"five-gram": rows["five-gram"]})
    assert "tuned" not in alone and "exact" not in alone and "reverse ratio" in alone


def test_the_tuned_row_was_chosen_on_other_lines(world: World) -> None:
    row = next(row for row in world.bench.kept.rows() if row["row"] == "tuned")
    assert len(row["grid"]) == 4 and {tried["part"] for tried in row["grid"]} == {TUNING} and row["part"] == REPORTING
    best = chosen(row["grid"], KINDS)
    assert (row["temperature"], row["prior_scale"]) == (best["temperature"], best["prior_scale"])
    lines = world.bench.lines
    assert row["distinct_lines"] == len(lines.parts[REPORTING])
    assert row["ngram_perplexity_held"] != pytest.approx(row["grid"][0]["ngram_perplexity_held"])


def test_the_choice_among_settings() -> None:
    def tried(ratio: float, various: float) -> dict[str, float]:
        return {"lstm_ratio": ratio, "distinct_2_ratio": various}

    fluent, fluent_and_various, various = tried(0.9, 0.6), tried(1.15, 0.9), tried(1.3, 0.96)
    assert chosen([fluent, fluent_and_various, various, tried(1.16, 2.0)], [LSTM]) is fluent_and_various
    assert chosen([tried(1.6, 1.2), various, tried(1.2, 0.9)], [LSTM]) is various
    assert chosen([tried(1.2, 0.1), tried(1.3, 0.9), tried(3.0, 0.94)], [LSTM])["lstm_ratio"] == 1.3
    disliked = {**tried(0.9, 2.0), "ngram_ratio": 1.3}
    liked = {**fluent, "ngram_ratio": 1.1}
    assert chosen([disliked, liked], KINDS) is liked, "who likes it least says how fluent it is"


# -- the lines -------------------------------------------------------------------------------------


def test_the_halves_of_the_held_out_lines(world: World) -> None:
    lines = world.bench.lines
    one, other = lines.parts[TUNING], lines.parts[REPORTING]
    assert len(one) == len(other) == HELD_OUT // 2 and not set(one) & set(other)
    assert sorted([*one, *other]) == sorted(lines.held) and not set(lines.held) & set(lines.real)
    assert set(halves(lines.held[::-1])[0]) == set(one), "the halves depend on the order"


def test_lines_of_another_file_are_those_that_copies_are_looked_for_in(world: World, tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text("one line\n\nanother\n", encoding="utf-8")
    data = world.bench.work.parent / "data"
    lines = Lines.read(data, path, held=HELD_OUT)
    assert lines.train == ["one line", "another"] and lines.real == world.bench.lines.real
    found = copied(["one line", "one  line", "no line"], ["another", "one"], lines.train)
    assert (found["copied_sentences"], found["copied_sentences_held"]) == (2 / 3, 0.5)


def test_without_the_data_a_line_says_where_it_should_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENVAE_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match=r"no .*sentences.txt: .*GENVAE_DATA") as stopped:
        text_both.main(["--only", "five-gram"])
    assert "\n" not in str(stopped.value)


@pytest.mark.parametrize(
    "arguments", [[], ["--only", "tuned"], ["--only", "plain"], ["--model", "x", "--samples", "0"]]
)
def test_what_is_missing_is_said_at_once(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        text_both.asked(arguments)
    assert "error: --" in capsys.readouterr().err


# -- the figures -----------------------------------------------------------------------------------


def test_samples_and_figures_are_those_of_an_evaluation(world: World) -> None:
    """What `genvae evaluate` draws and says of the same lines, rate and bound among it."""
    bench, model = world.bench, world.model
    count = len(bench.lines.held)
    evaluation = replace(
        model.evaluation(bench.lines.held), generated=count, options=Decoding(), judge=bench.lines.judge, samples=1
    )
    row = bench.prior_samples(model)
    kept = json.loads(next(bench.work.glob(f"{model.digest}-prior-temperature-1-scale-1-seed-0.json")).read_text())
    assert evaluation.drawn == kept[:count] and len(kept) >= bench.reverse
    host = default_host()
    said = {name: host.load("measure", name)(evaluation) for name in ("judge", "diversity", "collapse", "bounds")}
    found = bench.judges.forward(kept[:count], HELD)
    assert found["ngram_ratio"] == pytest.approx(said["judge"]["judge_ratio"])
    assert found["ngram_ratio_spelt"] == pytest.approx(said["judge"]["judge_ratio_spelt"])
    assert found["unknown"] == said["judge"]["judge_unknown_samples"]
    distinct = variety(kept[:count], bench.lines.held, 0)
    assert distinct["distinct_2_ratio"] == row["distinct_2_ratio"]
    assert distinct["distinct_2"] == said["diversity"]["distinct_2"]
    back = model.reconstruction(bench.lines.held, count, 0)
    assert back["kl"] == pytest.approx(said["collapse"]["kl"], rel=1e-5)
    assert back["total"] == pytest.approx(said["bounds"]["negative_elbo"], rel=1e-5)
    assert bench.reconstruction(model)["rated"] == bench.rated < count


def test_reverse_perplexity_by_hand(world: World) -> None:
    bench = world.bench
    judges = Judges(bench.lines, [NGRAM], 0, LSTMJudgeSettings(), Silent())
    some = bench.lines.real[50:150]
    found = judges.reverse(some, HELD)
    known = frequent([tokens(line) for line in bench.lines.judge], 2)
    judge = NGramJudge([tokens(line) for line in some], 5, vocabulary=known)
    by_hand = judge.perplexity([tokens(line) for line in bench.lines.held])
    assert found["ngram_reverse_perplexity"] == pytest.approx(by_hand) and found["reverse_samples"] == 100
    assert found["ngram_reverse_ratio"] == pytest.approx(1.0, abs=0.15), "real lines stand in for real lines"
    babble = judges.reverse([" ".join(reversed(line.split())) for line in some], HELD)
    assert babble["ngram_reverse_ratio"] > 1.5 * found["ngram_reverse_ratio"]
    assert babble["ngram_reverse_perplexity_real"] == found["ngram_reverse_perplexity_real"]


def test_a_line_that_the_model_cannot_read_counts_as_wrong(world: World) -> None:
    lines = world.bench.lines.held
    whole, longer = (world.model.reconstruction(given, 5, 0) for given in (lines, [*lines, "long " * 40]))
    assert whole["exact_match"] > 0 and longer["lines_read"] == len(lines) == longer["lines"] - 1
    assert longer["exact_match"] == pytest.approx(whole["exact_match"] * len(lines) / (len(lines) + 1))


def test_the_model_is_measured_at_the_size_that_is_stated(world: World) -> None:
    model = world.model
    before, after = load(model.folder, default_host()).vae, model.bundle.vae
    for one, other in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(one.half().float(), other, rtol=0, atol=0)
    weights = (model.folder / "model.safetensors").stat().st_size
    rest = sum(path.stat().st_size for path in model.folder.iterdir() if path.is_file()) - weights
    assert model.megabytes * 1e6 == pytest.approx(weights / 2 + rest, abs=0.05 * weights)
    assert world.models["plain"][0].digest != model.digest == Model(str(model.folder), default_host()).digest


def test_latents_without_the_prior_have_the_aggregates_mean_and_scale(world: World) -> None:
    model, real = world.model, world.bench.lines.real
    assert len(real) < AGGREGATED
    batches = model.evaluation(real).batches.in_order()
    seen = torch.cat([model.bundle.vae.infer(batch, Stream(5, "other")).latents["places"] for batch in batches])
    items = torch.arange(4_000)
    drawn = model._normal(items, Stream(0, "test"), real)["places"]
    torch.testing.assert_close(drawn.mean(0), seen.mean(0), atol=0.2, rtol=0)
    torch.testing.assert_close(drawn.std(0), seen.std(0), atol=0.2, rtol=0.1)
    plain = model._normal(items, Stream(0, "test"), ())["places"]
    assert plain.mean().abs() < 0.05 and abs(float(plain.std()) - 1) < 0.05
    assert not torch.allclose(plain, drawn, atol=0.1)
    row = next(row for row in world.bench.kept.rows() if row["row"] == "standard-normal")
    assert row["ngram_perplexity"] != row["literal"]["ngram_perplexity"]


def test_lines_of_a_5_gram_model(world: World) -> None:
    train = world.bench.lines.train
    words = {word for line in train for word in tokens(line)}
    draw = five_gram(train, 0)
    lines = draw(0)
    assert {word for line in lines for word in tokens(line)} <= words
    assert lines == five_gram(train, 0)(0) != five_gram(train, 1)(0)
    judge = NGramJudge([tokens(line) for line in train])
    real, own = (judge.perplexity([tokens(line) for line in given]) for given in (train, lines))
    assert own == pytest.approx(real, rel=0.15)


def test_samples_are_kept_and_fewer_are_the_beginning_of_more(tmp_path: Path) -> None:
    asked: list[int] = []

    def drawn(first: int) -> list[str]:
        asked.append(first)
        return [f"line {number}" for number in range(first, first + 512)]

    samples = Samples(tmp_path / "deep")
    assert samples.get("a", 700, lambda: drawn) == [f"line {number}" for number in range(700)]
    assert asked == [0, 512]
    assert samples.get("a", 3, lambda: drawn) == ["line 0", "line 1", "line 2"] and asked == [0, 512]
    assert samples.get("a", 1_025, lambda: drawn)[-1] == "line 1024" and asked == [0, 512, 1_024]


# -- the plot --------------------------------------------------------------------------------------


def points(svg: str) -> list[tuple[float, float]]:
    root = ElementTree.fromstring(svg)
    return [(float(e.attrib["cx"]), float(e.attrib["cy"])) for e in root.iter() if e.tag.endswith("circle")]


def test_the_plot_has_a_point_a_model(world: World) -> None:
    svg = world.picture.read_text(encoding="utf-8")
    rates = [row for row in world.bench.kept.rows() if row["row"] == "rates"]
    assert len(points(svg)) == len(rates) == 2
    assert all(f">{row['kl']:.1f} nats<" in svg for row in rates)


@pytest.mark.parametrize("kind", [LSTM, NGRAM])
def test_the_plots_places(kind: str) -> None:
    def row(ratio: float, exact: float) -> dict[str, object]:
        return {f"{kind}_ratio": ratio, "exact_match": exact, "kl": 10 * ratio, "model": "a <b>"}

    svg = plot([row(2.0, 0.75), row(1.0, 1.0), row(6.0, 0.0), row(0.8, 0.5)], kind)
    corner, best, worst, below = points(svg)
    assert best[0] < corner[0] < worst[0] and best[1] < corner[1] < worst[1] and below[0] == best[0]
    asked = next(e for e in ElementTree.fromstring(svg).iter() if e.attrib.get("class") == "asked")
    x, y, width, height = (float(asked.attrib[name]) for name in ("x", "y", "width", "height"))
    assert (x + width, y + height) == pytest.approx(corner, abs=0.2) and (x, y) == pytest.approx(best, abs=0.2)
    assert "20.0 nats" in svg and "<b>" not in svg
