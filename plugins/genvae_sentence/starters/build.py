"""Rebuilds the starter model ``sentences-en`` from the real data, resumably.

    python -m genvae_sentence.starters.build --data ../shared/data --work runs/sentences-en

The work folder keeps the lines, the run and the figures; the model itself replaces the one in the package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genvae.cli.steps import in_steps, shipped, trained
from genvae.service import Service
from genvae_sentence.starters import sentences_en
from genvae_sentence.starters.corpus import training_lines

JUDGE = "text/tatoeba/judge.txt"
SAMPLES, LINES = 10, 2_000  # importance samples of the NLL, and how many held-out lines are looked at
RECIPE = Path(__file__).parents[1] / "recipes" / "sentences-en.yaml"

ABOUT: dict[str, Any] = {
    "summary": "Short English sentences: generate, ask for a question in the past about her, interpolate, vary.",
    "licence": "cc-by-2.0",
    "data": (
        "97,323 English sentences of the Tatoeba project, 6.4 words on average; 5,000 lines, those with the "
        "smallest SHA-1, were never trained on. No training text ships with the model."
    ),
    "attribution": (
        "Trained on sentences by the contributors of Tatoeba (tatoeba.org), CC BY 2.0 FR, in the selection of "
        "manythings.org/anki."
    ),
    "size": (
        "256 numbers a sentence: 16 of all of the line, and 10 at each of 24 places. 4.3 million weights, most of them "
        "the learned prior's, stored in half precision. A byte-level BPE of 10,000 symbols: nothing is unknown to it."
    ),
    "limits": "It has read sentences of up to 120 characters and nothing else; what it says is no statement of fact.",
    "command": "python -m genvae_sentence.starters.build --data ../shared/data --work runs/sentences-en",
}  # fmt: skip


def main() -> None:
    """Train, evaluate on the held-out lines, write the model and its card."""
    in_steps(__doc__ or "", {"lines": _lines, "model": _train, "figures": _figures})


def _lines(data: Path, work: Path) -> None:
    """The lines, and tables of them with what the rules say of each."""
    kept, held = training_lines(data)
    work.mkdir(parents=True, exist_ok=True)
    for name, lines in (("train", kept), ("held-out", held)):
        text = work / f"{name}.txt"
        text.write_text("\n".join(lines) + "\n", encoding="utf-8")
        Service().run("label", data=str(text), output=work / f"{name}.csv")


def _train(data: Path, work: Path) -> None:
    trained(RECIPE, work / "train.csv", work, ABOUT)


def _figures(data: Path, work: Path) -> None:
    """Write the model into the package, evaluate what ships, write the card."""
    asked = {
        "data": str(work / "held-out.csv"), "limit": LINES, "samples": SAMPLES, "judge": str(data / JUDGE),
        "train": str(work / "train.txt"),
    }  # fmt: skip
    shipped("sentences-en", work, sentences_en(), "On the held-out lines", asked, ABOUT)


if __name__ == "__main__":
    main()
