"""The studio in a real browser."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from genvae.service import Service
from genvae_studio.studio import Studio
from tests.studio.conftest import settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Opened = Callable[..., "Page"]


@pytest.fixture(scope="module")
def service() -> Service:
    return Service()


def said(service: Service, model: Path, n: int, seed: int, **more: Any) -> list[str]:
    """What the service gives in this process."""
    answer: Any = service.run("generate", model=str(model), n=n, seed=seed, **{"temperature": 1.0, **more})
    return list(answer.items)


def shows(page: Page, expected: list[str]) -> bool:
    """Whether the list is this."""
    return page.locator("#sheet .line").all_text_contents() == expected


def number(page: Page, name: str, value: str) -> None:
    """Type into the number box of a slider."""
    page.locator(f"#{name} input[type=number]").fill(value)


def test_opens_with_sentences(opened: Opened, service: Service, tiny_model: Path) -> None:
    page = opened()
    assert shows(page, said(service, tiny_model, 12, 1))
    assert page.title() == "genvae studio"
    assert page.locator(".notice").count() == 0
    assert urlsplit(page.url).query == ""


def test_click_streams_sentences_in_and_the_link_gives_them_again(
    opened: Opened, service: Service, tiny_model: Path
) -> None:
    page = opened()
    page.evaluate(
        """() => { window.seen = new Set(); new MutationObserver(() => {
             const b = document.querySelector('#sheet .status b'); if (b) window.seen.add(b.textContent); })
           .observe(document.querySelector('#sheet'), {subtree: true, childList: true, characterData: true}); }"""
    )
    number(page, "n", "70")
    number(page, "temperature", "0.7")
    page.fill("#seed input, #seed textarea", "9007199254740993")  # 2^53 + 1: a number in JavaScript would lose the 1
    page.click("#go")
    first = settled(page, 70, 9007199254740993)
    assert first == said(service, tiny_model, 70, 9007199254740993, temperature=0.7)
    assert {"32 of 70", "64 of 70"} <= set(page.evaluate("[...window.seen]"))

    query = parse_qs(urlsplit(page.url).query)
    assert query["n"] == ["70"] and query["seed"] == ["9007199254740993"] and query["temperature"] == ["0.7"]
    page.click("#link")
    link = page.evaluate("navigator.clipboard.readText()")
    assert urlsplit(link).query == urlsplit(page.url).query
    again = opened("?" + urlsplit(link).query)
    assert settled(again, 70) == first
    assert again.input_value("#seed input, #seed textarea") == "9007199254740993"
    assert again.input_value("#n input[type=number]") == "70"
    assert again.locator(".notice").count() == 0


def test_new_seed_gives_others_and_the_old_one_the_old(opened: Opened) -> None:
    page = opened()
    before = settled(page)
    page.click("#dice")
    page.wait_for_function("!document.querySelector('#sheet .status').textContent.endsWith('seed 1')")
    assert settled(page, 12) != before
    page.fill("#seed input, #seed textarea", "1")
    page.click("#go")
    assert settled(page, 12, 1) == before


def test_keyboard_alone(opened: Opened) -> None:
    page = opened()
    page.focus("#model input")
    stops = []
    for _ in range(20):
        page.keyboard.press("Tab")
        stops.append(
            page.evaluate(
                "document.activeElement.closest('#n,#temperature,#top_p,#prior_scale,#seed,#dice,#go,#sheet,#own')?.id"
            )
        )
    order = list(dict.fromkeys(stop for stop in stops if stop))
    assert order == ["n", "temperature", "top_p", "prior_scale", "seed", "dice", "go", "sheet", "own"]

    page.focus("#seed input, #seed textarea")
    page.keyboard.press("Control+A")
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    fifth = settled(page, 12, 5)
    page.focus("#n input[type=number]")
    page.keyboard.press("Control+A")
    page.keyboard.type("3")
    page.keyboard.press("Control+Enter")
    assert settled(page, 3, 5) == fifth[:3]

    page.locator("#sheet .line").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator("#reconstruction").wait_for()
    assert page.input_value("#own textarea") == fifth[1]


def test_csv_and_copies(opened: Opened, tiny_model: Path, tmp_path: Path) -> None:
    page = opened("?n=40&seed=3")
    items = settled(page, 40, 3)
    with page.expect_download() as download:
        page.click("#save-csv")
    assert download.value.suggested_filename == "sentences.csv"
    download.value.save_as(tmp_path / "sentences.csv")
    with (tmp_path / "sentences.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["number", "sentence"], *([str(i), item] for i, item in enumerate(items, start=1))]

    page.click("#sheet [aria-label='Copy all sentences']")
    page.locator("#sheet [aria-label='Copy all sentences']:has-text('Copied')").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "\n".join(items)
    page.click("#sheet [aria-label='Copy the Python line']")
    page.locator("#sheet [aria-label='Copy the Python line']:has-text('Copied')").wait_for()
    import genvae

    assert eval(page.evaluate("navigator.clipboard.readText()"), {"genvae": genvae}) == items
    assert page.text_content("#sheet .shell code") == f"genvae generate {tiny_model} -n 40 --seed 3 --temperature 1.0"


def test_own_sentence(opened: Opened, service: Service, tiny_model: Path) -> None:
    page = opened()
    page.get_by_label("Your sentence").fill("the grey cat looks at a bowl of soup.")
    page.keyboard.press("Enter")
    page.locator("#reconstruction").wait_for()
    text = "the grey cat looks at a bowl of soup."
    back: Any = service.run("reconstruct", model=str(tiny_model), items=[text])
    assert page.text_content("#reconstruction") == back.items[0]
    for distance in ("0.5", "2"):
        number(page, "distance", distance)
        page.click("#explore")
        page.locator(f"#echo .aside:has-text('at distance {distance}')").wait_for()
        varied: Any = service.run("vary", model=str(tiny_model), item=text, n=8, distance=float(distance))
        assert page.locator("#echo .line").all_text_contents() == varied.items
    page.click("#others")
    page.locator("#echo code:has-text('seed=1')").wait_for()

    page.locator("#sheet .line").nth(2).click()
    page.wait_for_function("document.querySelector('#echo code')?.textContent.includes('grey cat') === false")
    assert page.input_value("#own textarea") == page.locator("#sheet .line").nth(2).text_content()


def test_text_is_never_run(opened: Opened) -> None:
    page = opened()
    nasty = "<img src=x onerror='window.hit=1'> ${window.hit=2} {{value}} `a` \\"
    page.fill("#own textarea", nasty)
    page.keyboard.press("Enter")
    page.locator("#reconstruction").wait_for()
    assert repr(nasty) in str(page.text_content("#echo .python code"))
    assert page.evaluate("window.hit") is None
    assert page.locator("#echo img").count() == 0


@pytest.mark.parametrize(("text", "line"), [("soup " * 60, "at most 200"), ("   ", "empty")])
def test_text_out_of_limits_gets_a_clear_line(opened: Opened, text: str, line: str) -> None:
    page = opened()
    page.fill("#own textarea", text)
    page.click("#explore")
    notice = page.locator("#echo .notice")
    notice.wait_for()
    assert line in str(notice.text_content()) and "Traceback" not in str(notice.text_content())


def test_wrong_values_get_a_clear_line_and_lose_nothing(opened: Opened) -> None:
    page = opened()
    before = settled(page)
    notice = page.locator("#message .notice")
    page.fill("#seed input, #seed textarea", "seven")
    page.click("#go")
    notice.wait_for()
    assert notice.text_content() == "seed = 'seven' must be a whole number."
    page.fill("#seed input, #seed textarea", "1")
    page.fill("#model input", "nowhere")
    page.keyboard.press("Enter")
    page.click("#go")
    page.locator("#message .notice:has-text('no model')").wait_for()
    assert settled(page) == before


def test_a_link_that_cannot_be_followed(opened: Opened, service: Service, tiny_model: Path) -> None:
    page = opened("?seed=5&n=lots")
    notice = page.text_content("#message .notice")
    assert notice == "This link can't be followed, so here are the usual sentences. n = 'lots' must be a whole number."
    assert shows(page, said(service, tiny_model, 12, 1))
    assert page.input_value("#seed input, #seed textarea") == "1"


def test_two_pages_at_once(opened: Opened, service: Service, tiny_model: Path) -> None:
    pages = [opened(f"?seed={seed}") for seed in (21, 22)]
    for page in pages:
        number(page, "n", "64")
        page.click("#go", no_wait_after=True)
    for page, seed in zip(pages, (21, 22), strict=True):
        assert settled(page, 64, seed) == said(service, tiny_model, 64, seed)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio")  # its queue, in this process
def test_a_missing_default_model_is_said_in_the_page(blank: Callable[[], Page]) -> None:
    from genvae_studio.app import build, serve

    blocks = build(Studio(Service(), "no-such-model"))
    try:
        page = blank()
        page.goto(serve(blocks, 0, False))
        notice = page.locator("#message .notice")
        notice.wait_for()
        assert "There is no model 'no-such-model'" in str(notice.text_content())
        assert page.locator("#go").is_enabled()
    finally:
        blocks.close(verbose=False)
