"""How long a user waits: cold commands, and 512 items once a model is loaded.

    python benchmarks/start_up.py [MODEL] [--pictures MODEL] [--runs 5]

Cold times are of whole processes, median and range over the runs. With a model of pictures: 36 mixes as the studio's
page Mix makes them, sheet, download and pieces included, once it is warm; and `genvae complete` on a font file (made of
letters that the model drew itself), cold.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
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


def page(model: str, runs: int) -> dict[str, float]:
    """Seconds for the sheet of 6 x 6 mixes on the page Mix, after one."""
    from genvae.service import Service
    from genvae_studio.pages.mix import mixed
    from genvae_studio.pieces import lay_out
    from genvae_studio.studio import Studio

    studio = Studio(Service(), model)
    table = lay_out(studio, model)
    for tray in table.trays:
        tray.pieces, tray.weights = tray.gallery[:6], [1.0] * 6
    mixed(studio, table)
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        sheet = mixed(studio, table)
        seconds.append(time.perf_counter() - began)
        assert sheet.count("<td><img") == 36, sheet[:300]
    return {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds)}


def completed(model: str, runs: int) -> dict[str, float]:
    """Seconds of ``genvae complete`` on a font file, a process each."""
    import genvae

    with tempfile.TemporaryDirectory() as folder:
        font, sheet = Path(folder) / "own.ttf", Path(folder) / "sheet.png"
        handle = genvae.load(model)
        letters = next(block["values"] for block in handle.blocks() if block["values"])[:4]
        drawn = handle.mix(label=letters, style_draw=1, seed=1)
        handle.complete(dict(zip(letters, drawn, strict=True)), output=str(font))
        words = ["complete", model, "--font", str(font), "--letters", "".join(letters), "--output", str(sheet)]
        return cold(["-c", RUN, *words], runs)


def main() -> None:
    """Measure, print a table, keep the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="sentences-en")
    parser.add_argument("--pictures", help="a model of pictures")
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
    if arguments.pictures:
        figures["page Mix, 6 x 6, warm"] = page(arguments.pictures, runs)
        figures["genvae complete --font"] = completed(arguments.pictures, runs)
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
