"""The engine's own measures."""

from __future__ import annotations

from typing import Any

from genvae.evaluation.evaluation import Evaluation


def bounds(evaluation: Evaluation) -> dict[str, Any]:
    """``nll`` (importance weighted with ``nll_samples`` samples) with its standard error, and
    ``elbo``, all in nats per item."""
    bound = evaluation.bound
    items, groups = len(evaluation.batches.rows), len(bound.log_likelihood)
    spread = float(bound.log_likelihood.std()) if groups > 1 else 0.0
    return {
        "items": items, "nll": -float(bound.log_likelihood.sum()) / items, "nll_samples": bound.samples,
        "nll_error": spread * groups**0.5 / items, "elbo": float(bound.elbo.sum()) / items,
    }  # fmt: skip


def collapse(evaluation: Evaluation) -> dict[str, Any]:
    """``kl`` and ``mutual_information`` in nats per item, ``active_units`` of ``latent_dim``."""
    usage = evaluation.usage
    return {
        "kl": usage.kl, "mutual_information": usage.mutual_information, "active_units": usage.active_units,
        "latent_dim": usage.latent_dim,
    }  # fmt: skip
