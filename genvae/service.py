"""The typed door: apps, the command line and Python all ask for operations here.

A request is validated once, by the ranges of its own fields, so every door has the same limits.
"""

from __future__ import annotations

import dataclasses
import inspect
import shlex
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genvae import settings
from genvae.errors import PluginError, SettingError, nearest
from genvae.host import Host, OperationPart, default_host
from genvae.host.specs import resolve
from genvae.operations import Response

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
        """Run an operation. Keywords are the request's fields and, where it renders, rendering settings.

        Raises GenvaeError, in one line, for anything that the caller can mend.
        """
        part = self.operations().get(operation)
        request_class = self.request_class(operation)
        assert part is not None
        own = {name: value for name, value in values.items() if name in settings.names(request_class)}
        rendering = {name: value for name, value in values.items() if name not in own}
        if rendering:
            self._check_rendering(part, request_class, rendering)
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

    def _check_rendering(self, part: OperationPart, request_class: type, rendering: Mapping[str, Any]) -> None:
        known = list(settings.names(request_class))
        if part.renders:
            known += [name for cls in self.rendering_classes() for name in settings.names(cls)]
        for name in rendering:
            if name not in known:
                raise SettingError(f"unknown setting {name!r} of {part.id}; {nearest(name, known)}")

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
        request_class = self.request_class(operation)
        given = dict(values)
        model = given.pop("model", None)
        arguments, keywords = [], []
        defaults = {n: f.default for n, f in request_class.__dataclass_fields__.items()}  # type: ignore[attr-defined]
        for cls in self.rendering_classes():
            defaults.update({n: f.default for n, f in cls.__dataclass_fields__.items() if n not in defaults})  # type: ignore[attr-defined]
        for name in defaults:
            if name not in given or name == "model":
                continue
            value = list(given[name]) if isinstance(given[name], tuple) else given[name]
            if getattr(request_class, "__dataclass_fields__", {}).get(name) is not None and (
                request_class.__dataclass_fields__[name].metadata.get("argument") or name == "n"  # type: ignore[attr-defined]
            ):
                arguments.append(repr(value))
            elif value != defaults[name]:
                keywords.append(f"{name}={value!r}")
        call = f"{operation}({', '.join([*arguments, *keywords])})"
        return f"genvae.load({model!r}).{call}" if model is not None else f"genvae.{call}"

    def command(self, operation: str, **values: Any) -> str:
        """The shell line that asks for the same; what has its default value is left out."""
        classes = (self.request_class(operation), *self.rendering_classes())
        fields = {field.name: field for cls in classes for field in dataclasses.fields(cls)}
        arguments, options = [], []
        for name, field in fields.items():
            if name not in values:
                continue
            if field.metadata.get("argument"):
                arguments.append(shlex.quote(str(values[name])))
            elif name == "n" or values[name] != field.default:
                spelling = (*field.metadata.get("flags", ()), f"--{name.replace('_', '-')}")[0]
                options += [spelling, shlex.quote(str(values[name]))]
        if any(argument.startswith("-") for argument in arguments):  # or it would be taken for an option
            return " ".join(["genvae", operation, *options, "--", *arguments])
        return " ".join(["genvae", operation, *arguments, *options])


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
        fields = [n for n in settings.names(self._service.request_class(operation)) if n != "model"]

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


def _signature(service: Service, part: OperationPart) -> inspect.Signature:
    """What ``help(model.generate)`` shows."""
    classes = [service.request_class(part.id), *(service.rendering_classes() if part.renders else [])]
    parameters = {}
    for number, cls in enumerate(classes):
        for name, field in cls.__dataclass_fields__.items():  # type: ignore[attr-defined]
            if name == "model" or name in parameters:
                continue
            kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if number == 0 else inspect.Parameter.KEYWORD_ONLY
            required = field.default is inspect.Parameter.empty or type(field.default).__name__ == "_MISSING_TYPE"
            default = (
                inspect.Parameter.empty
                if required and type(field.default_factory).__name__ == "_MISSING_TYPE"
                else (None if required else field.default)
            )
            parameters[name] = inspect.Parameter(
                name, kind, default=default, annotation=settings.hints(cls).get(name, Any)
            )
    return inspect.Signature(list(parameters.values()))


def load(name: str | Path, *, host: Host | None = None) -> Model:
    """A model by a starter's name, a folder or a hub id."""
    return Model(str(name), Service(host))


def train(
    target: str, *, data: Any, output: str | Path, set: tuple[str, ...] | list[str] = (), resume: bool = False
) -> dict[str, Any]:
    """Train a model: the operation ``train``, with progress on standard error."""
    from genvae.progress import Terminal

    service = Service(reporter=Terminal())
    answer: dict[str, Any] = result(
        service.run("train", target=target, data=data, output=str(output), set=tuple(set), resume=resume)
    )
    return answer
