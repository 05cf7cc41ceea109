"""The settings of training and of its phases."""

from __future__ import annotations

from dataclasses import dataclass

from genvae.settings import setting


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a model is trained."""

    batch_size: int = setting(64, help="items of mean cost a batch; long ones count for more", ge=1, le=65_536)
    accumulate: int = setting(1, help="batches whose gradients make one step", ge=1, le=1024)
    epochs: int = setting(20, help="passes over the training part", ge=1, le=100_000)
    max_steps: int | None = setting(None, help="most steps, whatever the epochs", ge=1)
    learning_rate: float = setting(1e-3, help="Adam's learning rate", gt=0.0, le=1.0)
    warmup_steps: int = setting(100, help="steps in which the learning rate rises to its value", ge=0)
    final_rate: float = setting(0.1, help="share of the learning rate left at the end (cosine)", ge=0.0, le=1.0)
    weight_decay: float = setting(0.0, help="decoupled weight decay", ge=0.0)
    clip: float = setting(5.0, help="largest norm of the gradient", gt=0.0)
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


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase of training. Modules are named as in the model: encoder, posterior, prior, decoder, likelihood."""

    name: str = setting("train", help="shown while it runs")
    frozen: tuple[str, ...] = setting((), help="modules that do not move")
    reset: tuple[str, ...] = setting((), help="modules whose weights are drawn anew before it")
    objective: dict | None = setting(None, help="the objective of this phase; default: the recipe's")
    epochs: int | None = setting(None, help="passes over the data; default: the training section's", ge=1)
    max_steps: int | None = setting(None, help="most steps; default: the training section's", ge=1)
