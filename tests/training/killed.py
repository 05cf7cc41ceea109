"""A program that trains and kills itself on the way, again and again. Not a test: tests/training/test_kill.py runs it.

One process imports everything once and forks a child for each way of dying; each child has itself killed by SIGKILL
at the n-th call of one function of the engine, which is patched here and nowhere else.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import genvae.store.folders
import genvae.training.checkpoints
import genvae.training.loop
from genvae.cli.main import main


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(owner: Any, name: str, number: int, *, before: bool) -> None:
    """Die at the ``number``-th call of a function, before it does its work or after."""
    real: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def counting(*arguments: Any, **keywords: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number and before:
            die()
        answer = real(*arguments, **keywords)
        if calls == number:
            die()
        return answer

    setattr(owner, name, counting)


WAYS: dict[str, Callable[[int], None]] = {
    # in an epoch, a step done and not saved
    "in a step": lambda n: at_call(genvae.training.loop.Trainer, "_step", n, before=False),
    # the model's file is written, the optimizer's is not
    "between the files of a checkpoint": lambda n: at_call(
        genvae.training.checkpoints, "save_optimizer", n, before=True
    ),
    # every file is there, the manifest is not
    "before the manifest": lambda n: at_call(genvae.store.folders, "seal", n, before=True),
    # all is written and sealed, under its staging name
    "before the rename": lambda n: at_call(genvae.store.folders, "seal", n, before=False),
    # the new checkpoint is in its place, the old ones too
    "between rename and pruning": lambda n: at_call(genvae.training.checkpoints.Checkpoints, "prune", n, before=True),
    # the last checkpoint is written twice, the second time as ended: the first is gone, the second not yet there
    "between removal and rename": lambda n: at_call(Path, "rename", n, before=True),
}


def run(jobs: list[dict[str, Any]]) -> None:
    """Each job in a child of its own; how each ended, as one line of JSON."""
    for slow in (
        "datasets",
        "torch._dynamo",
        "genvae.latent.tools",
        "genvae.handlers.train",
        "genvae_sentence.lstm",
    ):
        importlib.import_module(slow)  # once, before the children
    ends = []
    for job in jobs:
        child = os.fork()
        if not child:
            WAYS[job["way"]](job["number"])
            os._exit(main(job["arguments"]))
        status = os.waitpid(child, 0)[1]
        ends.append(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
    print(json.dumps(ends))


if __name__ == "__main__":
    run(json.loads(sys.argv[1]))
