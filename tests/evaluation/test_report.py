"""The page: whole, self-contained, and nothing of the text in it is taken for markup."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from genvae.evaluation.svg import bars, bars_of_counts, bars_of_list, histogram, ticks
from genvae.service import Model
from tests.latent.learned import KNOWN

VOID = {"meta", "br", "line", "rect"}
HOSTILE = '<script>alert("x")</script> & <img src=http://evil>'


class Page(HTMLParser):
    """Checks that tags close in order; keeps tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID or tag == "rect":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def written(model: Model, place: Path, lines: list[str], **more: object) -> Page:
    answer = model.evaluate(lines, report=str(place), samples=2, generated=12, **more)
    assert answer["report"] == str(place)
    return Page(place.read_text(encoding="utf-8"))


def test_the_page_shows_every_figure_and_needs_nothing_beside_it(learned: Model, tmp_path: Path) -> None:
    page = written(learned, tmp_path / "report.html", KNOWN, prior_scale=0.5)
    text = " ".join(page.text)
    figures = learned.evaluate(KNOWN, samples=2, generated=12, prior_scale=0.5)
    for name, value in figures.items():
        if isinstance(value, float):
            assert name in text and f"{value:.4g}" in text
    assert figures["diagnosis"] in text and "prior_scale = 0.5" in text
    assert all(line in text for line in KNOWN), "the reconstructions are exact, so none is in pieces"
    names = {tag for tag, _ in page.tags}
    assert {"svg", "style", "table", "details"} <= names and not names & {"script", "link", "img", "iframe"}
    assert not [tag for tag, attributes in page.tags if {"src", "href", "onclick"} & set(attributes)]
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "http" not in source and "url(" not in source and "@import" not in source
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_text_is_escaped_wherever_it_comes_from(learned: Model, bare: Path, tmp_path: Path) -> None:
    page = written(learned, tmp_path / "a&b.html", [HOSTILE, *KNOWN], set=("max_length=100",), baseline=str(bare))
    assert not {tag for tag, _ in page.tags} & {"script", "img"}
    shown = " ".join(page.text)
    assert 'alert("x")' in shown and "http://evil" in shown
    assert "baseline" in shown and "left_out" not in shown


def test_what_is_left_out_and_warned_of_is_on_the_page(bare: Path, tmp_path: Path) -> None:
    from genvae.service import load

    text = " ".join(written(load(bare), tmp_path / "r.html", KNOWN, judge=KNOWN).text)
    assert "a reconstruction needs a latent" in text and "judge and data are the same items" in text
    assert "The model has no latent." in text and "Reconstructions" not in text and "Samples" in text


def test_without_samples_there_is_no_table_of_them(learned: Model, tmp_path: Path) -> None:
    learned.evaluate(KNOWN, samples=1, generated=0, report=str(tmp_path / "r.html"))
    assert "Samples" not in Page((tmp_path / "r.html").read_text(encoding="utf-8")).text


# -- charts ----------------------------------------------------------------------------------------


def heights(chart: str) -> list[float]:
    return [float(height) for height in re.findall(r'<rect[^>]* height="([\d.]+)"', chart)]


def test_bars_are_as_high_as_their_numbers() -> None:
    values = [1.0, 0.25, 0.5, 0.0, 1e-9]
    found = heights(bars_of_list(values))
    assert [height / found[0] for height in found] == pytest.approx(values, abs=1e-3)
    assert heights(bars_of_list([0.0, 0.0])) == [0, 0] and heights(bars_of_list([-1.0, 2.0]))[0] == 0
    Page(bars_of_list(values))


def test_a_histogram_counts_every_value_once() -> None:
    values = [0.0, 0.1, 0.1, 0.5, 1.0]
    counts, edges = histogram(values, bins=4)
    assert counts == [3, 0, 1, 1] and edges == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert sum(histogram([3.0] * 7, bins=5)[0]) == 7
    found = heights(bars_of_counts([float(n) for n in range(100)], across="nats"))
    assert len(found) == 20 and len(set(found)) == 1


def test_names_in_a_chart_are_escaped() -> None:
    chart = bars([1.0], [0.0, 1.0], across=HOSTILE, up=HOSTILE, labels=[HOSTILE])
    assert "script" not in {tag for tag, _ in Page(chart).tags} and "&lt;script&gt;" in chart


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0.37), (-3, 12), (31.2, 31.9), (0, 48_000), (5, 5)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 1 <= len(found) <= 6 and low - 1e-9 <= found[0] and found[-1] <= high + 1e-9
    if len(found) > 1:
        step = found[1] - found[0]
        assert f"{step:.0e}"[0] in "125" and [b - a for a, b in itertools.pairwise(found)] == pytest.approx(
            [step] * (len(found) - 1)
        )
