"""``genvae plugins``: what is installed, and what is wrong with it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from genvae.errors import PluginError
from genvae.host import Status, default_host

_AS_JSON = typer.Option("--json", help="one JSON object on the last line of output")


def add(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(rich_markup_mode=None)

    @group.callback(invoke_without_command=True)
    def plugins(context: typer.Context, as_json: Annotated[bool, _AS_JSON] = False) -> None:
        """List every plugin that was found, with the reason where one is not in use.

        Examples:

          genvae plugins

          genvae plugins check sentence
        """
        if context.invoked_subcommand is not None:
            return
        records = default_host().records
        if as_json:
            print(json.dumps({"plugins": [record.to_config() for record in records]}))
            return
        for record in records:
            origin = f"{record.distribution} {record.version}".strip()
            print(f"{record.name}  {record.status}  {origin}" + (f"  {record.reason}" if record.reason else ""))
            for part in record.parts:
                print(f"    {part.kind} {part.id}: {part.summary}")

    @group.command("check")
    def check(
        name: Annotated[str, typer.Argument(help="a plugin's name")],
        as_json: Annotated[bool, _AS_JSON] = False,
    ) -> None:
        """Import everything that a plugin registers and say what cannot be had."""
        results = default_host().check(name)
        faults = [(part, fault) for part, fault in results if fault]
        if as_json:
            print(json.dumps({
                "name": name, "status": str(Status.LOADED if not faults else Status.BROKEN),
                "parts": [{"kind": p.kind, "id": p.id, "fault": f} for p, f in results],
            }))  # fmt: skip
        else:
            for part, fault in results:
                print(f"{'FAULT' if fault else 'ok':5}  {part.kind} {part.id}" + (f"  {fault}" if fault else ""))
        if faults:
            raise PluginError(f"plugin {name!r}: {len(faults)} of {len(results)} parts cannot be had")

    app.add_typer(group, name="plugins")
