"""A Gaussian for each value of an observed label (Khemakhem et al., "Variational Autoencoders and Nonlinear ICA: A
Unifying Framework", 2020); the mixture of them where the label is unknown (Jiang et al., "Variational Deep Embedding:
An Unsupervised and Generative Approach to Clustering", 2017)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.conditions import unknown
from genvae.core.distributions import Capability, DiagonalGaussian, Distribution, Mixture
from genvae.core.latents import Block, block_named
from genvae.core.priors.base import Prior
from genvae.core.priors.fitted import ConditionedSettings
from genvae.core.randomness import Stream, standard_normal
from genvae.errors import SettingError
from genvae.settings import setting

LOWEST = -14.0  # smallest log variance: a Gaussian must not shrink onto one latent


class OneHot(Distribution):
    """One of k values as a row with a single 1. The first number of the noise alone decides which."""

    capabilities = frozenset({Capability.DENSITY, Capability.TRANSPORT})

    def __init__(self, logits: Float[Tensor, " k"], rows: int) -> None:
        self.log_shares = logits.log_softmax(0)
        self.rows = rows

    @property
    def mean(self) -> Float[Tensor, "n k"]:
        return self.log_shares.exp().expand(self.rows, -1)

    def push(self, noise: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        ends = self.log_shares.detach().double().exp().cumsum(0)[:-1].contiguous()
        value = torch.searchsorted(ends, torch.special.ndtr(noise[:, 0].double()).contiguous(), right=True)
        return nn.functional.one_hot(value, len(self.log_shares)).to(noise.dtype)

    def pull(self, value: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """Noise in the middle of what gives that value, its other numbers 0."""
        shares = self.log_shares.detach().double().exp()
        middle = standard_normal(shares.cumsum(0) - 0.5 * shares).to(value.dtype)
        first = torch.arange(value.shape[1], device=value.device) == 0
        return middle[value.argmax(1)][:, None] * first

    def log_prob(self, value: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
        """The log probability of each value, in nats; an unknown one (a row of zeros) costs nothing."""
        return (value * self.log_shares).sum(1)

    def take(self, rows: Tensor) -> OneHot:
        return OneHot(self.log_shares, len(torch.arange(self.rows, device=rows.device)[rows]))


class Components(nn.Module):
    """The Gaussians of one block, one for each value of the label; near N(0, I) together at first."""

    def __init__(self, block: Block, count: int) -> None:
        super().__init__()
        spread = Stream(torch.initial_seed(), "labelled").at(block.name).normal(torch.arange(count), *block.shape)
        # half of the variance lies between the values and half within
        self.mean = nn.Parameter(spread * math.sqrt(0.5))
        self.log_variance = nn.Parameter(torch.full((count, *block.shape), math.log(0.5)))

    def forward(
        self, label: Float[Tensor, "n k"] | None, logits: Float[Tensor, " k"], rows: int, known: bool = False
    ) -> DiagonalGaussian | Mixture:
        log_variances = self.log_variance.clamp(min=LOWEST)
        if label is None:
            return Mixture(logits[None], self.mean[None], log_variances[None], rows)
        mean, log_variance = (torch.tensordot(label, part, 1) for part in (self.mean, log_variances))
        if known:
            return DiagonalGaussian(mean, log_variance)
        missing = unknown(label)
        if not missing.any():
            return DiagonalGaussian(mean, log_variance)
        # a row whose label is known has the same Gaussian for each component
        where = missing.reshape(-1, *[1] * self.mean.dim())
        means = torch.where(where, self.mean[None], mean[:, None])
        return Mixture(logits[None], means, torch.where(where, log_variances[None], log_variance[:, None]), rows)


class LabelledPrior(Prior):
    """p(block | label) = N(m_label, diag(v_label)) for the labelled blocks, N(0, I) for all others.

    A row of zeros is an unknown label: its prior is the mixture, by learned weights. Those weights are p(label), too,
    so where no label is given one is drawn first. The KL has a closed form in a batch whose labels are all known. A
    label between values (a row with shares that sum to 1) has the mean and the log variance between theirs.

    Whether all are known is looked up in every batch, and a GPU is waited for. Who makes the batches and knows that
    they are may say so: ``known``.
    """

    known: bool = False

    capabilities = frozenset({Capability.DENSITY, Capability.TRANSPORT})
    _anchor: Tensor

    def __init__(self, label: Block, blocks: Sequence[Block]) -> None:
        super().__init__()
        self.label = label
        self.logits = nn.Parameter(torch.zeros(label.size))
        self.components = nn.ModuleDict({block.name: Components(block, label.size) for block in blocks})
        self.register_buffer("_anchor", torch.zeros(()), persistent=False)  # knows the device

    def hears(self, block: Block) -> bool:
        return block.name in self.components

    def at(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Distribution:
        if block.name == self.label.name:
            return OneHot(self.logits, rows)
        if block.name in self.components:
            label = before.get(self.label.name)
            found: Distribution = self.components[block.name](label, self.logits, rows, self.known)
            return found
        zeros = self._anchor.expand(rows, *block.shape)
        return DiagonalGaussian(zeros, zeros)


@dataclass(frozen=True, kw_only=True)
class LabelledSettings(ConditionedSettings):
    """A learned Gaussian for each value of a label."""

    label: str = setting("label", help="the condition block that holds the label, one-hot; zeros: unknown")
    blocks: tuple[str, ...] = setting((), help="the blocks that depend on it; default: the first latent one behind it")

    def build(self, blocks: Sequence[Block], before: Sequence[Block] = ()) -> LabelledPrior:
        known = [*before, *blocks]
        label = block_named(known, self.label, "prior 'labelled'")
        if len(label.shape) != 1:
            raise SettingError(
                f"prior 'labelled' needs a label that is a vector; block {label.name!r} is {label.shape}"
            )
        behind = [block for block in known[known.index(label) + 1 :] if block in blocks]
        # a shared block can depend on shared blocks alone
        able = [block for block in behind if label.shared or not block.shared]
        if not able:
            raise SettingError(f"prior 'labelled' has no block to serve: none behind {label.name!r} may depend on it")
        chosen = [block_named(known, name, "prior 'labelled'") for name in self.blocks] or able[:1]
        for block in chosen:
            if block not in able:
                why = "is shared by a group, and the label is each item's own" if block in behind else "comes before it"
                raise SettingError(
                    f"prior 'labelled': block {block.name!r} cannot depend on {label.name!r}: it {why}; "
                    f"set blocks to some of: {', '.join(other.name for other in able)}"
                )
        return LabelledPrior(label, chosen)
