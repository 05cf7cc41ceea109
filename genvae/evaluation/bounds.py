"""The bounds of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genvae.evaluation.evaluation import Evaluation


def bounds(evaluation: Evaluation) -> dict[str, Any]:
    """``nll`` (importance weighted with ``nll_samples`` samples) with its standard error over items, and
    ``elbo``, all in nats per item."""
    bound = evaluation.bound
    count = len(bound.log_likelihood)
    spread = float(bound.log_likelihood.std()) if count > 1 else 0.0
    return {
        "items": len(evaluation.batches.rows), "nll": -float(bound.log_likelihood.mean()),
        "nll_samples": bound.samples, "nll_error": spread / count**0.5, "elbo": float(bound.elbo.mean()),
    }  # fmt: skip
