"""The page Mix in a real browser, and what lies behind it."""

from __future__ import annotations

import base64
import io
import re
import time
import zipfile
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

import genvae
from genvae.errors import DataError
from genvae.host import Host
from genvae.service import Service
from genvae_studio.pages.mix import acted, mixed
from genvae_studio.pieces import MOST, Piece, Table, Tray, drawn, lay_out, read
from genvae_studio.studio import Studio
from genvae_studio.widgets import tray as trays
from tests.conftest import TINY, own_lines
from tests.images.drawn import built
from tests.images.split_model import SHAPES, shape
from tests.images.test_reading import bomb, png

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

Opened = Callable[..., "Page"]


def of_url(url: str | None) -> np.ndarray:
    assert url is not None and url.startswith("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


# -- without a browser ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def here() -> Studio:
    return Studio(Service(), "nowhere")


def test_trays_come_from_the_blocks(here: Studio, split_model: Path, labelled_model: Path, tiny_model: Path) -> None:
    split = lay_out(here, str(split_model))
    assert [tray.name for tray in split.trays] == ["content", "style"] and split.pictures and not split.ink
    assert ["one" in tray.hows() for tray in split.trays] == [False, True]  # only what examples share is pooled
    assert [len(tray.pieces) for tray in split.trays] == [6, 6]
    labelled = lay_out(here, str(labelled_model))
    assert [tray.name for tray in labelled.trays] == ["content", "style"]
    assert [piece.item for piece in labelled.trays[0].gallery] == sorted(SHAPES)
    assert "new" not in labelled.trays[0].hows()
    assert all(piece.item["content"] == "H" for piece in labelled.trays[1].gallery)  # to be compared
    text = lay_out(here, str(tiny_model))
    assert [tray.name for tray in text.trays] == ["z"] and not text.pictures and text.trays[0].how == "walk"


def test_a_ladder_of_blocks_is_laid_out_and_mixed(here: Studio, tmp_path: Path) -> None:
    from genvae.host import default_host
    from genvae.progress import Silent
    from genvae.recipe import Recipe
    from genvae.training.run import train
    from tests.images.split_model import rows

    recipe = Recipe.of("image", default_host())
    recipe.set([
        "size=8", "architecture=image-ladder", "latents=[2, 2, 2, 2, 2]", "hidden=[8, 8, 8, 8, 8]", "prior=ladder",
        "posterior=ladder", "max_steps=2", "evaluate_every=2",
    ])  # fmt: skip
    train(recipe, rows(), tmp_path / "ladder", resume=False, reporter=Silent())
    laid = lay_out(here, str(tmp_path / "ladder"))
    assert len(laid.trays) == 4 and len(laid.others) == 1  # a block without a tray is drawn
    assert [len(tray.pieces) for tray in laid.trays] == [1, 1, 6, 6]
    html = mixed(here, laid)
    assert html.count("<td><img") == 36 and f"{laid.others[0]}_draw=1" in html


def test_a_tray_asks_for_what_it_shows() -> None:
    tray = Tray({"name": "style", "called": "", "shared": True, "values": [], "shape": [2]})
    with pytest.raises(DataError, match="Choose at least one for style"):
        tray.request(names=False)
    tray.how = "new"
    assert tray.request(names=False) == {"style_draw": 6} and tray.heads() == ["new"] * 6
    a, b, c = (Piece(name, name.upper(), name) for name in "abc")
    tray.add([a])
    assert tray.request(names=True) == {"style": ["a"], "style_draw": 6}
    for how in ("mean", "one", "walk"):  # of one piece alone
        tray.how = how
        assert tray.request(names=False) == {"style": ["A"]} and tray.heads() == [a]
    tray.add([b, c])
    tray.how, tray.count = "walk", 5
    assert tray.request(names=True) == {"style": ["a", "b", "c"], "style_steps": 5}
    assert tray.heads() == [a, "", b, "", c]
    tray.how, tray.weights = "mean", [1.0, 0.5, 0.0]
    assert tray.request(names=False) == {"style": ["A", "B", "C"], "style_weights": [1, 0.5, 0]}
    tray.how = "one"
    assert tray.request(names=False) == {"style": ["A", "B", "C"], "style_pool": True}
    with pytest.raises(DataError, match=f"at most {MOST} at once"):
        tray.add([a] * MOST)


def test_clicks_that_make_no_sense_change_nothing(here: Studio, labelled_model: Path) -> None:
    laid = lay_out(here, str(labelled_model))
    tray = laid.trays[0]
    before = (list(tray.pieces), tray.how, tray.count)
    for do, at, value in (
        ("drop", 99, ""), ("pick", -1, ""), ("how", -1, "new"), ("how", -1, "x"), ("count", -1, "9e9"), ("boo", 0, ""),
    ):  # fmt: skip
        acted(here, laid, tray, do, at, value)
    assert (tray.pieces, tray.how, tray.count) == before
    acted(here, laid, tray, "count", -1, "999")
    assert tray.count == trays.LONGEST
    with pytest.raises(DataError, match="the weight 'much' is not a number"):
        acted(here, laid, tray, "weigh", 0, "much")


def test_a_grid_of_36_is_quick_once_warm(here: Studio, split_model: Path) -> None:
    laid = lay_out(here, str(split_model))
    mixed(here, laid)
    begun = time.perf_counter()
    assert mixed(here, laid).count("<td><img") == 36
    assert time.perf_counter() - begun < 0.5


@pytest.mark.parametrize("data", ["", "data:text/html;base64,PHN2Zz4=", "data:image/png;base64,%%", None, 7])
def test_a_drawing_that_is_none(data: Any) -> None:
    with pytest.raises(DataError, match="the drawing could not be read"):
        drawn(data, "a.png")


def test_text_of_pieces_is_escaped(here: Studio) -> None:
    nasty = "<img src=x onerror=alert(1)>${1}"
    laid = Table("m", "text/plain", [Tray({"name": "z<b>", "called": "", "shared": False, "values": [], "shape": [1]})])
    tray = laid.trays[0]
    tray.add([Piece(nasty, nasty, nasty)])
    tray.complaint = nasty
    html = trays.filled(tray, laid)
    assert "<img" not in html and "<b>" not in html and "&lt;img" in html


def test_pages_open_with_a_model_of_their_kind(labelled_model: Path, tiny_model: Path) -> None:
    starters = {kind: [part.id for part in Service().host.parts("starter") if part.modality == modality]
                for kind, modality in (("text/", "sentence"), ("image/", "image"))}  # fmt: skip
    for own, kind, other in ((labelled_model, "image/", "text/"), (tiny_model, "text/", "image/")):
        studio = Studio(Service(), str(own))
        assert studio.opens_with(kind) == str(own) and studio.opens_with("") == str(own)
        assert studio.opens_with(other) == (starters[other] or [str(own)])[0]
        assert studio.models(kind) == [str(own), *starters[kind]]
    assert Studio(Service(), "nowhere").opens_with("text/") == "nowhere"  # and the page says that it is not there
    liked = Studio(Service(), str(tiny_model)).opens_with("image/", likes=lambda name: name == starters["image/"][-1])
    assert liked == starters["image/"][-1]
    assert Studio(Service(), "sentences-en").opens_with("image/", likes=lambda name: False) in starters["image/"]


def test_a_condition_is_no_part_of_a_picture(tmp_path: Path) -> None:
    """The model's own drawings are mixed, though no picture can say its garment."""
    studio = Studio(Service(), "nowhere")
    laid = lay_out(studio, "fashion")
    assert [tray.name for tray in laid.trays] == ["garment", "z"]
    html = mixed(studio, laid)
    assert 'role="alert"' not in html and html.count("<tr>") == 7


def test_a_model_with_several_conditions_is_laid_out_and_mixed() -> None:
    """What may be asked of a line is given by name in each tray; the gallery leaves what it does not ask for alone."""
    studio = Studio(Service(), "nowhere")
    laid = lay_out(studio, "sentences-en")
    assert len([tray for tray in laid.trays if tray.values]) >= 2
    html = mixed(studio, laid)
    assert 'role="alert"' not in html
    first = " &middot; ".join(tray.pieces[0].name for tray in laid.trays[:-1])
    assert first in re.sub("<[^>]*>", "", html), "what a row is made of runs together"


def test_the_page_generate_shows_pictures_side_by_side(labelled_model: Path) -> None:
    from genvae_studio.asked import Asked
    from genvae_studio.pages.generate import written

    studio, asked = Studio(Service(), "nowhere"), Asked.of(model=str(labelled_model), n=3, seed=4)
    *_, html = written(studio, asked, address=False)
    made: Any = studio.run("generate", model=str(labelled_model), n=3, seed=4)
    shown = re.findall(r"data:image/png;base64,([^\"]+)", html)
    assert [base64.b64decode(each) for each in shown] == [picture.png() for picture in made.items]
    assert "<b>3 pictures</b>, seed 4" in html and "--temperature" not in html and "Save CSV" not in html


def with_two_blocks() -> Studio:
    stranger = EntryPoint("stranger", "tests.studio.two_blocks", "genvae")
    return Studio(Service(Host([*entry_points(group="genvae"), stranger])), "nowhere")


@pytest.fixture(scope="module")
def two_blocks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Studio, Path]:
    """A model of lines with two blocks, and a studio that knows its plugin."""
    from genvae.progress import Silent
    from genvae.recipe import Recipe
    from genvae.training.run import train

    studio = with_two_blocks()
    recipe = Recipe.of("sentence", studio.service.host)
    recipe.set(["architecture=two-blocks", *TINY, "tokenizer=char", "max_steps=30", "evaluate_every=30"])
    folder = tmp_path_factory.mktemp("models") / "two"
    train(recipe, own_lines(), folder, resume=False, reporter=Silent())
    return studio, folder


def test_lines_with_two_blocks_get_the_page(two_blocks: tuple[Studio, Path]) -> None:
    studio, folder = two_blocks
    laid = lay_out(studio, str(folder))
    assert [tray.name for tray in laid.trays] == ["topic", "mood"]
    for tray, lines in zip(laid.trays, (own_lines(2), own_lines(5)[2:]), strict=True):
        acted(studio, laid, tray, "clear", -1, "")
        tray.add(read(studio, laid, [("", line) for line in lines]))
    html = mixed(studio, laid)
    answer: Any = studio.run("mix", model=str(folder), topic=own_lines(2), mood=own_lines(5)[2:])
    assert html.count("<tr>") == 3 and html.count("<td><span") == 6 and "topic down, mood across" in html
    from html import escape

    assert all(f'<td><span class="line">{escape(str(item))}</span></td>' in html for item in answer.items)
    assert "mood=[" in html and "--mood" in html and 'id="save-mix" download="mix.csv"' in html


# -- in a browser --------------------------------------------------------------------------------


@pytest.fixture
def visit(blank: Callable[[], Page], studio: str, labelled_model: Path) -> Opened:
    """Open the page with a model, the one that is told its letters unless another is named."""

    def go(model: str | Path = labelled_model) -> Page:
        page = blank()
        page.goto(f"{studio}/mix?model={quote(str(model))}")
        laid_out(page)
        return page

    return go


def laid_out(page: Page, status: str = "") -> None:
    """Wait for a sheet (that says so)."""
    page.locator('#mix-sheet .sheet[aria-busy="false"]', has_text=status).wait_for()


def chosen(page: Page, button: str, files: str | list[str]) -> None:
    """Choose files as a visitor does."""
    with page.expect_file_chooser() as chooser:
        page.click(button)
    chooser.value.set_files(files)


def cells(page: Page) -> list[np.ndarray]:
    return [of_url(image.get_attribute("src")) for image in page.locator("#mix-sheet td img").all()]


def same(found: list[np.ndarray], expected: list[Any]) -> bool:
    return len(found) == len(expected) and all(map(np.array_equal, found, expected))


def count(images: Locator, number: int) -> None:
    from playwright.sync_api import expect

    expect(images).to_have_count(number, timeout=20_000)


@pytest.mark.browser
def test_a_grid_a_walk_new_ones_and_files(
    visit: Opened, labelled_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit()
    laid_out(page, "6 × 6 content down, style across")
    assert len(cells(page)) == 36 and page.locator(".notice").count() == 0
    head, below = (
        page.locator(f"#mix-sheet {row} img").last.bounding_box() for row in ("thead tr", "tbody tr:first-child")
    )
    assert head and below and head["y"] < below["y"] and below["x"] <= head["x"] <= below["x"] + below["width"]

    page.click("#tray-0 [data-do=clear]")
    page.locator("#mix-sheet .notice", has_text="Choose at least one for content").wait_for()
    page.click("#tray-0 .gallery button:has-text('T')")
    laid_out(page, "1 × 6")
    page.click("#tray-0 .gallery button:has-text('Z')")
    laid_out(page, "2 × 6")
    for place in (5, 4, 3):
        page.locator("#tray-1 .chosen button").nth(place).click()
        count(page.locator("#tray-1 .chosen li"), place)
    laid_out(page, "2 × 3")

    page.click("#tray-1 [data-value=walk]")
    page.locator("#tray-1 input[type=range]").fill("4")
    laid_out(page, "2 × 4")
    page.click("#tray-1 [data-value=mean]")
    page.locator("#tray-1 input[type=number]").nth(1).fill("3")
    page.keyboard.press("Tab")
    page.locator("#mix-sheet code", has_text="style_weights=[1, 3, 1]").wait_for()
    page.click("#tray-1 [data-value=one]")
    page.locator("#mix-sheet code", has_text="style_pool=True").wait_for()
    page.click("#tray-1 [data-value=new]")
    laid_out(page, "2 × 7")

    # what is saved gives the same by the written line
    for name in ("pieces", "mix"):
        with page.expect_download() as download:
            page.click(f"#save-{name}")
        download.value.save_as(tmp_path / download.value.suggested_filename)
    zipfile.ZipFile(tmp_path / "pieces.zip").extractall(tmp_path)
    monkeypatch.chdir(tmp_path)
    line = page.text_content("#mix-sheet .python code")
    again = eval(str(line), {"genvae": genvae})
    assert same(cells(page), again) and len(again) == 14
    genvae.load(labelled_model).mix(content=["T", "Z"], style_draw=2, output="two.png")
    assert Image.open("mix.png").size[1] == Image.open("two.png").size[1]
    before = cells(page)
    page.click("#tray-1 [data-do=again]")
    page.wait_for_function("s => document.querySelector('#mix-sheet code').textContent !== s", arg=line)
    assert same(cells(page)[:3], before[:3]) and not same(cells(page)[3:7], before[3:7])


@pytest.mark.browser
def test_files_of_the_visitors(visit: Opened, tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_bytes(png(shape("T", 8)))
    (tmp_path / "other.png").write_bytes(png(shape("I", 0)))
    (tmp_path / "words.png").write_text("no picture", encoding="utf-8")
    (tmp_path / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', encoding="utf-8")
    (tmp_path / "bomb.png").write_bytes(bomb(40_000, 40_000))
    page = visit()
    grid = cells(page)
    for name, said in (
        ("words.png", "words.png: not a picture that can be read"), ("bomb.png", "bomb.png: 40,000 x 40,000 pixels"),
        ("drawing.svg", "drawing.svg: a drawing (SVG), not a picture"),
    ):  # fmt: skip
        chosen(page, "#upload-1", str(tmp_path / name))
        notice = page.locator("#tray-1 .notice", has_text=said)
        notice.wait_for()
        assert "/tmp" not in str(notice.text_content())
    assert same(cells(page), grid)
    chosen(page, "#upload-1", [str(tmp_path / "mine.png"), str(tmp_path / "other.png")])
    laid_out(page, "6 × 8")
    assert page.locator("#tray-1 .notice").count() == 0
    thumbs = [of_url(image.get_attribute("src")) for image in page.locator("#tray-1 .chosen img").all()]
    assert same(thumbs[-2:], [shape("T", 8), shape("I", 0)])
    assert "mine.png" in str(page.text_content("#mix-sheet .shell code"))


@pytest.mark.browser
def test_a_drawing(visit: Opened) -> None:
    page = visit()
    page.click("#tray-0 [data-do=clear]")
    page.click("#pad-0 summary")
    box = page.locator("#pad-0 canvas").bounding_box()
    assert box is not None
    page.click("#pad-0 [data-pad=add]")  # an empty one is not sent
    side = box["width"]
    for line in SHAPES["T"]:
        points = [(box["x"] + x * side / 16, box["y"] + y * side / 16) for x, y in line]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=6)
        page.mouse.up()
    page.click("#pad-0 [data-pad=add]")
    count(page.locator("#tray-0 .chosen li"), 1)
    laid_out(page, "1 × 6")
    drawing = of_url(page.locator("#tray-0 .chosen img").get_attribute("src"))
    truth = shape("T", 4)
    assert np.corrcoef(drawing.ravel(), truth.ravel())[0, 1] > 0.7
    title = str(page.locator("#tray-0 .chosen button").get_attribute("title"))
    assert title.startswith("T=drawing-content-1.png")  # and the model knows what it is


@pytest.mark.browser
def test_lines(visit: Opened, tiny_model: Path) -> None:
    page = visit(tiny_model)
    laid_out(page, "7 taken from z")
    assert not page.locator("#upload-0").is_visible()
    page.click("#tray-0 [data-do=clear]")
    lines = [*own_lines(1), "<img src=x onerror='window.hit=1'> ${window.hit=2}"]
    for line in lines:
        page.fill("#line-0 textarea", line)
        page.keyboard.press("Enter")
        page.locator("#tray-0 .chosen", has_text=line).wait_for()
    page.locator("#mix-sheet code", has_text="window.hit").first.wait_for()
    walk = genvae.load(tiny_model).interpolate(lines[0], lines[1], 7)
    assert page.locator("#mix-sheet .line").all_text_contents() == walk
    assert page.evaluate("window.hit") is None and page.locator("#mix-sheet img, #tray-0 img").count() == 0
    page.fill("#line-0 textarea", "soup " * 60)
    page.keyboard.press("Enter")
    page.locator("#tray-0 .notice", has_text="at most 200").wait_for()
    page.click("#complete-tab-button")
    page.locator("#specimen .notice", has_text="completes no sets").wait_for()


@pytest.mark.browser
def test_a_set_is_completed(visit: Opened, labelled_model: Path, tmp_path: Path) -> None:
    page = visit()
    page.click("#complete-tab-button")
    page.locator("#specimen .status", has_text="6 letters from 4").wait_for()
    page.click("#example-tray [data-do=clear]")
    page.locator("#specimen .notice", has_text="Give at least one letter").wait_for()
    for content, name in (("T", "T.png"), ("L", "scan.png")):
        (tmp_path / name).write_bytes(png(shape(content, 8)))
    chosen(page, "#upload-letters", str(tmp_path / "T.png"))  # by its name
    page.locator("#specimen .status", has_text="6 letters from 1").wait_for()
    page.fill("#letter input, #letter textarea", "Q")
    chosen(page, "#upload-letters", str(tmp_path / "scan.png"))
    page.locator("#example-tray .notice", has_text="'Q' is none of the letters").wait_for()
    page.fill("#letter input, #letter textarea", "L")
    chosen(page, "#upload-letters", str(tmp_path / "scan.png"))
    page.locator("#specimen .status", has_text="6 letters from 2").wait_for()
    shown = [of_url(image.get_attribute("src")) for image in page.locator("#specimen li img").all()]
    examples = {"T": shape("T", 8), "L": shape("L", 8)}
    expected = genvae.load(labelled_model).complete(examples)
    assert page.locator("#specimen li small").all_text_contents() == list(expected)
    assert same(shown, list(expected.values()))
    with page.expect_download() as download:
        page.click("#save-letters")
    download.value.save_as(tmp_path / "letters.png")
    genvae.load(labelled_model).complete(examples, output=str(tmp_path / "same.png"))
    assert (tmp_path / "letters.png").read_bytes() == (tmp_path / "same.png").read_bytes()

    (tmp_path / "broken.ttf").write_bytes(b"\0\1\0\0" + bytes(60))
    chosen(page, "#upload-font", str(tmp_path / "broken.ttf"))
    page.locator("#example-tray .notice", has_text="broken.ttf").wait_for()
    assert "/tmp" not in str(page.text_content("#example-tray .notice"))
    built(tmp_path / "boxes.ttf", {"H": (100, 0, 500, 700), "L": (100, 0, 300, 700)})
    chosen(page, "#upload-font", str(tmp_path / "boxes.ttf"))
    page.locator("#example-tray .aside", has_text="boxes.ttf").wait_for()
    page.locator("#specimen code", has_text="boxes.ttf").first.wait_for()
    page.click("#make-font")
    with page.expect_download() as download:
        page.click("#save-ttf")
    download.value.save_as(tmp_path / "made.ttf")
    from fontTools.ttLib import TTFont

    assert {ord(letter) for letter in SHAPES} <= set(TTFont(tmp_path / "made.ttf").getBestCmap())


@pytest.mark.browser
def test_narrow_and_by_keyboard(visit: Opened) -> None:
    page = visit()
    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1280, "height": 900})
    page.locator("#tray-0 .chosen button").first.focus()
    page.keyboard.press("Enter")
    laid_out(page, "5 × 6")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.value") == "walk":
            break
    page.keyboard.press("Space")
    laid_out(page, "6 × 6")
    assert page.locator("#tray-0 [data-value=walk]").get_attribute("aria-pressed") == "true"


@pytest.mark.browser
def test_a_model_that_is_not_here(visit: Opened) -> None:
    page = visit("someone/something")
    notice = page.locator("#mix-sheet .notice")
    assert "is not on this machine" in str(notice.text_content())
    page.fill("#mix-model input", "nowhere")
    page.keyboard.press("Enter")
    page.locator("#mix-sheet .notice", has_text="There is no model 'nowhere'").wait_for()
