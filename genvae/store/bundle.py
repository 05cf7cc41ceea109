"""A trained model with what is needed to use it, in the folder layout of the hub.

config.json (the recipe and where its parts came from), model.safetensors, what the modality saves
(tokenizer.json), README.md (the card) and manifest.json (checksums).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genvae.core.conditions import Conditions
from genvae.core.vae import VAE
from genvae.data.conditions import restored, to_config
from genvae.data.modality import Modality
from genvae.errors import CheckpointError, PluginError, SettingError
from genvae.host import Host, ModalityPart
from genvae.recipe import Recipe
from genvae.store.card import card
from genvae.store.config import FORMAT, read_config
from genvae.store.folders import fault, place_files, seal, write_json
from genvae.store.weights import load_module, save_module

WEIGHTS = "model.safetensors"
DTYPES = {"float32": torch.float32, "float16": torch.float16, "int8": torch.int8}


@dataclass
class Bundle:
    """A model, its modality and its recipe."""

    name: str
    vae: VAE
    modality: Modality
    recipe: Recipe
    about: dict[str, Any] = field(default_factory=dict)  # data, licence, command, scores: what the card says

    @property
    def modality_id(self) -> str:
        """The id of the modality's part."""
        return str(self.recipe.sections["modality"]["modality"])

    @property
    def conditions(self) -> Conditions:
        """The conditions that the recipe declares."""
        return self.vae.conditions.only(list(self.recipe.sections["conditions"]))

    @property
    def meets_unknown(self) -> bool:
        """Whether the networks were trained on items of which a condition was unknown."""
        return self._corrupted("hides_conditions") or self.vae.conditions.partly

    @property
    def meets_blanks(self) -> bool:
        """Whether the networks were trained on sequences of which symbols were hidden from the encoder."""
        return self._corrupted("hides_symbols")

    def _corrupted(self, by: str) -> bool:
        """Whether a corruption that says so of itself had a part in training."""
        sections = self.recipe.sections
        entries = [*sections["corruptions"], *(e for p in sections["phases"] for e in p["corruptions"] or ())]
        return any(getattr(self.recipe.host.load("corruption", e["corruption"]), by) for e in entries)

    def values(self, block: str) -> Mapping[str, Tensor]:
        """The rows of an observed block by the names of its values; none where items are needed for it."""
        known = self.vae.conditions
        return known[block].values() if block in known else self.modality.values(block)

    def part(self) -> ModalityPart:
        """The modality's spec."""
        part = self.recipe.host.part("modality", self.modality_id)
        assert isinstance(part, ModalityPart)
        return part


def save(bundle: Bundle, folder: Path, *, dtype: str = "float32") -> None:
    """Write a model into a folder, whole or not at all; what else lies there stays."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".staged-", dir=folder) as name:
            stage = Path(name)
            save_module(bundle.vae, stage / WEIGHTS, DTYPES[dtype])
            bundle.modality.save(stage)
            config = {
                "format": FORMAT, "library": "genvae", "name": bundle.name, "dtype": dtype,
                "conditions": to_config(bundle.conditions), "recipe": bundle.recipe.to_config(),
                "plugins": bundle.recipe.plugins(), "about": bundle.about,
            }  # fmt: skip
            write_json(stage / "config.json", config)
            (stage / "README.md").write_text(card(config), encoding="utf-8")
            seal(stage)
            place_files(stage, folder)
    except OSError as error:
        raise CheckpointError(f"cannot write {folder}: {error.strerror or error}") from error


def load(folder: Path, host: Host) -> Bundle:
    """Read a model's folder; raises CheckpointError or PluginError that says what is wrong with it."""
    config = read_config(folder)
    wrong = fault(folder)
    if wrong:
        raise CheckpointError(f"the model in {folder} is damaged: {wrong}")
    _check_plugins(folder, config, host)
    try:
        recipe = Recipe(config["recipe"], host)
    except (SettingError, PluginError) as error:
        raise CheckpointError(f"the model in {folder} does not fit the plugins installed here: {error}") from None
    modality = recipe.modality_settings().restore(folder)
    vae = recipe.build(modality, conditions=_conditions(folder, config, recipe))
    load_module(vae, folder / WEIGHTS)
    vae.eval().requires_grad_(False)
    return Bundle(str(config.get("name") or folder.name), vae, modality, recipe, dict(config.get("about", {})))


def _conditions(folder: Path, config: Mapping[str, Any], recipe: Recipe) -> Conditions:
    try:
        return restored(config.get("conditions", {}), recipe.condition_settings())
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise CheckpointError(f"the model in {folder} is damaged (conditions: {type(error).__name__})") from None


def _check_plugins(folder: Path, config: Mapping[str, Any], host: Host) -> None:
    present = {record.name for record in host.records if record.status == "loaded"}
    for plugin in config.get("plugins", []):
        if plugin["name"] not in present:
            found = next((record for record in host.records if record.name == plugin["name"]), None)
            why = f"it is {found.status}: {found.reason}" if found else f"pip install {plugin['distribution']}"
            raise PluginError(f"the model in {folder} needs the plugin {plugin['name']!r}, which is not in use ({why})")
