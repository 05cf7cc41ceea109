"""Pre-norm transformer blocks (Vaswani et al., "Attention Is All You Need", 2017; Xiong et al., "On Layer
Normalization in the Transformer Architecture", 2020), with what a decoder keeps from step to step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from genvae.errors import GenvaeError
from genvae_sentence.heads import table
from genvae_sentence.transformer.rotary import Rotary, turn

#: Keys and values of the positions so far, (n, heads, t, width of a head) each.
Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The sizes of a stack of blocks. ``positions`` is how many can be learned; without it they are rotary."""

    width: int
    heads: int
    inner: int
    layers: int
    dropout: float
    positions: int | None


def _heads(x: Float[Tensor, "n t w"], heads: int) -> Float[Tensor, "n h t d"]:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _whole(x: Float[Tensor, "n h t d"]) -> Float[Tensor, "n t w"]:
    return x.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Multi-head attention of a sequence to itself."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.of_input = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        x: Float[Tensor, "n t w"],
        angles: Float[Tensor, "2 t d"] | None,
        mask: Bool[Tensor, "n t"] | None = None,
        past: Pair | None = None,
    ) -> tuple[Float[Tensor, "n t w"], Pair]:
        """The attended vectors, and the keys and values of all positions up to now.

        With a ``past``, ``x`` is the one position that comes after it.
        """
        query, key, value = (_heads(part, self.heads) for part in self.of_input(x).chunk(3, -1))
        if angles is not None:
            query, key = turn(query, angles), turn(key, angles)
        if past is not None:
            # an empty past may be of another precision than autocast's
            key = torch.cat([past[0].to(key.dtype), key], 2)
            value = torch.cat([past[1].to(value.dtype), value], 2)
        mixed = functional.scaled_dot_product_attention(
            query, key, value,
            attn_mask=None if mask is None else mask[:, None, None], is_causal=self.causal and past is None,
        )  # fmt: skip
        return self.out(_whole(mixed)), (key, value)


class CrossAttention(nn.Module):
    """Attention of a sequence to a few vectors that are the same at every step."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.of_input = nn.Linear(width, width)
        self.of_memory = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def remember(self, memory: Float[Tensor, "n m w"]) -> Pair:
        """The keys and values of the vectors."""
        key, value = self.of_memory(memory).chunk(2, -1)
        return _heads(key, self.heads), _heads(value, self.heads)

    def forward(self, x: Float[Tensor, "n t w"], memory: Pair) -> Float[Tensor, "n t w"]:
        mixed = functional.scaled_dot_product_attention(_heads(self.of_input(x), self.heads), *memory)
        return self.out(_whole(mixed))


class Layer(nn.Module):
    """Attention, cross-attention where asked, and a feed-forward network, each added to what it read normalised."""

    def __init__(self, shape: Shape, causal: bool, crossing: bool) -> None:
        super().__init__()
        width = shape.width
        self.norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, shape.heads, causal)
        self.norm_across = nn.LayerNorm(width) if crossing else None
        self.across = CrossAttention(width, shape.heads) if crossing else None
        self.norm_forward = nn.LayerNorm(width)
        self.widen = nn.Linear(width, shape.inner)
        self.narrow = nn.Linear(shape.inner, width)
        self.dropout = nn.Dropout(shape.dropout)
        self._initialise(shape.layers * (3 if crossing else 2))

    @torch.no_grad()
    def _initialise(self, additions: int) -> None:
        """Each linear map keeps its input's variance, and all ``additions`` to the stream together add about one."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                last = name.endswith(("out", "narrow"))
                module.weight.normal_(0.0, (module.in_features * (additions if last else 1)) ** -0.5)
                module.bias.zero_()

    def forward(
        self,
        x: Float[Tensor, "n t w"],
        angles: Float[Tensor, "2 t d"] | None,
        mask: Bool[Tensor, "n t"] | None = None,
        past: Pair | None = None,
        memory: Pair | None = None,
    ) -> tuple[Float[Tensor, "n t w"], Pair]:
        attended, now = self.attention(self.norm(x), angles, mask, past)
        x = x + self.dropout(attended)
        if self.across is not None and self.norm_across is not None:
            assert memory is not None
            x = x + self.dropout(self.across(self.norm_across(x), memory))
        wide = functional.gelu(self.widen(self.norm_forward(x)), approximate="tanh")
        return x + self.dropout(self.narrow(wide)), now


class Stack(nn.Module):
    """Positions, layers and a last norm. A causal stack may be called a position at a time."""

    def __init__(self, shape: Shape, *, causal: bool, crossing: bool = False) -> None:
        super().__init__()
        self.shape = shape
        self.places = None if shape.positions is None else table(shape.positions, shape.width)
        self.rotary = Rotary(shape.width // shape.heads) if shape.positions is None else None
        self.layers = nn.ModuleList(Layer(shape, causal, crossing) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)

    def forward(
        self,
        x: Float[Tensor, "n t w"],
        *,
        mask: Bool[Tensor, "n t"] | None = None,
        past: Sequence[Pair] = (),
        memory: Sequence[Pair] = (),
    ) -> tuple[Float[Tensor, "n t w"], list[Pair]]:
        """The vectors after the last norm, and each layer's keys and values up to now.

        ``past`` and ``memory`` hold a pair for each layer: what the positions before ``x`` left, and the vectors of
        the cross-attention. Raises GenvaeError for a position that was not learned.
        """
        first, count = past[0][0].shape[2] if past else 0, x.shape[1]
        if self.places is not None:
            if first + count > self.places.num_embeddings:
                raise GenvaeError(
                    f"this model has learned {self.places.num_embeddings} positions and no more: ask for a smaller "
                    "max_length, or train with positions=rotary"
                )
            x = x + self.places.weight[first : first + count] * self.shape.width**0.5
        angles = None if self.rotary is None else self.rotary(first, count)
        x = functional.dropout(x, self.shape.dropout, self.training)
        now = []
        for number, layer in enumerate(self.layers):
            x, pair = layer(
                x, angles, mask,
                past[number] if past else None, memory[number] if memory else None,
            )  # fmt: skip
            now.append(pair)
        return self.norm(x), now

    def nothing(self, rows: int) -> list[Pair]:
        """The keys and values of no positions."""
        head = self.shape.width // self.shape.heads
        empty = self.norm.weight.new_zeros(rows, self.shape.heads, 0, head)
        return [(empty, empty) for _ in self.layers]

    def remember(self, memory: Float[Tensor, "n m w"]) -> list[Pair]:
        """Each layer's keys and values of the vectors of the cross-attention."""
        across = [layer.across for layer in self.layers if isinstance(layer, Layer)]
        return [module.remember(memory) for module in across if module is not None]
