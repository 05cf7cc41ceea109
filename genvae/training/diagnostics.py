"""Is the latent used? Said in plain words, with the remedy."""

from __future__ import annotations

from genvae.core.symbols import of_symbols
from genvae.core.vae import VAE
from genvae.evaluation.collapse import Usage


def diagnose(usage: Usage, model: VAE) -> str:
    """A warning in plain words when the model's latent is hardly used, with what may help it; or ''."""
    if not usage.latent_dim:
        return ""
    unused = usage.active_units < max(1, 0.1 * usage.latent_dim)
    if not unused and usage.mutual_information >= 0.1:
        return ""
    remedies = [
        "a floor under the KL (--set free_bits=0.25)",
        "a cyclical weight (--set 'beta={schedule: cyclical, period: 2000}')",
    ]
    if of_symbols(model.likelihood):
        remedies.append("a weaker decoder (--set word_dropout=0.3)")
    return (
        f"Posterior collapse: {usage.active_units} of {usage.latent_dim} latent dimensions are active and z tells "
        f"{usage.mutual_information:.2f} nats about an item, so the decoder ignores it and mixing or interpolating "
        f"will show nothing. Remedies: {', '.join(remedies)}."
    )
