"""``genvae studio``: opens the app that a plugin registers under that name."""

from __future__ import annotations

from typing import Annotated

import typer

from genvae.host import default_host


def add(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("studio")
    def studio(
        port: Annotated[int, typer.Option(help="the port on 127.0.0.1; 0 takes a free one", min=0, max=65535)] = 7860,
        open_browser: Annotated[bool, typer.Option("--open/--no-open", help="open a browser")] = True,
    ) -> None:
        """Open the studio in a browser.

        Examples:

          genvae studio

          genvae studio --port 8000 --no-open
        """
        default_host().load("app", "studio")(port=port, open_browser=open_browser)
