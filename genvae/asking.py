"""What requests say of conditions, and how a model's are told. Torch-free."""

from __future__ import annotations

from typing import Any

from genvae.errors import SettingError
from genvae.settings import setting


def as_conditions(value: Any) -> Any:
    """``{"form": "question"}``, or texts "form=question", as a dictionary."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    found: dict[str, Any] = {}
    for entry in value:
        name, mark, own = entry.partition("=") if isinstance(entry, str) else ("", "", "")
        if not name or not mark or not own:
            raise SettingError(f"a condition is given as NAME=VALUE, like form=question; got {entry!r}")
        if name in found:
            raise SettingError(f"the condition {name!r} is asked for twice")
        found[name] = own
    return found


def conditions_setting() -> Any:
    """The field of a request that asks for conditions."""
    return setting(
        {}, help="what the items are to be, NAME=VALUE ...; what is not asked for is drawn as the training items have "
        "it, and NAME=unknown leaves it to the model; `genvae blocks MODEL` lists names and values",
        convert=as_conditions, several=True, flags=("--condition",),
    )  # fmt: skip


def guidance_setting() -> Any:
    """The field of a request that says how much conditions count."""
    return setting(1.0, help="how much conditions count: above 1 more than the model has learned", ge=0.0, le=50.0)


def declared(block: dict[str, Any]) -> str:
    """What may be asked of an observed block."""
    own = block.get("condition") or {}
    text = f", condition: {own['kind']}" if own else ""
    values = own.get("values") or block["values"]
    text += f", {'any' if own.get('kind') == 'attributes' else 'one'} of: {' '.join(values)}" if values else ""
    return text + (f", from {own['least']:.6g} to {own['most']:.6g}" if "least" in own else "")
