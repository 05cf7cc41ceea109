"""Commands derived from operations: the request's fields are the arguments and options."""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
import types
import typing
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from genvae import settings
from genvae.errors import DataError, SettingError
from genvae.host import OperationPart, default_host
from genvae.progress import Terminal
from genvae.service import Service


def add(app: typer.Typer, asked: str) -> None:
    """Add a command for every operation that is registered.

    Only the one that is asked for gets its arguments: making all of them is most of the time to start.
    """
    service = Service(default_host(), reporter=Terminal())
    for part in service.operations().values():
        made = _command(part, service) if part.id == asked else _listed
        cls = _kind(service.request_class(part.id)) if part.id == asked else None
        app.command(part.id, cls=cls, help=_help(part), short_help=part.summary)(made)


def _kind(request: type) -> type[TyperCommand] | None:
    """The class of a request's command, where its options take more words than one each."""
    keywords = settings.keyword_field(request)
    several = [
        spelling for field in dataclasses.fields(request) if field.metadata.get("several")
        for spelling in (_spelling(field), *field.metadata.get("flags", ()))
    ]  # fmt: skip
    bases = (*((Several,) if several else ()), *((Open,) if keywords else ()))
    return type("Command", bases, {"field": keywords, "several": several}) if bases else None


class Several(TyperCommand):
    """A command with options that take every word up to the next option: ``--NAME VALUE VALUE``."""

    several: Sequence[str] = ()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Say the option before each of its words; raises SettingError for one without any."""
        rest: list[str] = []
        taking = ""
        for place, word in enumerate(args):
            if word == "--":
                return super().parse_args(ctx, [*rest, *args[place:]])
            if self._is_value(word):
                rest += [taking, word] if taking else [word]
                continue
            taking = word if word in self.several else ""
            if not taking:
                rest.append(word)
            elif place + 1 == len(args) or not self._is_value(args[place + 1]):
                raise SettingError(f"{word} was given nothing: name one or more (a pattern may match no file)")
        return super().parse_args(ctx, rest)

    @staticmethod
    def _is_value(word: str) -> bool:
        return word == "-" or not word.startswith("-")


class Open(TyperCommand):
    """A command whose request takes every other option into a field: ``--NAME VALUE ...``, the values up to the next
    option. A value that begins with two dashes is written ``--NAME=VALUE``."""

    field = ""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Turn what is no option of the command into one, as JSON."""
        takes = {spelling: not getattr(option, "is_flag", False) for option in self.params for spelling in option.opts}
        takes.update(dict.fromkeys(ctx.help_option_names, False))
        rest: list[str] = []
        loose: dict[str, list[str]] = {}
        words = iter(range(len(args)))
        for place in words:
            word = args[place]
            name, given, value = word.partition("=")
            if word == "--":
                rest += args[place:]
                break
            if name in takes or not word.startswith("--"):
                rest.append(word)
                if takes.get(name) and not given and place + 1 < len(args):
                    rest.append(args[next(words)])
                continue
            values = loose.setdefault(name.removeprefix("--"), [])
            values += [value] if given else []
            ahead = place + 1
            while ahead < len(args) and not args[ahead].startswith("--") and args[ahead] not in takes:
                values.append(args[next(words)])
                ahead += 1
        if loose and any(word.partition("=")[0] == f"--{self.field}" for word in rest):
            name = next(iter(loose))
            raise SettingError(f"{self.field} are given by their names (--{name}) or as JSON, not both")
        if loose:
            rest = [f"--{self.field}={json.dumps(loose)}", *rest]
        return super().parse_args(ctx, rest)


def _listed() -> None:
    """Stands for a command that is shown in the list of commands and was not asked for."""


def _help(part: OperationPart) -> str:
    examples = "\n\n".join(f"  {example}" for example in part.examples)
    return f"{part.summary}\n\nExamples:\n\n{examples}" if examples else part.summary


def _command(part: OperationPart, service: Service) -> Any:
    request = service.request_class(part.id)
    classes = [request, *(service.rendering_classes() if part.renders else [])]
    parameters: dict[str, inspect.Parameter] = {}
    fields: dict[str, dataclasses.Field[Any]] = {}
    for cls in classes:
        for field in dataclasses.fields(cls):
            if field.name not in parameters:
                fields[field.name] = field
                parameters[field.name] = _parameter(field, settings.hints(cls)[field.name])
    # arguments first, in their order
    ordered = sorted(parameters.values(), key=lambda p: not fields[p.name].metadata.get("argument"))
    as_json = inspect.Parameter(
        "as_json", inspect.Parameter.KEYWORD_ONLY, default=False,
        annotation=Annotated[bool, typer.Option("--json", help="one JSON object on the last line of output")],
    )  # fmt: skip

    def command(**given: Any) -> None:
        printed_as_json = given.pop("as_json")
        # what was not given keeps the request's own default; a flag that is not given is false
        told = {name: value for name, value in given.items() if value not in (None, [], ()) and value is not False}
        values = {name: _read(fields[name], value) for name, value in told.items()}
        response = service.run(part.id, **values)
        if printed_as_json:
            print(json.dumps(response.to_config(), ensure_ascii=False))
        else:
            for line in response.lines():
                print(line)

    command.__name__ = part.id
    command.__signature__ = inspect.Signature([*ordered, as_json])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in [*ordered, as_json]}
    return command


def _parameter(field: dataclasses.Field[Any], hint: Any) -> inspect.Parameter:
    """One argument or option; its default stays the request's, which the help names."""
    meta = field.metadata
    kind, many = _simple(hint)
    many = many or bool(meta.get("several"))
    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    text = meta.get("help", "")
    if meta.get("choices"):
        text += f" ({', '.join(map(str, meta['choices']))})"
    if meta.get("parts"):
        text += f"; installed: {', '.join(part.id for part in default_host().parts(meta['parts']))}"
    if not required and field.default not in (None, False, dataclasses.MISSING, ()):
        text += f" [default: {field.default}]"
    default: Any = ... if required else (False if kind is bool else None)
    if meta.get("argument"):
        info: Any = typer.Argument(help=text, show_default=False)
    else:
        spelling = _spelling(field)
        info = typer.Option(*meta.get("flags", ()), spelling, help=text, show_default=False)
    shape: Any = types.GenericAlias(list, (kind,)) if many else kind
    annotated: Any = shape if required or kind is bool else shape | None
    annotation = Annotated[annotated, info]
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation,
        default=inspect.Parameter.empty if default is ... else default,
    )  # fmt: skip


def _spelling(field: dataclasses.Field[Any]) -> str:
    return f"--{field.name.replace('_', '-')}"


def _simple(hint: Any) -> tuple[type, bool]:
    """The command line's type of a field, and whether it may be given more than once."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _simple(next(a for a in arguments if a is not type(None)))
    if origin is tuple:
        return _simple(arguments[0])[0], True
    return (hint, False) if hint in (bool, int, float, str) else (str, False)


def _read(field: dataclasses.Field[Any], value: Any) -> Any:
    """A value from the command line: "-" reads items from standard input, a mapping is JSON."""
    if field.metadata.get("argument") and value == ["-"]:
        try:
            lines = [line for line in (raw.rstrip("\r\n") for raw in sys.stdin) if line.strip()]
        except UnicodeDecodeError as error:
            raise DataError(f"standard input is not UTF-8 (byte {error.object[error.start]:#04x})") from None
        if not lines:
            raise DataError("standard input holds no items")
        return lines
    if field.default_factory is dict or "JSON" in field.metadata.get("help", ""):
        try:
            return json.loads(value)
        except ValueError:
            raise SettingError(f"{field.name} must be JSON; got {value!r}") from None
    return value
