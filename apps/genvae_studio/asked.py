"""What the page Generate asks for: the same values as widgets, a link, a Python line and a command."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from genvae import settings
from genvae.errors import SettingError, nearest
from genvae.settings import setting

#: query parameters that are Gradio's, not ours
FOREIGN = ("deep_link", "view")


def _spelt(value: Any) -> Any:
    """Conditions, of a link as JSON."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            raise SettingError(f"conditions = {value!r} is not JSON") from None
    return value


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Sentences that can be asked for again. Ranges are those of the page; the service has its own, wider ones."""

    label: ClassVar[str] = ""  # messages need not say where: there is one form

    model: str = setting(help="a starter or your own folder", max_length=4096)
    n: int = setting(12, help="how many", ge=1, le=200)
    temperature: float = setting(1.0, help="from safe to bold", ge=0.0, le=2.0)
    top_p: float = setting(1.0, help="likeliest share of words", ge=0.05, le=1.0)
    prior_scale: float = setting(1.0, help="usual to far-fetched", ge=0.0, le=2.0)
    seed: int = setting(1, help="same seed, same sentences", ge=0, lt=2**63)
    conditions: dict[str, Any] = setting({}, help="what the sentences are to be", convert=_spelt, max_length=64)
    guidance: float = setting(1.0, help="how much that counts", ge=0.0, le=5.0)

    @classmethod
    def of(cls, **values: Any) -> Asked:
        """From widgets or a link; raises SettingError for what is out of range or no number."""
        return settings.build(cls, {name: _number(name, value) for name, value in values.items()})

    @classmethod
    def of_link(cls, query: Mapping[str, str], model: str) -> Asked:
        """From a link's query; what it does not say has its default. An unknown name is an error: a misspelt
        ``temprature`` would quietly give other sentences."""
        ours = {k: v for k, v in query.items() if not k.startswith("_") and k not in FOREIGN}
        known = settings.names(cls)
        for name in ours:
            if name not in known:
                raise SettingError(f"it says {name!r}, which is no setting; {nearest(name, known)}")
        return cls.of(**{"model": model, **ours})

    def values(self) -> dict[str, Any]:
        """As keywords of the operation ``generate``."""
        return dataclasses.asdict(self)

    def link(self) -> str:
        """The query that gives exactly this again; every value is said, so a new default cannot change it. Of
        conditions it speaks where there are some."""
        values = self.values()
        asked = values.pop("conditions")
        guidance = values.pop("guidance")
        if asked:
            values |= {"conditions": json.dumps(asked, ensure_ascii=False), "guidance": guidance}
        return "?" + urlencode(values)


def _number(name: str, value: Any) -> Any:
    """Text as the number it spells; what spells none is left for the check, which names it."""
    if isinstance(value, str) and name in ("model", "conditions"):
        return value.strip()
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return value


def limits(name: str) -> tuple[float, float]:
    """The least and the most of a setting, for its slider."""
    field = {field.name: field for field in dataclasses.fields(Asked)}[name]
    low, high = field.metadata.get("ge"), field.metadata.get("le")
    if low is None or high is None:
        raise SettingError(f"{name} has no range")
    return float(low), float(high)


def hint(name: str) -> str:
    """What a setting means, in a few words."""
    return str({field.name: field for field in dataclasses.fields(Asked)}[name].metadata["help"])
