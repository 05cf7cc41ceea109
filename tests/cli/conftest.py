"""What the tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import pytest

from genvae.cli.main import main
from tests.cli.program import Cli, Ended


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command in this process."""

    def run(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run


@pytest.fixture(scope="module")
def trained(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, without its run: what a user gets."""
    import shutil

    folder = tmp_path_factory.mktemp("users") / "tiny"
    shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("run"))
    return folder
