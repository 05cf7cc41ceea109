"""One evaluation as one HTML page that needs nothing beside it.

It knows no modality and no measure: a number is a row of its measure's table, a list is a chart, a text is said
above. Items of text are shown as they are, any other by what Python says of it. Everything is escaped.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

from genvae import __version__
from genvae.data.batching import Batches, some
from genvae.errors import LacksCapability
from genvae.evaluation.evaluation import Evaluation
from genvae.evaluation.svg import bars_of_counts, bars_of_list
from genvae.host import Part

SHOWN = 40  # samples on the page
BACK = 30  # reconstructions on the page
LONGEST = 400  # characters of an item

STYLE = """
:root { color-scheme: light dark; --page: #f6f6f3; --sheet: #fff; --ink: #1d1f21; --soft: #63676c; --line: #e2e2dc;
  --accent: #2f6f8f; --mark: #b4532a; --wrong: #f6dccf; --right: #2f7d4f; }
@media (prefers-color-scheme: dark) { :root { --page: #15171a; --sheet: #1d2024; --ink: #e6e6e3; --soft: #9a9fa6;
  --line: #32363c; --accent: #6fb3d2; --mark: #e58b5f; --wrong: #5a3527; --right: #7cc795; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 18px; margin: 36px 0 10px; }
h3 { font-size: 15px; margin: 0 0 8px; } p { margin: 4px 0; } .soft { color: var(--soft); }
section, figure { background: var(--sheet); border: 1px solid var(--line); border-radius: 8px; padding: 16px;
  margin: 0; }
.grid2 { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }
.flow { columns: 2 420px; column-gap: 16px; } .flow section { break-inside: avoid; margin-bottom: 16px; }
.said { border-left: 4px solid var(--accent); margin-top: 16px; }
.warn { border-left: 4px solid var(--mark); margin-top: 16px; }
table { border-collapse: collapse; width: 100%; } .wide { overflow-x: auto; }
th { text-align: left; font-weight: 600; color: var(--soft); } th, td { padding: 5px 10px 5px 0; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; } tr:last-child td { border-bottom: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.place { width: 3em; color: var(--soft); }
.items td { width: 47%; } .items td.place, .items td.sign { width: 3em; } .samples td { width: auto; }
mark { background: var(--wrong); color: inherit; border-radius: 3px; padding: 0 2px; } .sign { color: var(--right); }
details { margin-top: 10px; } summary { cursor: pointer; color: var(--soft); } code { font-size: 0.92em; }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 12px; fill: var(--soft); }
svg .mid { text-anchor: middle; } svg .end { text-anchor: end; } svg .bar { fill: var(--accent); }
svg .grid { stroke: var(--line); } svg .axis { stroke: var(--soft); }
svg .mark { stroke: var(--mark); stroke-width: 2; stroke-dasharray: 5 4; }
footer { margin-top: 36px; color: var(--soft); font-size: 13px; }
"""


@dataclass(frozen=True)
class Report:
    """What the page is made from. ``asked`` are the settings of the evaluation, ``meanings`` what each measure says
    of its figures, by its id."""

    title: str
    asked: Mapping[str, Any]
    measures: Sequence[tuple[Part, Mapping[str, Any]]]
    meanings: Mapping[str, str]
    evaluation: Evaluation
    baseline: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    def page(self) -> str:
        """The page."""
        body = [
            f"<h1>{escape(self.title)}</h1>",
            f'<p class="soft">evaluated on {self.evaluation.count:,} items of {escape(self._short("data"))}</p>',
            *(f'<section class="warn"><b>Warning.</b> {escape(line)}</section>' for line in self.warnings),
            *(f'<section class="said">{escape(text)}</section>' for text in self._texts()),
            *self._charts(), *self._tables(), *self._left_out(), *self._reconstructions(), *self._samples(),
            *self._footer(),
        ]  # fmt: skip
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}: evaluation</title><style>{STYLE}</style></head>\n<body><main>\n"
            + "\n".join(body)
            + "\n</main></body></html>\n"
        )

    def _short(self, name: str) -> str:
        value = self.asked.get(name)
        return str(value) if isinstance(value, str) else "a list"

    def _texts(self) -> Iterable[str]:
        for _, figures in self.measures:
            yield from (value for value in figures.values() if isinstance(value, str))

    # -- parts of the page -----------------------------------------------------------------------

    def _charts(self) -> Iterable[str]:
        charts = []
        for _, figures in self.measures:
            for name, value in figures.items():
                if isinstance(value, list) and value:
                    charts.append((f"<code>{escape(name)}</code>", bars_of_list(value)))
        try:
            nats = (-self.evaluation.bound.log_likelihood).tolist()
            charts.append(("negative log-likelihood, and its mean", bars_of_counts(nats, across="nats")))
        except LacksCapability:  # named among what is left out
            pass
        if charts:
            yield '<h2>At a glance</h2><div class="grid2">'
            yield from (f"<figure><h3>{title}</h3>{chart}</figure>" for title, chart in charts)
            yield "</div>"

    def _tables(self) -> Iterable[str]:
        yield '<h2>Figures</h2><div class="flow">'
        for part, figures in self.measures:
            numbers = {name: value for name, value in figures.items() if isinstance(value, int | float)}
            if not numbers:
                continue
            heading = "<tr><th></th><th class=number>model</th><th class=number>baseline</th></tr>"
            rows = "".join(self._row(name, value) for name, value in numbers.items())
            meaning = _prose(self.meanings.get(part.id, ""))
            yield (
                f"<section><h3>{escape(part.summary)}</h3>"
                f'<div class="wide"><table>{heading if self.baseline else ""}{rows}</table></div>'
                + (f"<details><summary>what these mean</summary><p>{meaning}</p></details>" if meaning else "")
                + "</section>"
            )
        yield "</div>"

    def _row(self, name: str, value: Any) -> str:
        beside = f"<td class=number>{_number(self.baseline.get(name))}</td>" if self.baseline else ""
        return f"<tr><td><code>{escape(name)}</code></td><td class=number>{_number(value)}</td>{beside}</tr>"

    def _left_out(self) -> Iterable[str]:
        if self.evaluation.left_out:
            yield "<h2>Left out</h2><section><table>"
            for name, reason in self.evaluation.left_out.items():
                yield f"<tr><td><code>{escape(name)}</code></td><td>{escape(reason)}</td></tr>"
            yield "</table></section>"

    def _reconstructions(self) -> Iterable[str]:
        pairs = self._pairs()
        if pairs:
            yield "<h2>Reconstructions</h2>"
            yield '<p class="soft">of the posterior mean, <mark>marked</mark> where it differs</p>'
            yield '<section class="wide"><table class="items"><tr><th></th><th>item</th><th>comes back as</th></tr>'
            for original, said in pairs:
                left, right = _shown(original), _shown(said)
                sign = "=" if left == right else ""
                left, right = _compared(left, right)
                yield f'<tr><td class="sign">{sign}</td><td>{left}</td><td>{right}</td></tr>'
            yield "</table></section>"

    def _pairs(self) -> list[tuple[Any, Any]]:
        """Some items, chosen by the seed, and what comes back."""
        whole = self.evaluation
        if not whole.model.latent_dim:
            return []
        rows = some(whole.batches.rows, BACK, whole.seed)
        batches = Batches(
            whole.batches.examples, rows, whole.modality, batch_size=BACK, device=whole.model.device,
            known=whole.batches.known,
        )  # fmt: skip
        part = replace(whole, batches=batches)
        return [pair for _, originals, said in part.reconstructions() for pair in zip(originals, said, strict=True)]

    def _samples(self) -> Iterable[str]:
        if self.evaluation.generated:
            drawn = self.evaluation.drawn
            yield f'<h2>Samples</h2><p class="soft">the first of {len(drawn):,} from the prior</p>'
            yield '<section class="wide"><table class="samples">'
            for number, item in enumerate(drawn[:SHOWN], 1):
                yield f'<tr><td class="place">{number}</td><td>{escape(_shown(item))}</td></tr>'
            yield "</table></section>"

    def _footer(self) -> Iterable[str]:
        settings = ", ".join(f"{name} = {value}" for name, value in self.asked.items())
        yield f"<footer>genvae {escape(__version__)}; {escape(settings[:2_000])}</footer>"


def meaning_of(measure: Any) -> str:
    """What a measure says of its figures."""
    return inspect.getdoc(measure) or ""


def _prose(text: str) -> str:
    """A docstring's text: ``code`` and *stress* become tags."""
    marked = re.sub(r"``(.+?)``", r"<code>\1</code>", escape(" ".join(text.split()), quote=False))
    return re.sub(r"(?<!\w)\*(\w[^*]*)\*", r"<em>\1</em>", marked)


def _number(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else ""


def _shown(item: Any) -> str:
    text = item if isinstance(item, str) else repr(item)
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."


def _compared(one: str, other: str) -> tuple[str, str]:
    """Both texts, escaped, with the words marked that only one of them has there."""
    words = one.split(), other.split()
    marked: tuple[list[str], list[str]] = ([], [])
    matcher = difflib.SequenceMatcher(None, *words, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        for side, (first, last) in enumerate(((a, b), (c, d))):
            text = escape(" ".join(words[side][first:last]))
            if text:
                marked[side].append(text if kind == "equal" else f"<mark>{text}</mark>")
    return " ".join(marked[0]), " ".join(marked[1])
