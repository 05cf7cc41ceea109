"""What teaching and steering are asked for. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from genvae.asking import MOST, Items, Response, as_conditions, as_items, model_setting, output_setting, seed_setting
from genvae.settings import setting

PLACE = "where the classifiers are kept; default: beside the model, in its folder classifiers"


def as_names(value: Any) -> Any:
    """Names, each a text or several with commas between them."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        return value
    return tuple(dict.fromkeys(name.strip() for text in texts for name in text.split(",") if name.strip()))


@dataclass(frozen=True, kw_only=True)
class Teach:
    """Learn to tell labels from a model's latent: small classifiers, kept beside it, that `steer` follows."""

    model: str = model_setting()
    labels: tuple[str, ...] = setting(
        (), help="the labels to tell: columns of the data, or labels of the labeller; default: all of the labeller's",
        convert=as_names, several=True,
    )  # fmt: skip
    data: Any = setting(None, help="labelled items: a file, a folder, a hub id, or a list")
    labeller: str | None = setting(None, help="rules that label the items in place of columns: english, say")
    generated: int = setting(
        0, help="with a labeller: so many items of the model's own, labelled too; their latents are known exactly",
        ge=0, le=100_000,
    )  # fmt: skip
    limit: int | None = setting(20_000, help="most items of the data, chosen by the seed", ge=2)
    hidden: int = setting(64, help="width of each classifier's hidden layer; 0: a linear one", ge=0, le=4096)
    classifiers: str | None = setting(None, help=PLACE)
    seed: int = seed_setting()


@dataclass(frozen=True)
class Taught(Response):
    """Of each label its values, how many items told it, and how often a classifier is right of items held out (beside
    always saying the commonest value); and where the classifiers are."""

    result = "told"
    told: dict[str, dict[str, Any]]
    classifiers: str

    def lines(self) -> list[str]:
        """A line a label."""
        made = []
        for name, about in self.told.items():
            right = f"{100 * about['accuracy']:.1f} % right (commonest value {100 * about['commonest']:.1f} %)"
            made.append(f"{name}: {len(about['values'])} values, {about['items']:,} items, {right}")
        return [*made, self.classifiers]


@dataclass(frozen=True, kw_only=True)
class Steer:
    """Items of any model towards labels, by classifiers that it was taught: no weight of it changes."""

    model: str = model_setting()
    items: tuple[Any, ...] = setting(
        (), help="items to steer, each from its own latent; default: new ones from the prior", argument=True,
        convert=as_items, max_length=MOST,
    )  # fmt: skip
    toward: dict[str, Any] = setting(
        {}, help="what the items are to be, LABEL=VALUE ...", convert=as_conditions, several=True
    )
    weights: dict[str, Any] = setting(
        {}, help="how much each counts, LABEL=NUMBER ...; default: strength", convert=as_conditions, several=True
    )
    strength: float = setting(
        3.0, help="how much what is asked for counts beside the prior: 1 is what the classifiers say, more is surer "
        "and less various", ge=0.0, le=100.0,
    )  # fmt: skip
    n: int = setting(5, help="how many, where no items are given", ge=1, le=MOST, flags=("-n",))
    method: str = setting(
        "ode", help="ode walks up what the classifiers say from where an item begins; langevin draws from the prior "
        "times that, more various and less sure", choices=("ode", "langevin"),
    )  # fmt: skip
    steps: int = setting(80, help="of the walk", ge=0, le=10_000)
    step_size: float = setting(0.1, help="of each, in the prior's standard deviations, squared", gt=0.0, le=2.0)
    prior_scale: float = setting(1.0, help="of the noise that new items begin with", ge=0.0, le=10.0)
    start: int = setting(0, help="number of the first new item", ge=0, le=10**9)
    classifiers: str | None = setting(None, help=PLACE)
    seed: int = seed_setting()
    output: str | None = output_setting()


@dataclass(frozen=True)
class Steered(Items):
    """The items, what they were before (of given ones), and how sure the classifiers are that each is all that was
    asked for, before and after."""

    before: list[Any] = field(default_factory=list)
    sure: list[float] = field(default_factory=list)
    sure_before: list[float] = field(default_factory=list)

    def to_config(self) -> dict[str, Any]:
        """Without the items before where none were given."""
        return {name: value for name, value in super().to_config().items() if name != "before" or value}

    def lines(self) -> list[str]:
        """The items; where some were given, these before them."""
        if self.output or not self.before:
            return super().lines()
        return [f"{before}  ->  {after}" for before, after in zip(self.before, self.items, strict=True)]
