"""How the studio looks: cool paper and ink, sentences in a book face, one green. System fonts only: no network."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path

import gradio as gr

STATIC = Path(__file__).parent / "static"
FAVICON = STATIC / "favicon.svg"

#: light and dark of each colour
PALETTE = {
    "paper": ("#f3f5f1", "#111614"),
    "sheet": ("#fcfdfb", "#171d1a"),
    "ink": ("#17211d", "#e3eae5"),
    "soft": ("#5b6862", "#94a39b"),
    "hair": ("#d9dfd9", "#2a332e"),
    "green": ("#0d6650", "#6fcdb0"),
    "on-green": ("#ffffff", "#0c1512"),
    "mark": ("#f6dfa0", "#5a4a14"),
    "alert": ("#97351f", "#f0a48e"),
}
SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Liberation Sans", "Arial", "sans-serif"]
SERIF = ["Iowan Old Style", "Palatino Linotype", "Palatino", "URW Palladio L", "P052", "Georgia", "Liberation Serif",
         "serif"]  # fmt: skip
MONO = ["ui-monospace", "SF Mono", "Cascadia Code", "Menlo", "Consolas", "Liberation Mono", "monospace"]


def _stack(fonts: list[str]) -> str:
    return ", ".join(f'"{font}"' if " " in font else font for font in fonts)


def theme() -> gr.themes.Base:
    """Gradio's variables in our colours. The body's are literal: the first paint comes before our style sheet."""
    look = gr.themes.Base(
        font=[gr.themes.Font(name) for name in SANS], font_mono=[gr.themes.Font(name) for name in MONO],
        radius_size=gr.themes.sizes.radius_sm, text_size=gr.themes.sizes.text_md,
    )  # fmt: skip
    paper, ink, soft = PALETTE["paper"], PALETTE["ink"], PALETTE["soft"]
    look.set(
        body_background_fill=paper[0], body_background_fill_dark=paper[1],
        body_text_color=ink[0], body_text_color_dark=ink[1],
        body_text_color_subdued=soft[0], body_text_color_subdued_dark=soft[1],
        background_fill_primary=PALETTE["sheet"][0], background_fill_primary_dark=PALETTE["sheet"][1],
        background_fill_secondary=paper[0], background_fill_secondary_dark=paper[1],
        block_background_fill="transparent", block_background_fill_dark="transparent",
        block_border_width="0px", block_border_width_dark="0px", block_shadow="none", block_shadow_dark="none",
        block_padding="0px", block_label_background_fill="transparent", block_title_text_color="var(--ink)",
        block_title_text_weight="500", block_title_text_size="0.875rem", block_info_text_color="var(--soft)",
        block_info_text_size="0.8rem",
        border_color_primary="var(--hair)", border_color_primary_dark="var(--hair)",
        input_background_fill="var(--sheet)", input_background_fill_dark="var(--sheet)",
        input_border_color="var(--hair)", input_border_color_dark="var(--hair)",
        input_border_color_focus="var(--green)", input_border_color_focus_dark="var(--green)",
        input_border_width="1px", input_shadow="none", input_shadow_focus="none", input_shadow_focus_dark="none",
        color_accent="var(--green)", color_accent_soft="var(--paper)", color_accent_soft_dark="var(--paper)",
        slider_color="var(--green)", slider_color_dark="var(--green)",
        button_primary_background_fill="var(--green)", button_primary_background_fill_dark="var(--green)",
        button_primary_background_fill_hover="var(--green)", button_primary_background_fill_hover_dark="var(--green)",
        button_primary_text_color="var(--on-green)", button_primary_text_color_dark="var(--on-green)",
        button_secondary_background_fill="transparent", button_secondary_background_fill_dark="transparent",
        button_secondary_background_fill_hover="var(--sheet)",
        button_secondary_background_fill_hover_dark="var(--sheet)",
        button_secondary_text_color="var(--ink)", button_secondary_text_color_dark="var(--ink)",
        button_secondary_border_color="var(--hair)", button_secondary_border_color_dark="var(--hair)",
        button_primary_border_color="var(--green)", button_primary_border_color_dark="var(--green)",
        button_border_width="1px", button_border_width_dark="1px", button_large_text_weight="500",
        button_large_padding="0.6rem 1rem", button_large_text_size="0.95rem", layout_gap="1.1rem",
    )  # fmt: skip
    return look


def css() -> str:
    """The palette as variables, then the style sheet."""
    fonts = f"--sans: {_stack(SANS)}; --serif: {_stack(SERIF)}; --mono: {_stack(MONO)};"
    light = " ".join(f"--{name}: {pair[0]};" for name, pair in PALETTE.items())
    dark = " ".join(f"--{name}: {pair[1]};" for name, pair in PALETTE.items())
    style = "".join((STATIC / name).read_text(encoding="utf-8") for name in ("studio.css", "mix.css"))
    return f":root {{ {fonts} {light} }}\n:root.dark, .dark {{ {dark} }}\n{style}"


def head() -> str:
    """The script of copying, list keys and the address bar, inline: one request fewer, and nothing to serve."""
    script = (STATIC / "studio.js").read_text(encoding="utf-8")
    return f'<meta name="color-scheme" content="light dark"><script>{script}</script>'


def _bell() -> str:
    """The standard normal's density from -4 to 4 as a line."""
    points = " ".join(f"{120 + 30 * z / 10:.1f},{39.5 - 36 * math.exp(-z * z / 200):.2f}" for z in range(-40, 41))
    return (
        '<svg class="bell" viewBox="0 0 240 40" aria-hidden="true"><defs><linearGradient id="fade">'
        '<stop offset="0"/><stop offset="0.3" class="mid"/><stop offset="0.7" class="mid"/><stop offset="1"/>'
        f'</linearGradient></defs><polyline points="{points}"/></svg>'
    )


def masthead(links: list[tuple[str, str, bool]]) -> str:
    """The name over a hairline that rises into a bell: the prior that everything here is drawn from."""
    current = ' aria-current="page"'
    pages = "".join(
        f'<a href="{escape(address)}"{current if here else ""}>{escape(title)}</a>' for title, address, here in links
    )
    nav = f'<nav aria-label="Pages">{pages}</nav>' if pages else ""
    return (
        '<header class="masthead"><h1>genvae <small>studio</small></h1>'
        f'{nav}<div class="rule"><i></i>{_bell()}<i class="end"></i></div></header>'
    )
