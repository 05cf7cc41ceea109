"""Rebuilds the starter model ``verses`` from the real data, resumably.

    python -m genvae_conditional.starters.verses.build --data ../shared/data --work runs/verses

The work folder keeps the verses, the run and the figures; the model itself replaces the one in the package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genvae.cli.steps import in_steps, shipped, trained
from genvae_conditional.starters.verses import verses as place
from genvae_conditional.starters.verses.corpus import VERSIONS, table, verses

LONGEST = 20  # words of a verse that is trained on, in each of the versions
LINES, SAMPLES = 500, 5  # held-out lines that are looked at, importance samples of the NLL
RECIPE = Path(__file__).parents[2] / "recipes" / "verses.yaml"

ABOUT: dict[str, Any] = {
    "summary": "Bible verses in six versions: rewrite one version as another, mix versions, generate.",
    "licence": "cc0-1.0",
    "data": (
        "Verses of up to 20 words in six versions (ASV, DARBY, DRA, KJV, WEB, YLT), verse by verse beside each other; "
        "one chapter in ten, chosen by a hash of its name, was never trained on. No training text ships with the model."
    ),
    "attribution": (
        "Versions in the public domain: American Standard Version, Darby, Douay-Rheims, King James Version, World "
        "English Bible, Young's Literal Translation."
    ),
    "size": "1,536 numbers a verse, 48 at each of 32 places. Weights stored in half precision.",
    "limits": (
        "It has read verses of up to 20 words and nothing else, and fits other text to them. What it writes is neither "
        "scripture nor a translation that anyone has checked."
    ),
    "command": "python -m genvae_conditional.starters.verses.build --data ../shared/data --work runs/verses",
}


def main() -> None:
    """Write the tables, train, evaluate on the held-out verses, write the model and its card."""
    in_steps(__doc__ or "", {"verses": _verses, "model": _train, "figures": _figures})


def _verses(data: Path, work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    short = [verse for verse in verses(data) if verse.words(VERSIONS) <= LONGEST and all(map(verse.said.get, VERSIONS))]
    table(work / "train.csv", [verse for verse in short if not verse.held_out], VERSIONS)
    table(work / "held-out.csv", [verse for verse in short if verse.held_out], VERSIONS)


def _train(data: Path, work: Path) -> None:
    trained(RECIPE, work / "train.csv", work, ABOUT)


def _figures(data: Path, work: Path) -> None:
    """Write the model into the package, evaluate what ships, write the card."""
    asked = {"data": str(work / "held-out.csv"), "limit": LINES, "samples": SAMPLES}
    shipped("verses", work, place(), "On the held-out verses", asked, ABOUT)


if __name__ == "__main__":
    main()
