"""The trained model that a run goes on from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genvae.core.conditions import Conditions
from genvae.core.told import ToldPrior
from genvae.core.vae import VAE
from genvae.data.conditions import Declared, restored, to_config
from genvae.errors import SettingError
from genvae.host import Host
from genvae.recipe import Recipe, going_on
from genvae.store.bundle import WEIGHTS, Bundle, load
from genvae.store.folders import sha256
from genvae.store.locate import locate
from genvae.store.weights import load_into_larger, load_module
from genvae.training.record import START, identity_of

#: what of a model's card stays to be said of a model that started from it
PASSED_ON = ("summary", "licence", "data", "attribution", "started_from")


@dataclass(frozen=True)
class Start:
    """A model to go on from: its weights, its modality as it is, and what it says about itself."""

    name: str  # as it was asked for
    title: str  # as the new model's card calls it
    digest: str  # of its weights' file
    folder: Path
    bundle: Bundle

    @classmethod
    def find(cls, name: str, host: Host) -> Start:
        """A starter, a folder or a model of the hub; raises CheckpointError or PluginError."""
        folder = locate(name, host)
        bundle = load(folder, host)
        title = bundle.name if folder == Path(name).expanduser() else name
        return cls(name, title, sha256(folder / WEIGHTS), folder, bundle)

    @classmethod
    def of_run(cls, name: str | None, run_folder: Path, host: Host) -> Start | None:
        """The start of a run that is resumed, from the run's own copy.

        The model it was copied from is only looked at where it is asked for by another name, and must then have the
        same weights.
        """
        began = identity_of(run_folder).get("start")
        if began is None:
            if name is not None:
                raise SettingError("the run began without --start; leave it out to resume, or start a new run")
            return None
        if name not in (None, began["name"]):
            weights = locate(name, host) / WEIGHTS
            if not weights.is_file() or sha256(weights) != began["sha256"]:
                raise SettingError(
                    f"the run started from {began['name']!r}, and {name!r} is another model; resume with the same, "
                    "or start a new run"
                )
        folder = run_folder / START
        return cls(began["name"], began["title"], began["sha256"], folder, load(folder, host))

    @classmethod
    def asked(cls, name: str | None, output: Path, host: Host, *, resume: bool) -> Start | None:
        """The model that a run into a folder starts from, if from any."""
        run_folder = output / "run"
        if not resume:
            return None if name is None else cls.find(name, host)
        return cls.of_run(name, run_folder, host) if run_folder.is_dir() else None

    def recipe(self, target: str, assignments: Sequence[str]) -> Recipe:
        """The run's recipe; raises SettingError where it asks for another model."""
        return going_on(target, assignments, self.bundle.recipe, self.name)

    def give(self, model: VAE) -> list[str]:
        """Have a model begin with these weights, buffers among them: a prior that was fitted is. A model that is told
        more than this one begins by not listening to it; the names of those parts that must begin anew."""
        if set(model.conditions) == set(self.bundle.conditions):
            load_module(model, self.folder / WEIGHTS)
            return []
        moved = {"prior.": "prior.prior."} if isinstance(model.prior, ToldPrior) else {}
        return load_into_larger(model, self.folder / WEIGHTS, moved)

    def conditions(self, declared: Declared) -> Conditions | None:
        """The model's own conditions; None where it has none, and those that are declared are to be fitted."""
        return restored(to_config(self.bundle.conditions), declared) if self.bundle.conditions else None

    @property
    def knows_silence(self) -> bool:
        """Whether items may say nothing of its conditions."""
        return bool(self.bundle.conditions) and self.bundle.meets_unknown

    def identity(self) -> dict[str, str]:
        """For run.json."""
        return {"name": self.name, "title": self.title, "sha256": self.digest}

    def about(self) -> dict[str, Any]:
        """What the new model's card must say: where its weights come from, and what is owed to whom."""
        known = {key: self.bundle.about[key] for key in PASSED_ON if self.bundle.about.get(key)}
        return {"started_from": {"name": self.title, "sha256": self.digest, **known}}
