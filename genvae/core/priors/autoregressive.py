"""A masked autoregressive density (Germain et al., "MADE: Masked Autoencoder for Distribution Estimation", 2015) whose
conditionals are Gaussian mixtures (Uria et al., "RNADE: The Real-Valued Neural Autoregressive Density-Estimator",
2013)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.distributions import noise_of, product, quantile
from genvae.core.latents import Block
from genvae.core.priors.fitted import (
    AFTER,
    WHEN,
    WITH,
    Conditioned,
    ConditionedPrior,
    ConditionedSettings,
    Context,
    Standard,
)
from genvae.errors import SettingError
from genvae.settings import setting

LOG_SCALE = 7.0  # log standard deviations stay within this of 0


class Made(nn.Module):
    """D numbers to the mixtures of each given those before it: logits, means and log scales, (n, D, M) each.

    Hidden unit i has a degree and sees the numbers 0 ... degree - 1; output d sees units of degree d and less.
    Units are sorted by degree in every layer, so those that one more number sets free lie side by side: drawing
    computes each unit once.
    """

    first_mask: Tensor
    between_mask: Tensor
    last_mask: Tensor

    def __init__(self, size: int, context: int, hidden: int, layers: int, mixtures: int) -> None:
        super().__init__()
        self.size, self.mixtures = size, mixtures
        # without a context a unit of degree 0 would be a constant
        lowest = 0 if context or size == 1 else 1
        degrees = lowest + torch.arange(hidden) * (size - lowest) // hidden
        #: units before ends[d] are free once d numbers are known
        self.ends = [int((degrees <= known).sum()) for known in range(size)]
        self.first = nn.Linear(size, hidden)
        self.context = nn.Linear(context, hidden, bias=False) if context else None
        self.between = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers - 1))
        self.last = nn.Linear(hidden, size * 3 * mixtures)
        known = torch.arange(size)
        self.register_buffer("first_mask", (known < degrees[:, None]).float(), persistent=False)
        self.register_buffer("between_mask", (degrees <= degrees[:, None]).float(), persistent=False)
        outputs = (degrees <= known[:, None]).float().repeat_interleave(3 * mixtures, 0)
        self.register_buffer("last_mask", outputs, persistent=False)
        with torch.no_grad():  # near N(0, 1) at first, the components apart
            self.last.weight *= 0.5
            start = torch.zeros(size, 3, mixtures)
            start[:, 1] = torch.linspace(-1.0, 1.0, mixtures) if mixtures > 1 else 0.0
            start[:, 2] = math.log(0.75) if mixtures > 1 else 0.0
            self.last.bias.copy_(start.flatten())

    def weights(self, dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
        """The masked matrix and the bias of each layer."""
        masks = [self.first_mask, *[self.between_mask] * len(self.between), self.last_mask]
        layers = [self.first, *self.between, self.last]
        return [((layer.weight * mask).to(dtype), layer.bias.to(dtype)) for layer, mask in zip(layers, masks)]

    def entry(self, context: Context, dtype: torch.dtype) -> Tensor:
        """What the context adds to the first layer."""
        told = context.every
        if self.context is None or told is None:
            return torch.zeros((), dtype=dtype, device=self.last.bias.device)
        return F.linear(told.to(dtype), self.context.weight.to(dtype))

    def forward(self, value: Float[Tensor, "n d"], context: Context) -> tuple[Tensor, ...]:
        first, *between, last = self.weights(value.dtype)
        hidden = context.wide(F.linear(value, *first)) + self.entry(context, value.dtype)
        for layer in between:
            hidden = hidden + F.linear(F.silu(hidden), *layer)
        return self.split(F.linear(F.silu(hidden), *last).reshape(-1, self.size, 3, self.mixtures), context)

    @staticmethod
    def split(outputs: Float[Tensor, "... three m"], context: Context) -> tuple[Tensor, ...]:
        """Logits, means and log scales. Guidance makes its step in the logits, and each Gaussian's in its natural
        parameters."""
        logits, mean, log_scale = outputs.unbind(-2)
        log_scale = LOG_SCALE * torch.tanh(log_scale / LOG_SCALE)
        if context.without is None:
            return logits, mean, log_scale
        (mean, mean_without), (scale, scale_without) = context.parted(mean), context.parted(2 * log_scale)
        mean, log_variance = product(mean, scale, mean_without, scale_without, context.weight)
        return context.step(logits), mean, 0.5 * log_variance

    @torch.no_grad()
    def draw(self, noise: Float[Tensor, "n d"], context: Context) -> Float[Tensor, "n d"]:
        """Noise to values, a number at a time; each unit is computed when its last input is known."""
        dtype = noise.dtype
        first, *between, (last, bias) = self.weights(dtype)
        hidden = len(first[1])
        value = context.wide(torch.zeros_like(noise))
        rows = len(value)
        entry = self.entry(context, dtype).expand(rows, hidden)
        layers = [noise.new_zeros(rows, hidden) for _ in range(1 + len(between))]
        free = [noise.new_zeros(rows, hidden) for _ in layers]  # after the nonlinearity
        begin, width = 0, 3 * self.mixtures
        for d, end in enumerate(self.ends):
            if end > begin:
                new = slice(begin, end)
                layers[0][:, new] = entry[:, new] + F.linear(value[:, :d], first[0][new, :d], first[1][new])
                free[0][:, new] = F.silu(layers[0][:, new])
                for number, (weight, shift) in enumerate(between, 1):
                    more = F.linear(free[number - 1][:, :end], weight[new, :end], shift[new])
                    layers[number][:, new] = layers[number - 1][:, new] + more
                    free[number][:, new] = F.silu(layers[number][:, new])
                begin = end
            own = slice(d * width, (d + 1) * width)
            outputs = F.linear(free[-1][:, :end], last[own, :end], bias[own])
            logits, mean, log_scale = self.split(outputs.reshape(rows, 3, self.mixtures), context)
            value[:, d] = context.wide(quantile(logits, mean, log_scale.exp(), noise[:, d]))
        return value[: len(noise)]


class Autoregressive(Conditioned):
    """What the network says of a block, each number given those before it and the context. Densities in float32,
    transport in float64 (without a gradient), noise within 37 standard deviations."""

    def __init__(self, net: Made, standard: Standard, context: Context) -> None:
        super().__init__(standard, context)
        self.net = net

    def with_context(self, context: Context) -> Autoregressive:
        return Autoregressive(self.net, self.standard, context)

    def log_prob(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        with torch.autocast(value.device.type, enabled=False):
            flat = self.standard(value)
            logits, mean, log_scale = self.net(flat, self.context.of(Tensor.float))
            apart = (flat[:, :, None] - mean) * (-log_scale).exp()
            each = logits.log_softmax(-1) - 0.5 * apart.square() - log_scale - 0.5 * math.log(2 * math.pi)
            return each.logsumexp(-1).sum(1) - self.standard.scale.log().sum()

    @torch.no_grad()
    def push(self, noise: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        flat = self.net.draw(noise.double().flatten(1), self.context)
        return self.standard.back(flat).to(noise.dtype)

    @torch.no_grad()
    def pull(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        flat = self.standard(value.double())
        logits, mean, log_scale = self.net(flat, self.context.of(Tensor.double))
        return noise_of(logits, mean, log_scale.exp(), flat).reshape(value.shape).to(value.dtype)


class AutoregressivePrior(ConditionedPrior):
    """A masked network for each block, the blocks before as its context."""

    def __init__(self, settings: AutoregressiveSettings, blocks: Sequence[Block], before: Sequence[Block] = ()) -> None:
        super().__init__(blocks, settings.when, before)
        self.nets = nn.ModuleDict({
            block.name: Made(block.size, self.width(block), settings.hidden, settings.layers, settings.mixtures)
            for block in blocks
        })  # fmt: skip

    def learned(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Autoregressive:
        net = self.nets[block.name]
        assert isinstance(net, Made)
        return Autoregressive(net, self.standard(block), self.context(block, before, rows))


@dataclass(frozen=True, kw_only=True)
class AutoregressiveSettings(ConditionedSettings):
    """A masked autoregressive network with Gaussian-mixture conditionals."""

    hidden: int = setting(512, help="units of a hidden layer", ge=1, le=16_384)
    layers: int = setting(2, help="hidden layers, the later ones residual", ge=1, le=32)
    mixtures: int = setting(8, help="Gaussians in the mixture of each number", ge=1, le=256)
    when: str = setting(WITH, help=WHEN, choices=(WITH, AFTER))

    def build(self, blocks: Sequence[Block], before: Sequence[Block] = ()) -> AutoregressivePrior:
        widest = max((block.size for block in blocks), default=1)
        if self.hidden < widest - 1:
            raise SettingError(
                f"autoregressive: hidden = {self.hidden} is too few for a block of {widest} numbers; give at least "
                f"{widest - 1}"
            )
        return AutoregressivePrior(self, blocks, before)
