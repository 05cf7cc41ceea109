"""The controls of what a model's items may be asked to be, drawn from what the model declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from genvae.errors import GenvaeError
from genvae_studio.asked import hint, limits
from genvae_studio.studio import Studio

ANY = "any"
SHOWN = 500  # most values in a list; others can be typed
#: a change of a control only says what is wanted; nothing is made before it is asked for. One after the other: each
#: adds to what the one before it left
SAYS: dict[str, Any] = {"concurrency_id": "conditions", "trigger_mode": "multiple", "show_progress": "hidden",
                        "api_visibility": "private"}  # fmt: skip


def declared(studio: Studio, model: str) -> dict[str, dict[str, Any]]:
    """What a model on this machine declares, by the names of its conditions, and which networks each "reaches";
    nothing of one that cannot be read."""
    if not model or not studio.media(model):
        return {}
    try:
        answer: Any = studio.service.run("models", name=model)
    except GenvaeError:
        return {}
    config = answer.items[0]["config"]
    found: dict[str, dict[str, Any]] = (config.get("conditions") or {}).get("declared", {})
    return {name: {**own, "reaches": config["recipe"]["conditions"][name]["reaches"]} for name, own in found.items()}


def controls(studio: Studio, wanted: gr.State, chosen: gr.State) -> None:
    """The controls of the model that ``wanted`` names, where it has any, standing at the conditions that it names.

    ``wanted`` and ``chosen`` hold {"model": name, "conditions": {...}, "guidance": number}: what a page or a link
    begins with, and what the controls stand at now.
    """

    @gr.render(inputs=[wanted], show_progress="hidden")
    def drawn(asked: Mapping[str, Any] | None) -> None:
        if not asked:
            return
        model = str(asked.get("model", ""))
        known = declared(studio, model)
        for name, own in known.items():
            _control(name, own, asked["conditions"].get(name), chosen)
        if guided(studio, model, known):
            low, high = limits("guidance")
            slider = gr.Slider(low, high, asked["guidance"], step=0.1, label="Guidance", info=hint("guidance"),
                               buttons=[], interactive=True, elem_id="guidance")  # fmt: skip
            slider.input(lambda value, now: {**now, "guidance": value}, [slider, chosen], chosen, **SAYS)


def guided(studio: Studio, model: str, known: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a model takes guidance: its decoder or its prior is told conditions, and has met unknown ones."""
    if not any({"decoder", "prior"} & {*own["reaches"]} for own in known.values()):
        return False
    try:
        return studio.service.bundle(model).meets_unknown
    except GenvaeError:
        return False


def _control(name: str, own: Mapping[str, Any], value: Any, chosen: gr.State) -> None:
    """One condition's: a list of values, a slider, a set of names or a line of text."""
    place = f"condition-{name}"
    shown: dict[str, Any] = {"label": name.replace("_", " ").capitalize(), "interactive": True, "elem_id": place}

    def put(given: Any, now: Mapping[str, Any]) -> dict[str, Any]:
        others = {other: of for other, of in now["conditions"].items() if other != name}
        empty = given in (None, "", ANY, [])
        return {**now, "conditions": others if empty else {**others, name: given}}

    if own["kind"] == "text":
        box = gr.Textbox(value or "", placeholder=ANY, max_lines=2, **shown)
        box.change(put, [box, chosen], chosen, **SAYS)
    elif own["kind"] == "attributes":
        several = [name for name in value.split(",") if name in own["values"]] if isinstance(value, str) else []
        boxes = gr.Dropdown(own["values"], value=several, multiselect=True, info=ANY, **shown)
        boxes.input(lambda given, now: put(",".join(given or ()), now), [boxes, chosen], chosen, **SAYS)
    elif "least" in own:
        free = gr.Checkbox(value is None, label=f"{shown['label']}: {ANY}", interactive=True, elem_id=f"{place}-any")
        low, high = own["least"], own["most"]
        whole = float(low).is_integer() and float(high).is_integer()
        at = float(value) if _number(value) else low
        slider = gr.Slider(low, high, at, step=1 if whole else None, buttons=[], **shown)
        slider.input(lambda at, now: (put(at, now), False), [slider, chosen], [chosen, free], **SAYS)
        free.input(lambda any, at, now: put(None if any else at, now), [free, slider, chosen], chosen, **SAYS)
    else:
        choices = [ANY, *own["values"][:SHOWN]]
        choice = gr.Dropdown(choices, value=ANY if value is None else str(value), allow_custom_value=True, **shown)
        choice.input(put, [choice, chosen], chosen, **SAYS)


def _number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
