"""The real studio as a process, and a real browser."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

#: quiet and without a sandbox, which containers do not have
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run", "--disable-quic"]  # fmt: skip
STARTS_IN = 90  # seconds; a cold, busy machine imports torch and gradio slowly
PATIENCE = 45_000  # milliseconds for anything in the page


@contextlib.contextmanager
def running(model: str, log: Path) -> Iterator[str]:
    """``genvae studio`` as a process of its own; gives its address, and surely ends it."""
    command = [sys.executable, "-c", "from genvae.cli.main import run; run()", "studio", "--port", "0", "--no-open"]
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env={**os.environ, "GENVAE_STUDIO_MODEL": model},
        )  # fmt: skip
    try:
        until = time.monotonic() + STARTS_IN
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            assert process.poll() is None, f"the studio ended early:\n{log.read_text()}"
            assert time.monotonic() < until, f"the studio did not open:\n{log.read_text()}"
            time.sleep(0.1)
        yield found.group()
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@pytest.fixture(scope="session")
def studio(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a studio that opens with the tiny model."""
    with running(str(tiny_model), tmp_path_factory.mktemp("studio") / "log.txt") as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Headless Chromium. Without one these tests are skipped, but not in CI."""

    def missing(why: str) -> Any:
        return pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)

    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        missing("playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        except Error as error:
            missing(f"no Chromium: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh profile for a file of tests: its cache makes every page but the first quick."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def blank(context: BrowserContext) -> Iterator[Callable[[], Page]]:
    """New pages. Whatever they do, no request may leave this machine."""
    pages: list[Page] = []
    asked: list[str] = []

    def make() -> Page:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        pages.append(page)
        return page

    yield make
    for page in pages:
        page.close()
    outside = [url for url in asked if not re.match(r"http://127\.0\.0\.1[:/]|data:|blob:|about:", url)]
    assert asked and not outside, f"requests left this machine: {outside}"


@pytest.fixture
def opened(blank: Callable[[], Page], studio: str) -> Callable[..., Page]:
    """Open the studio with a query and wait until its sentences are there."""

    def visit(query: str = "") -> Page:
        page = blank()
        page.goto(f"{studio}/{query}")
        settled(page)
        return page

    return visit


def settled(page: Page, count: int | None = None, seed: int | str | None = None) -> list[str]:
    """The sentences, once the sheet is complete (and of the count and seed that are asked for)."""
    status = rf"^{count or '[0-9]+'} sentences?, seed {'[0-9]+' if seed is None else seed}$"
    page.locator('.sheet[aria-busy="false"] .status', has_text=re.compile(status)).wait_for()
    found: list[str] = page.locator("#sheet .line").all_text_contents()
    return found
