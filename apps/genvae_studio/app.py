"""The studio as a program.

``GENVAE_STUDIO_MODEL`` chooses the model that pages open with: a starter's name or a folder. Default: sentences-en.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from html import escape
from typing import Any

# Before gradio is imported: it must ask nobody about newer versions and tell nobody that it runs.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import gradio as gr

from genvae.errors import GenvaeError
from genvae.host import Host, Part, default_host
from genvae.service import Service
from genvae_studio import theme
from genvae_studio.studio import Studio, said, sentence

HOST = "127.0.0.1"  # this machine alone; there is no setting for another
MODEL = "GENVAE_STUDIO_MODEL"
LARGEST = "64mb"  # of a file that a visitor gives
WAITING = 32  # calls that may wait for their turn; a call more is told that the studio is busy


def launch(port: int, open_browser: bool) -> None:
    """Serve the studio until Ctrl-C. ``port`` 0 takes a free one."""
    studio = Studio(Service(default_host()), os.environ.get(MODEL) or "sentences-en")
    blocks = build(studio)
    studio.wake()
    url = serve(blocks, port, open_browser)
    sys.stdout.write(f"The studio is open at {url}  (Ctrl-C ends it)\n")
    sys.stdout.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        sys.stdout.write("\n")
    finally:
        blocks.close(verbose=False)


def serve(blocks: gr.Blocks, port: int, open_browser: bool) -> str:
    """Serve on threads of their own, to this machine alone; gives the address."""
    blocks.queue(max_size=WAITING, default_concurrency_limit=1)
    try:
        _, url, _ = blocks.launch(
            server_name=HOST, server_port=port or _free_port(), share=False, inbrowser=open_browser, quiet=True,
            prevent_thread_lock=True, footer_links=[], run_history=False, ssr_mode=False, mcp_server=False, pwa=False,
            enable_monitoring=False, theme=theme.theme(), css=theme.css(), head=theme.head(),
            favicon_path=theme.FAVICON, max_file_size=LARGEST,
        )  # fmt: skip
    except OSError:  # gradio's own message names its environment variables, which do not lead here
        raise GenvaeError(
            f"the studio cannot open on port {port}: it is taken, or not allowed; "
            "choose another with --port, or --port 0 for a free one"
        ) from None
    return str(url)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def build(studio: Studio) -> gr.Blocks:
    """The app: the registered pages in their order, the first at "/". A page that fails becomes a note."""
    host = studio.service.host
    parts = host.parts("page")
    blocks = gr.Blocks(title="genvae studio", analytics_enabled=False, fill_width=True)
    first: Any = blocks
    for number, part in enumerate(parts):
        with first if number == 0 else blocks.route(_title(part), f"/{part.id}"):
            gr.HTML(theme.masthead(_links(parts, part)), apply_default_css=False, elem_id="masthead")
            with gr.Column(elem_classes="page") as body:
                fault = _add(host, part, studio, blocks)
            if fault:
                body.visible = False  # what it had built before it failed
                gr.HTML(_note(host, part, fault), apply_default_css=False)
    if not parts:
        with blocks:
            gr.HTML(theme.masthead([]) + '<p class="notice" role="alert">No plugin brings a page.</p>')
    return blocks


def _add(host: Host, part: Part, studio: Studio, blocks: gr.Blocks) -> str:
    """Build a page; what went wrong, or ''."""
    try:
        host.load("page", part.id)(studio, blocks)
    except Exception as error:
        return said(error) if isinstance(error, GenvaeError) else f"{type(error).__name__}: {error}"
    return ""


def _note(host: Host, part: Part, fault: str) -> str:
    owner = host.owner("page", part.id).name
    text = f"The page {_title(part)} of plugin {owner!r} could not be opened. {sentence(' '.join(fault.split()))}"
    return f'<p class="notice" role="alert">{escape(text)}</p>'


def _title(part: Part) -> str:
    return part.id.replace("-", " ").capitalize()


def _links(parts: tuple[Part, ...], here: Part) -> list[tuple[str, str, bool]]:
    """Title, address and whether it is this one, of every page; none when there is no choice."""
    if len(parts) < 2:
        return []
    return [(_title(part), "/" if number == 0 else f"/{part.id}", part is here) for number, part in enumerate(parts)]
