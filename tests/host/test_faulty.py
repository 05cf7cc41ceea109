"""A plugin that cannot be used becomes a record with its reason; the rest goes on."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from genvae.errors import PluginError
from genvae.host import API_VERSION, Host, Status
from tests.host.strangers import HEAD, OWN, Stranger, parts, record, schedule

MAJOR, MINOR = API_VERSION
SCHEDULE = 'Part(kind="schedule", id="x", factory="genvae.core.schedules:Linear", summary="")'


def versioned(version: str) -> str:
    return schedule("fine").replace('"1.0"', version)


FAULTS = {
    "raises on import": ("raise RuntimeError('no licence\\nfound')", Status.BROKEN, "RuntimeError: no licence found"),
    "exits on import": ("import sys; sys.exit('goodbye')", Status.BROKEN, "SystemExit: goodbye"),
    "exits in its hook": (parts("exit(3)"), Status.BROKEN, "SystemExit: 3"),
    "is not Python": ("def :", Status.BROKEN, "SyntaxError"),
    "needs what is not installed": ("import a_package_nobody_has", Status.BROKEN, "a_package_nobody_has"),
    "raises in its hook": (parts("1 / 0"), Status.BROKEN, "ZeroDivisionError"),
    "says no version": (schedule("fine").replace("genvae_api", "api"), Status.INCOMPATIBLE, "add genvae_api"),
    "is too new": (versioned(f'"{MAJOR}.{MINOR + 1}"'), Status.INCOMPATIBLE, f"{MAJOR}.{MINOR + 1}, this genvae has"),
    "has another major": (versioned(f'"{MAJOR + 1}.0"'), Status.INCOMPATIBLE, f"needs plugin interface {MAJOR + 1}.0"),
    "has no such version": (versioned('"one"'), Status.INCOMPATIBLE, "'one' is not of the form"),
    "misspells the hook": (
        schedule("fine").replace("def genvae_parts", "def genvae_part"), Status.MISSPELT, "did you mean 'genvae_parts'?"
    ),
    "marks an unknown hook": (
        schedule("fine") + "\n@hookimpl\ndef train_start(): pass\n", Status.MISSPELT, "there is no hook 'train_start'"
    ),
    "forgets the mark": (schedule("fine").replace("@hookimpl", ""), Status.MISSPELT, "not marked as a hook"),
    "takes an unknown argument": (
        schedule("fine").replace("parts()", "parts(registry)"), Status.BROKEN, "Argument(s) {'registry'}"
    ),
    "gives no list": (parts("None"), Status.BROKEN, "TypeError"),
    "gives what is no part": (parts("[42]"), Status.BROKEN, "gave 42, which is no genvae.host.Part"),
    "gives a malformed factory": (
        parts(f"[{SCHEDULE.replace('schedules:', 'schedules.')}]"), Status.BROKEN, "must be 'package.module:attribute'"
    ),
    "gives an unknown kind": (parts(f"[{SCHEDULE.replace('schedule', 'shedule', 1)}]"), Status.BROKEN, "'schedule'?"),
    "gives an ugly id": (parts(f"[{SCHEDULE.replace(chr(34) + 'x', chr(34) + 'X y')}]"), Status.BROKEN, "lower-case"),
    "gives a plain part for a modality": (
        parts(f"[{SCHEDULE.replace('schedule', 'modality', 1)}]"), Status.BROKEN, "must be a genvae.host.ModalityPart"
    ),
    "gives an operation whose request is not there": (
        parts('[OperationPart(id="x", factory="genvae.errors:nearest", request="nowhere:Ask", summary="")]'),
        Status.BROKEN, "request nowhere:Ask cannot be loaded: ModuleNotFoundError",
    ),
    "gives an operation whose request is no dataclass": (
        parts('[OperationPart(id="x", factory="genvae.errors:nearest", request="genvae.errors:nearest", summary="")]'),
        Status.BROKEN, "request genvae.errors:nearest is no dataclass",
    ),
    "gives one id twice": (parts(f"[{SCHEDULE}, {SCHEDULE}]"), Status.DUPLICATE, "'x' is already given by this same"),
    "claims the engine's id": (schedule("linear"), Status.DUPLICATE, "'linear' is already given by plugin 'engine'"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_plugin_is_recorded_with_its_reason(stranger: Stranger, fault: str) -> None:
    source, status, reason = FAULTS[fault]
    host = Host([stranger("alpha", source), stranger("omega", schedule("wavy")), *OWN])
    alpha = record(host, "alpha")
    assert (alpha.status, alpha.parts) == (status, ())
    assert reason in alpha.reason and "\n" not in alpha.reason
    # the others are all there, before and after it
    assert {record(host, name).status for name in ("engine", "sentence", "omega")} == {Status.LOADED}
    assert host.make("schedule", {"schedule": "wavy", "stop": 2}).at(None) == 2.0
    assert host.part("modality", "sentence").id == "sentence"


def test_a_plugin_with_hostile_attributes_is_broken(monkeypatch: pytest.MonkeyPatch, stranger: Stranger) -> None:
    point = stranger("alpha", HEAD + "\nclass Plugin:\n    @property\n    def trap(self): raise RuntimeError('trap')\n"
                     "    genvae_api = '1.0'\nplugin = Plugin()\n")  # fmt: skip
    host = Host([EntryPoint(point.name, f"{point.value}:plugin", "genvae"), *OWN])
    assert record(host, "alpha").status is Status.BROKEN
    assert "RuntimeError: trap" in record(host, "alpha").reason


@pytest.mark.parametrize("value", ["no such module", "genvae.host:nothing", "nowhere_at_all", ""])
def test_an_entry_point_that_names_nothing_is_broken(value: str) -> None:
    host = Host([EntryPoint("alpha", value, "genvae"), *OWN])
    assert record(host, "alpha").status is Status.BROKEN
    assert record(host, "sentence").status is Status.LOADED


def test_an_interrupt_is_no_fault(stranger: Stranger) -> None:
    with pytest.raises(KeyboardInterrupt):
        Host([stranger("alpha", "raise KeyboardInterrupt")])


def test_of_two_with_one_id_the_first_is_used(stranger: Stranger) -> None:
    host = Host([stranger("beta", schedule("wavy")), stranger("alpha", schedule("wavy"))])
    assert [(r.name, r.status) for r in host.records] == [("alpha", Status.LOADED), ("beta", Status.DUPLICATE)]
    assert record(host, "beta").reason == "schedule 'wavy' is already given by plugin 'alpha'"
    assert host.owner("schedule", "wavy").name == "alpha"


def test_a_duplicate_gives_none_of_its_parts(stranger: Stranger) -> None:
    both = parts(f"[{SCHEDULE}, {SCHEDULE.replace(chr(34) + 'x', chr(34) + 'linear')}]")
    host = Host([stranger("alpha", both), *OWN])
    assert record(host, "alpha").status is Status.DUPLICATE
    with pytest.raises(PluginError, match="no schedule 'x' is installed"):
        host.part("schedule", "x")


def test_of_two_with_one_name_the_second_is_recorded(stranger: Stranger) -> None:
    host = Host([stranger("alpha", schedule("first")), stranger("alpha", schedule("second"))])
    assert [r.status for r in host.records] == [Status.LOADED, Status.DUPLICATE]
    assert host.records[1].reason == "another plugin is already called 'alpha'"
    assert [part.id for part in host.parts("schedule")] == ["first"]


def test_a_name_is_free_again_when_its_holder_is_broken(stranger: Stranger) -> None:
    host = Host([stranger("alpha", "raise RuntimeError"), stranger("alpha", schedule("second"))])
    assert [r.status for r in host.records] == [Status.BROKEN, Status.LOADED]


def test_a_stranger_called_engine_does_not_take_the_engines_place(stranger: Stranger) -> None:
    host = Host([stranger("engine", schedule("wavy")), *OWN])
    assert [(r.module, r.status) for r in host.records if r.name == "engine"] == [
        ("genvae.parts", Status.LOADED), (host.records[1].module, Status.DUPLICATE),
    ]  # fmt: skip


def test_a_missing_part_names_the_plugin_that_failed(stranger: Stranger) -> None:
    host = Host([stranger("wavy-plugin", "raise RuntimeError('no licence')"), *OWN])
    with pytest.raises(PluginError, match=r"no schedule 'wavy'.*wavy-plugin \(broken: .*no licence\)"):
        host.part("schedule", "wavy")


def test_strict_refuses_what_would_be_recorded(stranger: Stranger) -> None:
    broken = stranger("alpha", "raise RuntimeError('no licence')")
    with pytest.raises(PluginError, match=r"'alpha' is broken: .*no licence"):
        Host([broken, *OWN], strict=True)
    assert record(Host([broken, *OWN], strict=True, without=["alpha"]), "alpha").status is Status.DISABLED
