"""The page Generate: sentences or pictures from a model, and variations around a sentence of the user's own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import gradio as gr

from genvae.errors import SettingError
from genvae_studio.asked import Asked, hint, limits
from genvae_studio.pages import conditions
from genvae_studio.studio import Studio, said
from genvae_studio.widgets import echo, sheet
from genvae_studio.widgets.text import notice

CHUNK = 32  # sentences at a time: the service decodes in tiles of this many, so fewer would be no quicker
VARIATIONS = 8
DISTANCE = 0.5
#: every call of a model takes its turn here; the cores are better spent on one at a time
TURN: dict[str, Any] = {"concurrency_id": "model", "show_progress": "hidden", "api_visibility": "private"}


def page(studio: Studio, blocks: gr.Blocks) -> None:
    """Build the page."""
    with gr.Row(elem_id="bench"):
        with gr.Column(elem_id="controls", min_width=0):
            widgets = _controls(studio)
            wanted, chosen = gr.State(None), gr.State(None)
            conditions.controls(studio, wanted, chosen)
            go = gr.Button("Generate", variant="primary", elem_id="go")
        with gr.Column(elem_id="middle", min_width=0):
            message = gr.HTML("", apply_default_css=False, elem_id="message")
            paper = sheet.sheet(sheet.blank("Waking the model", busy=True), elem_id="sheet")
        with gr.Column(elem_id="yours", min_width=0) as yours:
            own, distance, tell, others = _own()
            answer = sheet.sheet(echo.empty(), elem_id="echo")
    model, seed, dice = widgets["model"], widgets["seed"], widgets.pop("dice")
    asked = [widgets[name] for name in NAMES]
    of_text = [*(widgets[name] for name in OF_TEXT), yours]
    _generating(studio, blocks, asked, (wanted, chosen), go, dice, seed, message, paper, of_text)
    _exploring(studio, model, own, distance, tell, others, answer, [paper, answer])


CHOSEN = ("conditions", "guidance")  # what the controls of conditions stand at
OF_TEXT = ("temperature", "top_p")  # how symbols are drawn
NAMES = ("model", "n", "temperature", "top_p", "prior_scale", "seed")


def _controls(studio: Studio) -> dict[str, Any]:
    """What can be asked for, in the order of the tab key."""
    first = studio.opens_with("text/")
    usual = Asked.of(model=first)
    made: dict[str, Any] = {
        "model": gr.Dropdown([first], value=first, allow_custom_value=True, label="Model",
                             info=hint("model"), elem_id="model"),
        "n": _slider("n", "How many", usual.n, 1),
        "temperature": _slider("temperature", "Temperature", usual.temperature, 0.05),
        "top_p": _slider("top_p", "Nucleus", usual.top_p, 0.05),
        "prior_scale": _slider("prior_scale", "Prior scale", usual.prior_scale, 0.05),
    }  # fmt: skip
    with gr.Row(elem_id="seed-row"):
        # text, not a number: a browser's numbers end at 2^53, seeds at 2^63
        plain = gr.InputHTMLAttributes(autocomplete="off", spellcheck=False)
        made["seed"] = gr.Textbox(str(usual.seed), label="Seed", max_lines=1, elem_id="seed", html_attributes=plain)
        made["dice"] = gr.Button("New seed", elem_id="dice")
    return made


def _slider(name: str, label: str, value: float, step: float) -> gr.Slider:
    low, high = limits(name)
    info = None if name == "n" else hint(name)
    return gr.Slider(low, high, value, step=step, label=label, info=info, buttons=[], elem_id=name)


def _own() -> tuple[gr.Textbox, gr.Slider, gr.Button, gr.Button]:
    gr.HTML("<h2>Your sentence</h2>", apply_default_css=False)
    own = gr.Textbox(label="Your sentence", show_label=False, placeholder="I have never seen the sea.", lines=1,
                     max_lines=5, elem_id="own")  # fmt: skip
    distance = gr.Slider(0, 3, DISTANCE, step=0.05, label="Distance", info="how far the variations drift", buttons=[],
                         elem_id="distance")  # fmt: skip
    with gr.Row(elem_id="own-buttons"):
        tell = gr.Button("Explore", elem_id="explore", variant="primary")
        others = gr.Button("Other variations", elem_id="others")
    return own, distance, tell, others


def _generating(
    studio: Studio, blocks: gr.Blocks, asked: list[Any], states: tuple[gr.State, gr.State], go: gr.Button,
    dice: gr.Button, seed: gr.Textbox, message: gr.HTML, paper: gr.HTML, of_text: list[Any],
) -> None:  # fmt: skip
    """The events that fill the sheet, and those that show what a model can be asked for; ``of_text`` are there for
    models of sentences alone."""

    def generate(*values: Any) -> Iterator[tuple[Any, Any]]:
        try:
            now = values[-1] or {}
            more = {name: now[name] for name in CHOSEN if name in now} if now.get("model") == values[0] else {}
            wanted = Asked.of(**dict(zip(NAMES, values[:-1], strict=True)), **more)
            for html in written(studio, wanted, address=True):
                yield html, ""
        except Exception as error:
            yield gr.skip(), notice(said(error))

    def opened(request: gr.Request) -> Iterator[tuple[Any, ...]]:
        wanted, complaint = _linked(studio, dict(request.query_params))
        shown = [getattr(wanted, name) for name in NAMES[1:-1]]
        model, begun = gr.Dropdown(_names(studio, wanted), value=wanted.model), _begun(wanted.model, wanted)
        yield model, *shown, str(wanted.seed), begun, begun, gr.skip(), complaint
        skipped = [gr.skip() for _ in (*NAMES, *states)]
        try:
            for html in written(studio, wanted, address=False):
                yield *skipped, html, complaint
        except Exception as error:
            yield *skipped, sheet.blank("No sentences yet.", busy=False), notice(said(error))

    def fitting(model: str) -> list[Any]:
        drawn = [studio.renders_by(model, name) for name in OF_TEXT]
        return [gr.update(visible=visible) for visible in (*drawn, all(drawn))]

    chosen = states[1]
    asked[0].change(fitting, asked[0], of_text, **conditions.SAYS)
    asked[0].change(lambda model, now: (gr.skip(), gr.skip()) if now and now["model"] == model else [_begun(model)] * 2,
                    [asked[0], chosen], list(states), **conditions.SAYS)  # fmt: skip
    gr.on([dice.click], lambda: str(secrets.randbelow(1_000_000)), None, seed, queue=False, api_visibility="private",
          show_progress="hidden").then(generate, [*asked, chosen], [paper, message], **TURN)  # fmt: skip
    gr.on([go.click, seed.submit], generate, [*asked, chosen], [paper, message], **TURN)
    blocks.load(opened, None, [*asked, *states, paper, message], **TURN)


def _begun(model: str, asked: Asked | None = None) -> dict[str, Any]:
    """What the controls of conditions begin with."""
    at = asked or Asked(model=model)
    return {"model": model, "conditions": at.conditions, "guidance": at.guidance}


def written(studio: Studio, wanted: Asked, *, address: bool) -> Iterator[str]:
    """The sheet, again and again as sentences arrive: generate(n, start) is a window on one sequence."""
    kind = studio.media(wanted.model) or "text/"
    if not kind.startswith(("text/", "image/png")):
        raise SettingError(f"the items of {wanted.model!r} are neither sentences nor pictures; this page has no others")
    values = wanted.values()
    pictures = kind.startswith("image/")
    # a modality without symbols has no setting for how they are drawn
    values = {k: v for k, v in values.items() if k not in OF_TEXT or studio.renders_by(wanted.model, k)}
    ways = _ways(studio, "generate", values)
    items: list[Any] = []
    while len(items) < wanted.n:
        size = min(CHUNK, wanted.n - len(items))
        response = studio.run("generate", **{**values, "n": size, "start": len(items)})
        made = getattr(response, "items")  # noqa: B009 - of a response in general
        items += [item.png() if pictures else str(item) for item in made]
        yield sheet.filled(wanted, items, ways, address=address)


def _ways(studio: Studio, operation: str, values: dict[str, Any]) -> list[tuple[str, str]]:
    """The same, outside the studio."""
    return [
        ("Python", studio.service.python(operation, **values)),
        ("Shell", studio.service.command(operation, **values)),
    ]


def _linked(studio: Studio, query: dict[str, str]) -> tuple[Asked, str]:
    """What a link asks for; when it can't be followed, the usual sentences and why."""
    first = studio.opens_with("text/")
    usual = Asked.of(model=first)
    try:
        wanted = Asked.of_link(query, first)
        if wanted.model != first:
            studio.at_hand(wanted.model)
        return wanted, ""
    except Exception as error:
        return usual, notice(f"This link can't be followed, so here are the usual sentences. {said(error)}")


def _names(studio: Studio, wanted: Asked) -> list[str]:
    try:
        return list(dict.fromkeys([*studio.models("text/"), *studio.models("image/"), wanted.model]))
    except Exception as error:
        said(error)
        return [wanted.model]


def _exploring(
    studio: Studio, model: gr.Dropdown, own: gr.Textbox, distance: gr.Slider, tell: gr.Button, others: gr.Button,
    answer: gr.HTML, picked_from: list[gr.HTML],
) -> None:  # fmt: skip
    """The events around the user's own sentence."""
    around = gr.State(0)  # the seed of the variations

    def explore(text: str, model: str, distance: float, seed: int) -> str:
        try:
            return explored(studio, text or "", model or "", distance, seed)
        except Exception as error:
            return echo.refused(said(error))

    def drift(text: str, model: str, distance: float, seed: int) -> Any:
        return explore(text, model, distance, seed) if text and text.strip() else gr.skip()

    def pick(event: gr.EventData) -> str:
        return str(event.text)

    asked = [own, model, distance, around]
    gr.on([tell.click, own.submit], explore, asked, answer, **TURN)
    # always_last: while the slider moves, only where it rests in the end is worth an answer
    distance.input(drift, asked, answer, trigger_mode="always_last", **TURN)
    others.click(lambda seed: seed + 1, around, around, queue=False, api_visibility="private").then(
        explore, asked, answer, **TURN
    )
    for source in picked_from:
        source.select(pick, None, own, queue=False, show_progress="hidden", api_visibility="private").then(
            explore, asked, answer, **TURN
        )


def explored(studio: Studio, text: str, model: str, distance: float, seed: int) -> str:
    """What the model makes of a sentence; its length is checked by the service."""
    text = text.strip()
    back = studio.run("reconstruct", model=model, items=(text,))
    values = {"model": model, "item": text, "n": VARIATIONS, "distance": distance, "seed": seed}
    variations = studio.run("vary", **values)
    ways = _ways(studio, "vary", values)
    said_again, drifted = ([str(item) for item in getattr(r, "items")] for r in (back, variations))  # noqa: B009
    return echo.filled(text, said_again[0], drifted, distance, ways)
