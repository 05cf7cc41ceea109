"""One contract over every first-party modality."""

from __future__ import annotations

from pathlib import Path

import pytest

from genvae.host import default_host
from genvae.testing import modality_contract
from tests.conftest import TINY, own_lines
from tests.images.test_reading import drawings

ITEMS = {
    "sentence": (own_lines(30), TINY),
    "image": (list(drawings(24, 8)), ["size=8", "architecture=image-mlp", "hidden=[16]", "latent_dim=4"]),
}


@pytest.mark.parametrize("modality", [part.id for part in default_host().parts("modality")])
def test_modality_keeps_the_contract(modality: str, tmp_path: Path) -> None:
    items, settings = ITEMS[modality]
    modality_contract(modality, items, tmp_path / "model", set=settings)


#: every architecture made tiny, with what its default settings leave out
SMALL = {
    "lstm": [*TINY, "skip=true", "pooling=attention", "bidirectional=true", "layers=2", "forget_bias=1",
             "sampled_gradient=0.1"],
    "lstm-places": ["places=5", "place_dim=3", "embedding_dim=12", "hidden_dim=24", "encoder_dim=8", "key_dim=6"],
    "lstm-aligned": ["places=5", "place_dim=3", "embedding_dim=12", "hidden_dim=24", "reading_dim=6"],
    "transformer": [
        "hidden_dim=16", "layers=2", "encoder_layers=1", "heads=2", "latent_dim=4", "vocab_size=300", "skip=true",
        "z_by=[prefix, addition, cross-attention]", "tied=true",
    ],
    "image-mlp": ["hidden=[16, 8]", "latent_dim=3"],
    "image-conv": ["width=4", "hidden_dim=8", "latent_dim=3"],
    "image-residual": ["width=4", "hidden_dim=8", "latent_dim=3", "squeeze=true"],
    "image-linear": ["latent_dim=3", "filter_dim=2"],
    "image-ladder": ["latents=[4, 3, 2]", "hidden=[12, 8, 8]", "prior=ladder", "posterior=ladder"],
    "letters": ["modality.labels=true", "width=4", "hidden_dim=8", "style_dim=3", "letter_dim=3", "code_dim=8",
                "widths=[8, 4]", "posterior=product-of-gaussians"],
    "letters-flat": ["modality.labels=true", "read_dim=6", "architecture.hidden_dim=8", "style_dim=3", "place_dim=5",
                     "drawn_dim=4", "filter_dim=3",
                     "posterior={posterior: pooled, pooling: sum, pooled_dim: 6}"],
    "content-style": ["width=4", "hidden_dim=8", "content_dim=3", "style_dim=3", "posterior=product-of-gaussians"],
}  # fmt: skip

#: what every architecture of a modality is made tiny with
ALL = {"sentence": ["max_length=45"], "image": ["size=8"]}


@pytest.mark.parametrize("architecture", [part.id for part in default_host().parts("architecture")])
def test_every_architecture_keeps_the_contract(architecture: str, tmp_path: Path) -> None:
    modality = default_host().part("architecture", architecture).modality
    settings = [f"architecture={architecture}", *ALL[modality], *SMALL[architecture]]
    items = ITEMS[modality][0]
    if "modality.labels=true" in settings:
        items = [{"image": item, "content": "ABC"[number % 3]} for number, item in enumerate(items)]
    modality_contract(modality, items, tmp_path / "model", set=settings)
