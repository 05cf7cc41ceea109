"""The operation ``steer``."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.context import Context
from genvae.core.decoding.sampling import FLOOR
from genvae.core.latents import Latents, take
from genvae.core.randomness import Stream
from genvae.errors import SettingError, nearest
from genvae.latent.output import Output
from genvae.latent.tools import TILE, Tools
from genvae_conditional.steering.classifiers import NoiseClassifier, kept, restored
from genvae_conditional.steering.requests import Steer, Steered
from genvae_conditional.steering.space import joined, latent_blocks, parted, place_of
from genvae_conditional.steering.walks import langevin, ode


class Wishes:
    """What is asked for: a classifier, the number of a value and a weight for each label."""

    def __init__(self, asked: list[tuple[NoiseClassifier, int, float]]) -> None:
        # as precise as the walk: a row must not depend on the rows beside it
        self.asked = [(copy.deepcopy(network).double(), place, weight) for network, place, weight in asked]

    def potential(self, noise: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """phi: - the sum of the weighted log-probabilities, in nats."""
        parts = [weight * network(noise)[:, place] for network, place, weight in self.asked]
        return -torch.stack(parts).sum(0)

    @torch.no_grad()
    def sure(self, noise: Float[Tensor, "n d"]) -> list[float]:
        """How sure the classifiers are that a row is all that is asked for."""
        parts = [network(noise)[:, place] for network, place, _ in self.asked]
        found: list[float] = torch.stack(parts).sum(0).exp().tolist()
        return found


def steer(context: Context, request: Steer) -> Steered:
    """New items, or given ones, walked towards what is asked for."""
    tools = Tools(context)
    blocks = latent_blocks(tools, "steer")
    output = Output(context.bundle.modality, request.output)
    wishes = _wishes(tools, request)
    stream = Stream(request.seed, "steer")
    given = bool(request.items)
    count = len(request.items) if given else request.n
    rows = max(count, FLOOR)  # filled up where there are few: -n 1 is then the beginning of -n 100
    items = torch.arange(rows) + (0 if given else request.start)
    observed, begin = _given(tools, request, rows) if given else _new(tools, request, items, stream)
    start = joined(begin, blocks).double()
    walked = []
    for part in torch.arange(rows).split(TILE):
        # a quarter of the way down first: from there a draw is sooner one of the target
        first = request.steps if request.method == "ode" else request.steps // 4
        end = ode(wishes.potential, start[part], first, request.step_size)
        if request.method == "langevin":
            end, _ = langevin(wishes.potential, end, request.steps - first, request.step_size, items[part], stream)
        walked.append(end)
    ends = torch.cat(walked)
    made = tools.noise({**observed, **parted(ends, blocks)}, "steer", push=True)
    shown = tools.render(
        take(made, slice(count)), count, stream, faithful=given, first=0 if given else request.start
    )  # fmt: skip
    return Steered(
        shown, output.write(shown), list(request.items), wishes.sure(ends[:count]), wishes.sure(start[:count])
    )


def _wishes(tools: Tools, request: Steer) -> Wishes:
    """The classifiers, checked against what is asked for."""
    if not request.toward:
        raise SettingError("what are the items to be? toward = LABEL=VALUE ...")
    place, weights = place_of(tools, request.model, request.classifiers)
    known = kept(place)
    if not known:
        raise SettingError(f"no classifiers are in {place}: make them with `genvae teach`")
    for name in request.weights:
        if name not in request.toward:
            raise SettingError(f"weights name {name!r}, which is not asked for; {nearest(name, list(request.toward))}")
    found = []
    for name, value in request.toward.items():
        if name not in known:
            raise SettingError(f"there is no classifier of {name!r}; {nearest(name, known)}")
        network = restored(place, name, weights)
        if str(value) not in network.values:
            raise SettingError(f"{name} = {value!r} is no value that was taught; {nearest(str(value), network.values)}")
        found.append((network, network.values.index(str(value)), _weight(request.weights, name, request.strength)))
    return Wishes(found)


def _weight(weights: Mapping[str, Any], name: str, default: float) -> float:
    try:
        found = float(weights.get(name, default))
    except (TypeError, ValueError):
        raise SettingError(f"weights: {name} = {weights[name]!r} is not a number") from None
    if not 0 <= found <= 1_000:
        raise SettingError(f"weights: {name} = {found:g} must be between 0 and 1000")
    return found


@torch.no_grad()
def _given(tools: Tools, request: Steer, rows: int) -> tuple[Latents, Latents]:
    """What is observed of the given items, and the noise of their latents; the last again and again behind them."""
    latents = tools.encode(request.items)
    filled = take(latents, torch.arange(rows).clamp(max=len(request.items) - 1))
    noise = tools.noise(filled, "steer")
    return {name: filled[name] for name in tools.vae.observed if name in filled}, noise


@torch.no_grad()
def _new(tools: Tools, request: Steer, items: Tensor, stream: Stream) -> tuple[Latents, Latents]:
    """What is observed of new items, as ``sample_prior`` draws it, and their noise."""
    observed = tools.vae.conditions.draw(items, stream.at("conditions"), {})
    noise = {
        block.name: request.prior_scale * stream.at(block.name).normal(items, *block.shape)
        for block in tools.vae.latent
    }  # fmt: skip
    return observed, noise
