"""The Penn Treebank as language models use it: 10,000 words, <unk> and the end of a sentence among them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

SYMBOLS = 10_003  # 9,998 words, and the engine's five special symbols, the unknown and the end among them
LONGEST = 600  # characters; the longest line of the three files has 516
SIZES = {"tiny": (16, 24, 4), "small": (256, 256, 32), "paper": (512, 1024, 32)}  # embedding, hidden, latent
TEST = (3_761, 82_430)  # sentences of the test file, and words with each sentence's end


def ptb(part: str) -> Path:
    """The file of a part, "train", "valid" or "test"; ends the program with a line where there is none."""
    folder = Path(os.environ.get("GENVAE_DATA") or Path(__file__).parents[3] / "shared" / "data")
    path = folder / "text" / "ptb" / f"ptb.{part}.txt"
    if not path.is_file():
        sys.exit(f"no {path}: the benchmark reads the Penn Treebank there; GENVAE_DATA names another data folder")
    return path


def size(path: Path) -> tuple[int, int]:
    """Sentences of a file, and its words with each sentence's end."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return len(lines), sum(len(words) + 1 for words in lines)


def head(path: Path, lines: int, target: Path) -> Path:
    """A file of the first lines of another, for a quick try."""
    kept = path.read_text(encoding="utf-8").splitlines()[:lines]
    target.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return target
