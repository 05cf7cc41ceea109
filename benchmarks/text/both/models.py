"""What says lines: a trained model as it would ship, under its prior or another, and a 5-gram model."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.decoding.options import Decoding
from genvae.core.latents import Latents
from genvae.core.randomness import Stream
from genvae.data.batching import Batches, some
from genvae.data.prepare import prepare
from genvae.data.read import read
from genvae.errors import LacksCapability
from genvae.evaluation.evaluation import TILE, Evaluation
from genvae.evaluation.moments import Moments
from genvae.evaluation.ngram import UNKNOWN, NGramJudge
from genvae.host import Host
from genvae.store.bundle import Bundle, load, save
from genvae.store.locate import locate
from genvae_sentence.measures.judging import ORDER
from genvae_sentence.measures.reconstruction import reconstruction
from genvae_sentence.measures.tokens import tokens

Figures = dict[str, Any]
Drawer = Callable[[int], list[str]]  # the TILE lines from a number on

PRIOR, MATCHED, LITERAL = "prior", "matched", "literal"
AGGREGATED = 10_000  # lines that the aggregate posterior's mean and scale are taken from
LONGEST = 200  # words of a line of the 5-gram model


class Model:
    """A model with its weights rounded to half precision: that is what its size is of, so that is what is measured.

    It is loaded when it is first needed.
    """

    def __init__(self, name: str, host: Host) -> None:
        self.name, self.host = name, host
        self.folder = locate(name, host)

    @cached_property
    def digest(self) -> str:
        """What tells it from any other model: its recipe and what it reads its weights and symbols from."""
        made = hashlib.sha256()
        recipe = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))["recipe"]
        made.update(json.dumps(recipe, sort_keys=True).encode())
        for name in ("model.safetensors", "tokenizer.json"):
            made.update((self.folder / name).read_bytes())
        return made.hexdigest()[:12]

    @cached_property
    def _shipped(self) -> tuple[Bundle, int]:
        """The model as it comes back from a folder in half precision, and that folder's bytes."""
        bundle = load(self.folder, self.host)
        with tempfile.TemporaryDirectory() as name:
            save(bundle, Path(name), dtype="float16")
            size = sum(path.stat().st_size for path in Path(name).iterdir())
            return load(Path(name), self.host), size

    @property
    def bundle(self) -> Bundle:
        """The model."""
        return self._shipped[0]

    @property
    def megabytes(self) -> float:
        """Its folder in half precision: weights, prior, tokenizer and all."""
        return self._shipped[1] / 1e6

    def evaluation(self, lines: Sequence[str], seed: int = 0) -> Evaluation:
        """An evaluation of the lines that it can read."""
        modality = self.bundle.modality
        selected, _ = self.bundle.recipe.modality_settings().select(read(list(lines), self.host))
        batches = Batches(prepare(selected, modality), np.arange(len(selected)), modality, batch_size=128)
        return Evaluation(
            self.bundle.vae, modality, self.bundle.modality_id, batches, samples=1, seed=seed, plain=Decoding()
        )

    @torch.no_grad()
    def reconstruction(self, lines: Sequence[str], rated: int, seed: int) -> Figures:
        """Of all lines, those among them that it cannot read being wrong: the share that comes back string for string;
        of those it can read, the share of symbols that stand where they stood; of ``rated`` of them, rate and
        distortion in nats a sentence, one draw each."""
        vae = self.bundle.vae
        evaluation = self.evaluation(lines)
        found = reconstruction(evaluation)
        figures: Figures = {
            "model": self.name, "lines": len(lines), "lines_read": evaluation.count,
            "exact_match": found["exact_match"] * evaluation.count / len(lines),
            "token_accuracy": found["token_accuracy"], "numbers": vae.latent_dim, "megabytes": self.megabytes,
            "weights": sum(parameter.numel() for parameter in vae.parameters()),
        }  # fmt: skip
        evaluation = self.evaluation([lines[row] for row in some(np.arange(len(lines)), rated, seed)])
        rate = distortion = 0.0
        try:
            for batch in evaluation.batches.in_order():
                draw = vae.infer(batch, Stream(seed, "evaluation"))
                rate += sum(float(draw.rate(block).double().sum()) for block in vae.blocks if block.name in draw.log_q)
                distortion += float(vae.distortion(draw.latents, batch).double().sum())
        except LacksCapability as error:
            return {**figures, "left_out": {"kl": str(error)}}
        each = evaluation.count
        nats = {"kl": rate / each, "distortion": distortion / each, "total": (rate + distortion) / each}
        return figures | nats | {"rated": each}

    # -- samples ---------------------------------------------------------------------------------

    def drawer(
        self, seed: int, temperature: float = 1.0, scale: float = 1.0, source: str = PRIOR, real: Sequence[str] = ()
    ) -> Drawer:
        """Lines as the service generates them, the latents from a source: the prior (its noise times ``scale``),
        N(0, I), or the normal distribution with the mean and scale of each number over posteriors of ``real``."""
        options = Decoding(temperature=temperature)

        def drawn(first: int) -> list[str]:
            bundle, stream = self.bundle, Stream(seed, "samples")
            items = torch.arange(first, first + TILE)
            with torch.no_grad():
                if source == PRIOR:
                    latents = bundle.vae.sample_prior(items, stream, scale=scale)
                else:
                    latents = self._normal(items, stream, real if source == MATCHED else ())
                return bundle.modality.render(bundle.vae, latents, items, options, stream, faithful=False)

        return drawn

    def _normal(self, items: Tensor, stream: Stream, real: Sequence[str]) -> Latents:
        moments = self.aggregate(real) if real else {}
        vae = self.bundle.vae
        latents: Latents = dict(vae.conditions.unknown(len(items)))
        for block in vae.blocks:
            if block.name in vae.observed:
                continue
            noise = stream.at(block.name).normal(items, *block.shape)
            mean, scale = moments.get(block.name, (torch.zeros(block.shape), torch.ones(block.shape)))
            latents[block.name] = mean + scale * noise
        return latents

    @torch.no_grad()
    def aggregate(self, real: Sequence[str], seed: int = 0) -> Mapping[str, tuple[Float[Tensor, ...], ...]]:
        """Mean and standard deviation of each number of each block under the posteriors of (at most
        ``AGGREGATED``) real lines, one draw each."""
        key = (len(real), hashlib.sha256("\n".join(real).encode()).digest(), seed)
        if key not in self._aggregates:
            chosen = [real[row] for row in some(np.arange(len(real)), AGGREGATED, seed)]
            vae = self.bundle.vae
            shapes = {block.name: block.shape for block in vae.latent}
            found = {name: Moments(full=False) for name in shapes}
            for batch in self.evaluation(chosen).batches.in_order():
                latents = vae.infer(batch, Stream(seed, "aggregate")).latents
                for name, moments in found.items():
                    moments.add(latents[name].flatten(1))
            self._aggregates[key] = {
                name: tuple(part.float().reshape(shapes[name]) for part in (moments.mean, moments.variance.sqrt()))
                for name, moments in found.items()
            }
        return self._aggregates[key]

    @cached_property
    def _aggregates(self) -> dict[Any, Mapping[str, tuple[Tensor, ...]]]:
        return {}


def five_gram(train: Sequence[str], seed: int) -> Drawer:
    """Lines of a 5-gram model of the words and marks of the training lines, set apart by spaces. Lines with the
    unknown class, which has no spelling, are passed over: with every training word known it is next to never drawn."""
    model = NGramJudge([tokens(line) for line in train], ORDER)
    kept: list[str] = []
    tried = 0

    def drawn(first: int) -> list[str]:
        nonlocal tried
        while len(kept) < first + TILE:
            said = model.sample(TILE, Stream(seed, "samples"), first=tried, longest=LONGEST)
            kept.extend(" ".join(map(str, line)) for line in said if UNKNOWN not in line)
            tried += TILE
        return kept[first : first + TILE]

    return drawn


class Samples:
    """Samples that are kept on disk, so that none is drawn twice; fewer are always the beginning of more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str, count: int, drawer: Callable[[], Drawer]) -> list[str]:
        """The first ``count`` lines of a source; ``name`` says all that they depend on."""
        path = self.folder / f"{name}.json"
        found: list[str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        if len(found) >= count:
            return found[:count]
        draw = drawer()
        while len(found) < count:
            found += draw(len(found))
            if len(found) >= count or len(found) % (10 * TILE) == 0:
                self.folder.mkdir(parents=True, exist_ok=True)
                staged = path.with_suffix(".staged")
                staged.write_text(json.dumps(found), encoding="utf-8")
                staged.replace(path)
        return found[:count]
