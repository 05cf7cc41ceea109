"""Rebuilds the starter model ``fashion`` from Fashion-MNIST.

    python -m genvae_conditional.starters.fashion.build --data ../shared/data --work runs/fashion

The work folder keeps the run and the figures; the model itself replaces the one in the package.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from genvae.cli.steps import in_steps, shipped, trained
from genvae.data.read import read
from genvae.host import default_host
from genvae.service import Service
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
    trained(RECIPE, pictures(data / PICTURES), work, ABOUT)


def _figures(data: Path, work: Path) -> None:
    """Write the model into the package, evaluate what ships, write the card."""
    vae = Service().bundle(str(work / "model")).vae
    weights = sum(parameter.numel() for parameter in vae.parameters())
    size = f"{vae.latent_dim} numbers a picture; {weights:,} weights, in half precision."
    asked = {"data": str(data / PICTURES / TESTED), "limit": LOOKED_AT, "samples": SAMPLES}
    shipped("fashion", work, fashion(), "On test pictures", asked, {**ABOUT, "size": size})


if __name__ == "__main__":
    main()
