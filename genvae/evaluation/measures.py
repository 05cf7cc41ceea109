"""The engine's own measures. A measure's docstring is what a report says of its figures."""

from __future__ import annotations

from typing import Any

from genvae.evaluation.evaluation import Evaluation

NO_GAUSSIAN = "it needs a posterior of diagonal Gaussians"


def bounds(evaluation: Evaluation) -> dict[str, Any]:
    """In nats per item: ``nll``, the importance-weighted bound with ``nll_samples`` samples (exact, and so with one,
    for a model without a latent), ``nll_error``, its standard error over the items, and ``negative_elbo``
    (``elbo`` is the same with its sign)."""
    bound = evaluation.bound
    items, groups = len(evaluation.batches.rows), len(bound.log_likelihood)
    elbo = float(bound.elbo.sum()) / items
    figures = {"items": items, "nll": -float(bound.log_likelihood.sum()) / items, "nll_samples": bound.samples}
    if groups > 1:
        figures["nll_error"] = float(bound.log_likelihood.std()) * groups**0.5 / items
    else:
        evaluation.left_out["nll_error"] = "there is one item alone, or one group, which tells nothing of others"
    return {**figures, "elbo": elbo, "negative_elbo": -elbo}


def collapse(evaluation: Evaluation) -> dict[str, Any]:
    """``kl``, the rate, in nats per item; ``mutual_information`` of item and latent in nats (Hoffman and Johnson
    2016; at most the logarithm of the items, of which it takes 10,000 at most); ``active_units``, the dimensions
    whose posterior mean has a variance above 0.01 (Burda et al. 2016), of ``latent_dim``."""
    usage = evaluation.usage
    figures = {
        "kl": usage.kl, "mutual_information": usage.mutual_information, "active_units": usage.active_units,
        "latent_dim": usage.latent_dim,
    }  # fmt: skip
    if evaluation.latents.lacking:
        evaluation.left_out["kl"] = evaluation.latents.lacking
        del figures["kl"]
    if not evaluation.latents.gaussian:
        for name in ("mutual_information", "active_units"):
            evaluation.left_out[name] = NO_GAUSSIAN
            del figures[name]
    return figures


def rates(evaluation: Evaluation) -> dict[str, Any]:
    """``kl_per_dimension``, the rate of every dimension in nats per item, block after block, and, for a latent of
    several blocks, the rate of each."""
    found = evaluation.latents
    figures: dict[str, Any] = {}
    if len(found.rates) > 1:
        figures = {f"kl_of_{name}": sum(rate) for name, rate in found.rates.items()}
    if found.rates and found.by_dimension:
        figures["kl_per_dimension"] = [rate for block in found.rates.values() for rate in block]
    elif found.rates:
        evaluation.left_out["kl_per_dimension"] = "the prior has no closed-form KL of each dimension"
    return figures
