"""How long a user waits: cold commands, and 512 items once a model is loaded.

    python benchmarks/start_up.py [MODEL] [--runs 5]

Cold times are of whole processes, median and range over the runs.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

RUN = "from genvae.cli.main import run; run()"


def cold(arguments: list[str], runs: int) -> dict[str, float]:
    """Seconds of whole processes after one that warms the disk's cache."""
    seconds = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    counted = seconds[1:]
    return {"median": statistics.median(counted), "min": min(counted), "max": max(counted)}


def loaded(model: str, runs: int) -> dict[str, float]:
    """Seconds for 512 items from a model that is loaded and has answered once."""
    import genvae

    handle = genvae.load(model)
    handle.generate(1)
    seconds = []
    for seed in range(runs):
        began = time.perf_counter()
        handle.generate(512, seed=seed)
        seconds.append(time.perf_counter() - began)
    return {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds)}


def main() -> None:
    """Measure, print a table, keep the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="sentences-en")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    runs = arguments.runs
    figures: dict[str, Any] = {
        "import torch (theirs)": cold(["-c", "import torch"], runs),
        "import genvae": cold(["-c", "import genvae"], runs),
        "genvae --help": cold(["-c", RUN, "--help"], runs),
        "genvae plugins": cold(["-c", RUN, "plugins"], runs),
        "genvae generate -n 1": cold(["-c", RUN, "generate", arguments.model, "-n", "1"], runs),
        "generate(512), loaded": loaded(arguments.model, runs),
    }
    for name, seconds in figures.items():
        print(f"{name:24}  {seconds['median']:.2f} s  ({seconds['min']:.2f} to {seconds['max']:.2f})")
    about = {
        "machine": platform.processor() or platform.machine(), "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in ("torch", "tokenizers", "typer", "genvae")},
    }  # fmt: skip
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "start_up.json").write_text(json.dumps({**about, "seconds": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
