"""The studio without a browser."""

from __future__ import annotations

import csv
import io
import socket
import subprocess
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any
from urllib.parse import parse_qsl

import pytest

from genvae.errors import GenvaeError, SettingError
from genvae.host import Host, default_host
from genvae.service import Service
from genvae_studio.asked import Asked
from genvae_studio.studio import Studio, sentence
from genvae_studio.widgets.text import changed


def test_registering_loads_no_gradio() -> None:
    code = "import sys, genvae_studio.plugin as p; p.genvae_parts(); print({'gradio', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_registry_names_the_app_and_its_pages() -> None:
    host = default_host()
    assert [part.id for part in host.parts("app")] == ["studio"]
    assert host.parts("page")[0].id == "generate"
    assert [fault for _, fault in host.check("studio") if fault] == []


def texts(blocks: Any) -> list[str]:
    """The HTML of every gr.HTML of an app, those of a failed page's column left out."""
    return [str(block.value) for block in blocks.blocks.values() if type(block).__name__ == "HTML"]


def with_strangers() -> Host:
    """The real plugins, and one that brings a good page and two that fail."""
    stranger = EntryPoint("stranger", "tests.studio.stranger", "genvae")
    return Host([*entry_points(group="genvae"), stranger])


def test_pages_come_from_the_registry_and_a_broken_one_becomes_a_note() -> None:
    from genvae_studio.app import build

    blocks = build(Studio(Service(with_strangers()), "nowhere"))
    shown = " ".join(texts(blocks))
    assert [path for path, *_ in blocks.pages] == ["", "mix", "walk", "raises", "not-there"]
    assert "a page of a stranger" in shown
    assert "The page Raises of plugin &#x27;stranger&#x27; could not be opened. ZeroDivisionError" in shown
    assert "The page Not there of plugin" in shown and 'href="/walk"' in shown


def test_a_port_that_is_taken_gets_one_line() -> None:
    from genvae_studio.app import build, serve

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(GenvaeError, match=f"cannot open on port {port}.*--port"):
            serve(build(Studio(Service(), "nowhere")), port, False)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of this machine")
def test_bound_to_this_machine_alone(studio: str) -> None:
    port = int(studio.rsplit(":", 1)[1])
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", port), timeout=5)


def test_a_link_gives_back_what_was_asked() -> None:
    asked = Asked.of(model="a folder/of mine & co", n=200, temperature=0.35, top_p=0.9, prior_scale=1.1, seed=2**63 - 1)
    assert Asked.of_link(dict(parse_qsl(asked.link()[1:])), "another") == asked
    assert Asked.of_link({"__theme": "dark", "seed": "4"}, "m") == Asked(model="m", seed=4)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("n", "0", "at least 1"), ("n", "201", "at most 200"), ("n", "1.5", "whole number"), ("n", "", "whole number"),
        ("seed", "-1", "at least 0"), ("seed", str(2**63), "less than"), ("temperature", "nan", "finite"),
        ("temperature", "9e999", "finite"), ("top_p", "0", "at least 0.05"), ("prior_scale", "wide", "a number"),
        ("temprature", "1", "'temprature', which is no setting; did you mean 'temperature'"),
    ],
)  # fmt: skip
def test_a_wrong_link_says_why(name: str, value: str, line: str) -> None:
    with pytest.raises(SettingError, match=line):
        Asked.of_link({name: value}, "m")


def test_a_link_never_fetches_a_model() -> None:
    with pytest.raises(GenvaeError, match="not on this machine"):
        Studio(Service(), "sentences-en").at_hand("someone/something")


def test_the_command_line_is_quoted() -> None:
    service = Service()
    line = service.command("vary", model="my model", item="it's", n=8, distance=0.5, seed=3)
    assert line == """genvae vary 'my model' 'it'"'"'s' -n 8 --seed 3"""
    assert service.command("vary", model="m", item="-x", n=8) == "genvae vary -n 8 -- m -x"


def test_changed_words_are_marked_and_all_is_escaped() -> None:
    assert changed("I like tea.", "I like <b> tea.") == "I like <mark>&lt;b&gt; </mark>tea."
    assert changed("same", "same") == "same"
    assert "<mark>" not in changed("a b", "a  b")


def test_csv_survives_quotes_commas_and_newlines() -> None:
    from genvae_studio.widgets.sheet import as_csv

    items = ['He said "no", twice.', "two\nlines", "", "Fiancé"]
    rows = list(csv.reader(io.StringIO(as_csv(items), newline="")))
    assert rows[1:] == [[str(number), item] for number, item in enumerate(items, start=1)]


def test_messages_are_sentences() -> None:
    assert sentence("n = 0 must be more") == "n = 0 must be more."
    assert sentence("the text is empty") == "The text is empty."
    assert sentence("'a/b' is gone") == "'a/b' is gone."
