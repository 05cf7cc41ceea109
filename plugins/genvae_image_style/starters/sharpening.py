"""The filter behind the linear pictures, fitted to fonts that the encoder has not learned from.

Of its own fonts an encoder knows the style nearly, of others about; a filter that had only seen pictures of the first
kind would take a blur for a shape. So the filter learns from some families alone, before the encoder goes on with all.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from genvae.core.latents import Groups
from genvae.core.likelihoods import FactorisedLikelihood
from genvae.core.posteriors.pooled import PooledPosterior
from genvae.core.vae import VAE
from genvae_image_style.architectures.flat_letters import FlatLetterDecoder, FlatLetterEncoder
from genvae_image_style.starters.beginning import Given, Say, copied

FONTS, TIMES, DRAWN = 8, 3, 12  # in a step; how often each is shown some of its letters; letters drawn each time
SURE = 0.7  # share of the styles that are the posterior's mean, as letters are completed by


def sharpen(
    model: VAE, pictures: UInt8[Tensor, "f l s s"], weights: Float[Tensor, " l"], given: Given, *, steps: int,
    rate: float, say: Say,
) -> None:  # fmt: skip
    """Train the filter to draw letters of these fonts, and of copies, in the style that some of their letters tell;
    letters are drawn as often as they weigh."""
    encoder, decoder, likelihood = model.encoder, model.decoder, model.likelihood
    assert isinstance(encoder, FlatLetterEncoder) and isinstance(decoder, FlatLetterDecoder)
    assert isinstance(model.posterior, PooledPosterior) and isinstance(likelihood, FactorisedLikelihood)
    pool, generator, label = model.posterior.pools["style"], given.generator, torch.eye(pictures.shape[1])
    moved = list(decoder.filter.requires_grad_(True).parameters())
    optimizer = torch.optim.Adam(moved, lr=rate, fused=True)
    model.eval()
    told, groups, often = 0.0, FONTS * TIMES, max(steps // 5, 1)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * step / steps)))
        font = torch.randint(len(pictures), (FONTS,), generator=generator)
        true = copied(pictures[font], 1 + step if step % 4 else 0).repeat_interleave(TIMES, 0)
        number, letter = given(groups).nonzero().T
        with torch.no_grad():
            found = pool(encoder.read_as(true[number, letter][:, None], label[letter]), Groups(number, groups))
            noise = torch.randn(found.mean.shape, generator=generator) * (0.5 * found.log_variance).exp()
            style = found.mean + noise * (torch.rand(groups, 1, generator=generator) > SURE)
            asked = torch.multinomial(weights, groups * DRAWN, replacement=True, generator=generator)
            number = torch.arange(groups).repeat_interleave(DRAWN)
            linear = decoder.linear({"label": label[asked], "style": style[number]})
            target = true[number, asked][:, None]
        loss = likelihood.element_nats(decoder.filter(linear), target).sum() / len(target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        told += float(loss.detach())
        if (step + 1) % often == 0:
            say(f"filter, step {step + 1} of {steps}: {told / often:.1f} nats")
            told = 0.0
