"""The recipe of a run that goes on from a trained model: the model stays what it is, its training is asked for anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genvae.errors import SettingError
from genvae.host import Host
from genvae.recipe.recipe import Recipe, differences

#: the sections that say what the model is, not how it is trained
OF_MODEL = ("modality", "architecture", "posterior", "prior")


def ended(recipe: Recipe) -> dict[str, Any]:
    """What a trained model is, and what it was trained by in the end: objective, corruptions and criterion of the last
    phase on items, every schedule at its last value. Epochs, rates and phases are not of the model."""
    sections = recipe.sections
    on_items = [phase for phase in sections["phases"] if phase["data"] == "items"]
    last = on_items[-1] if on_items else {}
    criterion = last.get("criterion") or sections["training"]["criterion"]
    corruptions = last.get("corruptions")
    return {
        **{name: sections[name] for name in (*OF_MODEL, "conditions")},
        "objective": _at_end(last.get("objective") or sections["objective"], recipe.host),
        "corruptions": _at_end(sections["corruptions"] if corruptions is None else corruptions, recipe.host),
        "training": {"criterion": criterion},
    }


def _at_end(entry: Any, host: Host) -> Any:
    """A recipe's entry with each schedule, at every depth, replaced by the number it ends with."""
    if isinstance(entry, Mapping):
        if isinstance(entry.get("schedule"), str):
            return float(f"{host.make('schedule', entry).at(None):.12g}")  # 0.1, not 0.09999999999999998
        return {key: _at_end(value, host) for key, value in entry.items()}
    return [_at_end(value, host) for value in entry] if isinstance(entry, list | tuple) else entry


def going_on(target: str, assignments: Sequence[str], model: Recipe, name: str) -> Recipe:
    """The recipe of a run that starts from the model ``name``: the target and the settings, laid over what the model
    is and ended with.

    Raises SettingError for the first setting that would make another model of it. Those that a modality lists as
    ``reading`` say how data is read, and may be any. A model without conditions may be told some from here on, where
    they reach its prior alone: encoder and decoder stay what they are.
    """
    host = model.host
    recipe = Recipe.of(target, host, below=ended(model))
    recipe.set(assignments)
    for section in OF_MODEL:
        had, asked = model.sections[section], recipe.sections[section]
        if had[section] != asked[section]:
            raise SettingError(
                f"{name!r} is a model with the {section} {had[section]!r}, not {asked[section]!r}; leave the {section} "
                "out, or train without --start"
            )
        free = getattr(host.load(section, had[section]), "reading", ()) if section == "modality" else ()
        for path, before, now in differences(had, asked):
            if path not in free:
                raise SettingError(
                    f"{section}.{path} of {name!r} is {before!r}, not {now!r}; leave it out, or train without --start"
                )
    if not model.sections["conditions"]:
        _can_be_told(recipe, name)
        return recipe
    for path, before, now in differences(model.sections["conditions"], recipe.sections["conditions"]):
        if not path.endswith(".column"):
            raise SettingError(
                f"conditions.{path} of {name!r} is {before!r}, not {now!r}; leave it out, or train without --start"
            )
    return recipe


def _can_be_told(recipe: Recipe, name: str) -> None:
    """Raise SettingError where the conditions of a recipe cannot be added to a trained model."""
    from genvae.core.conditions import PRIOR

    for condition, settings in recipe.condition_settings().items():
        if (reaches := settings.networks(condition)) != (PRIOR,):
            raise SettingError(
                f"{name!r} has no conditions, and {condition!r} reaches its {', '.join(reaches)}: a trained model can "
                f"be told a condition by its prior alone; set conditions.{condition}.reaches to [prior], or train "
                "without --start"
            )
