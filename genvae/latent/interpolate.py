"""Walks between items."""

from __future__ import annotations

import torch
from torch import Tensor

from genvae.asking import Items
from genvae.context import Context
from genvae.core.latents import Latents
from genvae.core.randomness import Stream
from genvae.latent.output import Output
from genvae.latent.tools import Tools
from genvae.operations import Interpolate


def spherical(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """From ``a`` to ``b`` (d,) at shares ``t`` (n,): along the great circle (Shoemake 1985; White 2016 for latent
    spaces), the length going straight from one's to the other's. Shape (n, d)."""
    t, u, v = t.double(), a.double(), b.double()  # float32 cannot tell an angle under 0.0003 from 0
    length = (1 - t) * u.norm() + t * v.norm()
    u, v = u / u.norm().clamp(min=1e-12), v / v.norm().clamp(min=1e-12)
    angle = torch.arccos((u * v).sum().clamp(-1, 1))
    if angle.sin() < 1e-4:  # the same or opposite direction: a straight line
        return linear(a, b, t.to(a.dtype))
    direction = torch.outer(((1 - t) * angle).sin(), u) + torch.outer((t * angle).sin(), v)
    walk = (direction / angle.sin() * length[:, None]).to(a.dtype)
    walk[t == 0], walk[t == 1] = a, b  # the ends themselves, not their rounding
    return walk


def linear(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The straight line from ``a`` to ``b`` (d,) at shares ``t`` (n,)."""
    return torch.outer(1 - t, a) + torch.outer(t, b)


def nearer(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """``a`` in the first half of the shares ``t`` (n,), ``b`` in the second: where nothing lies between."""
    return torch.where(t[:, None] < 0.5, a, b)


def interpolate(context: Context, request: Interpolate) -> Items:
    """``steps`` items from one to the other, both ends counted. A spherical path runs in the prior's noise,
    so it passes through likely latents under any prior that can be pulled back to noise; what is observed is joined
    straight."""
    tools = Tools(context)
    output = Output(context.bundle.modality, request.output)
    ends = tools.encode([request.a, request.b])
    t = torch.linspace(0, 1, request.steps)
    if request.path == "spherical":
        ends = tools.noise(ends, "a spherical path")
    latents: Latents = {}
    for name, value in ends.items():
        flat = value.flatten(1)
        round_about = request.path == "spherical" and name not in tools.vae.observed
        walk = spherical if round_about else linear if tools.blends(name) else nearer
        latents[name] = walk(flat[0], flat[1], t).reshape(-1, *value.shape[1:])
    if request.path == "spherical":
        latents = tools.noise(latents, "a spherical path", push=True)
    steps = tools.render(latents, request.steps, Stream(request.seed, "interpolate"), faithful=True)
    return Items(steps, output.write(steps, request.steps))
