"""The typed door: apps, the command line and Python all ask for operations here.

A request is validated once, by the ranges of its own fields, so every door has the same limits.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import shlex
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import genvae
from genvae import settings
from genvae.asking import Response
from genvae.errors import PluginError, SettingError, nearest
from genvae.host import Host, OperationPart, default_host
from genvae.host.specs import resolve

if TYPE_CHECKING:
    from genvae.progress import Reporter
    from genvae.store.bundle import Bundle


class Service:
    """Operations on models. Models are loaded once and shared; one operation runs at a time on each."""

    def __init__(self, host: Host | None = None, reporter: Reporter | None = None) -> None:
        self.host = host or default_host()
        self._reporter = reporter
        self._bundles: dict[tuple[str, float], Bundle] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    # -- what there is ---------------------------------------------------------------------------

    def operations(self) -> dict[str, OperationPart]:
        """Every registered operation by its id."""
        return {part.id: part for part in self.host.parts("operation") if isinstance(part, OperationPart)}

    def request_class(self, operation: str) -> type:
        """The frozen dataclass of an operation's request."""
        known = self.operations()
        if operation not in known:
            raise PluginError(f"no operation {operation!r}; {nearest(operation, known)}")
        found: type = resolve(known[operation].request)
        return found

    def rendering_classes(self) -> list[type]:
        """The rendering settings of every modality, each once."""
        paths = [getattr(part, "rendering", "") for part in self.host.parts("modality")]
        return [resolve(path) for path in dict.fromkeys(paths) if path]

    # -- running one -----------------------------------------------------------------------------

    def run(self, operation: str, /, **values: Any) -> Response:
        """Run an operation. Keywords are the request's fields and, where it renders, rendering settings; a request
        with a field of keywords takes all others there.

        Raises GenvaeError, in one line, for anything that the caller can mend.
        """
        part = self.operations().get(operation)
        request_class = self.request_class(operation)
        assert part is not None
        own, rendering = self._sorted(part, request_class, values)
        request: Any = settings.build(request_class, own, where=operation)

        from genvae.context import Context

        context = Context(self.host, rendering=rendering)
        if self._reporter is not None:
            context.reporter = self._reporter
        handler = self.host.load("operation", operation)
        if not part.model:
            answer: Response = handler(context, request)
            return answer
        name = str(getattr(request, "model"))  # noqa: B009 - the field every such request has
        with self._lock(name):
            context.loaded = self.bundle(name)
            if part.renders:
                context.options()  # a wrong one is refused before any work
            answer = handler(context, request)
            return answer

    def _sorted(
        self, part: OperationPart, request_class: type, values: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The request's values and the rendering settings; raises SettingError for what is neither."""
        known = settings.names(request_class)
        own = {name: value for name, value in values.items() if name in known}
        others = {name: value for name, value in values.items() if name not in known}
        shown = [name for cls in self.rendering_classes() for name in settings.names(cls)] if part.renders else []
        rendering = {name: value for name, value in others.items() if name in shown}
        rest = {name: value for name, value in others.items() if name not in shown}
        keywords = settings.keyword_field(request_class)
        if rest and keywords:
            own[keywords] = {**own.get(keywords, {}), **rest}
        elif rest:
            name = next(iter(rest))
            raise SettingError(f"unknown setting {name!r} of {part.id}; {nearest(name, [*known, *shown])}")
        return own, rendering

    def bundle(self, name: str) -> Bundle:
        """A loaded model; read again when its folder has changed."""
        from genvae.store.bundle import load
        from genvae.store.locate import locate

        folder = locate(name, self.host)
        config = folder / "config.json"
        key = (str(folder), config.stat().st_mtime if config.exists() else 0.0)
        with self._guard:
            if key not in self._bundles:
                for old in [k for k in self._bundles if k[0] == key[0]]:
                    del self._bundles[old]
                self._bundles[key] = load(folder, self.host)
            return self._bundles[key]

    def _lock(self, name: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(name, threading.Lock())

    # -- the same, written down ------------------------------------------------------------------

    def python(self, operation: str, **values: Any) -> str:
        """The Python line that asks for the same; what has its default value is left out."""
        arguments, keywords = [], []
        # what is of no model and has no name of its own in Python
        by_name = "model" not in values and operation not in genvae.__all__
        for field, value in self._told(operation, values):
            if field.name == "model":
                continue
            text = repr(list(value) if isinstance(value, tuple) else value)
            if _positional(field) and not by_name:
                arguments.append(text)
            else:
                keywords.append(f"{field.name}={text}")
        keywords += [f"{name}={list(v) if isinstance(v, tuple) else v!r}" for name, v in self._loose(operation, values)]
        if by_name:
            return f"genvae.Service().run({', '.join([repr(operation), *keywords])})"
        call = f"{operation}({', '.join([*arguments, *keywords])})"
        return f"genvae.load({values['model']!r}).{call}" if "model" in values else f"genvae.{call}"

    def command(self, operation: str, **values: Any) -> str:
        """The shell line that asks for the same; what has its default value is left out."""
        arguments, options = [], []
        for field, value in self._told(operation, values):
            several = value if isinstance(value, list | tuple) else [value]
            if field.metadata.get("several") and isinstance(value, Mapping):
                several = [f"{name}={entry}" for name, entry in value.items()]
            texts = [shlex.quote(json.dumps(v) if isinstance(v, Mapping) else str(v)) for v in several]
            if field.metadata.get("argument"):
                arguments += texts
            else:
                spelling = (*field.metadata.get("flags", ()), f"--{field.name.replace('_', '-')}")[0]
                together = field.metadata.get("several")  # takes every word up to the next option
                options += [spelling, *texts] if together else [word for text in texts for word in (spelling, text)]
        loose: list[str] = []  # last of all: they take every word up to the next option
        for name, value in self._loose(operation, values):
            several = [] if value is True else value if isinstance(value, list | tuple) else [value]
            loose += [f"--{name.replace('_', '-')}", *(shlex.quote(str(v)) for v in several)]
        if any(argument.startswith("-") for argument in arguments):  # or it would be taken for an option
            return " ".join(["genvae", operation, *options, *loose, "--", *arguments])
        return " ".join(["genvae", operation, *arguments, *options, *loose])

    def _loose(self, operation: str, values: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """What goes into the request's field of keywords, where it has one."""
        cls = self.request_class(operation)
        if not settings.keyword_field(cls):
            return []
        known = {name for each in (cls, *self.rendering_classes()) for name in settings.names(each)}
        return [(name, value) for name, value in values.items() if name not in known]

    def _told(self, operation: str, values: Mapping[str, Any]) -> Iterator[tuple[dataclasses.Field[Any], Any]]:
        """The fields that a written request names, in their order."""
        seen = set()
        for cls in (self.request_class(operation), *self.rendering_classes()):
            for field in dataclasses.fields(cls):
                if field.name in values and field.name not in seen:
                    seen.add(field.name)
                    if _positional(field) or values[field.name] != _default(field):
                        yield field, values[field.name]


class Model:
    """A model at hand: each operation that is registered for models is a method.

    Positional arguments are the request's fields in their order; the answer is the operation's result
    (a list of items, say).
    """

    def __init__(self, name: str, service: Service) -> None:
        self.name = name
        self._service = service
        service.bundle(name)

    def __getattr__(self, operation: str) -> Any:
        if operation.startswith("_") or operation not in self._operations():
            known = self._operations()
            raise AttributeError(f"a model has no operation {operation!r}; {nearest(operation, known)}")
        request = self._service.request_class(operation)
        fields = [n for n in settings.names(request) if n not in ("model", settings.keyword_field(request))]

        def method(*arguments: Any, **keywords: Any) -> Any:
            if len(arguments) > len(fields):
                raise SettingError(f"{operation} takes at most {len(fields)} positional arguments: {', '.join(fields)}")
            values = {**dict(zip(fields, arguments)), **keywords}
            return result(self._service.run(operation, model=self.name, **values))

        part = self._service.operations()[operation]
        method.__name__ = method.__qualname__ = operation
        method.__doc__ = part.summary
        method.__signature__ = _signature(self._service, part)  # type: ignore[attr-defined]
        return method

    def _operations(self) -> list[str]:
        return [name for name, part in self._service.operations().items() if part.model]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._operations()]

    def __repr__(self) -> str:
        return f"genvae.load({self.name!r})"


def result(response: Response) -> Any:
    """What the Python method returns: the field the response names, or all of it as a dict."""
    return getattr(response, response.result) if response.result else response.to_config()


def _positional(field: dataclasses.Field[Any]) -> bool:
    """Whether a written request gives the field by its place: arguments, and how many."""
    return bool(field.metadata.get("argument")) or field.name == "n"


def _default(field: dataclasses.Field[Any]) -> Any:
    """A field's default; Parameter.empty where it must be given."""
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else inspect.Parameter.empty


def _signature(service: Service, part: OperationPart) -> inspect.Signature:
    """What ``help(model.generate)`` shows."""
    parameters: dict[str, inspect.Parameter] = {}
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    loose: inspect.Parameter | None = None
    for cls in [service.request_class(part.id), *(service.rendering_classes() if part.renders else [])]:
        for field in dataclasses.fields(cls):
            if field.metadata.get("keywords"):
                loose = inspect.Parameter(field.name, inspect.Parameter.VAR_KEYWORD)
            elif field.name != "model" and field.name not in parameters:
                parameters[field.name] = inspect.Parameter(
                    field.name, kind, default=_default(field), annotation=settings.hints(cls)[field.name]
                )
        kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature([*parameters.values(), *([loose] if loose else [])])


def load(name: str | Path, *, host: Host | None = None) -> Model:
    """A model by a starter's name, a folder or a hub id."""
    return Model(str(name), Service(host))


def train(
    target: str,
    *,
    data: Any,
    output: str | Path,
    set: tuple[str, ...] | list[str] = (),
    resume: bool = False,
    start: str | Path | None = None,
    validation: Any = None,
) -> dict[str, Any]:
    """Train a model: the operation ``train``, with progress on standard error."""
    from genvae.progress import Terminal

    service = Service(reporter=Terminal())
    answer: dict[str, Any] = result(
        service.run(
            "train", target=target, data=data, output=str(output), set=tuple(set), resume=resume,
            start=None if start is None else str(start), validation=validation,
        )
    )  # fmt: skip
    return answer
