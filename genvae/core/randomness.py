"""Random numbers as a function of (seed, stream, step, item).

Counter-based: a number depends on its key alone, never on what was drawn before it or beside it.
So the first 100 of 200 items are the 100 items, shards agree, accumulated batches draw what the
large batch draws, and a resumed run needs no generator state. The mixing function is splitmix64
(Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), one hash per
number; 53 bits of it make a uniform number.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

_GOLDEN = -0x61C8864680B583EB  # 0x9E3779B97F4A7C15 as a signed 64-bit number
_MIX1 = -0x40A7B892E31B1A47  # 0xBF58476D1CE4E5B9
_MIX2 = -0x6B2FB644ECCEEE15  # 0x94D049BB133111EB


#: Signed 64-bit numbers, on the processor numpy's: on one thread its passes take a quarter to a half of
#: torch's time, for a hundred numbers as for a million.
Numbers = TypeVar("Numbers", np.ndarray, Tensor)


def _shift(x: Numbers, bits: int) -> Numbers:
    """Logical right shift."""
    x = x >> bits
    x &= (1 << (64 - bits)) - 1
    return x


def _mix(x: Numbers) -> Numbers:
    """splitmix64's finaliser, element by element, in place."""
    x += _GOLDEN
    x ^= _shift(x, 30)
    x *= _MIX1
    x ^= _shift(x, 27)
    x *= _MIX2
    x ^= _shift(x, 31)
    return x


def _bits(items: Numbers, columns: Numbers, base: int) -> Numbers:
    """53 random bits for each item and column."""
    x = _mix(items ^ base)[:, None] + columns * _GOLDEN
    x = _mix(x)
    x ^= base
    return _shift(_mix(x), 11)


def key(*parts: int | str) -> int:
    """A signed 64-bit number from a path of names and numbers."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def standard_normal(unit: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Float64 standard normal numbers from numbers in [0, 1), by the inverse distribution function."""
    # the half step keeps the argument above 0, and the clamp below 1: at most 8.2 standard deviations
    inside = (unit.to(torch.float64) + 2.0**-54).clamp(max=1.0 - 2.0**-53)
    return math.sqrt(2.0) * torch.erfinv(2.0 * inside - 1.0)


@dataclass(frozen=True)
class Stream:
    """A source of random numbers for one purpose at one step of one seed.

    ``draw`` tells apart repeated draws for the same item (importance samples, beams).
    """

    seed: int
    name: str
    step: int = 0
    draw: int = 0

    def at(self, name: str) -> Stream:
        """The stream of a part of this purpose, ``name`` below this one."""
        return Stream(self.seed, f"{self.name}/{name}", self.step, self.draw)

    def again(self, draw: int) -> Stream:
        """The stream of draw number ``draw`` for the same items."""
        return Stream(self.seed, self.name, self.step, draw)

    def uniform(self, items: Int[Tensor, " n"], *shape: int) -> Float[Tensor, "n ..."]:
        """Float64 numbers in [0, 1), one row of ``shape`` for each item's number."""
        count, items = math.prod(shape), items.to(torch.int64)
        base = key(self.seed, self.name, self.step, self.draw)
        if items.device.type == "cpu":
            unit = torch.from_numpy(_bits(items.numpy(), np.arange(count, dtype=np.int64), base) * 2.0**-53)
        else:
            columns = torch.arange(count, device=items.device)
            unit = _bits(items, columns, base).to(torch.float64) * 2.0**-53
        return unit.reshape(len(items), *shape)

    def normal(self, items: Int[Tensor, " n"], *shape: int) -> Float[Tensor, "n ..."]:
        """Float32 standard normal numbers, by the inverse distribution function."""
        return standard_normal(self.uniform(items, *shape)).to(torch.float32)

    def integer(self) -> int:
        """A non-negative 63-bit number, to seed a generator that only knows one seed."""
        return key(self.seed, self.name, self.step, self.draw) & ((1 << 63) - 1)
