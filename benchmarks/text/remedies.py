"""The rows of the table on the Penn Treebank: what a paper proposes, as changes to one plain recipe.

The plain recipe has the published sizes (one layer, 256 hidden, 32 latent, dropout 0.5, batches of 32) and loss
``distortion + rate``. A row that trains in two phases has the whole budget in the second; the first comes on top, and
shows in the seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.text.ptb import LONGEST, SYMBOLS

LINES = 42_068  # of the training file
LATENT = 32
LEARNED_FLOOR = 6.0  # nats of the latent under a learned prior that cost nothing
FLOOR = 8.0  # nats of the latent that cost nothing (Li et al. 2019 report their best at 8), or that are asked for

Sections = dict[str, Any]

TIED = {"tied": True, "own_table": True}  # decoder and output layer share a table; a reset must not empty the encoder's

LEARNED = {"prior": "autoregressive", "when": "after", "hidden": 256, "mixtures": 4}


@dataclass(frozen=True)
class Remedy:
    """A row: where it is from, what it changes, and the test perplexity that was published for it at this size."""

    source: str
    changes: Sections
    published: float | None = None


def plain(epochs: int, batch: int = 32) -> Sections:
    """The recipe that every row changes."""
    return {
        "modality": {"modality": "sentence", "tokenizer": "word", "vocab_size": SYMBOLS, "max_length": LONGEST},
        "architecture": {"architecture": "lstm", "embedding_dim": 256, "hidden_dim": 256, "latent_dim": LATENT,
                         "dropout": 0.5, "tied": False},
        "posterior": {"posterior": "diagonal-gaussian"},
        "prior": {"prior": "standard-normal"},
        "objective": {"objective": "elbo", "beta": 1.0, "free_bits": 0.0},
        "training": {"batch_size": batch, "epochs": epochs, "learning_rate": 1e-3, "decay": "cosine",
                     "final_rate": 0.01, "validation": 0.02, "evaluate_every": LINES // batch // 2, "patience": 0,
                     "criterion": "elbo"},
    }  # fmt: skip


def pretrained(epochs: int, floor: Sections) -> list[Sections]:
    """First an autoencoder, then a VAE with a new decoder and a floor under the rate."""
    return [
        {"name": "autoencoder", "objective": {"objective": "elbo", "beta": 0.0}, "criterion": "objective",
         "epochs": max(1, epochs // 2)},
        {"name": "vae", "begin": "best", "reset": ["decoder", "likelihood"],
         "objective": {"objective": "elbo", **floor}},
    ]  # fmt: skip


def with_learned_prior(epochs: int, floor: Sections) -> list[Sections]:
    """The same two phases; then a prior learned on the latents, and all of it together under what it says."""
    # the floor is of the whole rate now, and lower: the learned prior has taken off what N(0, I) charged for the shape
    together = {"objective": "elbo", "free_bits_total": LEARNED_FLOOR}
    return [
        *pretrained(epochs, floor),
        {"name": "prior", "data": "latents", "objective": "fit-prior", "epochs": max(1, epochs // 3),
         "batch_size": 512, "learning_rate": 1e-3, "average": 0.99},
        {"name": "together", "epochs": max(1, epochs // 4), "learning_rate": 1e-3, "objective": together},
    ]  # fmt: skip


def weighted(epochs: int, phases: list[Sections]) -> list[Sections]:
    """Phases, and the importance-weighted bound after them."""
    bound = {"objective": "importance-weighted", "samples": 5}
    return [
        *phases,
        {"name": "importance weighted", "begin": "best", "objective": bound, "criterion": "objective",
         "epochs": max(1, epochs // 5), "learning_rate": 2e-4},
    ]  # fmt: skip


def remedies(epochs: int, batch: int = 32) -> dict[str, Remedy]:
    """Every row of the table, in its order. Schedules are measured in the steps of the training."""
    total = epochs * (LINES // batch)
    rising = {"schedule": "linear", "start": 0.0, "stop": 1.0, "steps": max(1, total // 5)}
    annealed = {"objective": {"beta": rising}}
    # a floor under the rate is wanted: the best model is the best by the loss that has it
    floored = {"training": {"criterion": "objective"}}
    per_dimension = {"beta": rising, "free_bits": FLOOR / LATENT}
    in_total = {"beta": rising, "free_bits_total": FLOOR}
    cycles = {"schedule": "cyclical", "period": max(1, total // 4), "ramp": 0.5, "cycles": 4}
    return {
        "language-model": Remedy("the same decoder, no latent", {"architecture": {"latent_dim": 0}}, 100.5),
        "vanilla": Remedy("Kingma and Welling 2014", {}),
        "linear": Remedy("Bowman et al. 2016", annealed, 101.4),
        "cyclical": Remedy("Fu et al. 2019", {"objective": {"beta": cycles}}, 108.8),
        "free-bits": Remedy("Kingma et al. 2016", {"objective": per_dimension, **floored}),
        "free-bits-total": Remedy("Kingma et al. 2016", {"objective": in_total, **floored}),
        "pretrained-free-bits": Remedy("Li et al. 2019", {
            "phases": pretrained(epochs, per_dimension), **floored,
        }, 96.9),
        "aggressive": Remedy("He et al. 2019", {
            "phases": [{"name": "aggressive", "aggressive": True, "aggressive_steps": 30}],
            "objective": {"beta": rising},
        }, 99.8),
        "batch-normalised": Remedy("Zhu et al. 2020", {
            "posterior": {"posterior": "batch-normalised", "gamma": 0.6}, **annealed,
        }),
        "delta": Remedy("Razavi et al. 2019", {"posterior": {"posterior": "delta", "delta": 0.15}, **annealed}),
        "bag-of-words": Remedy("Zhao et al. 2017", {
            "objective": {"beta": rising, "terms": [{"term": "bag-of-symbols"}]},
        }),
        "skip": Remedy("Dieng et al. 2019", {"architecture": {"skip": True}, **annealed}),
        "info-vae": Remedy("Zhao et al. 2019: alpha 0.5, lambda 50.5", {
            "objective": {"beta": 0.5, "terms": [{"term": "mmd", "weight": 50.0}]}, **floored,
        }),
        "target-rate": Remedy("Rezende and Viola 2018", {
            "objective": {"objective": "target-rate", "hold": "rate", "target": {**rising, "stop": FLOOR}}, **floored,
        }),
        "mixture": Remedy("Dilokthanakul et al. 2016", {
            "prior": {"prior": "mixture", "components": 100}, "objective": in_total, **floored,
        }),
        "vamp": Remedy("Tomczak and Welling 2018", {
            "prior": {"prior": "vamp", "components": 100}, "objective": in_total, **floored,
        }),
        "word-dropout": Remedy("Bowman et al. 2016", {
            "corruptions": [{"corruption": "word-dropout", "rate": 0.4}], **annealed,
        }),
        "denoising": Remedy("Shen et al. 2020", {
            "corruptions": [{"corruption": "deletion", "rate": 0.3}], **annealed,
        }),
        "tied-language-model": Remedy("the language model, one table of words", {
            "architecture": {"latent_dim": 0, **TIED},
        }),
        "tied-free-bits": Remedy("Kingma et al. 2016, one table of words", {
            "architecture": TIED, "objective": per_dimension, **floored,
        }),
        "tied-pretrained-free-bits": Remedy("Li et al. 2019, one table of words", {
            "architecture": TIED, "phases": pretrained(epochs, per_dimension), **floored,
        }),
        "tied-batch-normalised": Remedy("Zhu et al. 2020, one table of words", {
            "architecture": TIED, "posterior": {"posterior": "batch-normalised", "gamma": 0.6}, **annealed,
        }),
        "tied-importance-weighted": Remedy("Li et al. 2019, one table of words; then Burda et al. 2016", {
            "architecture": TIED, "phases": weighted(epochs, pretrained(epochs, per_dimension)), **floored,
        }),
        "tied-learned-prior": Remedy("Li et al. 2019, one table of words; then Germain et al. 2015", {
            "architecture": TIED, "prior": LEARNED, "phases": with_learned_prior(epochs, per_dimension), **floored,
        }),
        "tied-skip-learned-prior": Remedy("tied-learned-prior with skip connections of z: Dieng et al. 2019", {
            "architecture": {**TIED, "skip": True}, "prior": LEARNED,
            "phases": with_learned_prior(epochs, per_dimension), **floored,
        }),
        "tied-learned-prior-weighted": Remedy("tied-learned-prior; then Burda et al. 2016", {
            "architecture": TIED, "prior": LEARNED, **floored,
            "phases": weighted(epochs, with_learned_prior(epochs, per_dimension)),
        }),
        "transformer": Remedy("from scratch, with free bits", {
            "architecture": {"architecture": "transformer", "hidden_dim": 256, "latent_dim": LATENT, "dropout": 0.2},
            "objective": per_dimension,
            "training": {"criterion": "objective", "learning_rate": 5e-4},
        }),
    }  # fmt: skip


def laid(changes: Sections, below: Sections) -> Sections:
    """Changes over a recipe: settings of the same part are added to, another part takes its place."""
    made = dict(below)
    for name, above in changes.items():
        beneath = made.get(name)
        if (
            isinstance(above, dict)
            and isinstance(beneath, dict)
            and above.get(name, beneath.get(name)) == beneath.get(name)
        ):
            made[name] = {**beneath, **above}
        else:
            made[name] = above
    return made


def quick(sections: Sections) -> Sections:
    """The same recipe for three steps of each phase."""
    # no slow start: three steps must move the weights enough for the rows to differ
    few = {"max_steps": 3, "evaluate_every": 3, "warmup_steps": 0}
    phases = [{**phase, **few, **({"aggressive_steps": 2} if phase.get("aggressive") else {})}
              for phase in sections.get("phases", [])]  # fmt: skip
    return {**sections, "training": {**sections["training"], **few, "batch_size": 8}, "phases": phases}
