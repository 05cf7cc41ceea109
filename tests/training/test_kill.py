"""A run that was killed, interrupted or damaged, and resumed, ends with the tensors of one that was not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from genvae.cli.main import main
from genvae.training.checkpoints import Checkpoints
from tests.conftest import own_lines

ROOT = Path(__file__).parents[2]

#: dropout, word dropout and posterior noise draw in every step; several epochs, several validations
SETTINGS = [
    "tokenizer=char", "embedding_dim=8", "hidden_dim=12", "latent_dim=3", "layers=2", "dropout=0.2",
    "word_dropout=0.3", "batch_size=12", "epochs=4", "evaluate_every=6", "keep=2", "patience=0",
    "beta={schedule: linear, steps: 10}", "warmup_steps=4",
    "max_length=50",
]  # fmt: skip
PHASES = (
    "phases=[{name: first, max_steps: 9, objective: {objective: elbo, beta: 0.0}},"
    " {name: second, max_steps: 11, reset: [decoder], frozen: [encoder]}]"
)
KILLS = {
    "in a step": 10,  # of the second epoch, four steps after a checkpoint
    "between the files of a checkpoint": 2,
    "before the manifest": 3,  # the run's own folder is the first that is sealed
    "before the rename": 4,
    "between rename and pruning": 2,
    "between removal and rename": 6,  # of the run's folder, of four checkpoints, and of the last one again
}


def arguments(data: Path, output: Path, *more: str) -> list[str]:
    sets = [word for entry in SETTINGS for word in ("--set", entry)]
    return ["train", "sentence", "--data", str(data), "--output", str(output), *sets, *more]


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def assert_equal_runs(one: Path, two: Path) -> None:
    first, second = (load_file(str(folder / "model.safetensors")) for folder in (one, two))
    assert set(first) == set(second) and first
    assert [name for name in first if not torch.equal(first[name], second[name])] == []
    assert (one / "run/metrics.jsonl").read_text() == (two / "run/metrics.jsonl").read_text()


class Runs:
    """One uninterrupted run with phases and one without, and a folder for each way of dying."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "lines.txt"
        self.data.write_text("\n".join(own_lines(70)) + "\n", encoding="utf-8")
        self.whole = folder / "whole"
        self.phased = folder / "phased"
        assert main(arguments(self.data, self.whole)) == 0
        assert main(arguments(self.data, self.phased, "--set", PHASES)) == 0
        jobs = [(way, number, self.at(way), ()) for way, number in KILLS.items()]
        jobs.append(("in a step", 18, self.at("second phase"), ("--set", PHASES)))
        described = [
            {"way": way, "number": number, "arguments": arguments(self.data, output, *more)}
            for way, number, output, more in jobs
        ]
        made = subprocess.run(
            [sys.executable, "-m", "tests.training.killed", json.dumps(described)],
            cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        self.ends = dict(zip([job[2].name for job in jobs], json.loads(made.stdout.splitlines()[-1]), strict=True))

    def at(self, name: str) -> Path:
        return self.folder / name.replace(" ", "-")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("killed"))


def steps(folder: Path) -> list[int]:
    return sorted(int(path.name[5:]) for path in (folder / "run/checkpoints").glob("step-*"))


def test_the_run_is_one_that_could_go_wrong(runs: Runs) -> None:
    lines = [json.loads(line) for line in (runs.whole / "run/metrics.jsonl").read_text().splitlines()]
    assert len([line for line in lines if line["kind"] == "validation"]) >= 4
    assert any(line["kind"] == "train" for line in lines) and lines[-1]["step"] > 20


@pytest.mark.parametrize("way", KILLS)
def test_a_killed_run_resumes_to_the_same_tensors(runs: Runs, way: str) -> None:
    output = runs.at(way)
    assert runs.ends[output.name] == -signal.SIGKILL
    assert not (output / "model.safetensors").exists()
    left = steps(output)
    if way == "between rename and pruning":
        assert left == [6, 12], "the checkpoint that was renamed is not there"
    elif way == "between removal and rename":
        assert left == steps(runs.whole)[:-1], "the last checkpoint is there"
    elif way != "in a step":
        assert list((output / "run/checkpoints").glob(".staged-*")), "it was not killed while writing a checkpoint"
    assert main([*arguments(runs.data, output), "--resume"]) == 0
    assert_equal_runs(output, runs.whole)
    assert not list(output.rglob(".staged-*")), "staged folders were left behind"
    assert steps(output) == steps(runs.whole), "other checkpoints were kept"


def test_a_run_killed_in_its_second_phase_resumes_to_the_same_tensors(runs: Runs) -> None:
    output = runs.at("second phase")
    assert runs.ends[output.name] == -signal.SIGKILL
    state, _ = Checkpoints(output / "run/checkpoints").newest()
    assert state is not None and state.phase == 1 and 0 < state.phase_step < 11, state
    assert main([*arguments(runs.data, output, "--set", PHASES), "--resume"]) == 0
    assert_equal_runs(output, runs.phased)


def test_ctrl_c_saves_and_the_run_goes_on_in_another_process(runs: Runs, capfd: pytest.CaptureFixture[str]) -> None:
    """A real process and a real signal; the run goes on in this process."""
    output = runs.at("ctrl-c")
    program = [sys.executable, "-c", "import sys; from genvae.cli.main import main; sys.exit(main())"]
    command = [*program, *arguments(runs.data, output)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True)
    metrics = output / "run/metrics.jsonl"
    until = time.monotonic() + 120
    while not (metrics.exists() and metrics.stat().st_size) and time.monotonic() < until and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 130, said
    assert "saved. Give the same command with --resume to go on" in said and "Traceback" not in said
    assert not (output / "model.safetensors").exists()
    stopped = int(said.rsplit("stopped at step ", 1)[1].split(";")[0])
    assert steps(output)[-1] == stopped
    assert main([*arguments(runs.data, output), "--resume"]) == 0
    assert f"resuming from step {stopped}" in capfd.readouterr().err
    assert_equal_runs(output, runs.whole)


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing", "no manifest"])
def test_a_damaged_newest_checkpoint_is_refused_by_name_and_the_one_before_is_used(
    runs: Runs, damage: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run-of-mine"
    shutil.copytree(runs.whole, output)
    (output / "model.safetensors").unlink()
    newest = steps(output)[-1]
    weights = output / f"run/checkpoints/step-{newest:08d}/model.safetensors"
    if damage == "flipped":
        content = bytearray(weights.read_bytes())
        content[-5] ^= 1
        weights.write_bytes(content)
    elif damage == "cut":
        weights.write_bytes(weights.read_bytes()[:100])
    elif damage == "missing":
        weights.unlink()
    else:
        (weights.parent / "manifest.json").unlink()
    assert main([*arguments(runs.data, output), "--resume"]) == 0
    said = capfd.readouterr().err
    assert f"step-{newest:08d} is not used:" in said, said
    assert f"resuming from step {steps(runs.whole)[-2]}" in said
    assert_equal_runs(output, runs.whole)


def test_a_run_whose_every_checkpoint_is_damaged_begins_again(runs: Runs, tmp_path: Path) -> None:
    output = tmp_path / "run-of-mine"
    shutil.copytree(runs.whole, output)
    for path in (output / "run/checkpoints").glob("*/state.json"):
        path.write_text("{}")
    assert main([*arguments(runs.data, output), "--resume"]) == 0
    assert_equal_runs(output, runs.whole)


def test_resuming_a_finished_run_changes_nothing(runs: Runs) -> None:
    before = load_file(str(runs.whole / "model.safetensors"))
    metrics = (runs.whole / "run/metrics.jsonl").read_bytes()
    assert main([*arguments(runs.data, runs.whole), "--resume"]) == 0
    after = load_file(str(runs.whole / "model.safetensors"))
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (runs.whole / "run/metrics.jsonl").read_bytes() == metrics


def test_other_settings_or_other_data_are_refused(
    runs: Runs, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments(runs.data, runs.whole, "--set", "dropout=0.1"), "--resume"]) == 2
    said = capfd.readouterr().err
    assert "dropout: 0.2 then, 0.1 now" in said
    other = tmp_path / "other.txt"
    other.write_text("\n".join(own_lines(69)) + "\n", encoding="utf-8")
    assert main([*arguments(other, runs.whole), "--resume"]) == 2
    assert "the data are not those the run began with" in capfd.readouterr().err
