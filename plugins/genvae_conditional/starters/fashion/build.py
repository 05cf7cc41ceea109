"""Rebuilds the starter model ``fashion`` from Fashion-MNIST.

    python -m genvae_conditional.starters.fashion.build --data ../shared/data --work runs/fashion

The work folder keeps the run and the figures; the model itself replaces the one in the package.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genvae.cli.steps import in_steps
from genvae.data.read import read
from genvae.host import default_host
from genvae.progress import Terminal
from genvae.recipe import Recipe
from genvae.service import Service
from genvae.store.bundle import save
from genvae.training.run import train
from genvae_conditional.starters.fashion import fashion

if TYPE_CHECKING:
    from datasets import Dataset

PICTURES = Path("image") / "fashion-mnist"  # in the folder of real data
TESTED = "t10k-images-idx3-ubyte.gz"
UNTOLD = 12  # of so many pictures the class of one is hidden: a model must have met pictures of which nothing is known
SAMPLES, LOOKED_AT = 10, 2_000  # importance samples of the NLL, and how many test pictures are looked at
RECIPE = Path(__file__).parents[2] / "recipes" / "fashion.yaml"

ABOUT: dict[str, Any] = {
    "summary": "Clothes, shoes and bags by name: --condition garment=boot.",
    "licence": "mit",
    "data": (
        "The 60,000 training pictures of Fashion-MNIST, 28 x 28, grey; the class of every twelfth was hidden. No "
        "picture ships with the model."
    ),
    "attribution": "Fashion-MNIST by Zalando Research (Xiao, Rasul and Vollgraf 2017), MIT licence.",
    "limits": "It has seen ten kinds of things, each in one position on black, and nothing else.",
    "command": "python -m genvae_conditional.starters.fashion.build --data ../shared/data --work runs/fashion",
}


def main() -> None:
    """Train, evaluate on the test pictures, write the model and its card."""
    in_steps(__doc__ or "", {"model": _train, "figures": _figures})


def pictures(data: Path) -> Dataset:
    """The training pictures with some of their classes hidden."""
    table = read(data, default_host())
    told = ["" if row % UNTOLD == 0 else content for row, content in enumerate(table["content"][:])]
    shown: Dataset = table.remove_columns(["content"]).add_column("content", told)
    return shown


def _train(data: Path, work: Path) -> None:
    recipe, output = Recipe.of(str(RECIPE), default_host()), work / "model"
    resume = (output / "run").is_dir()
    train(recipe, pictures(data / PICTURES), output, resume=resume, reporter=Terminal(), about=dict(ABOUT))


def _figures(data: Path, work: Path) -> None:
    """Write the model into the package, evaluate what ships, write the card."""
    bundle = Service().bundle(str(work / "model"))
    bundle.name, bundle.about["scores"] = "fashion", {}
    bundle.about.update(ABOUT)
    bundle.about["size"] = (
        f"{bundle.vae.latent_dim} numbers a picture; {sum(p.numel() for p in bundle.vae.parameters()):,} weights, in "
        "half precision."
    )
    save(bundle, fashion(), dtype="float16")
    tested = str(data / PICTURES / TESTED)
    asked = {"data": tested, "limit": LOOKED_AT, "samples": SAMPLES}
    figures = Service(reporter=Terminal()).run("evaluate", model="fashion", **asked).to_config()
    (work / "figures.json").write_text(json.dumps(figures), encoding="utf-8")
    command = f"genvae evaluate fashion --data {tested} --limit {LOOKED_AT} --samples {SAMPLES}"
    bundle.about["scores"]["On test pictures"] = {"command": command, **figures}
    save(bundle, fashion(), dtype="float16")


if __name__ == "__main__":
    main()
