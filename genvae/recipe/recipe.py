"""Recipes: everything that decides a training run, as plain data that names parts by their ids.

A recipe is what the modality proposes, then a YAML file, then single settings, each over the one
before. It is stored with the model, so the model can be built again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genvae import settings
from genvae.errors import DataError, PluginError, SettingError, nearest
from genvae.host import Host, named
from genvae.recipe.settings import Phase, TrainingSettings

if TYPE_CHECKING:
    from genvae.core.conditions import Conditions, ConditionSettings
    from genvae.core.vae import VAE
    from genvae.data.modality import Modality, ModalitySettings

#: Sections that hold one part each, with the part that serves when nothing is said.
PARTS = {
    "modality": None, "architecture": None, "posterior": "diagonal-gaussian", "prior": "standard-normal",
    "objective": "elbo",
}  # fmt: skip
SECTIONS = (*PARTS, "conditions", "corruptions", "training", "phases")

_NAME = re.compile(r"[A-Za-z]\w*")  # of a condition: it is a name of modules, too


class Recipe:
    """The sections of a recipe, each in full, defaults written out: ``{modality: sentence, tokenizer: bpe, ...}``.

    ``below`` are the sections it lies over; default: what the modality proposes.
    """

    def __init__(self, sections: Mapping[str, Any], host: Host, below: Mapping[str, Any] | None = None) -> None:
        for name in sections:
            if name not in SECTIONS:
                raise SettingError(f"unknown section {name!r} in the recipe; {nearest(str(name), SECTIONS)}")
        self.host = host
        if below is None:
            given = _part_id("modality", sections.get("modality"), host)
            below = dict(host.make("modality", given).recipe())
        self.sections: dict[str, Any] = {}
        for name in SECTIONS:
            values = [source[name] for source in (below, sections) if name in source]
            entry: Any = PARTS.get(name)
            if name in PARTS:
                for value in values:
                    entry = _over(name, entry, value, host)
                if entry is None:
                    raise SettingError(f"the recipe names no {name}")
            elif name == "training" and all(isinstance(value, Mapping) for value in values):
                entry = {key: value for settled in values for key, value in settled.items()}
            elif values:
                entry = values[-1]
            self.sections[name] = self._complete(name, entry)

    def _complete(self, section: str, entry: Any) -> Any:
        """A section, checked, with every default written out."""
        if section in PARTS:
            return self.host.complete(section, entry)
        if section == "training":
            entry = {} if entry is None else entry
            if not isinstance(entry, Mapping):
                raise SettingError(f"training must be a mapping of settings; got {entry!r}")
            return settings.plain(settings.build(TrainingSettings, entry, where="training"))
        if section == "conditions":
            return self._conditions({} if entry is None else entry)
        entries = [] if entry is None else entry
        if isinstance(entries, str | Mapping) or not isinstance(entries, Sequence):
            raise SettingError(f"{section} must be a list; got {entry!r}")
        if section == "corruptions":
            return [self.host.complete("corruption", corruption) for corruption in entries]
        for phase in entries:
            if not isinstance(phase, Mapping):
                raise SettingError(f"a phase is a mapping of settings; got {phase!r}")
        phases = [settings.plain(settings.build(Phase, phase, where="phase")) for phase in entries]
        for phase in phases:
            if phase["objective"] is not None:
                phase["objective"] = self.host.complete("objective", phase["objective"])
            if phase["corruptions"] is not None:
                phase["corruptions"] = [self.host.complete("corruption", entry) for entry in phase["corruptions"]]
        return phases

    def _conditions(self, entry: Any) -> dict[str, Any]:
        """The section of conditions: name -> a kind's id, or {kind: ID, ...}."""
        if not isinstance(entry, Mapping):
            raise SettingError(f"conditions must be a mapping, like {{form: {{kind: class}}}}; got {entry!r}")
        made = {}
        for name, own in entry.items():
            if own is None and ":" in str(name):  # as YAML reads it
                spaced = str(name).replace(":", ": ")
                raise SettingError(f"conditions: {name!r} needs a space after the colon: {{{spaced}}}")
            if not _NAME.fullmatch(str(name)):
                raise SettingError(f"a condition's name is letters, digits and _, not {name!r}; column may be any text")
            short = isinstance(own, Mapping) and "kind" in own
            written = {"condition" if key == "kind" else key: value for key, value in own.items()} if short else own
            made[str(name)] = self.host.complete("condition", written)
        return made

    @classmethod
    def of(cls, target: str, host: Host, below: Mapping[str, Any] | None = None) -> Recipe:
        """The recipe that a modality's id or a YAML file names."""
        path = Path(target)
        if path.suffix in (".yaml", ".yml"):
            return cls(_read_yaml(path), host, below)
        known = [part.id for part in host.parts("modality")]
        if target not in known:
            raise PluginError(
                f"{target!r} is neither a recipe (a .yaml file) nor an installed modality; {nearest(target, known)}"
            )
        return cls({"modality": target}, host, below)

    # -- single settings -------------------------------------------------------------------------

    def set(self, assignments: Sequence[str]) -> None:
        """Apply "key=value" settings; the key is a setting's own name, or "section.name".

        The id of a corruption is a key, too: its value is the corruption's first setting (the rate, mostly).
        """
        for text in assignments:
            name, equals, value = text.partition("=")
            if not equals:
                raise SettingError(f"a setting is given as name=value; got {text!r}")
            self._assign(name.strip(), value.strip())

    def _fields(self) -> dict[str, list[str]]:
        """Where each setting's name occurs: name -> sections."""
        places: dict[str, list[str]] = {}
        for section in (*PARTS, "training"):
            for name in settings.names(self._class(section)):
                places.setdefault(name, []).append(section)
        return places

    def _class(self, section: str) -> type:
        if section == "training":
            return TrainingSettings
        part: type = self.host.load(section, self.sections[section][section])
        return part

    def _assign(self, name: str, text: str) -> None:
        value = _value(name, text)
        section, dot, field = name.partition(".")
        places = self._fields()
        if dot:
            if section not in (*PARTS, "training"):
                raise SettingError(f"unknown section {section!r}; {nearest(section, (*PARTS, 'training'))}")
            if section not in places.get(field, []):
                raise SettingError(
                    f"unknown setting {field!r} in {section}; {nearest(field, settings.names(self._class(section)))}"
                )
        elif name in PARTS:
            self.sections[name] = self._complete(name, _over(name, self.sections[name], value, self.host))
            return
        elif name in ("conditions", "corruptions", "phases"):
            self.sections[name] = self._complete(name, value)
            return
        elif name.replace("_", "-") in [part.id for part in self.host.parts("corruption")]:
            corruption = name.replace("_", "-")
            others = [entry for entry in self.sections["corruptions"] if entry["corruption"] != corruption]
            first = settings.names(self.host.load("corruption", corruption))[0]
            made = [*others, {"corruption": corruption, first: value}]
            self.sections["corruptions"] = self._complete("corruptions", made)
            return
        else:
            field, found = name, places.get(name, [])
            if not found:
                corruptions = [part.id.replace("-", "_") for part in self.host.parts("corruption")]
                known = [*places, *PARTS, *corruptions]
                raise SettingError(f"unknown setting {name!r}; {nearest(name, known)}")
            if len(found) > 1:
                raise SettingError(f"{name!r} is a setting of {' and '.join(found)}; write {found[0]}.{name}")
            section = found[0]
        if value is not None and settings.is_text(settings.hints(self._class(section))[field]):
            value = value if isinstance(value, str) else text  # text_column=2020 names a column
        self.sections[section] = self._complete(section, {**self.sections[section], field: value})

    # -- what it makes ---------------------------------------------------------------------------

    def modality_settings(self) -> ModalitySettings:
        """The settings of the modality."""
        made: ModalitySettings = self.host.make("modality", self.sections["modality"])
        return made

    def condition_settings(self) -> dict[str, ConditionSettings]:
        """The settings of each condition by its name."""
        return {name: self.host.make("condition", entry) for name, entry in self.sections["conditions"].items()}

    def build(self, modality: Modality, seed: int = 0, conditions: Conditions | None = None) -> VAE:
        """A new model for a modality and what the data's conditions are, its weights drawn from a seed."""
        import torch

        from genvae.core.conditions import DECODER, Categorical, Conditions
        from genvae.core.randomness import Stream
        from genvae.core.told import prior_of, told
        from genvae.core.vae import VAE

        known = Conditions() if conditions is None else conditions
        if set(known) != set(self.sections["conditions"]):
            raise SettingError(f"the recipe's conditions are {list(self.sections['conditions'])}, not {list(known)}")

        make = self.host.make
        self._check_modality()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(Stream(seed, "weights").integer())
            architecture = make("architecture", self.sections["architecture"])
            seen = [condition.seen for condition in known.reaching(DECODER)]
            networks = told(architecture.build(modality, seen), known)
            self._check_needs(networks.needs)
            posterior = make("posterior", self.sections["posterior"])
            own = [
                Categorical(name, list(modality.values(name)), modality.counts(name))
                for name in networks.observed if name not in known and modality.values(name)
            ]  # fmt: skip
            return VAE(
                blocks=networks.blocks, encoder=networks.encoder, decoder=networks.decoder,
                likelihood=networks.likelihood,
                posterior=(
                    posterior.build(networks.latent, networks.features, networks.own) if networks.latent else None
                ),
                prior=prior_of(make("prior", self.sections["prior"]), networks.blocks, known),
                observed=networks.observed, conditions=known.with_own(own),
            )  # fmt: skip

    def _check_modality(self) -> None:
        modality = self.sections["modality"]["modality"]
        for kind, part_id in named(self.sections):
            serves = self.host.part(kind, part_id).modality
            if serves not in ("", modality):
                raise SettingError(f"{kind} {part_id!r} is for modality {serves!r}, not {modality!r}")

    def _check_needs(self, needs: Mapping[str, str]) -> None:
        missing = [f"{kind}={part_id}" for kind, part_id in needs.items() if self.sections[kind][kind] != part_id]
        if missing:
            name = self.sections["architecture"]["architecture"]
            raise SettingError(f"architecture {name!r} needs {' and '.join(missing)}")

    def to_config(self) -> dict[str, Any]:
        """The recipe as plain data."""
        config: dict[str, Any] = settings.plain(self.sections)
        return config

    def plugins(self) -> list[dict[str, str]]:
        """Which plugins the recipe's parts came from, so that a missing one can be named later."""
        owners = {record.name: record.distribution for record in self.host.owners(self.sections)}
        return [{"name": name, "distribution": distribution} for name, distribution in owners.items()]


def differences(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two pieces of plain data differ: the path of each setting, and its two values."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in sorted({*before, *now}):
            yield from differences(before.get(name), now.get(name), f"{path}.{name}".strip("."))
    elif before != now:
        yield path, before, now


def _part_id(kind: str, entry: Any, host: Host) -> str:
    if entry is None:
        raise SettingError("the recipe names no modality; begin it with a line like 'modality: sentence'")
    return host.split(kind, entry)[0]


def _over(kind: str, below: Any, above: Any, host: Host) -> Any:
    """An entry laid over another: the same part keeps the options that are not given anew."""
    if isinstance(above, Mapping) and kind not in above and below is not None:
        above = {kind: host.split(kind, below)[0], **above}
    part_id, options = host.split(kind, above)
    if below is not None:
        below_id, below_options = host.split(kind, below)
        if below_id == part_id:
            return {kind: part_id, **below_options, **options}
    return {kind: part_id, **options}


def _value(name: str, text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # ValueError: a date or a number that cannot be
        raise SettingError(f"{name}: cannot read the value {text!r}") from None


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"no such recipe: {path}") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DataError(f"{path}: cannot be read as a recipe ({' '.join(str(error).split())[:160]})") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: a recipe is a mapping of sections: {', '.join(SECTIONS)}")
    return content
