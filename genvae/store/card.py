"""The model card, from the config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LISTED = 40  # most values of a condition that a card names


def card(config: Mapping[str, Any]) -> str:
    """README.md of a model's folder: what it is, data, licence, scores with their command."""
    about = config.get("about", {})
    recipe = config["recipe"]
    modality = recipe["modality"]["modality"]
    front = ["---", "library_name: genvae"]
    if about.get("licence"):
        front.append(f"license: {about['licence']}")
    front += [f"tags: [vae, {modality}]", "---", ""]
    lines = [f"# {config.get('name', 'model')}", ""]
    lines.append(str(about.get("summary", f"A {modality} model trained with genvae.")))
    lines += ["", "```python", "import genvae", "", f'model = genvae.load("{config.get("name", "FOLDER")}")']
    lines += ["model.generate(5, seed=1)", "```", ""]
    lines += _conditions(config.get("conditions") or {})
    for title, name in (
        ("Data", "data"), ("Attribution", "attribution"), ("Limits", "limits"), ("Size", "size"),
    ):  # fmt: skip
        if about.get(name):
            lines += [f"## {title}", "", str(about[name]), ""]
    lines += _origins(about.get("started_from"))
    if about.get("command"):
        lines += ["## Made by", "", "```", str(about["command"]), "```", ""]
    for title, scores in dict(about.get("scores", {})).items():
        lines += [f"## {title}", ""]
        if scores.get("command"):
            lines += ["```", str(scores["command"]), "```", ""]
        lines += ["| figure | value |", "|---|---|"]
        figures = {key: value for key, value in scores.items() if not isinstance(value, list | dict)}
        lines += [f"| {key} | {_figure(value)} |" for key, value in figures.items() if key != "command"]
        lines.append("")
    return "\n".join([*front, *lines])


def _conditions(config: Mapping[str, Any]) -> list[str]:
    """What may be asked of items."""
    declared = config.get("declared", {})
    if not declared:
        return []
    lines = ["## Conditions", "", "What items may be asked to be: `genvae generate MODEL --condition NAME=VALUE`", ""]
    for name, own in declared.items():
        values = [str(value) for value in own.get("values", ())]
        more = f" and {len(values) - LISTED:,} more" if len(values) > LISTED else ""
        said = f": {', '.join(values[:LISTED])}{more}" if values else ""
        said += f", from {own['least']:.6g} to {own['most']:.6g}" if "least" in own else ""
        lines.append(f"- `{name}` ({own['kind']}){said}")
    return [*lines, ""]


def _origins(entry: Mapping[str, Any] | None) -> list[str]:
    """The model whose weights this one began with, and those before it: what is owed to whom."""
    lines = ["## Started from", ""] if entry else []
    while entry:
        lines += [f"`{entry['name']}`: {entry.get('summary', 'a model without a summary.')}", ""]
        lines.append(f"- licence: {entry.get('licence', 'not stated')}")
        lines += [f"- {key}: {entry[key]}" for key in ("data", "attribution") if entry.get(key)]
        entry = entry.get("started_from")
        lines += ["", "which started from", ""] if entry else [""]
    return lines


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
