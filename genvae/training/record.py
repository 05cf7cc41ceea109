"""What a run is recorded as, so that it can be resumed: recipe, data, modality, and the model it started from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from genvae.data.modality import Modality
from genvae.errors import CheckpointError, SettingError
from genvae.host import Host
from genvae.progress import Reporter
from genvae.recipe import Recipe, differences
from genvae.store.bundle import Bundle, save
from genvae.store.folders import staged, sweep, write_json
from genvae.training.checkpoints import Checkpoints, State

RUN = "run.json"
CONDITIONS = "conditions.json"
START = "start"  # the folder of the model that the run started from, so that the model itself may change or go

#: what run.json has the content hash of, by what a message calls it
HASHED = {"data": "data", "validation": "validation data"}


def check_output(output: Path, run_folder: Path, resume: bool) -> None:
    """Raise CheckpointError where a run cannot begin, or has nothing to be resumed from."""
    if output.exists() and not output.is_dir():
        raise CheckpointError(f"{output} is a file; the output is a folder")
    if resume:
        if not run_folder.is_dir():
            raise CheckpointError(f"{output} holds no run to resume; leave out --resume to begin one")
        return
    if run_folder.exists():
        raise CheckpointError(f"{output} already holds a run; go on with it by --resume, or choose another folder")
    if output.exists() and any(output.iterdir()):
        raise CheckpointError(f"{output} is not empty; choose a new folder")


def begin(
    identity: dict[str, Any],
    run_folder: Path,
    modality: Modality,
    start: Bundle | None,
    conditions: dict[str, Any] | None = None,
) -> Path:
    """Make the run's folder, whole: what is being trained, modality and conditions as they were fitted, the model it
    starts from. Returns what is to be removed for nothing to be left of the run: that folder, or the output where it
    was not there before."""
    made = run_folder if run_folder.parent.exists() else run_folder.parent
    try:
        with staged(run_folder) as stage:
            write_json(stage / RUN, identity)
            (stage / "modality").mkdir()
            modality.save(stage / "modality")
            if conditions:
                write_json(stage / CONDITIONS, conditions)
            if start is not None:
                save(start, stage / START)
    except CheckpointError:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return made


def conditions_of(run_folder: Path) -> dict[str, Any]:
    """The run's conditions; raises CheckpointError when they are damaged."""
    path = run_folder / CONDITIONS
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return found
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged ({type(error).__name__})") from None


def identity_of(run_folder: Path) -> dict[str, Any]:
    """What run.json says; raises CheckpointError when it is damaged."""
    try:
        found = json.loads((run_folder / RUN).read_text(encoding="utf-8"))
        start = found.get("start")
        if start is None or all(isinstance(start[key], str) for key in ("name", "title", "sha256")):
            return {**dict.fromkeys(HASHED), **found}
        raise TypeError
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(run_folder, error) from None


def resumed(
    identity: dict[str, Any], run_folder: Path, checkpoints: Checkpoints, host: Host, reporter: Reporter
) -> State | None:
    """The state to go on from; refuses when recipe or data are not those of the run."""
    sweep(run_folder.parent)
    before = identity_of(run_folder)
    try:
        settled = Recipe(before["recipe"], host).to_config()  # with the defaults of today
        if not isinstance(before["data"], str):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(run_folder, error) from None
    for name, what in HASHED.items():
        if before[name] != identity[name]:
            raise SettingError(
                f"the {what} are not those the run began with; resume with the same file, or start a new run"
            )
    differing = [f"{path}: {then} then, {now} now" for path, then, now in differences(settled, identity["recipe"])]
    if differing:
        raise SettingError(
            f"the run began with other settings ({', '.join(differing)}); resume with the same, or start a new run"
        )
    state, refused = checkpoints.newest()
    for line in refused:
        reporter.say(line)
    reporter.say(f"resuming from step {state.step}" if state else "no checkpoint yet: starting from the beginning")
    return state


def _damaged(run_folder: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{run_folder / RUN} is damaged ({type(error).__name__})")
