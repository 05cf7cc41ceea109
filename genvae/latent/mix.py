"""Mixing: each block from other items."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from genvae import settings
from genvae.asking import MOST
from genvae.context import Context
from genvae.core.latents import Block, Latents, take
from genvae.core.randomness import Stream
from genvae.errors import DataError, SettingError, close, nearest
from genvae.host.specs import resolve
from genvae.latent.interpolate import linear, nearer, spherical
from genvae.latent.output import Output
from genvae.latent.tools import ENCODED, Tools
from genvae.mixing import Mix, Mixed, Taken

ALIKE = 0.75  # a word so much like the name of a value is that, misspelt
_WORD = re.compile(r"[\w-]+")


@dataclass(frozen=True)
class Rows:
    """What a block is taken from: latents, (k, *shape), and in the rows where ``noise`` is true the prior's noise,
    to be pushed once the blocks before are known."""

    values: Float[Tensor, "k ..."]
    noise: Bool[Tensor, " k"]

    @classmethod
    def of(cls, values: Tensor, *, noise: bool = False) -> Rows:
        return cls(values, torch.full((len(values),), noise))


def mix(context: Context, request: Mix) -> Mixed:
    """One item for each choice of a row of every named block: the first block slowest, the last fastest.

    Blocks that are not named come from ``items``, from their weighted mean. Several examples of one thing are encoded
    as one group, so a shared block is inferred from all of them at once.
    """
    tools = Tools(context)
    tools.require_latent()
    output = Output(context.bundle.modality, request.output)
    stream = Stream(request.seed, "mix")
    given = _given(tools, request)
    rows = _Taking(tools, request, stream, set(given)).rows(_sources(tools, request, given))
    counts = [len(rows[block.name].noise) for block in tools.vae.blocks if block.name in rows]
    total = math.prod(counts)
    if total > MOST:
        raise SettingError(f"{' x '.join(map(str, counts))} mixes are {total:,}; at most {MOST:,} at once")
    items = tools.render(_product(tools, rows, total, stream), total, stream, faithful=True)
    shape = {given[b.name]: len(rows[b.name].noise) for b in tools.vae.blocks if b.name in given}
    columns = next(reversed(shape.values()), 1)
    return Mixed(items, output.write(items, columns), shape)


def _given(tools: Tools, request: Mix) -> dict[str, str]:
    """The blocks that a request names -> the names it uses; raises SettingError for one that there is not."""
    names = [block.name for block in tools.vae.blocks]
    called = {tools.context.bundle.modality.called(name): name for name in names}
    found: dict[str, str] = {}
    for name in request.blocks:
        own = name if name in names else called.get(name, "")
        if not own:
            part = tools.context.bundle.part()
            known = [*names, *filter(None, called), *settings.names(Mix), *settings.names(resolve(part.rendering))]
            raise SettingError(f"the model has no block {name!r}; {nearest(str(name), known)}")
        if own in found:
            raise SettingError(f"{found[own]!r} and {name!r} are the same block of this model")
        found[own] = name
    return found


def _sources(tools: Tools, request: Mix, given: Mapping[str, str]) -> dict[str, Taken]:
    """What each block is taken from, in the model's order; those of which nothing need be known are left out."""
    names = [block.name for block in tools.vae.blocks]
    modality = tools.context.bundle.modality
    per_block = isinstance(request.weights, Mapping)
    for name in request.weights if per_block else ():
        if name not in names:
            raise SettingError(f"the model has no block {name!r}; {nearest(str(name), names)}")
    taken = request.taken()
    if not request.items and not taken:
        raise DataError("no items are given")
    found: dict[str, Taken] = {}
    for name in names:
        if name in given:
            found[name] = taken[given[name]]
        elif request.items:
            weights = request.weights.get(name) if per_block else request.weights
            equal = [1.0] * len(request.items)
            found[name] = Taken(items=request.items, weights=equal if weights is None else weights)
        elif name in tools.context.bundle.conditions:
            continue  # drawn, once for all
        elif not modality.values(name):
            raise SettingError(f"the block {name!r} is not given: {name} = items, or {name}_draw = 1 for a new one")
        elif modality.called(name) not in names:  # no other block says the same
            raise SettingError(
                f"the block {name!r} is not given: one of {', '.join(modality.values(name))}, or an item"
            )
    return found


class _Taking:
    """Rows of blocks from what a request names; ``named`` are those it names one by one."""

    def __init__(self, tools: Tools, request: Mix, stream: Stream, named: Set[str]) -> None:
        self.tools = tools
        self.request = request
        self.stream = stream
        self.values = {name: tools.context.bundle.values(name) for name in named}

    def rows(self, sources: Mapping[str, Taken]) -> dict[str, Rows]:
        """The rows of each block that has sources."""
        blocks = [block for block in self.tools.vae.blocks if block.name in sources]
        entries = [self._entries(block, sources[block.name]) for block in blocks]
        encoded = self._encoded([entry for several in entries for entry in several])
        found, start = {}, 0
        for block, several in zip(blocks, entries, strict=True):
            end = start + len(several)
            found[block.name] = self._block(block, sources[block.name], take(encoded, slice(start, end)))
            start = end
        return found

    def _named(self, block: Block, entry: Any) -> Tensor | None:
        """The row that an entry is the name of, of an observed block; None for an item."""
        own = self.tools.vae.conditions.get(block.name)
        if own is None or block.name not in self.values or not isinstance(entry, str | int | float):
            return None
        try:
            return own.ask(str(entry))
        except SettingError:
            return None

    def _by_name(self, block: Block, entry: Any) -> bool:
        """Whether an entry is the name of a value of an observed block."""
        return self._named(block, entry) is not None

    def _check_names(self, block: Block, taken: Taken) -> None:
        """Raise SettingError for a text that is neither a value of an observed block nor an item."""
        values = self.values.get(block.name, {})
        for entry in taken.items if values else ():
            if isinstance(entry, str) and not self._by_name(block, entry):
                try:
                    self.tools.context.bundle.modality.example(entry)
                except DataError as error:
                    hint = nearest(entry, values)
                    raise SettingError(f"{error}; the block {block.name!r} also takes names, {hint}") from None
                meant = close(entry, values, ALIKE) if _WORD.fullmatch(entry) else None
                if meant is not None:  # some modalities take any word for an item
                    raise SettingError(f"the block {block.name!r} has no value {entry!r}; did you mean {meant!r}?")

    def _entries(self, block: Block, taken: Taken) -> list[list[Any]]:
        """The items of a block that must be encoded, those that are examples of one thing together."""
        name = block.name
        self._check_names(block, taken)
        several = [
            list(entry) if isinstance(entry, list | tuple) else [entry]
            for entry in taken.items if not self._by_name(block, entry)
        ]  # fmt: skip
        if taken.pool:
            several = [[item for entry in several for item in entry]]
        if not block.shared and any(len(entry) > 1 for entry in several):
            raise SettingError(
                f"the block {name!r} is each item's own in this model, so the evidence of examples is not pooled; "
                f"{name}_weights gives their mean"
            )
        if taken.draw and self.values.get(name):
            raise SettingError(f"the block {name!r} is not drawn: give some of {', '.join(self.values[name])}")
        return several

    @torch.no_grad()
    def _encoded(self, entries: Sequence[list[Any]]) -> Latents:
        """The posterior mean of every block, a row an entry."""
        parts: list[Latents] = []
        waiting: list[list[Any]] = []
        for number, entry in enumerate(entries):
            waiting.append(entry)
            full = sum(map(len, waiting)) >= ENCODED
            if full or number == len(entries) - 1:
                parts.append(self._groups(waiting))
                waiting = []
        return {name: torch.cat([part[name] for part in parts]) for name in (parts[0] if parts else {})}

    def _groups(self, entries: Sequence[list[Any]]) -> Latents:
        batch = self.tools.batch([item for entry in entries for item in entry])
        lengths = torch.tensor([len(entry) for entry in entries])
        batch = replace(batch, group=torch.arange(len(entries)).repeat_interleave(lengths))
        return take(self.tools.vae.infer(batch).latents, lengths.cumsum(0) - lengths)

    def _block(self, block: Block, taken: Taken, encoded: Latents) -> Rows:
        given = self._listed(block, taken, encoded)
        parts = []
        if taken.weights is not None:
            parts.append(Rows.of(torch.tensordot(_weights(block.name, taken.weights, len(given)), given, dims=1)))
        elif taken.steps is not None:
            parts.append(self._walk(block, taken.steps, given, encoded))
        elif len(given):
            parts.append(Rows.of(given))
        if taken.draw:
            noise = self.stream.at(block.name).normal(torch.arange(taken.draw), *block.shape)
            parts.append(Rows.of(noise * self.request.prior_scale, noise=True))
        return Rows(torch.cat([part.values for part in parts]), torch.cat([part.noise for part in parts]))

    def _listed(self, block: Block, taken: Taken, encoded: Latents) -> Tensor:
        """The block's rows in the order of its entries, those that are given by name among them."""
        rows = encoded.get(block.name, torch.zeros(0, *block.shape))
        named = [self._named(block, entry) for entry in taken.items]
        if all(row is None for row in named):
            return rows
        others = iter(rows)
        return torch.stack([next(others) if row is None else row for row in named])

    def _walk(self, block: Block, steps: int, given: Tensor, encoded: Latents) -> Rows:
        """Through the rows in their order. A spherical path runs in the prior's noise, so it passes through likely
        latents under any prior that can be pulled back to noise; values of an observed block are joined straight."""
        noise = self.request.path == "spherical" and block.name not in self.tools.vae.observed
        if noise:
            given = self.tools.noise(encoded, f"a walk of the block {block.name!r}")[block.name]
        walk = spherical if noise else linear if self.tools.blends(block.name) else nearer
        flat = given.flatten(1)
        places = torch.linspace(0, len(given) - 1, steps, dtype=torch.float64)
        before = places.floor().clamp(max=len(given) - 2).long()
        path = [
            walk(flat[a], flat[a + 1], (place - a).to(flat.dtype)[None])
            for a, place in zip(before.tolist(), places, strict=True)
        ]
        return Rows.of(torch.cat(path).reshape(steps, *block.shape), noise=noise)


@torch.no_grad()
def _product(tools: Tools, rows: Mapping[str, Rows], total: int, stream: Stream) -> Latents:
    """Every choice of one row a block. Noise is pushed block by block, so what is drawn fits what it stands beside.
    Conditions that nothing is said of are drawn once for all."""
    mixed: Latents = {}
    drawn = tools.context.bundle.conditions.draw(torch.zeros(1, dtype=torch.int64), stream.at("conditions"), {})
    repeat = total
    for block in tools.vae.blocks:
        if block.name not in rows:
            unknown = torch.zeros(1, *block.shape)
            mixed[block.name] = drawn.get(block.name, unknown).repeat(total, *[1] * len(block.shape))
            continue
        own = rows[block.name]
        repeat //= len(own.noise)
        chosen = (torch.arange(total) // repeat) % len(own.noise)
        value = own.values[chosen]
        if own.noise.any():
            pushed = tools.vae.prior.at(block, mixed, total).push(value)
            where = own.noise[chosen].reshape(-1, *[1] * len(block.shape))
            value = torch.where(where, pushed, value)
        mixed[block.name] = value
    return mixed


def _weights(name: str, given: Any, count: int) -> Float[Tensor, "r k"]:
    """Rows of weights, each scaled to sum to 1; raises SettingError for what is none."""
    try:
        weights = torch.as_tensor(given, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError):
        raise SettingError(f"the weights of block {name!r} are not a list of numbers") from None
    weights = weights[None] if weights.ndim == 1 else weights
    if weights.ndim != 2 or weights.shape[1] != count or not len(weights):
        got = weights.shape[-1] if weights.ndim else 1
        raise SettingError(f"block {name!r} needs {count} weights, one an item; got {got}")
    if not weights.isfinite().all() or not weights.sum(1).all():
        raise SettingError(f"the weights of block {name!r} must be finite and not sum to 0")
    return weights / weights.sum(1, keepdim=True)
