"""The contract of a modality, as one function that raises AssertionError where it is not kept.

It trains for a few steps on items that the author gives, saves, loads, and asks for every operation
that is registered for models.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset

from genvae.core.bounds import importance_weighted
from genvae.core.latents import Block
from genvae.core.randomness import Stream
from genvae.host import Host, default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.service import Model, Service
from genvae.store.bundle import load
from genvae.training.run import Outcome, train


def modality_contract(
    modality: str, items: Sequence[Any], folder: Path, *, set: Sequence[str] = (), host: Host | None = None
) -> None:
    """Check a modality on at least 20 small items. ``set`` are settings that keep the model tiny."""
    host = host or default_host()
    outcome = _trained(modality, items, folder, set, host)
    examples = [outcome.bundle.modality.example(item) for item in items[:6]]
    _batches(outcome, examples)
    _stacked(outcome, examples)
    _gradients(outcome, examples)
    _bounds(outcome, examples)
    _conditioned(outcome, host)
    _saved(outcome, examples, items, folder, host)
    _shown(outcome, examples, host)
    _operations(items, folder, host)


def _trained(modality: str, items: Sequence[Any], folder: Path, set: Sequence[str], host: Host) -> Outcome:
    recipe = Recipe.of(modality, host)
    recipe.set(["max_steps=4", "evaluate_every=4", "batch_size=4", "validation=0.2", *set])
    return train(recipe, list(items), folder, resume=False, reporter=Silent())


def _batches(outcome: Outcome, examples: list[Any]) -> None:
    """Batches have a row an item everywhere, and costs of at least 1."""
    modality = outcome.bundle.modality
    batch = modality.collate(examples, range(10, 10 + len(examples)))
    for name, view in {**batch.views, **batch.masks}.items():
        assert len(view) == len(examples), f"the view {name!r} has {len(view)} rows for {len(examples)} items"
    assert batch.items.tolist() == list(range(10, 10 + len(examples))), "a batch must carry its items' numbers"
    assert "target" in batch.views, 'a batch needs the view "target", which the likelihood scores'
    costs = [modality.cost(example) for example in examples]
    assert min(costs) >= 1, "an item costs at least 1"
    assert batch.cost.tolist() == [float(cost) for cost in costs], "a batch's cost must be what cost() says"


def _stacked(outcome: Outcome, examples: list[Any]) -> None:
    """Batches cut out of memory are those that are collated."""
    modality = outcome.bundle.modality
    table = Dataset.from_dict({name: [example[name] for example in examples] for name in examples[0]})
    stack = modality.stack(table)
    if stack is None:
        return
    places = np.array([2, 0, 5])
    batch, other = stack(places, places + 10), modality.collate([examples[p] for p in places], (places + 10).tolist())
    for name, value in {**other.views, **other.masks, **other.conditions}.items():
        same = {**batch.views, **batch.masks, **batch.conditions}.get(name)
        assert same is not None and torch.equal(same, value), f"a stack makes another {name!r} than collate"
    assert torch.equal(batch.items, other.items) and torch.equal(batch.cost, other.cost)
    assert torch.equal(batch.groups.of_item, other.groups.of_item), "a stack makes other groups than collate"


def _gradients(outcome: Outcome, examples: list[Any]) -> None:
    """The ELBO reaches every weight."""
    model, modality = outcome.bundle.vae, outcome.bundle.modality
    batch = modality.collate(examples, range(len(examples)))
    model.requires_grad_(True)
    model.zero_grad()
    draw = model.infer(batch, Stream(0, "contract"))
    latent = [block for block in model.blocks if block.name in draw.log_q]  # what is observed costs nothing
    loss = model.distortion(draw.latents, batch).mean() + sum(draw.rate(block).mean() for block in latent)
    torch.as_tensor(loss).backward()
    missed = [name for name, p in model.named_parameters() if p.grad is None]
    assert not missed, f"no gradient reaches {', '.join(missed)}"
    model.requires_grad_(False)


def _bounds(outcome: Outcome, examples: list[Any]) -> None:
    """The importance-weighted bound is finite, above the ELBO, and the same however it is chunked."""
    model, modality = outcome.bundle.vae, outcome.bundle.modality
    batch = modality.collate(examples[:4], range(4))
    whole = importance_weighted(model, batch, Stream(0, "contract"), samples=6)
    parts = importance_weighted(model, batch, Stream(0, "contract"), samples=6, rows=4)
    assert whole.log_likelihood.isfinite().all(), "the bound is not finite"
    assert (whole.log_likelihood >= whole.elbo - 1e-4).all(), "the bound lies under the ELBO"
    assert torch.allclose(whole.log_likelihood, parts.log_likelihood, rtol=1e-4, atol=1e-3), (
        "the bound depends on its chunks"
    )


def _conditioned(outcome: Outcome, host: Host) -> None:
    """The architecture takes blocks of conditions, and its networks have them."""
    settings = host.make("architecture", outcome.bundle.recipe.sections["architecture"])
    told = Block(name="told", shape=(2,))
    assert told in settings.build(outcome.bundle.modality, [told]).blocks, (
        "the architecture leaves out the blocks of conditions: its networks' blocks have those that "
        "build(modality, conditions) is given before its own"
    )


def _shown(outcome: Outcome, examples: list[Any], host: Host) -> None:
    """What a page of the studio shows of an item can be given back to the model."""
    modality, part = outcome.bundle.modality, host.part("modality", outcome.bundle.modality_id)
    item = modality.item(examples[0])
    media = modality.media or getattr(part, "media", "")
    if media.startswith("image/png"):
        assert ".png" in modality.endings, "the page Mix saves tables of pictures: endings need .png, which file makes"
        modality.example(item.png())
    elif media.startswith("text/"):
        modality.example(str(item))


def _saved(outcome: Outcome, examples: list[Any], items: Sequence[Any], folder: Path, host: Host) -> None:
    """A loaded model gives the same numbers as the one that was saved."""
    again = load(folder, host)
    batch = outcome.bundle.modality.collate(examples[:4], range(4))
    other = again.modality.collate([again.modality.example(item) for item in items[:4]], range(4))
    for name, view in batch.views.items():
        assert torch.equal(view, other.views[name]), f"the loaded modality makes another view {name!r}"
    with torch.no_grad():
        before = outcome.bundle.vae.infer(batch).latents
        after = again.vae.infer(other).latents
    for name, value in before.items():
        assert torch.equal(value, after[name]), f"the loaded model gives another latent {name!r}"


def _operations(items: Sequence[Any], folder: Path, host: Host) -> None:
    """Every operation on models answers; generating is reproducible, and few is the beginning of many."""
    model = Model(str(folder), Service(host))
    few, many = model.generate(3, seed=1), model.generate(40, seed=1)
    assert list(map(str, few)) == list(map(str, many[:3])), "-n 3 is not the beginning of -n 40"
    assert len(model.reconstruct(list(items[:3]))) == 3
    assert len(model.interpolate(items[0], items[1], 4)) == 4
    assert len(model.vary(items[0], 3)) == 3
    assert len(model.mix(list(items[:2]))) == 1
    _mixes(model, items, folder, host)
    latents = model.encode(list(items[:3]))
    assert [len(value) for value in latents.values()] == [3] * len(latents)
    assert len(model.decode(latents)) == 3
    figures = model.evaluate(list(items), samples=3)
    for name in ("nll", "elbo", "kl", "mutual_information", "active_units", "latent_dim"):
        assert name in figures, f"the evaluation lacks {name!r}"


def _mixes(model: Model, items: Sequence[Any], folder: Path, host: Host) -> None:
    """Each block can be taken from items, or by name where it is observed; mixes can be written into files."""
    blocks = model.blocks()
    inferred = [block["name"] for block in blocks if not block["values"]]
    given = {name: list(items[:2]) for name in inferred}
    given |= {block["name"]: block["values"][:1] for block in blocks if block["values"]}
    endings = (".txt", ".json", *load(folder, host).modality.endings)
    with tempfile.TemporaryDirectory() as place:
        for ending in endings:
            file = Path(place) / f"mixes{ending}"
            mixed = model.mix(**given, output=str(file))
            assert len(mixed) == 2 ** len(inferred), "a mix of two items a block has two rows a block"
            assert file.stat().st_size, f"{ending}: nothing is written"
    drawn = model.mix(**{name: values for name, values in given.items() if name not in inferred},
                      **{f"{name}_draw": 2 for name in inferred})  # fmt: skip
    assert len(drawn) == 2 ** len(inferred), "a block can be drawn from the prior"
