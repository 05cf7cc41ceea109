"""Flow matching (Lipman et al., "Flow Matching for Generative Modeling", 2023) along straight lines (Liu et al., "Flow
Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow", 2023)."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from genvae.core.latents import Block
from genvae.core.priors.fitted import AFTER, Conditioned, ConditionedPrior, ConditionedSettings, Context, Standard
from genvae.core.randomness import Stream
from genvae.errors import LacksCapability
from genvae.settings import setting

WAVES = 16  # the time is shown to the network as this many sines and cosines
TOLERANCE = 1e-9  # of an inverted step, in standard deviations
ROUNDS = 100  # at most, to invert a step
HALVINGS = 20  # at most, of one step of Newton's
COLUMNS = 2_048  # tangents that are in memory at once for the Jacobian: more would not stay in the cache


def along_norm(
    norm: nn.LayerNorm, weight: Float[Tensor, "o h"], hidden: Float[Tensor, "n h"], tangents: Float[Tensor, "m d h"],
    slope: Float[Tensor, "n o"] | float = 1.0,
) -> Float[Tensor, "n d o"]:  # fmt: skip
    """slope times what weight @ norm(hidden) moves by along d tangents of hidden, the same for all rows where m is 1.
    A norm takes two directions out of a tangent, that of all ones and its own: little work beside the product."""
    deviation = (hidden.var(1, correction=0, keepdim=True) + norm.eps).sqrt()
    normal = (hidden - hidden.mean(1, keepdim=True)) / deviation
    weight = (weight - weight.mean(1, keepdim=True)).T
    own = tangents @ (normal / -hidden.shape[1])[:, :, None]
    moved = (tangents @ weight).addcmul(own, (normal @ weight)[:, None])
    return moved.mul_((slope / deviation)[:, None])


class Residual(nn.Module):
    """h + W2 silu(W1 (a norm(h) + b)), a and b by the time."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden, elementwise_affine=False)
        self.modulate = nn.Linear(hidden, 2 * hidden)
        self.inner = nn.Linear(hidden, hidden)
        self.outer = nn.Linear(hidden, hidden)

    def forward(self, hidden: Tensor, clock: Tensor) -> Tensor:
        more, shift = self.modulate(clock).chunk(2, -1)
        return hidden + self.outer(F.silu(self.inner(self.norm(hidden) * (1 + more) + shift)))

    def along(self, hidden: Tensor, clock: Tensor, tangents: Tensor) -> Tensor:
        """Where it carries tangents (n or 1, d, hidden) of ``hidden``, at one time for all rows."""
        more, shift = self.modulate(clock).chunk(2, -1)
        inner = self.inner(self.norm(hidden) * (1 + more) + shift)
        gate = inner.sigmoid()
        slope = gate * (1 + inner * (1 - gate))
        moved = along_norm(self.norm, self.inner.weight * (1 + more), hidden, tangents, slope)
        return (moved @ self.outer.weight.T).add_(tangents)


class Velocity(nn.Module):
    """v(x, t, context): a residual network on x (n, d) at times t, (n,) or one for all rows (1,)."""

    def __init__(self, size: int, context: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.enter = nn.Linear(size + context, hidden)
        self.clock = nn.Linear(2 * WAVES, hidden)
        self.blocks = nn.ModuleList(Residual(hidden) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden)
        self.leave = nn.Linear(hidden, size)
        with torch.no_grad():
            self.leave.weight *= 0.1  # little moves at first

    def _time(self, t: Tensor) -> Tensor:
        # wave lengths from two to a fiftieth of the whole time
        waves = torch.logspace(0, 2, WAVES, dtype=t.dtype, device=t.device) * math.pi
        angles = t[:, None] * waves
        found: Tensor = F.silu(self.clock(torch.cat([angles.sin(), angles.cos()], 1)))
        return found

    def forward(self, x: Tensor, t: Tensor, context: Tensor | None) -> Tensor:
        clock = self._time(t)
        hidden = self.enter(x if context is None else torch.cat([x, context], 1))
        for block in self.blocks:
            hidden = block(hidden, clock)
        return self.leave(self.norm(hidden))

    @torch.no_grad()
    def jacobian(
        self, x: Float[Tensor, "n d"], t: Float[Tensor, " 1"], context: Float[Tensor, "n c"] | None
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d d"]]:
        """v and dv/dx at one time: the d tangents of every row are carried along the network together."""
        clock = self._time(t)
        hidden = self.enter(x if context is None else torch.cat([x, context], 1))
        tangents = self.enter.weight.T[None, : x.shape[1]]  # the same for all rows until the first norm
        for block in self.blocks:
            assert isinstance(block, Residual)
            tangents = block.along(hidden, clock, tangents)
            hidden = block(hidden, clock)
        columns = along_norm(self.norm, self.leave.weight * self.norm.weight, hidden, tangents)
        return self.leave(self.norm(hidden)), columns.transpose(1, 2)


class Flow(Conditioned):
    """Noise carried along dx/dt = v(x, t) from t = 0 to 1 by ``steps`` midpoint steps, in float64.

    The distribution is that of the steps as they are, not of their limit: ``pull`` inverts each step, and the density
    has the logarithm of each step's determinant, from the whole Jacobian of the network. So it is exact for any
    number of steps that do not fold space, and slow: 2 * steps * d passes a row, which are in float32 where the value
    is. A step whose start is not found raises LacksCapability. None of the three has a gradient: a flow is fitted by
    its regression.
    """

    def __init__(self, net: Velocity, steps: int, standard: Standard, context: Context) -> None:
        super().__init__(standard, context)
        self.net, self.steps = net, steps
        self.conditions = context.of(lambda part: part.detach().double())

    def with_context(self, context: Context) -> Flow:
        return Flow(self.net, self.steps, self.standard, context)

    @torch.no_grad()
    def push(self, noise: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        x = noise.double().flatten(1)
        for number in range(self.steps):
            x = x + self._step(x, number / self.steps, self.conditions)
        return self.standard.back(x).to(noise.dtype)

    @torch.no_grad()
    def pull(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        *_, (_, noise) = self._backwards(self.standard(value.double()))
        return noise.reshape(value.shape).to(value.dtype)

    def log_prob(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        if torch.is_grad_enabled() and value.requires_grad:
            raise LacksCapability(
                "the density of the flow-matching prior has no gradient: freeze encoder and posterior, or train "
                "with another prior"
            )
        precision = torch.float64 if value.dtype == torch.float64 else torch.float32
        conditions = self.conditions.of(lambda part: part.to(precision))
        with torch.no_grad(), torch.autocast(value.device.type, enabled=False):
            noise = self.standard(value.double())
            log_det = self.standard.scale.double().log().sum().expand(len(value))
            for t, start in self._backwards(noise):
                sign, size = torch.linalg.slogdet(self._jacobian(start.to(precision), t, conditions).double())
                if (sign <= 0).any():
                    raise self._too_long()
                log_det = log_det + size
                noise = start
            nats = 0.5 * (noise.square() + math.log(2 * math.pi)).sum(1)
            return (-nats - log_det).to(value.dtype)

    @cached_property
    def _exact(self) -> Velocity:
        """The network in float64."""
        return copy.deepcopy(self.net).double().requires_grad_(False)

    def _velocity(self, x: Float[Tensor, "n d"], t: float, context: Context) -> Tensor:
        """The network in float64; under guidance the step is one of velocities."""
        return context.step(self._exact(context.wide(x), x.new_full((1,), t), context.every))

    def _slope(self, x: Float[Tensor, "n d"], t: float, context: Context) -> tuple[Tensor, Tensor]:
        """The same, and its Jacobian (n, d, d)."""
        net = self._exact if x.dtype == torch.float64 else self.net
        at, slope = net.jacobian(context.wide(x), x.new_full((1,), t), context.every)
        return context.step(at), context.step(slope)

    def _step(self, x: Tensor, t: float, context: Context) -> Tensor:
        """What a midpoint step from time t adds to x (n, d)."""
        h = 1 / self.steps
        return h * self._velocity(x + h / 2 * self._velocity(x, t, context), t + h / 2, context)

    def _jacobian(self, x: Float[Tensor, "n d"], t: float, context: Context) -> Float[Tensor, "n d d"]:
        """That of x + step, some rows at a time."""
        h = 1 / self.steps
        eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)

        def of(x: Tensor, context: Context) -> Tensor:
            at, first = self._slope(x, t, context)
            _, second = self._slope(x + h / 2 * at, t + h / 2, context)
            return eye + h * second @ (eye + h / 2 * first)

        parts = torch.arange(len(x), device=x.device).split(max(1, COLUMNS // x.shape[1]))
        return torch.cat([of(x[rows], context.take(rows)) for rows in parts])

    def _backwards(self, y: Float[Tensor, "n d"]) -> Iterator[tuple[float, Tensor]]:
        """Where each step began, from the last to the first, and its time."""
        moved = torch.zeros_like(y)
        for number in reversed(range(self.steps)):
            t = number / self.steps
            x = self._start(y, y - moved, t)  # the step after it moved about as much
            yield t, x
            y, moved = x, y - x

    def _start(self, y: Float[Tensor, "n d"], guess: Float[Tensor, "n d"], t: float) -> Float[Tensor, "n d"]:
        """x with x + step(x) = y: by fixed-point iteration, and by Newton's where that does not come nearer."""
        x, before = guess, y.new_full((len(y),), math.inf)
        for _ in range(ROUNDS):
            new = y - self._step(x, t, self.conditions)
            gap = (new - x).abs().amax(1)
            moves = (gap > TOLERANCE) & (gap < before)
            x, before = torch.where(moves[:, None], new, x), gap
            if not moves.any():
                break
        left = (gap > TOLERANCE).nonzero()[:, 0]
        if len(left):
            x[left] = self._newton(y[left], x[left], t, self.conditions.take(left))
        return x

    def _newton(self, y: Tensor, x: Tensor, t: float, context: Context) -> Tensor:
        """The same for a few rows by the whole Jacobian, a step halved until it serves."""
        for _ in range(ROUNDS):
            gap = x + self._step(x, t, context) - y
            size = gap.abs().amax(1)
            if (size <= TOLERANCE).all():
                return x
            move, solved = torch.linalg.solve_ex(self._jacobian(x, t, context), gap)
            share = (solved == 0).to(x.dtype)
            for _ in range(HALVINGS):
                new = x - share[:, None] * move
                serves = (new + self._step(new, t, context) - y).abs().amax(1) < size
                if serves.all():
                    break
                share = torch.where(serves, share, share / 2)
            x = torch.where(serves[:, None], new, x)
            if not (serves | (size <= TOLERANCE)).all():
                break
        raise self._too_long()

    def _too_long(self) -> LacksCapability:
        return LacksCapability(
            f"the flow's {self.steps} steps are too long to be inverted here: raise the flow-matching prior's steps"
        )


class FlowMatchingPrior(ConditionedPrior):
    """A flow for each block, the blocks before as its context; learned after training."""

    def __init__(self, settings: FlowMatchingSettings, blocks: Sequence[Block], before: Sequence[Block] = ()) -> None:
        super().__init__(blocks, AFTER, before)
        self.steps = settings.steps
        self.nets = nn.ModuleDict({
            block.name: Velocity(block.size, self.width(block), settings.hidden, settings.layers) for block in blocks
        })  # fmt: skip

    @property
    def costly(self) -> bool:
        return True

    def _net(self, block: Block) -> Velocity:
        net = self.nets[block.name]
        assert isinstance(net, Velocity)
        return net

    def learned(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Flow:
        return Flow(self._net(block), self.steps, self.standard(block), self.context(block, before, rows))

    def loss(
        self,
        block: Block,
        values: Float[Tensor, "n ..."],
        before: Mapping[str, Tensor],
        stream: Stream,
        items: Int[Tensor, " n"],
    ) -> Float[Tensor, " n"]:
        """Half the squared error of the velocity at a random time on the line from noise to a latent, summed over
        the block's (standardised) numbers. It is no number of nats."""
        end = self.standard(block)(values)
        stream = stream.at(block.name)
        start = stream.at("noise").normal(items, end.shape[1])
        t = stream.at("time").uniform(items).float()
        between = torch.lerp(start, end, t[:, None])
        found = self._net(block)(between, t, self.context(block, before, len(values)).told).float()
        return 0.5 * (found - (end - start)).square().sum(1)


@dataclass(frozen=True, kw_only=True)
class FlowMatchingSettings(ConditionedSettings):
    """A flow learned on the latents of a trained model; until then N(0, I)."""

    hidden: int = setting(256, help="units of a hidden layer", ge=1, le=16_384)
    layers: int = setting(4, help="residual blocks", ge=1, le=64)
    steps: int = setting(32, help="midpoint steps from noise to latent", ge=1, le=1000)

    def build(self, blocks: Sequence[Block], before: Sequence[Block] = ()) -> FlowMatchingPrior:
        return FlowMatchingPrior(self, blocks, before)
