"""Finding plugins and keeping what they register.

pluggy alone stops at the first broken entry point, loses every result when one implementation
raises, calls last-in-first-out and accepts a misspelt hook in silence. The host loads and calls
each plugin by itself, in an order that can be stated, and turns each fault into a record.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from typing import Any

import pluggy

from genvae import settings
from genvae.errors import PluginError, SettingError, nearest
from genvae.host import hookspecs
from genvae.host.records import Record, Status
from genvae.host.specs import KINDS, METHODS, SPECS, Part, resolve

GROUP = "genvae"
ENGINE = ("engine", "genvae.parts")  # the engine's own parts: always first, never switched off

ONLY = "GENVAE_PLUGINS"  # comma-separated names: only these, in this order
WITHOUT = "GENVAE_WITHOUT_PLUGINS"  # comma-separated names: all but these
STRICT = "GENVAE_STRICT"  # 1: a plugin that cannot be used is an error


def _listed(variable: str) -> list[str] | None:
    text = os.environ.get(variable)
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _is_engine(point: metadata.EntryPoint) -> bool:
    return (point.name, point.value) == ENGINE


def _origin(point: metadata.EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution an entry point came from; its metadata may be missing or broken."""
    try:
        return (point.dist.name or "", point.dist.version or "") if point.dist else ("", "")
    except Exception:
        return "", ""


class Host:
    """Every plugin that was found and every part that could be registered."""

    def __init__(
        self,
        entry_points: Iterable[metadata.EntryPoint] | None = None,
        *,
        only: Sequence[str] | None = None,
        without: Sequence[str] = (),
        strict: bool = False,
    ) -> None:
        found = list(metadata.entry_points(group=GROUP) if entry_points is None else entry_points)
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._parts: dict[tuple[str, str], Part] = {}
        self._owners: dict[tuple[str, str], str] = {}
        self._classes: dict[type, Part] = {}  # settings classes and the parts that they are the factories of
        self.records: tuple[Record, ...] = ()
        for name in (*(only or ()), *without):
            if name not in {point.name for point in found}:
                hint = nearest(name, [point.name for point in found])
                raise PluginError(f"{ONLY} or {WITHOUT} names {name!r}, which is not installed; {hint}")
        for point in self._ordered(found, only):
            allowed = _is_engine(point) or ((only is None or point.name in only) and point.name not in without)
            record = self._admit(point) if allowed else self._record(point, Status.DISABLED, f"{ONLY} or {WITHOUT}")
            self.records += (record,)
            if strict and record.status not in (Status.LOADED, Status.DISABLED):
                raise PluginError(f"plugin {record.name!r} is {record.status}: {record.reason}")

    @classmethod
    def from_environment(cls) -> Host:
        """The host as GENVAE_PLUGINS, GENVAE_WITHOUT_PLUGINS and GENVAE_STRICT ask for it."""
        return cls(
            only=_listed(ONLY),
            without=_listed(WITHOUT) or (),
            strict=os.environ.get(STRICT, "") not in ("", "0"),
        )

    # -- discovery -------------------------------------------------------------------------------

    @staticmethod
    def _ordered(found: list[metadata.EntryPoint], only: Sequence[str] | None) -> list[metadata.EntryPoint]:
        """The engine, then genvae's own, then the rest by name; or as the environment lists them."""

        def place(point: metadata.EntryPoint) -> tuple[int, int, str, str]:
            distribution, _ = _origin(point)
            listed = only.index(point.name) if only and point.name in only else len(found)
            foreign = 0 if distribution == "genvae" else 1
            return (0 if _is_engine(point) else 1, listed * 2 + foreign, point.name, distribution)

        return sorted(found, key=place)

    @staticmethod
    def _record(point: metadata.EntryPoint, status: Status, reason: str, parts: Sequence[Part] = ()) -> Record:
        distribution, version = _origin(point)
        return Record(
            name=point.name, module=point.value, status=status, reason=reason, parts=tuple(parts),
            distribution=distribution, version=version,
        )  # fmt: skip

    def _admit(self, point: metadata.EntryPoint) -> Record:
        if any(r.name == point.name and r.status is Status.LOADED for r in self.records):
            return self._record(point, Status.DUPLICATE, f"another plugin is already called {point.name!r}")
        try:
            plugin = point.load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin may call sys.exit, too
            return self._record(point, Status.BROKEN, f"importing it raised {_said(error)}")
        try:
            reason = _version_fault(plugin)
            if reason:
                return self._record(point, Status.INCOMPATIBLE, reason)
            reason = _spelling_fault(plugin)
            if reason:
                return self._record(point, Status.MISSPELT, reason)
            self._manager.register(plugin, name=point.name)
            parts = self._collect(point.name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._forget(point.name)
            return self._record(point, Status.BROKEN, f"asking it for its parts raised {_said(error)}")
        fault = next(filter(None, map(_part_fault, parts)), "")
        if fault:
            self._forget(point.name)
            return self._record(point, Status.BROKEN, fault)
        for part in parts:
            holder = self._owners.get(part.key)
            if holder or sum(other.key == part.key for other in parts) > 1:
                self._forget(point.name)
                who = f"plugin {holder!r}" if holder else "this same plugin"
                return self._record(point, Status.DUPLICATE, f"{part.kind} {part.id!r} is already given by {who}")
        for part in parts:
            self._parts[part.key] = part
            self._owners[part.key] = point.name
        return self._record(point, Status.LOADED, "", parts)

    def _collect(self, name: str) -> list[Part]:
        """This plugin's own hook result, called by itself so that no other can lose it."""
        plugin = self._manager.get_plugin(name)
        callers = self._manager.get_hookcallers(plugin) or []
        found: list[Part] = []
        for caller in callers:
            for implementation in caller.get_hookimpls():
                if implementation.plugin is plugin:
                    parts: Any = implementation.function()
                    found.extend(parts)
        return found

    def _forget(self, name: str) -> None:
        if self._manager.get_plugin(name) is not None:
            self._manager.unregister(name=name)

    # -- what is registered ----------------------------------------------------------------------

    def parts(self, kind: str) -> tuple[Part, ...]:
        """Every part of a kind, in the order of their plugins."""
        if kind not in KINDS:
            raise PluginError(f"unknown kind of part {kind!r}; {nearest(kind, KINDS)}")
        return tuple(part for part in self._parts.values() if part.kind == kind)

    def part(self, kind: str, part_id: str) -> Part:
        """One part's spec; raises PluginError that names the nearest id or the plugin that failed."""
        known = [part.id for part in self.parts(kind)]
        if (kind, part_id) in self._parts:
            return self._parts[kind, part_id]
        failed = [f"{r.name} ({r.status}: {r.reason})" for r in self.records if r.status is not Status.LOADED]
        note = f"; plugins not in use: {', '.join(failed)}" if failed else ""
        raise PluginError(f"no {kind} {part_id!r} is installed; {nearest(part_id, known)}{note}")

    def owner(self, kind: str, part_id: str) -> Record:
        """The record of the plugin that gave a part."""
        name = self._owners[self.part(kind, part_id).key]
        return next(r for r in self.records if r.name == name and r.status is Status.LOADED)

    def load(self, kind: str, part_id: str) -> Any:
        """Import a part's factory; an import that fails is a PluginError that names the plugin."""
        part = self.part(kind, part_id)
        try:
            return part.load()
        except (Exception, SystemExit) as error:
            owner = self._owners[part.key]
            raise PluginError(f"{kind} {part_id!r} of plugin {owner!r} cannot be loaded: {_said(error)}") from error

    def make(self, kind: str, config: str | Mapping[str, Any]) -> Any:
        """A part's settings object from a recipe entry.

        An entry is an id, or a mapping that names its kind: ``{schedule: linear, stop: 1.0}``.
        Mappings inside that name a kind are made first, so parts nest.
        """
        part_id, options = self.split(kind, config)
        factory = self.load(kind, part_id)
        if not (isinstance(factory, type) and dataclasses.is_dataclass(factory)):
            path, owner = self._parts[kind, part_id].factory, self._owners[kind, part_id]
            raise PluginError(f"{kind} {part_id!r} of plugin {owner!r}: {path} is no dataclass of settings")
        kinds = {field.name: field.metadata.get("parts") for field in dataclasses.fields(factory)}
        made = {key: self._nested(value, kinds.get(key)) for key, value in options.items()}
        self._classes[factory] = self._parts[kind, part_id]
        return settings.build(factory, made, where=f"{kind} {part_id}")

    @staticmethod
    def split(kind: str, config: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """An entry's id and its options."""
        if isinstance(config, str):
            return config, {}
        if not isinstance(config, Mapping) or not isinstance(config.get(kind), str):
            raise SettingError(f"a {kind} is given by its id, or as {{{kind}: ID, ...}}; got {config!r}")
        return config[kind], {key: value for key, value in config.items() if key != kind}

    def _nested(self, value: Any, kind: str | None = None) -> Any:
        """An option with the parts in it made; ``kind`` is that of a part, or of all parts of a list, which may
        then be ids."""
        if kind and isinstance(value, list | tuple):
            return [self.make(kind, entry) for entry in value]
        if kind and isinstance(value, str | Mapping):
            return self.make(kind, value)
        if kind and value is not None and not dataclasses.is_dataclass(value):
            raise SettingError(f"{value!r} is no {kind}: give an id, or {{{kind}: ID, ...}}")
        if isinstance(value, Mapping):
            kind = _kind(value)
            return self.make(kind, value) if kind else {key: self._nested(entry) for key, entry in value.items()}
        if isinstance(value, list | tuple):
            return [self._nested(entry) for entry in value]
        return value

    def complete(self, kind: str, config: str | Mapping[str, Any]) -> dict[str, Any]:
        """A recipe entry, checked by making it once: every value of its type, every default written out, at
        every depth."""
        made = self.make(kind, config)
        return {kind: self.split(kind, config)[0], **self._fields(made)}

    def _fields(self, made: Any) -> dict[str, Any]:
        return {f.name: self._entry(getattr(made, f.name)) for f in dataclasses.fields(made) if f.init}

    def _entry(self, value: Any) -> Any:
        """What a settings object was made from, as plain data: a part's begins with its kind and id."""
        if dataclasses.is_dataclass(value) and not isinstance(value, type) and not hasattr(value, "to_config"):
            part = self._classes.get(type(value)) or self._by_factory(type(value))
            return {**({part.kind: part.id} if part else {}), **self._fields(value)}
        if isinstance(value, Mapping):
            return {str(key): self._entry(entry) for key, entry in value.items()}
        if isinstance(value, list | tuple):
            return [self._entry(entry) for entry in value]
        return settings.plain(value)

    def _by_factory(self, cls: type) -> Part | None:
        path = f"{cls.__module__}:{cls.__qualname__}"
        return next((part for part in self._parts.values() if part.factory == path), None)

    def owners(self, config: Any) -> Iterator[Record]:
        """The plugins of every part that a recipe entry, or a list or mapping of them, names."""
        return (self.owner(kind, part_id) for kind, part_id in named(config))

    def check(self, name: str) -> list[tuple[Part, str]]:
        """Import everything that one plugin registers: each part with its fault, or ''. What parts of its kind are
        asked for must be there."""
        record = next((r for r in self.records if r.name == name), None)
        if record is None:
            raise PluginError(f"no plugin {name!r} is installed; {nearest(name, [r.name for r in self.records])}")
        if record.status is not Status.LOADED:
            raise PluginError(f"plugin {name!r} is {record.status}: {record.reason}")
        results = []
        for part in record.parts:
            fault = ""
            for attribute in part.lazy:
                try:
                    if getattr(part, attribute):
                        resolve(getattr(part, attribute))
                except (Exception, SystemExit) as error:
                    fault = f"{attribute} {getattr(part, attribute)}: {_said(error)}"
            results.append((part, fault or _lacking(part)))
        return results


def _lacking(part: Part) -> str:
    """What a part that can be imported does not have."""
    made = part.load()
    missing = [name for name in METHODS.get(part.kind, ("__call__",)) if not hasattr(made, name)]
    return f"factory {part.factory} has no {', '.join(missing)}" if missing else ""


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _version_fault(plugin: Any) -> str:
    have = ".".join(map(str, hookspecs.API_VERSION))
    asked = getattr(plugin, "genvae_api", None)
    if asked is None:
        return f'it does not say which plugin interface it was written for; add genvae_api = "{have}"'
    try:
        major, minor = (int(number) for number in str(asked).split("."))
    except ValueError:
        return f'genvae_api = {asked!r} is not of the form "{have}"'
    if major != hookspecs.API_VERSION[0] or minor > hookspecs.API_VERSION[1]:
        return f"it needs plugin interface {asked}, this genvae has {have}"
    return ""


def _spelling_fault(plugin: Any) -> str:
    known = [name for name in vars(hookspecs) if name.startswith("genvae_")]
    mark = f"{hookspecs.PROJECT}_impl"
    for name in dir(plugin):
        value = getattr(plugin, name, None)
        marked = callable(value) and getattr(value, mark, None) is not None
        hook_like = name.startswith("genvae_") and callable(value)
        if (marked or hook_like) and name not in known:
            return f"there is no hook {name!r}; {nearest(name, known)}"
        if hook_like and not marked:
            return f"{name} is not marked as a hook; put @genvae.host.hookimpl above it"
    return ""


def _part_fault(part: Any) -> str:
    if not isinstance(part, Part):
        return f"genvae_parts gave {part!r}, which is no genvae.host.Part"
    wanted = SPECS.get(part.kind, Part)
    if not isinstance(part, wanted):
        return f"{part.kind} {part.id!r} is a {type(part).__name__}; it must be a genvae.host.{wanted.__name__}"
    for attribute in part.light:
        path = getattr(part, attribute)
        try:
            if path and not dataclasses.is_dataclass(resolve(path)):
                return f"{part.kind} {part.id!r}: {attribute} {path} is no dataclass"
        except (Exception, SystemExit) as error:
            return f"{part.kind} {part.id!r}: {attribute} {path} cannot be loaded: {_said(error)}"
    return ""


def named(config: Any) -> Iterator[tuple[str, str]]:
    """Kind and id of every part that a recipe entry, or a list or mapping of them, names, at whatever depth."""
    if isinstance(config, Mapping):
        kind = _kind(config)
        if kind:
            yield kind, config[kind]
        for key, entry in config.items():
            if key != kind:
                yield from named(entry)
    elif isinstance(config, list | tuple):
        for entry in config:
            yield from named(entry)


def _kind(config: Mapping[Any, Any]) -> str:
    """The kind of part that a mapping is an entry of: ``{schedule: linear, ...}``; '' when it is none."""
    found = [key for key in config if key in KINDS and isinstance(config[key], str)]
    return found[0] if len(found) == 1 else ""


@functools.cache
def default_host() -> Host:
    """The host of this process, made once from the environment."""
    return Host.from_environment()
