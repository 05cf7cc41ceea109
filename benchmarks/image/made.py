"""The models of the picture benchmarks: those that lie in a folder, the others trained into it, one process a job."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def named_device(name: str) -> str:
    """cpu or cuda, where it is left to us."""
    if name != "auto":
        return name
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def jobs(names: Sequence[str], folder: Path, device: str, seconds: float) -> Path:
    """See that the jobs' figures lie in the folder, and give it back; ends the program where one fails."""
    for name in names:
        if (folder / f"{name}.json").is_file():
            continue
        command = [sys.executable, "-m", "benchmarks.image.mnist_job", name, "--device", device,
                   "--seconds", str(seconds), "--out", str(folder)]  # fmt: skip
        print(" ".join(command[1:]), flush=True)
        if subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode:
            sys.exit(f"{name} failed")
    return folder
