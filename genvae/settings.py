"""Settings: frozen, keyword-only dataclasses whose fields say their meaning and their range.

One validator serves recipes, requests of the service, and the command line, so every door has the
same limits. Torch-free.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from genvae.errors import SettingError, nearest

T = TypeVar("T")

CONVERT = "convert"  # metadata key: a function applied to the value before its type is checked


def setting(
    default: Any = dataclasses.MISSING,
    *,
    help: str,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    choices: tuple[Any, ...] | None = None,
    max_length: int | None = None,
    flags: tuple[str, ...] = (),
    argument: bool = False,
    convert: Any = None,
    keywords: bool = False,
    several: bool = False,
    parts: str = "",
) -> Any:
    """A dataclass field with its meaning and limits.

    ``flags`` are extra command line spellings ("-n"); ``argument`` makes it a positional argument
    there. ``convert`` is applied before the type check (a number to a schedule, say). A request's field of
    ``keywords`` is a dictionary that also takes every keyword or option which is nothing else; the option of one of
    ``several`` values takes every word up to the next option. ``parts`` is the kind of part that the value names: in a
    recipe such an entry or its id alone, or a list of them, as the sections have them; in a request an id, and the help
    lists those installed.
    """
    metadata = {
        "help": help, "ge": ge, "gt": gt, "le": le, "lt": lt, "choices": choices,
        "max_length": max_length, "flags": flags, "argument": argument, CONVERT: convert, "keywords": keywords,
        "several": several, "parts": parts,
    }  # fmt: skip
    if isinstance(default, dict | list):
        frozen = default
        return dataclasses.field(default_factory=lambda: type(frozen)(frozen), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def hints(cls: Any) -> dict[str, Any]:
    """The resolved annotations of a settings class."""
    return typing.get_type_hints(cls)


def is_text(hint: Any) -> bool:
    """Whether a value of this annotation can only be text (or None)."""
    return {option for option in typing.get_args(hint) or (hint,) if option is not type(None)} == {str}


def names(cls: type) -> tuple[str, ...]:
    """The names of a settings class's fields."""
    return tuple(field.name for field in dataclasses.fields(cls) if field.init)


def keyword_field(cls: type) -> str:
    """The name of the field that takes every other keyword, or ''."""
    return next((field.name for field in dataclasses.fields(cls) if field.metadata.get("keywords")), "")


def build(cls: type[T], values: Mapping[str, Any], *, where: str = "") -> T:
    """Make a settings object; raises SettingError for an unknown key, a wrong type or a value out of range."""
    label = where or getattr(cls, "label", cls.__name__)
    known = names(cls)
    for key in values:
        if key not in known:
            raise SettingError(f"unknown setting {key!r} in {label}; {nearest(str(key), known)}")
    checked = {}
    for field in dataclasses.fields(typing.cast(Any, cls)):
        if field.name in values:
            checked[field.name] = check(field, hints(cls)[field.name], values[field.name], label)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise SettingError(f"{label} needs {field.name!r}: {field.metadata.get('help', '')}")
    return cls(**checked)


def check(field: dataclasses.Field[Any], hint: Any, value: Any, where: str) -> Any:
    """The value, coerced where nothing is lost; raises SettingError when it does not fit."""
    meta = field.metadata
    name = f"{where}: {field.name}" if where else field.name
    if meta.get(CONVERT) is not None:
        value = meta[CONVERT](value)
    value = coerce(value, hint, name)
    if value is None:
        return None
    if not _is_unicode(value):
        raise SettingError(f"{name} holds bytes that are not UTF-8 text")
    if meta.get("choices") and value not in meta["choices"]:
        options = ", ".join(map(str, meta["choices"]))
        raise SettingError(f"{name} = {value!r} is not one of: {options}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, float) and not math.isfinite(value):
            raise SettingError(f"{name} = {value} is not a finite number")
        for bound, fails, sign in (
            ("ge", lambda v, b: v < b, "at least"), ("gt", lambda v, b: v <= b, "more than"),
            ("le", lambda v, b: v > b, "at most"), ("lt", lambda v, b: v >= b, "less than"),
        ):  # fmt: skip
            if meta.get(bound) is not None and fails(value, meta[bound]):
                raise SettingError(f"{name} = {value} must be {sign} {meta[bound]}")
    if meta.get("max_length") is not None and hasattr(value, "__len__") and len(value) > meta["max_length"]:
        raise SettingError(f"{name} has {len(value):,} entries or characters; at most {meta['max_length']:,}")
    return value


def _is_unicode(value: Any) -> bool:
    """Whether all text in a value can be written: no half of a surrogate pair, as undecodable bytes become."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, Mapping):
        return all(_is_unicode(key) and _is_unicode(entry) for key, entry in value.items())
    return all(map(_is_unicode, value)) if isinstance(value, list | tuple) else True


def coerce(value: Any, hint: Any, name: str) -> Any:
    """Bring a value to its annotated type without losing anything, or raise SettingError."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        errors = []
        for option in arguments:
            if option is type(None):
                continue
            try:
                return coerce(value, option, name)
            except SettingError as error:
                errors.append(error)
        raise errors[0]
    if origin is tuple:
        if isinstance(value, str) or not isinstance(value, list | tuple):
            raise SettingError(f"{name} = {value!r} must be a list")
        return tuple(coerce(entry, arguments[0], name) for entry in value)
    if origin is list:
        if isinstance(value, str) or not isinstance(value, list | tuple):
            raise SettingError(f"{name} = {value!r} must be a list")
        return [coerce(entry, arguments[0], name) for entry in value]
    if origin is dict or hint is dict or origin is Mapping:
        if not isinstance(value, Mapping):
            raise SettingError(f"{name} = {value!r} must be a mapping")
        return dict(value)
    if hint is bool:
        if isinstance(value, bool):
            return value
    elif hint is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, float) and value.is_integer():
            return int(value)
    elif hint is float:
        # YAML reads 1e-3 as a string
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            with contextlib.suppress(ValueError, OverflowError):
                return float(value)
    elif hint is str:
        if isinstance(value, str):
            return value
    elif isinstance(hint, type):
        if isinstance(value, hint):
            return value
    else:
        return value
    wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}.get(hint) or _words(hint)
    raise SettingError(f"{name} = {plain(value)!r} must be {wanted}")


def _words(cls: type) -> str:
    """A class as a user knows it: TermSettings is a term."""
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", cls.__name__.removesuffix("Settings")).lower()
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def plain(value: Any) -> Any:
    """A settings object as plain dicts, lists and scalars, for JSON and YAML."""
    if hasattr(value, "to_config"):
        return value.to_config()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value
