"""What can be asked of genvae: requests, responses and the parts that register them. Torch-free.

The Python method, the command and the studio's calls all derive from these classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from genvae.asking import (
    MOST,
    Items,
    Response,
    as_items,
    conditions_setting,
    guidance_setting,
    listed,
    model_setting,
    output_setting,
    seed_setting,
)
from genvae.device import device_setting
from genvae.errors import SettingError, enumerated
from genvae.host.specs import OperationPart
from genvae.settings import setting


@dataclass(frozen=True, kw_only=True)
class Generate:
    """Draw items from the prior."""

    model: str = model_setting()
    n: int = setting(5, help="how many", ge=1, le=MOST, flags=("-n",))
    seed: int = seed_setting()
    prior_scale: float = setting(1.0, help="of latents: below 1 nearer to the commonest items", ge=0.0, le=10.0)
    start: int = setting(0, help="number of the first item: -n 10 --start 10 goes on after -n 10", ge=0, le=10**9)
    output: str | None = output_setting()
    conditions: dict[str, Any] = conditions_setting()
    guidance: float = guidance_setting()


@dataclass(frozen=True)
class Generated(Items):
    """Items, the seed that gives them again, and of each condition what each item was asked to be."""

    seed: int = 0
    conditions: dict[str, list[str]] = field(default_factory=dict)

    def to_config(self) -> dict[str, Any]:
        """Without conditions where the model has none."""
        return {name: value for name, value in super().to_config().items() if name != "conditions" or value}


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """What the latent of a model is made of."""

    model: str = model_setting()


@dataclass(frozen=True)
class Described(Response):
    """Each block in order: its name, what else it is called, its shape, whether a group of items shares it, the names
    of its values where it is observed, and what may be asked of it; and the MIME type of the model's items."""

    result = "blocks"
    blocks: list[dict[str, Any]]
    media: str

    def lines(self) -> list[str]:
        """A line a block."""
        made = []
        for block in self.blocks:
            text = f"{block['name']}  {' x '.join(map(str, block['shape']))} numbers"
            text += ", shared by the examples of a group" if block["shared"] else ""
            text += f", called {block['called']}" if block["called"] else ""
            made.append(text + _asked(block))
        return made


def _asked(block: dict[str, Any]) -> str:
    """What may be asked of an observed block."""
    own = block.get("condition") or {}
    text = f", condition: {own['kind']}" if own else ""
    values = own.get("values") or block["values"]
    text += f", {'any' if own.get('kind') == 'attributes' else 'one'} of: {enumerated(values, ' ')}" if values else ""
    return text + (f", from {own['least']:.6g} to {own['most']:.6g}" if "least" in own else "")


@dataclass(frozen=True, kw_only=True)
class Encode:
    """The latents of items."""

    model: str = model_setting()
    items: tuple[Any, ...] = setting(help="the items", argument=True, convert=as_items, max_length=MOST)


@dataclass(frozen=True)
class Encoded(Response):
    """The posterior mean of each block, one row an item."""

    result = "latents"
    latents: dict[str, Any]

    def lines(self) -> list[str]:
        """A line an item and block."""
        return [
            f"{name}[{row}] " + " ".join(f"{number:.3f}" for number in values.reshape(-1))
            for name, block in self.latents.items()
            for row, values in enumerate(block)
        ]


@dataclass(frozen=True, kw_only=True)
class Decode:
    """Items from latents."""

    model: str = model_setting()
    latents: dict[str, Any] = setting(help="block name -> rows of numbers, as JSON", argument=True)
    seed: int = seed_setting()
    output: str | None = output_setting()


@dataclass(frozen=True, kw_only=True)
class Reconstruct:
    """Items, encoded and decoded again."""

    model: str = model_setting()
    items: tuple[Any, ...] = setting(help="the items", argument=True, convert=as_items, max_length=MOST)
    seed: int = seed_setting()
    output: str | None = output_setting()


@dataclass(frozen=True)
class Reconstructed(Items):
    """The items as they came back, beside what they were; and of observed blocks what they were taken for, by name."""

    originals: list[Any] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)

    def to_config(self) -> dict[str, Any]:
        """Without values where nothing is observed."""
        return {name: value for name, value in super().to_config().items() if name != "values" or value}

    def lines(self) -> list[str]:
        """What it was, then what came back."""
        if self.output:
            return super().lines()
        return [f"{before}  ->  {after}" for before, after in zip(self.originals, self.items, strict=True)]


@dataclass(frozen=True, kw_only=True)
class Interpolate:
    """A walk between two items."""

    model: str = model_setting()
    a: Any = setting(help="the first item", argument=True)
    b: Any = setting(help="the last item", argument=True)
    steps: int = setting(7, help="items, both ends counted", ge=2, le=1000)
    path: str = setting("spherical", help="through the latent space", choices=("spherical", "linear"))
    seed: int = seed_setting()
    output: str | None = output_setting()


@dataclass(frozen=True, kw_only=True)
class Vary:
    """Variations around an item."""

    model: str = model_setting()
    item: Any = setting(help="the item", argument=True)
    n: int = setting(5, help="how many", ge=1, le=1000, flags=("-n",))
    distance: float = setting(0.5, help="from the item, in the prior's standard deviations", ge=0.0, le=10.0)
    seed: int = seed_setting()
    output: str | None = output_setting()


JUDGES = ("ngram", "lstm")


def as_judges(value: Any) -> Any:
    """Kinds of judges, each a text or several with commas between them; raises SettingError for an unknown one."""
    if not isinstance(value, str | list | tuple) or not all(isinstance(entry, str) for entry in value):
        return value  # the check of its type says what is wrong
    texts = [value] if isinstance(value, str) else value
    kinds = [kind.strip() for text in texts for kind in text.split(",")]
    for kind in kinds:
        if kind not in JUDGES:
            raise SettingError(f"judges = {kind!r} is not one of: {', '.join(JUDGES)}")
    return tuple(dict.fromkeys(kinds))


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Figures of a model on data, in nats per item."""

    model: str = model_setting()
    data: Any = setting(help="a file, a folder, a hub id, or a list of items")
    samples: int = setting(10, help="importance samples", ge=1, le=100_000)
    limit: int | None = setting(None, help="most items, chosen by the seed", ge=2)
    judge: Any = setting(None, help="real items that only judges are trained on: adds figures of generated items")
    baseline: str | None = setting(None, help="a second model, evaluated the same way")
    set: tuple[str, ...] = setting((), help="settings of how the data is read: --set text_column=NAME")
    seed: int = seed_setting()
    train: Any = setting(None, help="what the model was trained on: adds how much generated items copy of it")
    generated: int = setting(2_000, help="items drawn from the prior for figures of them; 0: none", ge=0, le=1_000_000)
    prior_scale: float = setting(1.0, help="of the latents of generated items", ge=0.0, le=10.0)
    judges: tuple[str, ...] = setting(
        (), help="kinds of judges, ngram,lstm for both (lstm takes minutes); default: ngram", convert=as_judges
    )
    encoder: str | None = setting(None, help="folder of a pretrained encoder: adds a distance of distributions")
    report: str | None = setting(None, help="where to write an HTML page with plots")
    device: str = device_setting()


@dataclass(frozen=True)
class Evaluated(Response):
    """The figures of every measure, by name; a baseline's under "baseline", the reason of what is missing under
    "left_out", and warnings and the report's path where there are any."""

    result = ""
    figures: dict[str, Any]
    warnings: tuple[str, ...] = ()
    report: str = ""

    def to_config(self) -> dict[str, Any]:
        """The figures themselves."""
        config: dict[str, Any] = listed(self.figures)
        if self.warnings:
            config["warnings"] = list(self.warnings)
        return {**config, "report": self.report} if self.report else config

    def lines(self) -> list[str]:
        """A line a figure, the baseline's beside it; then what is said in words, and what is left out."""
        other = self.figures.get("baseline", {})
        rows = [(name, value) for name, value in self.figures.items() if isinstance(value, int | float | list)]
        width = max([len(name) for name, _ in rows], default=0)
        made = [f"{'':{width}}  {'model':>12}  {'baseline':>12}"] if other else []
        for name, value in rows:
            if isinstance(value, list):
                made.append(f"{name:{width}}  {len(value):,} numbers, {min(value):.3g} to {max(value):.3g}")
            else:
                beside = f"  {_figure(other.get(name)):>12}" if other else ""
                made.append(f"{name:{width}}  {_figure(value):>12}{beside}")
        for whose, figures in (("", self.figures), ("baseline: ", other)):
            made += [f"{whose}{name}: {value}" for name, value in figures.items() if isinstance(value, str)]
            made += [f"{whose}{name} is left out: {why}" for name, why in figures.get("left_out", {}).items()]
        return made + ([f"report: {self.report}"] if self.report else [])


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train a model on data."""

    target: str = setting(help="a modality or a recipe (a .yaml file)", argument=True, parts="modality")
    data: Any = setting(help="a file, a folder, a hub id, or a list of items")
    output: str = setting(help="the folder for the model; must be new, or hold a run to resume")
    set: tuple[str, ...] = setting((), help="name=value; may be given more than once")
    resume: bool = setting(False, help="go on with the run in the output folder")
    start: str | None = setting(
        None, help="a trained model to begin with: a starter's name, a folder or a hub id; it keeps its modality and "
        "its networks, and what the target does not say of the objective",
    )  # fmt: skip
    validation: Any = setting(None, help="items to validate on; default: a share of the data")
    device: str = device_setting()


@dataclass(frozen=True)
class Trained(Response):
    """Where the model is, how long and how fast it was trained, and its evaluation."""

    result = ""
    output: str
    steps: int
    speed: dict[str, float]
    scores: dict[str, Any]

    def to_config(self) -> dict[str, Any]:
        """One flat object."""
        return {"output": self.output, "steps": self.steps, **self.speed, **self.scores}

    def lines(self) -> list[str]:
        """What was made, and its figures."""
        first = [f"{self.output}: {self.steps:,} steps"]
        first += [f"{value:,.0f} {name.replace('_per_second', '')}/s" for name, value in self.speed.items()]
        return [", ".join(first), *Evaluated(self.scores).lines()]


@dataclass(frozen=True, kw_only=True)
class Models:
    """The models at hand, or one of them in full."""

    name: str | None = setting(None, help="show this one's card", argument=True)


@dataclass(frozen=True)
class Listed(Response):
    """Starter models: name, modality, summary, size in bytes; with a name, its card."""

    items: list[dict[str, Any]]

    def lines(self) -> list[str]:
        """A line a model, or the card."""
        if len(self.items) == 1 and "card" in self.items[0]:
            return [str(self.items[0]["card"])]
        return [f"{m['name']}  {m['modality']}  {m['size'] / 1e6:.1f} MB  {m['summary']}" for m in self.items]


def _operation(request: type, factory: str, *examples: str, **options: Any) -> OperationPart:
    return OperationPart(
        id=request.__name__.lower(), request=f"genvae.operations:{request.__name__}", factory=factory,
        summary=(request.__doc__ or "").splitlines()[0], examples=examples, **options,
    )  # fmt: skip


_HANDLERS = "genvae.latent"

OPERATIONS = [
    _operation(Generate, f"{_HANDLERS}.sample:generate", "genvae generate sentences-en -n 10 --seed 1",
               "genvae generate sentences-en -n 200 --temperature 0.8 --top-p 0.95 --json",
               "genvae generate MODEL --condition form=question tense=past --guidance 1.5", renders=True),
    _operation(Reconstruct, f"{_HANDLERS}.reconstruct:reconstruct",
               'genvae reconstruct sentences-en "Where do you live?"',
               "genvae reconstruct sentences-en - < lines.txt", renders=True),
    _operation(Interpolate, f"{_HANDLERS}.interpolate:interpolate",
               'genvae interpolate sentences-en "I like tea." "Where is the station?" --steps 7', renders=True),
    _operation(Vary, f"{_HANDLERS}.vary:vary",
               'genvae vary sentences-en "I like tea." -n 8 --distance 0.6', renders=True),
    OperationPart(
        id="mix", request="genvae.mixing:Mix", factory=f"{_HANDLERS}.mix:mix",
        summary="Blocks of the latent from other items: the content of one in the style of another.", renders=True,
        examples=(
            'genvae mix sentences-en "I like tea." "He was late." --weights "[0.7, 0.3]"',
            "genvae mix MODEL --content a.png b.png --style x.png y.png --output grid.png",
            "genvae mix MODEL --content a.png --style x.png y.png --style-steps 7 --output walk.png",
            "genvae mix MODEL --content a.png --style x1.png x2.png x3.png --style-pool --output one.png",
            "genvae mix MODEL --content a.png b.png --style-draw 6 --output new-styles.png",
        ),
    ),
    _operation(Blocks, f"{_HANDLERS}.tools:blocks", "genvae blocks sentences-en"),
    _operation(Encode, f"{_HANDLERS}.reconstruct:encode", 'genvae encode sentences-en "I like tea." --json'),
    _operation(Decode, f"{_HANDLERS}.reconstruct:decode", 'genvae decode MODEL \'{"z": [[0.1, -0.3]]}\'',
               renders=True),
    _operation(Evaluate, "genvae.handlers.evaluate:evaluate",
               "genvae evaluate sentences-en --data held-out.txt --samples 100",
               "genvae evaluate DIR --data held-out.txt --judge other.txt --baseline LM_DIR",
               "genvae evaluate DIR --data held-out.txt --judge other.txt --judges ngram,lstm --train train.txt "
               "--temperature 0.9 --report report.html", renders=True),
    _operation(Train, "genvae.handlers.train:train",
               "genvae train sentence --data lines.txt --output my-model",
               "genvae train sentence --data lines.txt --output mine --start sentences-en",
               "genvae train sentence --data names.txt --output names --set tokenizer=char --set max_steps=800",
               "genvae train recipe.yaml --data table.csv --output my-model --resume", model=False),
    _operation(Models, "genvae.handlers.models:models", "genvae models", "genvae models sentences-en", model=False),
]  # fmt: skip
