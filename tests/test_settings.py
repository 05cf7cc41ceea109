"""Settings: what is taken, what is refused, and that nothing is lost between."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as unhurried
from hypothesis import strategies as st

from genvae.core.decoding.options import Decoding
from genvae.core.schedules import Constant, Linear
from genvae.errors import SettingError, nearest
from genvae.host import default_host
from genvae.recipe.settings import TrainingSettings
from genvae.settings import build, hints, is_text, names, plain, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """One field of each kind."""

    label = "sample"

    count: int = setting(3, help="a count", ge=1, lt=10)
    share: float = setting(0.5, help="a share", gt=0.0, le=1.0)
    flag: bool = setting(False, help="a flag")
    title: str = setting("x", help="a title", max_length=5)
    kind: str = setting("a", help="one of two", choices=("a", "b"))
    maybe: int | None = setting(None, help="perhaps a count", ge=0)
    some: tuple[int, ...] = setting((), help="counts", max_length=3)
    table: dict[str, Any] = setting({}, help="a mapping")
    either: int | str = setting(0, help="a number or a name")
    required: str = setting(help="must be given")


def sample(**values: Any) -> Sample:
    return build(Sample, {"required": "here", **values})


TAKEN = [
    ("count", 3.0, 3), ("share", 1, 1.0), ("share", "1e-3", 1e-3), ("flag", True, True), ("maybe", None, None),
    ("maybe", 0, 0), ("some", [1, 2], (1, 2)), ("some", (), ()), ("table", {"a": [1]}, {"a": [1]}),
    ("title", "äöü", "äöü"), ("either", 4, 4), ("either", "four", "four"),
]  # fmt: skip

REFUSED = [
    ("count", 0, "count = 0 must be at least 1"), ("count", 10, "count = 10 must be less than 10"),
    ("count", 1.5, "must be a whole number"), ("count", "3", "must be a whole number"),
    ("count", True, "must be a whole number"), ("count", None, "must be a whole number"),
    ("count", math.inf, "must be a whole number"), ("count", math.nan, "must be a whole number"),
    ("share", 0, "share = 0.0 must be more than 0.0"), ("share", 1.01, "share = 1.01 must be at most 1.0"),
    ("share", math.nan, "not a finite number"), ("share", "nan", "not a finite number"),
    ("share", -math.inf, "not a finite number"), ("share", 10**400, "must be a number"),
    ("share", "much", "must be a number"), ("share", True, "must be a number"), ("share", None, "must be a number"),
    ("flag", 1, "must be true or false"), ("flag", "yes", "must be true or false"),
    ("title", 5, "must be text"), ("title", "sixsix", "has 6 entries or characters; at most 5"),
    ("kind", "c", "is not one of: a, b"), ("maybe", -1, "must be at least 0"), ("maybe", "x", "must be a whole number"),
    ("some", "12", "must be a list"), ("some", 4, "must be a list"), ("some", [1, "2"], "must be a whole number"),
    ("some", [1, 2, 3, 4], "at most 3"), ("table", [1], "must be a mapping"), ("either", 1.5, "must be a whole number"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "expected"), TAKEN)
def test_values_that_fit(name: str, value: Any, expected: Any) -> None:
    got = getattr(sample(**{name: value}), name)
    assert got == expected and type(got) is type(expected)


@pytest.mark.parametrize(("name", "value", "said"), REFUSED)
def test_values_that_do_not_fit(name: str, value: Any, said: str) -> None:
    with pytest.raises(SettingError) as caught:
        sample(**{name: value})
    assert f"sample: {name}" in str(caught.value) and said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(SettingError, match="unknown setting 'cuont' in sample; did you mean 'count'"):
        sample(cuont=3)
    with pytest.raises(SettingError, match="known: count, either, flag,"):
        sample(zzzzzz=3)


def test_a_missing_setting_says_what_it_is() -> None:
    with pytest.raises(SettingError, match="sample needs 'required': must be given"):
        build(Sample, {})


def test_a_mapping_as_default_is_not_shared() -> None:
    sample().table["a"] = 1
    assert sample().table == {}


@unhurried(deadline=None)  # a first example may import torch
@given(st.integers())
def test_a_whole_number_is_taken_exactly_or_refused(number: int) -> None:
    if 1 <= number < 10:
        assert sample(count=number).count == number
    else:
        with pytest.raises(SettingError):
            sample(count=number)


@unhurried(deadline=None)
@given(st.floats())
def test_a_number_is_taken_exactly_or_refused(number: float) -> None:
    if 0 < number <= 1:
        assert sample(share=number).share == number
        assert sample(share=repr(number)).share == number  # as YAML may read it
    else:
        with pytest.raises(SettingError):
            sample(share=number)


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@unhurried(deadline=None)
@given(st.sampled_from([f.name for f in dataclasses.fields(Sample)]), JSON_LIKE)
def test_whatever_is_given_is_taken_or_refused_in_one_line(name: str, value: Any) -> None:
    try:
        made = sample(**{name: value})
    except SettingError as error:
        assert str(error)
    else:
        assert plain(sample(**plain(made))) == plain(made)


@unhurried(deadline=None, max_examples=60)
@given(st.sampled_from(["schedule", "objective", "corruption", "modality", "architecture"]), JSON_LIKE, st.data())
def test_whatever_a_recipe_entry_holds_is_taken_or_refused(kind: str, value: Any, data: st.DataObject) -> None:
    host = default_host()
    part = data.draw(st.sampled_from(host.parts(kind)))
    name = data.draw(st.sampled_from(names(host.load(kind, part.id))))
    try:
        entry = host.complete(kind, {kind: part.id, name: value})
    except SettingError:
        return
    assert host.complete(kind, entry) == entry
    assert host.make(kind, entry) == host.make(kind, {kind: part.id, name: value})


@unhurried(deadline=None, max_examples=40)
@given(
    st.fixed_dictionaries({
        "batch_size": st.integers(1, 65_536), "learning_rate": st.floats(1e-9, 1.0), "seed": st.integers(0, 2**63 - 1),
        "max_steps": st.none() | st.integers(1, 10**9), "precision": st.sampled_from(["float32", "bfloat16"]),
    })
)  # fmt: skip
def test_settings_round_trip_through_yaml(values: dict[str, Any]) -> None:
    made = build(TrainingSettings, values)
    again = build(TrainingSettings, yaml.safe_load(yaml.safe_dump(plain(made))))
    assert again == made


def test_plain_writes_nested_settings_and_schedules() -> None:
    assert plain(Linear(stop=2.0)) == {"start": 0.0, "stop": 2.0, "steps": 1000, "wait": 0}
    assert plain({"a": (Constant(value=0.25), [None])}) == {"a": [0.25, [None]]}


def test_every_setting_says_what_it_means() -> None:
    host = default_host()
    classes = [TrainingSettings, Decoding]
    classes += [host.load(kind, part.id) for kind in ("modality", "architecture", "objective", "schedule", "corruption",
                "prior", "posterior", "likelihood") for part in host.parts(kind)]  # fmt: skip
    for cls in classes:
        for field in dataclasses.fields(cls):
            assert field.metadata.get("help"), f"{cls.__name__}.{field.name} has no help"


def test_what_is_text() -> None:
    found = {name: is_text(hint) for name, hint in hints(Sample).items()}
    assert {name for name, text in found.items() if text} == {"title", "kind", "required"}
    assert is_text(str | None) and not is_text(int | str)


def test_nearest() -> None:
    assert nearest("latnet_dim", ["latent_dim", "hidden_dim"]) == "did you mean 'latent_dim'?"
    assert nearest("zzz", ["b", "a", "a"]) == "known: a, b"
    assert nearest("zzz", []) == "known: none"
