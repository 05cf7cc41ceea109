"""A disk that fills up, at each thing that is written: one line, and what was whole stays whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genvae.store.folders import fault
from tests.cli.program import QUICK, Ended, snapshot

resource = pytest.importorskip("resource")  # no such limit on Windows

#: no file may grow beyond a number of bytes: writing more fails, as on a full disk
PROGRAM = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from genvae.cli.main import main
import genvae.training.run
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""


def limited(size: int, *arguments: str | Path, cache: Path) -> Ended:
    environment = {**os.environ, "GENVAE_CACHE": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(size), *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=120, env=environment,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr.splitlines()[-1] + "\n" if done.stderr else "")


def test_a_disk_full_at_the_start_leaves_nothing(lines_file: Path, tmp_path: Path) -> None:
    """Not even the prepared examples fit."""
    output = tmp_path / "out"
    done = limited(200, "train", "sentence", "--data", lines_file, "--output", output, *QUICK, cache=tmp_path / "cache")
    done.refused("cannot write prepared data", "GENVAE_CACHE")
    assert not output.exists()


def test_a_disk_full_at_a_checkpoint_keeps_the_whole_ones(lines_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done = limited(
        150_000, "train", "sentence", "--data", lines_file, "--output", output, *QUICK, "--set", "hidden_dim=128",
        cache=tmp_path / "cache",
    )  # fmt: skip
    done.refused("cannot write", "step-00000007")
    left = snapshot(output)
    assert not [name for name in left if ".staged-" in name or "step-" in name]
    assert not (output / "config.json").exists()  # no model where none is whole
    assert fault(output) != ""


def test_a_disk_full_over_a_model_leaves_the_model(trained: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(trained, tmp_path / "model")
    before = snapshot(tmp_path / "model")
    code = f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from pathlib import Path
from genvae.errors import GenvaeError
from genvae.host import default_host
from genvae.store.bundle import load, save
folder = Path({str(tmp_path / "model")!r})
bundle = load(folder, default_host())
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
try: save(bundle, folder)
except GenvaeError as error: sys.exit(str(error))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert done.stderr.startswith("cannot write")
    assert snapshot(tmp_path / "model") == before
    assert fault(tmp_path / "model") == ""
