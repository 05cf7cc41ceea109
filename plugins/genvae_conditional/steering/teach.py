"""The operation ``teach``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from genvae.context import Context
from genvae.core.latents import Block
from genvae.core.randomness import Stream
from genvae.errors import DataError, SettingError, nearest
from genvae.evaluation.evaluation import Items
from genvae.latent.tools import TILE, Tools
from genvae_conditional.label import Labeller
from genvae_conditional.reading import counted, labelled
from genvae_conditional.steering.classifiers import FEWEST, fit, keep
from genvae_conditional.steering.requests import Taught, Teach
from genvae_conditional.steering.space import joined, latent_blocks, place_of

Rows = list[Mapping[str, str]]


def teach(context: Context, request: Teach) -> Taught:
    """Classifiers of the labels that are asked for, each from the items of which it is known."""
    tools = Tools(context)
    blocks = latent_blocks(tools, "teach")
    place, weights = place_of(tools, request.model, request.classifiers)
    labeller: Labeller | None = context.host.load("labeller", request.labeller) if request.labeller else None
    if request.data is None and not request.generated:
        raise SettingError("teach needs labelled items: give data, or a labeller and generated = how many")
    if request.generated and labeller is None:
        raise SettingError("items of the model's own have no labels: name a labeller")
    if labeller is None and not request.labels:
        raise SettingError("which columns are to be told? Give labels = their names")
    noise: list[Tensor] = []
    rows: Rows = []
    for parts, labels in (_of_data(tools, request, blocks, labeller), _of_own(tools, request, blocks, labeller)):
        noise += parts
        rows += labels
    if not noise:
        raise DataError("there are no items to learn from")
    every = torch.cat(noise)
    names = _names(request.labels, rows)
    told: dict[str, dict[str, Any]] = {}
    for name in names:
        values = _values(name, [row[name] for row in rows])
        known = [number for number, row in enumerate(rows) if row[name]]
        fitted = fit(name, every[known], [rows[n][name] for n in known], values, request.hidden, request.seed)
        keep(place, name, fitted, weights)
        told[name] = fitted.about
    return Taught(told, str(place))


def _names(asked: Sequence[str], rows: Rows) -> list[str]:
    """The labels to tell, those of which there are."""
    for name in asked:
        if name not in rows[0]:
            raise DataError(f"there is no label {name!r}; {nearest(name, list(rows[0]))}")
    return list(asked or rows[0])


def _values(name: str, labels: Sequence[str]) -> list[str]:
    """The values of a label in their order; raises DataError where nothing can be told."""
    counts = counted(name, labels)
    if counts.total() < FEWEST:
        raise DataError(f"label {name!r}: {counts.total()} items have a value; at least {FEWEST} are needed")
    return sorted(counts)


@torch.no_grad()
def _of_data(tools: Tools, request: Teach, blocks: list[Block], labeller: Labeller | None) -> tuple[list[Tensor], Rows]:
    """The noise of draws from the posteriors of the data's items, and their labels."""
    if request.data is None:
        return [], []
    items = labelled(tools, request.data, () if labeller else request.labels, limit=request.limit, seed=request.seed)
    stream = Stream(request.seed, "teach")
    found: list[Tensor] = []
    order: list[int] = []
    for batch in items.batches.in_order():
        draw = tools.vae.infer(batch, stream.at("posterior"))
        found.append(joined(tools.noise(draw.latents, "teach"), blocks))
        order += batch.items.tolist()
    if labeller is not None:
        own = list(Items(items.examples, tools.context.bundle.modality))
        return found, [labeller(own[row]) for row in order]
    return found, [{name: values[row] for name, values in items.labels.items()} for row in order]


@torch.no_grad()
def _of_own(tools: Tools, request: Teach, blocks: list[Block], labeller: Labeller | None) -> tuple[list[Tensor], Rows]:
    """The noise of new items, and what the labeller says of these."""
    found: list[Tensor] = []
    told: Rows = []
    if labeller is None:
        return found, told
    stream = Stream(request.seed, "teach/own")
    for first in range(0, request.generated, TILE):
        items = torch.arange(first, min(first + TILE, request.generated))
        latents = tools.vae.sample_prior(items, stream)
        # the noise itself: a prior need not give back the one that it pushed
        noise = {block.name: stream.at(block.name).normal(items, *block.shape) for block in blocks}
        found.append(joined(noise, blocks))
        made = tools.render(latents, len(items), stream, faithful=True, first=first)
        told += [labeller(item) for item in made]
    return found, told
