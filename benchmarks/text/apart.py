"""A measurement in a process of its own, timed and weighed from outside.

    python -m benchmarks.text.apart MODULE '{"an argument": 1}'

calls ``benchmarks.text.MODULE.run`` (or MODULE.run, where that is a whole path) and says its answer as JSON. The parent
must stay small (it imports no torch): a child's peak memory begins at its parent's.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """A finished child: seconds of the whole process by the clock and of all its threads' work, its peak memory in MB,
    what it answered."""

    seconds: float
    work: float
    peak: float
    answer: dict[str, Any]


def apart(module: str, arguments: dict[str, Any], *, threads: int, python: str = sys.executable) -> Ran:
    """Run a module's ``run`` in a new process; ends the program with the child's last words when it fails."""
    command = [python, "-m", "benchmarks.text.apart", module, json.dumps(arguments)]
    pinned = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as wrong:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **pinned}, stdout=said, stderr=wrong)
        try:
            _, status, usage = os.wait4(process.pid, 0)  # the one wait that tells this child's memory
        except BaseException:
            process.kill()
            raise
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        wrong.seek(0)
        if process.returncode:
            sys.exit(f"{module} failed ({process.returncode}): {wrong.read()[-2000:]}")
        unit = 1e6 if sys.platform == "darwin" else 1e3
        work = usage.ru_utime + usage.ru_stime
        return Ran(seconds, work, usage.ru_maxrss / unit, json.loads(said.read().strip().splitlines()[-1]))


def main() -> None:
    """The child's side."""
    module, arguments = sys.argv[1:]
    path = module if "." in module else f"benchmarks.text.{module}"
    answer = importlib.import_module(path).run(**json.loads(arguments))
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
