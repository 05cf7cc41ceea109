"""A learned mixture of diagonal Gaussians (Dilokthanakul et al., "Deep Unsupervised Clustering with Gaussian Mixture
Variational Autoencoders", 2016; fitted after training as in Ghosh et al., "From Variational to Deterministic
Autoencoders", 2020)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.distributions import Mixture
from genvae.core.latents import Block
from genvae.core.priors.fitted import AFTER, SMALLEST_SCALE, WHEN, WITH, FittedPrior
from genvae.core.randomness import Stream
from genvae.errors import SettingError
from genvae.settings import setting

LOWEST = -14.0  # smallest log variance: a component must not shrink onto one latent
ROUNDS = 200  # of expectation maximisation


class Components(nn.Module):
    """The mixture of one block, near N(0, I) at first."""

    def __init__(self, block: Block, count: int) -> None:
        super().__init__()
        spread = Stream(torch.initial_seed(), "mixture").at(block.name).normal(torch.arange(count), *block.shape)
        # half of the variance lies between the components and half within
        self.logits = nn.Parameter(torch.zeros(count))
        self.mean = nn.Parameter(spread * math.sqrt(0.5))
        self.log_variance = nn.Parameter(torch.full((count, *block.shape), math.log(0.5)))

    def forward(self, rows: int) -> Mixture:
        return Mixture(self.logits[None], self.mean[None], self.log_variance.clamp(min=LOWEST)[None], rows)


class MixturePrior(FittedPrior):
    """sum over k of w_k N(m_k, diag(v_k)) for each block, whatever stands before it."""

    def __init__(self, blocks: Sequence[Block], components: int, when: str) -> None:
        super().__init__(when)
        self.count = components
        self.components = nn.ModuleDict({block.name: Components(block, components) for block in blocks})

    @property
    def least(self) -> int:
        return self.count

    def learned(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Mixture:
        found: Mixture = self.components[block.name](rows)
        return found

    @torch.no_grad()
    def initialise(
        self, values: Float[Tensor, "n ..."], block: Block, before: Mapping[str, Tensor] | None = None
    ) -> None:
        """Fit a block's mixture to latents by scikit-learn's expectation maximisation; raises SettingError when
        there are fewer latents than components."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        part = self.components[block.name]
        assert isinstance(part, Components)
        if len(values) < len(part.logits):
            raise SettingError(
                f"a mixture of {len(part.logits)} components needs as many latents to start from; there are "
                f"{len(values)}: lower the prior's components"
            )
        flat = values.detach().double().flatten(1).cpu()
        middle, scale = flat.mean(0), flat.std(0, correction=0).clamp(min=SMALLEST_SCALE)
        seed = Stream(0, "mixture").integer() % 2**32
        model = GaussianMixture(len(part.logits), covariance_type="diag", max_iter=ROUNDS, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # what is left to gain is small
            model.fit(((flat - middle) / scale).numpy())
        shape = part.mean.shape
        part.logits.copy_(torch.from_numpy(model.weights_).clamp(min=1e-12).log())
        part.mean.copy_((torch.from_numpy(model.means_) * scale + middle).reshape(shape))
        part.log_variance.copy_((torch.from_numpy(model.covariances_) * scale.square()).log().reshape(shape))


@dataclass(frozen=True, kw_only=True)
class MixtureSettings:
    """A learned mixture of diagonal Gaussians for each block."""

    components: int = setting(32, help="Gaussians in the mixture of each block", ge=1, le=10_000)
    when: str = setting(WITH, help=WHEN, choices=(WITH, AFTER))

    def build(self, blocks: Sequence[Block]) -> MixturePrior:
        return MixturePrior(blocks, self.components, self.when)
