"""Walks in the prior's noise towards what classifiers ask for.

The noise is N(0, I) whatever the prior, for that is what a prior pushes to a latent. So its density times what the
classifiers say is a target of one form,

    p(e | c) proportional to  N(e; 0, I) exp(-phi(e)),      phi(e) = - sum over i of w_i log p(c_i | e),

and no gradient has to pass the prior or the decoder. Composing by weighted log-probabilities is that of Liu et al.,
"Composable Text Controls in Latent Space with ODEs" (LatentOps, 2022), who steer a latent whose prior is N(0, I).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genvae.core.randomness import Stream

#: phi of each row, in nats
Potential = Callable[[Float[Tensor, "n d"]], Float[Tensor, " n"]]


def slope(potential: Potential, noise: Float[Tensor, "n d"]) -> tuple[Float[Tensor, " n"], Float[Tensor, "n d"]]:
    """phi and its gradient at each row."""
    with torch.enable_grad():
        at = noise.detach().requires_grad_(True)
        value = potential(at)
        (gradient,) = torch.autograd.grad(value.sum(), at)
    return value.detach(), gradient


def ode(potential: Potential, noise: Float[Tensor, "n d"], steps: int, size: float) -> Float[Tensor, "n d"]:
    """Down phi, by steps of ``size`` times its gradient, along the sphere on which each row begins.

    The probability flow of a diffusion whose marginals without classifiers are all N(0, I) has this drift alone, for
    the prior's part cancels (LatentOps, equation 8). On its sphere a row stays as likely under the prior as it was:
    what a classifier says far from all items it has seen means nothing. Deterministic; without classifiers nothing
    moves.
    """
    radius = noise.norm(dim=1, keepdim=True)
    for _ in range(steps):
        _, gradient = slope(potential, noise)
        ahead = noise - size * gradient
        noise = ahead * (radius / ahead.norm(dim=1, keepdim=True).clamp(min=1e-12))
    return noise


def langevin(
    potential: Potential,
    noise: Float[Tensor, "n d"],
    steps: int,
    size: float,
    items: Int[Tensor, " n"],
    stream: Stream,
) -> tuple[Float[Tensor, "n d"], float]:
    """Draws from N(e; 0, I) exp(-phi(e)), and the share of steps that were taken.

    The preconditioned Crank-Nicolson Langevin proposal of Cotter, Roberts, Stuart and White, "MCMC Methods for
    Functions" (2013), accepted by Metropolis and Hastings: exact however long the steps, and without classifiers every
    step is taken and N(0, I) stays. Each row depends on the stream and its item's number alone.
    """
    value, gradient = slope(potential, noise)
    taken = 0.0
    for number in range(steps):
        drawn = stream.at("walk").again(number).normal(items, noise.shape[1]).to(noise.dtype)
        ahead = ((2 - size) * noise - 2 * size * gradient + (8 * size) ** 0.5 * drawn) / (2 + size)
        value_ahead, gradient_ahead = slope(potential, ahead)
        there = _odds(noise, ahead, value, gradient, size)
        back = _odds(ahead, noise, value_ahead, gradient_ahead, size)
        uniform = stream.at("accept").again(number).uniform(items, 1)[:, 0].to(noise.dtype)
        accepted = uniform.log() < there - back
        noise = torch.where(accepted[:, None], ahead, noise)
        gradient = torch.where(accepted[:, None], gradient_ahead, gradient)
        value = torch.where(accepted, value_ahead, value)
        taken += float(accepted.double().mean()) / steps
    return noise, taken


def _odds(
    u: Float[Tensor, "n d"], v: Float[Tensor, "n d"], value: Float[Tensor, " n"], gradient: Float[Tensor, "n d"],
    size: float,
) -> Float[Tensor, " n"]:  # fmt: skip
    """rho(u, v) of the paper's (4.11): what a step from u to v is worth."""
    along = (0.5 * (v - u) * gradient + 0.25 * size * ((u + v) * gradient + gradient.square())).sum(1)
    return value + along
