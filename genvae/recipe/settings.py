"""The settings of training and of its phases."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from genvae.settings import setting


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a model is trained."""

    batch_size: int = setting(64, help="items of mean cost a batch; long ones count for more", ge=1, le=65_536)
    per_group: int | None = setting(
        None, help="where items form groups: most items of a group that are taken together, drawn anew each epoch; "
        "default: the whole group", ge=1,
    )  # fmt: skip
    accumulate: int = setting(1, help="batches whose gradients make one step", ge=1, le=1024)
    epochs: int = setting(20, help="passes over the training part", ge=1, le=100_000)
    max_steps: int | None = setting(None, help="most steps, whatever the epochs", ge=1)
    optimizer: str = setting("adam", help="Adam with decoupled weight decay, or plain gradient descent",
                             choices=("adam", "sgd"))  # fmt: skip
    learning_rate: float = setting(1e-3, help="the optimizer's learning rate", gt=0.0, le=10.0)
    warmup_steps: int = setting(100, help="steps in which the learning rate rises to its value", ge=0)
    decay: str = setting(
        "cosine", help="how the learning rate falls: along a cosine, by halves where validation stops gaining "
        "(going back to the best weights; the phase ends where a half would be under final_rate), or not at all",
        choices=("cosine", "plateau", "constant"),
    )  # fmt: skip
    decay_patience: int = setting(2, help="validations without gain before the rate is halved (plateau)", ge=1)
    final_rate: float = setting(0.1, help="share of the learning rate that it falls to", ge=0.0, le=1.0)
    weight_decay: float = setting(0.0, help="weight decay, decoupled from Adam's rates", ge=0.0)
    clip: float = setting(5.0, help="largest norm of the gradient", gt=0.0)
    average: float = setting(
        0.0, help="decay of an exponential moving average of the weights, which is validated and kept in place of "
        "the weights themselves (0: none)", ge=0.0, lt=1.0,
    )  # fmt: skip
    precision: str = setting("float32", help="arithmetic of the networks", choices=("float32", "bfloat16"))
    validation: float = setting(0.05, help="share of the data kept for validation", gt=0.0, lt=1.0)
    evaluate_every: int = setting(500, help="steps between validations", ge=1)
    patience: int = setting(8, help="validations without gain before it stops (0: never)", ge=0)
    criterion: str = setting(
        "elbo", help="what the best model is judged by: the plain ELBO, or the objective with its schedules at "
        "their end; neither moves with the KL weight", choices=("elbo", "objective"),
    )  # fmt: skip
    keep: int = setting(2, help="checkpoints kept beside the best", ge=1)
    seed: int = setting(0, help="of the split, the weights and every draw", ge=0, lt=2**63)


def _instead(name: str) -> Any:
    """A field of a phase that takes the place of the training setting of that name."""
    limits = dict(next(field for field in dataclasses.fields(TrainingSettings) if field.name == name).metadata)
    limits["help"] += "; default: the training section's"
    return setting(None, **limits)


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase of training. Modules are named as in the model: encoder, posterior, prior, decoder, likelihood.

    Its optimizer is fresh. What it does not set, the training section does.
    """

    name: str = setting("train", help="shown while it runs")
    begin: str | None = setting(
        None, help="the weights it begins with: of the last step before it, or of the best; default: last, and best "
        "for a phase on latents", choices=("last", "best"),
    )  # fmt: skip
    frozen: tuple[str, ...] = setting((), help="what does not move: modules, or parts of them (encoder.embedding)")
    reset: tuple[str, ...] = setting((), help="modules whose weights are drawn anew before it")
    data: str = setting("items", help="what its batches hold: items, or latents, the posteriors of all items, encoded "
                        "once; only the prior moves then", choices=("items", "latents"))  # fmt: skip
    objective: str | dict | None = setting(None, help="the objective of this phase; default: the recipe's")
    corruptions: tuple[Any, ...] | None = setting(None, help="the corruptions of this phase; default: the recipe's")
    aggressive: bool = setting(
        False, help="before each step of the decoder the encoder is trained by itself, until the mutual information "
        "stops rising (He et al. 2019)",
    )  # fmt: skip
    aggressive_steps: int = setting(100, help="most steps of the encoder before one of the decoder", ge=1, le=10_000)
    aggressive_window: int = setting(10, help="steps whose summed loss must fall for the encoder to go on", ge=1)
    batch_size: int | None = _instead("batch_size")
    epochs: int | None = _instead("epochs")
    max_steps: int | None = _instead("max_steps")
    optimizer: str | None = _instead("optimizer")
    learning_rate: float | None = _instead("learning_rate")
    warmup_steps: int | None = _instead("warmup_steps")
    decay: str | None = _instead("decay")
    decay_patience: int | None = _instead("decay_patience")
    final_rate: float | None = _instead("final_rate")
    average: float | None = _instead("average")
    evaluate_every: int | None = _instead("evaluate_every")
    patience: int | None = _instead("patience")
    criterion: str | None = _instead("criterion")

    def over(self, training: TrainingSettings) -> TrainingSettings:
        """The training settings of this phase."""
        shared = {field.name for field in dataclasses.fields(TrainingSettings)}
        own = {name: value for name, value in vars(self).items() if name in shared and value is not None}
        return dataclasses.replace(training, **own)
