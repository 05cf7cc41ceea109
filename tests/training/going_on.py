"""What the tests of started runs and of validation data share."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.cli.program import Cli, Ended
from tests.training.small import Told

SHORT = ["max_steps=14", "evaluate_every=7", "batch_size=16", "patience=0", "warmup_steps=0"]
GIVEN = [word for entry in SHORT for word in ("--set", entry)]
OTHERS = [f"{who} {does} {what}?" for who in ("a tall man", "she", "the dog") for does in ("eats", "sees", "has")
          for what in ("bread", "the moon", "nothing", "a red hat")]  # fmt: skip


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(str(folder / "model.safetensors"))


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def config(folder: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return made


class Stops(Told):
    """Presses Ctrl-C when a validation is over."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self.at = at

    def say(self, text: str) -> None:
        super().say(text)
        if text.startswith(self.at):
            os.kill(os.getpid(), signal.SIGINT)


def last_line(done: Ended) -> Ended:
    """Without what was said before it came to the fault."""
    return Ended(done.code, done.out, done.err.splitlines()[-1] + "\n")


def refused(cli: Cli, output: Path, arguments: Sequence[Any], *words: str) -> None:
    done = cli("train", *arguments, "--output", output)
    last_line(done).refused(*words)
    assert not output.exists()
