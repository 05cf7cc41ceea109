"""Parts: what a recipe entry makes, what is written of it, and what `check` finds."""

from __future__ import annotations

import pytest

from genvae.core.schedules import Cyclical, Linear, Schedule
from genvae.errors import PluginError, SettingError
from genvae.host import KINDS, Host, Part, default_host
from genvae.recipe import Recipe
from tests.host.strangers import HEAD, OWN, Stranger, parts, record, schedule

#: a whole plugin in one file: a schedule of its own class
WAVY = f"""{HEAD}
import dataclasses
from genvae.settings import setting

@hookimpl
def genvae_parts():
    return [Part(kind="schedule", id="wavy", factory=f"{{__name__}}:Wavy", summary="up and down")]

def __getattr__(name):  # torch is imported with the class, not with the plugin
    from genvae.core.schedules import Schedule

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Wavy(Schedule):
        height: float = setting(1.0, help="how high", gt=0.0)
        base: Schedule | None = setting(None, help="what it is on top of")

        def at(self, step):
            return self.height * ((step or 0) % 2)

    if name != "Wavy":
        raise AttributeError(name)
    globals()["Wavy"] = Wavy
    return Wavy
"""


@pytest.fixture
def wavy(stranger: Stranger) -> Host:
    return Host([stranger("waves", WAVY), *OWN])


def test_a_strangers_schedule_serves_in_a_recipe(wavy: Host) -> None:
    recipe = Recipe.of("sentence", wavy)
    recipe.set(["beta={schedule: wavy, height: 3}"])
    entry = recipe.sections["objective"]["beta"]
    assert entry == {"schedule": "wavy", "height": 3.0, "base": None}
    made = wavy.make("objective", recipe.sections["objective"])
    assert [made.beta.at(step) for step in range(4)] == [0.0, 3.0, 0.0, 3.0]
    assert {"waves", "sentence", "engine"} == {plugin["name"] for plugin in recipe.plugins()}


def test_a_recipe_without_it_names_only_its_own_plugins(wavy: Host) -> None:
    assert {plugin["name"] for plugin in Recipe.of("sentence", wavy).plugins()} == {"sentence", "engine"}


def test_the_strangers_settings_are_checked(wavy: Host) -> None:
    recipe = Recipe.of("sentence", wavy)
    with pytest.raises(SettingError, match=r"schedule wavy: height = -1.0 must be more than 0"):
        recipe.set(["beta={schedule: wavy, height: -1}"])
    with pytest.raises(SettingError, match=r"unknown setting 'hight' in schedule wavy; did you mean 'height'"):
        recipe.set(["beta={schedule: wavy, hight: 1}"])
    with pytest.raises(PluginError, match="no schedule 'wavvy' is installed; did you mean 'wavy'"):
        recipe.set(["beta={schedule: wavvy}"])


def test_entries_are_completed_at_every_depth(wavy: Host) -> None:
    entry = wavy.complete(
        "schedule", {"schedule": "wavy", "base": {"schedule": "wavy", "base": {"schedule": "linear"}}}
    )
    linear = {"schedule": "linear", "start": 0.0, "stop": 1.0, "steps": 1000, "wait": 0}
    assert entry == {
        "schedule": "wavy", "height": 1.0, "base": {"schedule": "wavy", "height": 1.0, "base": linear},
    }  # fmt: skip
    assert wavy.complete("schedule", entry) == entry
    assert wavy.complete("schedule", "constant") == {"schedule": "constant", "value": 1.0}


def test_an_entry_is_an_id_or_a_mapping() -> None:
    host = default_host()
    assert host.make("schedule", "linear") == Linear()
    assert host.make("schedule", {"schedule": "cyclical", "period": 10}) == Cyclical(period=10)
    for wrong in (3, None, ["linear"], {"period": 10}, {"schedule": 4}):
        with pytest.raises(SettingError, match="a schedule is given by its id"):
            host.make("schedule", wrong)


def test_unknown_kinds_and_ids_name_the_nearest() -> None:
    host = default_host()
    with pytest.raises(PluginError, match="did you mean 'schedule'"):
        host.parts("schedules")
    with pytest.raises(PluginError, match="did you mean 'cyclical'"):
        host.part("schedule", "cyclic")
    with pytest.raises(PluginError, match="did you mean 'sentence'"):
        host.check("sentense")


def test_every_registered_part_can_be_had() -> None:
    host = default_host()
    for name in ("engine", "sentence"):
        results = host.check(name)
        assert results and [fault for _, fault in results if fault] == []


def test_every_schedule_is_a_schedule() -> None:
    host = default_host()
    for part in host.parts("schedule"):
        assert isinstance(host.make("schedule", part.id), Schedule)


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("a_package_nobody_has:Thing", "ModuleNotFoundError"),
        ("genvae.core.schedules:Nothing", "AttributeError"),
        ("{module}:explode", "RuntimeError: boom"),
        ("{module}:leave", "SystemExit: bye"),
    ],
)
def test_a_factory_that_cannot_be_had(stranger: Stranger, factory: str, said: str) -> None:
    point = stranger(
        "alpha",
        f"""{HEAD}
@hookimpl
def genvae_parts():
    return [Part(kind="schedule", id="lazy", factory="{factory}".format(module=__name__), summary=""),
            Part(kind="schedule", id="fine", factory="genvae.core.schedules:Linear", summary="")]

def __getattr__(name):
    if name == "explode": raise RuntimeError("boom")
    if name == "leave": raise SystemExit("bye")
    raise AttributeError(name)
""",
    )
    host = Host([point, *OWN])
    # nothing was imported, so the plugin is in use
    assert [part.id for part in record(host, "alpha").parts] == ["lazy", "fine"]
    faults = {part.id: fault for part, fault in host.check("alpha")}
    assert said in faults["lazy"] and faults["fine"] == ""
    with pytest.raises(PluginError, match=f"schedule 'lazy' of plugin 'alpha' cannot be loaded: {said}"):
        host.make("schedule", "lazy")
    assert host.make("schedule", "fine") == Linear()


def test_a_factory_that_makes_no_settings_is_named(stranger: Stranger) -> None:
    host = Host([stranger("alpha", schedule("lazy", "genvae.errors:nearest")), *OWN])
    with pytest.raises(PluginError, match=r"of plugin 'alpha': genvae.errors:nearest is no dataclass"):
        host.make("schedule", "lazy")


def test_check_finds_what_parts_of_a_kind_must_have(stranger: Stranger) -> None:
    made = (
        '[ModalityPart(id="mine", factory="genvae.errors:nearest", summary=""),'
        ' Part(kind="prior", id="mine", factory="genvae.core.schedules:Linear", summary=""),'
        ' Part(kind="measure", id="mine", factory="genvae.errors:nearest", summary="")]'
    )
    host = Host([stranger("alpha", parts(made)), *OWN])
    assert [fault for _, fault in host.check("alpha")] == [
        "factory genvae.errors:nearest has no select, fit, restore, recipe",
        "factory genvae.core.schedules:Linear has no build", "",
    ]  # fmt: skip
    for name in {own.name for own in OWN}:
        assert not [fault for _, fault in host.check(name) if fault], name


def test_check_refuses_a_plugin_that_is_not_in_use(stranger: Stranger) -> None:
    host = Host([stranger("alpha", "raise RuntimeError('no licence')"), *OWN])
    with pytest.raises(PluginError, match=r"'alpha' is broken: .*no licence"):
        host.check("alpha")


def test_every_kind_can_be_registered(stranger: Stranger) -> None:
    plain = sorted(set(KINDS) - {"modality", "operation", "source"})
    made = [f'Part(kind="{kind}", id="mine", factory="genvae.errors:nearest", summary="")' for kind in plain]
    special = [
        'ModalityPart(id="mine", factory="genvae.errors:nearest", summary="")',
        'OperationPart(id="mine", factory="genvae.errors:nearest", request="genvae.operations:Generate", summary="")',
        'SourcePart(id="mine", factory="genvae.errors:nearest", summary="", endings=(".mine",))',
    ]
    host = Host([stranger("alpha", parts(f"[{', '.join(made + special)}]")), *OWN])
    assert {part.kind for part in record(host, "alpha").parts} == set(KINDS)


def test_a_spec_cannot_be_changed() -> None:
    part = Part(kind="schedule", id="x", factory="a:b", summary="")
    with pytest.raises(AttributeError):
        part.id = "y"  # type: ignore[misc]
