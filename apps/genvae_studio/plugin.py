"""What the studio registers. Light: nothing here may import gradio or torch."""

from __future__ import annotations

from genvae.host import Part, hookimpl

genvae_api = "1.0"


@hookimpl
def genvae_parts() -> list[Part]:
    """The studio itself and its pages."""
    return [
        Part(kind="app", id="studio", factory="genvae_studio.app:launch", summary="generate and explore in a browser"),
        Part(kind="page", id="generate", factory="genvae_studio.pages.generate:page",
             summary="sentences from a model, and variations around one of your own"),
        Part(kind="page", id="mix", factory="genvae_studio.pages.mix:page",
             summary="the content of one in the style of another; a set completed from a few of its items"),
    ]  # fmt: skip
