"""A plugin of somebody else's with three pages, two of which fail."""

from __future__ import annotations

from typing import Any

from genvae.host import Part, hookimpl

genvae_api = "1.0"


@hookimpl
def genvae_parts() -> list[Part]:
    """Its pages."""
    here = "tests.studio.stranger"
    return [
        Part(kind="page", id="walk", factory=f"{here}:walk", summary="works"),
        Part(kind="page", id="raises", factory=f"{here}:raises", summary="raises"),
        Part(kind="page", id="not-there", factory="tests.studio.nowhere:page", summary="cannot be imported"),
    ]


def walk(studio: Any, blocks: Any) -> None:
    """A page."""
    import gradio as gr

    gr.HTML("a page of a stranger")


def raises(studio: Any, blocks: Any) -> None:
    """A page that fails half way."""
    import gradio as gr

    gr.Textbox("half a page")
    raise ZeroDivisionError("of its own")
