"""The controls of a model's conditions, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from genvae.errors import LacksCapability, SettingError
from genvae.service import Service
from genvae_studio.asked import Asked
from genvae_studio.pages.conditions import declared, guided
from genvae_studio.studio import Studio
from tests.conditional.test_conditioned import trained
from tests.studio.conftest import running, settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

CONDITIONS = (
    "conditions={form: class, size: {kind: number, bins: 3}, topic: {kind: text, length: 8, width: 4}, "
    "tags: {kind: attributes, flags: [hat, tie]}}"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence model with conditions of every kind."""
    folder = tmp_path_factory.mktemp("studio-conditions") / "model"
    trained("sentence", folder, CONDITIONS, "condition_dropout=0.2")
    return folder


@pytest.fixture(scope="module")
def studio(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(str(model), tmp_path_factory.mktemp("studio") / "log.txt") as address:
        yield address


def said(model: Path, **asked: Any) -> list[str]:
    answer: Any = Service().run("generate", model=str(model), n=12, seed=1, temperature=1.0, **asked)
    return list(answer.items)


@pytest.mark.browser
def test_controls_are_drawn_from_the_model_and_asked_for_with_the_sentences(
    opened: Callable[..., Page], model: Path
) -> None:
    page = opened()
    page.locator("#condition-form input").wait_for()
    assert page.input_value("#condition-form input") == "any"
    page.click("#condition-form input")
    choices = page.locator("#condition-form [role=option]")
    assert [text.split()[-1] for text in choices.all_inner_texts()] == ["any", "a", "b"]
    choices.nth(2).click()
    page.locator("#condition-size input[type=number]").fill("4")
    page.fill("#condition-topic textarea, #condition-topic input", "tea")
    page.locator("#guidance input[type=number]").fill("1.5")
    asked = {"form": "b", "size": 4, "topic": "tea"}
    for _ in range(20):  # what a control says takes its way to the server
        page.wait_for_timeout(300)
        page.click("#go")
        page.wait_for_function("new URLSearchParams(location.search).has('conditions')")
        found = settled(page, 12)
        query = parse_qs(urlsplit(page.url).query)
        if (json.loads(query["conditions"][0]), query["guidance"]) == (asked, ["1.5"]):
            break
    assert json.loads(query["conditions"][0]) == asked and query["guidance"] == ["1.5"]
    assert not page.is_checked("#condition-size-any input")
    assert found == said(model, conditions=asked, guidance=1.5) != said(model)
    again = opened("?" + urlsplit(page.url).query)
    assert settled(again, 12) == found
    again.locator("#condition-form input").wait_for()
    assert (
        again.input_value("#condition-form input") == "b" and again.input_value("#guidance input[type=number]") == "1.5"
    )


@pytest.mark.browser
def test_a_model_of_pictures_has_the_controls_that_it_has_a_use_for(blank: Callable[[], Page], studio: str) -> None:
    page = blank()
    page.goto(f"{studio}/?model=fashion&n=2&conditions=" + quote(json.dumps({"garment": "bag"})))
    page.locator("#sheet .status", has_text="2 pictures").wait_for()
    assert page.locator("ol.pictures img").count() == 2
    page.locator("#condition-garment input").wait_for()
    assert page.input_value("#condition-garment input") == "bag"
    for name in ("temperature", "top_p", "yours"):
        page.locator(f"#{name}").wait_for(state="hidden")
    assert page.locator("#prior_scale").is_visible()


@pytest.mark.browser
def test_a_link_to_a_condition_that_there_is_not(blank: Callable[[], Page], studio: str) -> None:
    page = blank()
    page.goto(f"{studio}/?conditions=" + quote(json.dumps({"form": "c"})))
    assert "form = 'c' is no value of this model" in page.locator(".notice").inner_text()


def test_what_is_declared_is_read_without_the_model(model: Path, tmp_path: Path) -> None:
    studio = Studio(Service(), str(model))
    assert list(declared(studio, str(model))) == ["form", "size", "topic", "tags"]
    assert declared(studio, str(tmp_path / "nowhere")) == {} == declared(studio, "typefaces")


@pytest.mark.parametrize("name", ["sentences-en", "fashion", "verses"])
def test_guidance_is_offered_where_a_model_takes_it(name: str) -> None:
    service = Service()
    try:
        service.run("generate", model=name, n=1, guidance=1.5)
        takes = True
    except LacksCapability:
        takes = False
    studio = Studio(service, name)
    assert guided(studio, name, declared(studio, name)) == takes == (name != "verses")


def test_a_link_says_conditions_as_json() -> None:
    asked = Asked.of(model="m", conditions={"form": "b", "size": 4}, guidance=1.5)
    query = {key: value[0] for key, value in parse_qs(asked.link()[1:]).items()}
    assert Asked.of_link(query, "other") == asked
    assert "conditions" not in Asked.of(model="m").link()
    with pytest.raises(SettingError, match="'form' is not JSON"):
        Asked.of_link({"conditions": "form"}, "m")
