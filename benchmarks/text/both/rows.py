"""The rows: each is measured once and kept with the settings that its figures depend on."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.text.both.judges import Judges, copied, variety
from benchmarks.text.both.lines import HELD, REPORTING, TUNING, Lines, digest
from benchmarks.text.both.models import LITERAL, MATCHED, PRIOR, Drawer, Model, Samples, five_gram
from benchmarks.text.kept import Kept

Figures = dict[str, Any]

NEEDS_MODEL = ("reconstruction", "samples", "tuned", "standard-normal", "rates")
ROWS = ("reconstruction", "samples", "tuned", "five-gram", "standard-normal", "plain", "rates")

SCALES, TEMPERATURES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7), (1.0,)
FLUENT, VARIOUS = 1.15, 0.95  # the largest perplexity ratio and the least distinct-2 ratio asked of the tuned row


def chosen(grid: Sequence[Mapping[str, Any]], kinds: Sequence[str]) -> Mapping[str, Any]:
    """Of settings that have been tried: the most various one that all judges find fluent; where none is, the most
    fluent one that is various; where none is either, the one that misses least of what it misses most. How fluent
    it is, the judge says who likes it least."""

    def ratio(tried: Mapping[str, Any]) -> float:
        return max(float(tried[f"{kind}_ratio"]) for kind in kinds)

    fluent = [tried for tried in grid if ratio(tried) <= FLUENT]
    if fluent:
        return max(fluent, key=lambda tried: tried["distinct_2_ratio"])
    various = [tried for tried in grid if tried["distinct_2_ratio"] >= VARIOUS]
    if various:
        return min(various, key=ratio)
    return min(grid, key=lambda tried: max(ratio(tried) / FLUENT, VARIOUS / max(tried["distinct_2_ratio"], 1e-9)))


@dataclass
class Bench:
    """One run of the benchmark. ``samples`` are shown to the judges, ``reverse`` train those of reverse perplexity;
    ``rated`` is of how many lines rate and distortion are measured. Draws that tune have the next seed, those
    that are reported for the tuned setting the one after it."""

    lines: Lines
    judges: Judges
    kept: Kept
    work: Path
    samples: int
    reverse: int
    rated: int
    seed: int = 0
    grid: tuple[Sequence[float], Sequence[float]] = (SCALES, TEMPERATURES)
    say: Callable[[str], None] = print
    measure: bool = True  # False: only what is kept

    def about(self) -> str:
        """What the figures are of, in a line."""
        parts = self.lines.parts
        return (
            f"{len(self.lines.held):,} held-out lines, {len(parts[TUNING]):,} of them to tune and "
            f"{len(parts[REPORTING]):,} to report that; {self.samples:,} samples, {self.reverse:,} for reverse "
            f"perplexity; copies looked for in {len(self.lines.train):,} training lines; weights in half precision"
        )

    def _row(self, name: str, settings: Figures, make: Callable[[], Figures]) -> Figures:
        settings = {**settings, "seed": self.seed, "held": digest(self.lines.held)}
        done = self.kept.find(name, settings)
        if done is not None or not self.measure:
            return done or {}
        self.say(f"{name} ...")
        began = time.perf_counter()
        figures = make()
        return self.kept.add(name, settings, {**figures, "seconds": time.perf_counter() - began})

    def _judging(self) -> Figures:
        return {"judges": list(self.judges.kinds), "judge": digest(self.lines.judge), "samples": self.samples}

    def _measuring(self) -> Figures:
        compared = {"train": digest(self.lines.train), "real": digest(self.lines.real)}
        return {**self._judging(), **compared, "reverse": self.reverse}

    # -- drawing and measuring -------------------------------------------------------------------

    def _drawn(
        self, model: Model, count: int, *, seed: int | None = None, temperature: float = 1.0, scale: float = 1.0,
        source: str = PRIOR,
    ) -> list[str]:  # fmt: skip
        seed = self.seed if seed is None else seed
        name = f"{model.digest}-{source}-temperature-{temperature:g}-scale-{scale:g}-seed-{seed}"
        real = self.lines.real
        if source == MATCHED:
            name += f"-{digest(real)}"
        return Samples(self.work).get(
            name, count, lambda: model.drawer(seed, temperature, scale, source=source, real=real)
        )

    def _shallow(self, drawn: Sequence[str], part: str = HELD) -> Figures:
        real = self.lines.parts[part]
        figures = self.judges.forward(drawn, part) | variety(drawn, real, self.seed)
        return figures | copied(drawn, real, self.lines.train)

    def _measured(self, drawn: Sequence[str], part: str = HELD) -> Figures:
        """All figures of samples, of which there are enough for each."""
        return self._shallow(drawn[: self.samples], part) | self.judges.reverse(drawn[: self.reverse], part)

    @property
    def _most(self) -> int:
        return max(self.samples, self.reverse)

    # -- the rows --------------------------------------------------------------------------------

    def reconstruction(self, model: Model) -> Figures:
        """What comes back of held-out lines."""
        return self._row(
            "reconstruction", {"model": model.digest, "rated": self.rated},
            lambda: model.reconstruction(self.lines.held, self.rated, self.seed),
        )  # fmt: skip

    def prior_samples(self, model: Model) -> Figures:
        """Samples at temperature 1 and prior scale 1."""

        def make() -> Figures:
            drawn = self._drawn(model, self._most)
            return {"model": model.name, "temperature": 1.0, "prior_scale": 1.0, **self._measured(drawn)}

        return self._row("samples", {"model": model.digest, **self._measuring()}, make)

    def tuned(self, model: Model) -> Figures:
        """Samples at the setting chosen on one half of the held-out lines, drawn anew and measured on the other."""

        def tried(scale: float, temperature: float) -> Figures:
            self.say(f"tuned: prior scale {scale:g}, temperature {temperature:g}")
            real = self.lines.parts[TUNING]
            drawn = self._drawn(model, len(real), seed=self.seed + 1, temperature=temperature, scale=scale)
            figures = self.judges.forward(drawn, TUNING) | variety(drawn, real, self.seed)
            return {"temperature": temperature, "prior_scale": scale, **figures}

        def make() -> Figures:
            grid = [tried(*point) for point in itertools.product(*self.grid)]
            best = chosen(grid, self.judges.kinds)
            at = {"temperature": best["temperature"], "prior_scale": best["prior_scale"]}
            drawn = self._drawn(
                model, self._most, seed=self.seed + 2, temperature=at["temperature"], scale=at["prior_scale"]
            )
            return {
                "model": model.name,
                **at,
                "tuned_by": list(self.judges.kinds),
                **self._measured(drawn, REPORTING),
                "grid": grid,
            }

        settings = {"model": model.digest, **self._measuring(), "grid": self.grid, "tuned_by": list(self.judges.kinds)}
        return self._row("tuned", settings, make)

    def five_gram(self) -> Figures:
        """Samples of a 5-gram model of the training lines."""

        def make() -> Figures:
            name = f"five-gram-{digest(self.lines.train)}-seed-{self.seed}"
            drawn = Samples(self.work).get(name, self._most, self._five_gram)
            return self._measured(drawn)

        return self._row("five-gram", self._measuring(), make)

    def _five_gram(self) -> Drawer:
        return five_gram(self.lines.train, self.seed)

    def standard_normal(self, model: Model) -> Figures:
        """The same model without its prior: latents from the normal distribution with the aggregate posterior's mean
        and scale of each number, and beside it (``literal``) from N(0, I)."""

        def make() -> Figures:
            matched = self._measured(self._drawn(model, self._most, source=MATCHED))
            literal = self._shallow(self._drawn(model, self.samples, source=LITERAL))
            at = {"model": model.name, "temperature": 1.0, "latents": "aggregate posterior's mean and scale"}
            return {**at, **matched, "literal": literal}

        return self._row("standard-normal", {"model": model.digest, **self._measuring()}, make)

    def plain(self, model: Model) -> Figures:
        """Another model, reconstruction and samples."""
        return self.reconstruction(model) | self.prior_samples(model)

    def rates(self, model: Model) -> Figures:
        """A model's place in the trade-off: rate, exact reconstruction, and what its samples cost."""

        def make() -> Figures:
            back = self.reconstruction(model)
            drawn = self._drawn(model, self.samples)
            names = ("numbers", "megabytes", "exact_match", "kl", "distortion", "total")
            return {"model": model.name, **{n: back[n] for n in names if n in back}, **self._shallow(drawn)}

        settings = {"model": model.digest, **self._judging(), "train": digest(self.lines.train), "rated": self.rated}
        return self._row("rates", settings, make)
