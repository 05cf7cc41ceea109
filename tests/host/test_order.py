"""The order of plugins, and the switches of the environment."""

from __future__ import annotations

import pytest

from genvae.errors import PluginError
from genvae.host import Host, Status, default_host
from tests.host.strangers import OWN, Stranger, record, schedule


def loaded(host: Host) -> list[str]:
    return [r.name for r in host.records if r.status is Status.LOADED]


def test_order_is_the_engine_then_names_whatever_order_they_are_found_in(stranger: Stranger) -> None:
    points = [stranger(name, schedule(name)) for name in ("delta", "alpha", "charlie")]
    for found in (points + OWN, [*reversed(OWN), *reversed(points)]):
        assert loaded(Host(found)) == ["engine", "alpha", "charlie", "delta", "sentence"]


def test_genvaes_own_come_before_strangers(stranger: Stranger) -> None:
    installed = [r.name for r in default_host().records]
    assert installed[0] == "engine"
    assert {"sentence", "studio"} <= set(installed)


def test_only_restricts_and_orders(stranger: Stranger) -> None:
    points = [stranger(name, schedule(name)) for name in ("alpha", "bravo", "charlie")]
    host = Host([*points, *OWN], only=["charlie", "alpha"])
    assert loaded(host) == ["engine", "charlie", "alpha"]
    assert [part.id for part in host.parts("schedule")][-2:] == ["charlie", "alpha"]
    assert record(host, "bravo").status is Status.DISABLED
    assert "GENVAE_PLUGINS" in record(host, "bravo").reason


def test_order_decides_who_holds_an_id(stranger: Stranger) -> None:
    points = [stranger(name, schedule("wavy")) for name in ("alpha", "bravo")]
    assert Host(points).owner("schedule", "wavy").name == "alpha"
    assert Host(points, only=["bravo", "alpha"]).owner("schedule", "wavy").name == "bravo"


def test_a_plugin_switched_off_is_not_imported(stranger: Stranger) -> None:
    host = Host([stranger("alpha", "raise RuntimeError"), *OWN], without=["alpha"])
    assert record(host, "alpha").status is Status.DISABLED


def test_the_engine_is_never_switched_off() -> None:
    host = Host(OWN, without=["engine", "sentence"])
    assert loaded(host) == ["engine"]
    assert loaded(Host(OWN, only=[])) == ["engine"]


def test_a_switch_that_names_nothing_is_an_error() -> None:
    for switch in ({"only": ["sentense"]}, {"without": ["sentense"]}):
        with pytest.raises(PluginError, match="did you mean 'sentence'"):
            Host(OWN, **switch)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, {"engine", "sentence", "studio"}),
        ({"GENVAE_PLUGINS": " sentence , "}, {"engine", "sentence"}),
        ({"GENVAE_PLUGINS": ""}, {"engine"}),
        ({"GENVAE_WITHOUT_PLUGINS": "sentence,studio"}, {"engine"}),
        ({"GENVAE_PLUGINS": "studio,sentence", "GENVAE_WITHOUT_PLUGINS": "sentence"}, {"engine", "studio"}),
        ({"GENVAE_STRICT": "1"}, {"engine", "sentence", "studio"}),
    ],
)
def test_the_environment_restricts(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: set[str]
) -> None:
    for name in ("GENVAE_PLUGINS", "GENVAE_WITHOUT_PLUGINS", "GENVAE_STRICT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    names = set(loaded(Host.from_environment()))
    assert names & {"engine", "sentence", "studio"} == expected
