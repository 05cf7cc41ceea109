"""The operation ``models``."""

from __future__ import annotations

from genvae.context import Context
from genvae.errors import GenvaeError
from genvae.operations import Listed, Models
from genvae.store.config import read_config
from genvae.store.locate import locate


def models(context: Context, request: Models) -> Listed:
    """Every starter that can be read; with a name, one model and its card."""
    if request.name is not None:
        return Listed([_about(context, request.name, with_card=True)])
    found = []
    for part in context.host.parts("starter"):
        try:
            found.append(_about(context, part.id, with_card=False))
        except GenvaeError as error:
            context.reporter.say(str(error))
    return Listed(found)


def _about(context: Context, name: str, *, with_card: bool) -> dict[str, object]:
    folder = locate(name, context.host)
    config = read_config(folder)
    about = config.get("about", {})
    entry: dict[str, object] = {
        "name": name, "modality": config["recipe"]["modality"]["modality"],
        "summary": about.get("summary", ""),
        "size": sum(path.stat().st_size for path in folder.iterdir() if path.is_file()),
    }  # fmt: skip
    if with_card:
        card = folder / "README.md"
        entry.update(config=config, card=card.read_text(encoding="utf-8") if card.is_file() else "")
    return entry
