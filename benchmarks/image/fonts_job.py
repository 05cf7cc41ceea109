"""Trains a model that completes typefaces, in so many seconds on one device.

    python -m benchmarks.image.fonts_job --device cuda --seconds 400 --out DIR --variant plain

The recipe is that of the starter model `typefaces`, and model, objective and corruptions are the engine's; the loop is
its own: all pictures lie on the device, no step waits for it, and the learning rate falls with the time that is left.
DIR gets the model (half precision) and metrics.json. `--variant` names a row of VARIANTS.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

START = time.perf_counter()
import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from benchmarks.image import between, checkout, fonts  # noqa: E402
from genvae.core.batch import Batch  # noqa: E402
from genvae.core.randomness import Stream  # noqa: E402
from genvae.core.vae import VAE  # noqa: E402
from genvae.host import default_host  # noqa: E402
from genvae.recipe import Recipe  # noqa: E402
from genvae.store.bundle import Bundle, save  # noqa: E402
from genvae.training.average import Average  # noqa: E402
from genvae_image_style.modality import Image  # noqa: E402
from genvae_image_style.reading.decoding import Frame  # noqa: E402
from genvae_image_style.restyling import Restyle  # noqa: E402

RECIPE = checkout.ROOT / "plugins" / "genvae_image_style" / "recipes" / "typefaces.yaml"
LATE = 0.75  # of the time: from here on less is changed
CONTRASTS = (1.0, 1.15, 1.3, 1.5, 1.75, 2.0)


@dataclass(frozen=True)
class Variant:
    """What a run does otherwise than the recipe."""

    set: tuple[str, ...] = ()
    between: float = 0.0  # share of the fonts of a batch that lie between two
    restyle: float = 1.0  # how much more fonts are changed than the recipe says
    fonts: int = 48  # of a batch
    letters: int = 20  # of each of them
    rate: float = 1e-3
    decay: float = 0.02
    capitals: float = 2.0  # how much likelier than another letter a capital is in a batch
    average: float = 0.999


VARIANTS = {
    "plain": Variant(),
    "between": Variant(between=0.4),
    "film": Variant(set=("modulation=film",), between=0.4),
    "strong": Variant(between=0.4, restyle=1.5),
    "product": Variant(set=("posterior=product-of-gaussians",), between=0.4),
}


class Pictures:
    """The pictures of some fonts on a device, and batches of them."""

    def __init__(self, part: fonts.Fonts, modality: Image, device: torch.device, seed: int = 0) -> None:
        order = part.places("".join(modality.contents))  # letters by their number in the model
        self.images = torch.from_numpy(np.ascontiguousarray(part.images[:, order])).to(device)
        named = sorted(set(part.families))
        self.capital = torch.tensor([float(c in fonts.CAPITALS) for c in modality.contents], device=device)
        self.family = torch.tensor([named.index(family) for family in part.families], device=device)
        self.device = device
        self.generator = torch.Generator(device).manual_seed(seed)
        self.made = 0
        self.fields: Tensor | None = None

    def prepare_between(self) -> None:
        """The distances and neighbours that fonts between fonts are made from."""
        flat = between.fields(self.images.flatten(0, 1))
        self.fields = flat.reshape(*self.images.shape[:2], *flat.shape[1:])
        self.near = between.near_fonts(self.images, self.family, 16)

    def batch(self, count: int, each: int, share: float, capitals: float) -> Batch:
        """So many fonts, so many letters of each, all drawn at random; a share of the fonts lies between two, and a
        capital is ``capitals`` times as likely as another letter."""
        uniform = lambda *shape: torch.rand(*shape, generator=self.generator, device=self.device)  # noqa: E731
        letters = self.images.shape[1]
        font = (uniform(count) * len(self.images)).long()[:, None].expand(-1, each)
        # without repetition and by weight: Efraimidis and Spirakis 2006
        letter = (uniform(count, letters).log() / (1 + (capitals - 1) * self.capital)).argsort(1, True)[:, :each]
        pictures = self.images[font, letter].float() / 255
        if share and self.fields is not None:
            beside = (uniform(count) * self.near.shape[1]).long()
            other = self.near[font[:, 0], beside][:, None].expand(-1, each)
            place = 0.2 + 0.6 * uniform(count, 1, 1, 1)
            field = torch.lerp(self.fields[font, letter].float(), self.fields[other, letter].float(), place)
            made = between.drawn(field.flatten(0, 1)).reshape(pictures.shape)
            pictures = torch.where((uniform(count, 1, 1, 1) < share), made, pictures)
        first = self.made
        self.made += count * each
        group = torch.arange(count, device=self.device).repeat_interleave(each)
        return as_batch(pictures.flatten(0, 1), letter.flatten(), letters, group, first)


def as_batch(pictures: Tensor, letter: Tensor, letters: int, group: Tensor, first: int = 0) -> Batch:
    """Pictures (n, 32, 32) from 0 to 1 of letters by number."""
    views = {"input": pictures[:, None], "target": pictures[:, None]}
    count = len(pictures)
    return Batch(
        views=views, items=torch.arange(first, first + count, device=pictures.device), group=group,
        cost=torch.ones(count, device=pictures.device),
        conditions={"label": torch.nn.functional.one_hot(letter, letters).float()},
    )  # fmt: skip


@torch.no_grad()
def completed(
    model: VAE, part: Pictures, modality: Image, given: str, letters: str = fonts.CAPITALS, draws: int = 0
) -> tuple[Tensor, Tensor]:
    """The logits of letters from the given ones, and the true pictures from 0 to 1, each (fonts, letters, 32, 32).

    With draws, the logits of the mean over so many styles drawn from the posterior."""
    places = torch.tensor([modality.contents.index(letter) for letter in letters], device=part.device)
    shown = torch.tensor([letter in given for letter in letters], device=part.device)
    logits, truth = [], []
    for images in part.images[:, places].split(32):
        count = len(images)
        group = torch.arange(count, device=part.device).repeat_interleave(len(letters))
        batch = as_batch(images.flatten(0, 1).float() / 255, places.repeat(count), len(modality.contents), group)
        batch = batch.giving(shown.repeat(count))
        features = model.encode(batch)
        if draws:
            mean = sum(
                model.decoder(model.draw(batch, features, Stream(0, "complete").again(k)).latents, batch).sigmoid()
                for k in range(draws)
            )  # fmt: skip
            found = torch.logit(torch.as_tensor(mean) / draws, eps=1e-6)
        else:
            found = model.decoder(model.draw(batch, features, None).latents, batch)
        logits.append(found.reshape(count, len(letters), 32, 32))
        truth.append(batch.views["target"].reshape(count, len(letters), 32, 32))
    return torch.cat(logits).float(), torch.cat(truth)


def errors(logits: Tensor, truth: Tensor, letters: str, given: str) -> dict[str, Any]:
    """RMSE and L1 over the capitals that were not given (of 22, whatever was), by contrast of the logits."""
    asked = [place for place, letter in enumerate(letters) if letter in fonts.ASKED]
    found = {}
    for contrast in CONTRASTS:
        apart = ((contrast * logits[:, asked]).sigmoid() * 255).round() / 255 - truth[:, asked]
        found[f"{contrast:g}"] = [
            round(float(apart.square().mean().sqrt()), 5), round(float(apart.abs().mean()), 5)
        ]  # fmt: skip
    return found


def judged(model: VAE, part: Pictures, modality: Image, draws: int = 0) -> dict[str, Any]:
    """The errors from A, B, R, S and from A alone."""
    model.eval()
    found = {}
    for given in (fonts.GIVEN, "A"):
        logits, truth = completed(model, part, modality, given, draws=draws)
        found[given] = errors(logits, truth, fonts.CAPITALS, given)
    return found


def main() -> None:
    """Train, judge, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=400, help="of the whole program, its start included")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--variant", choices=sorted(VARIANTS), default="plain")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=10**9, help="most steps")
    parser.add_argument("--few", type=int, default=10**9, help="most fonts that are judged")
    parser.add_argument("--set", action="append", default=[], help="more settings of the recipe")
    parser.add_argument("--option", action="append", default=[], help="more of the variant: fonts=16")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    device = torch.device(arguments.device)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    variant = VARIANTS[arguments.variant]
    own = {**asdict(variant), **{k: float(v) for k, v in (o.split("=") for o in arguments.option)}}
    train(arguments, device, argparse.Namespace(**own))


@dataclass
class Run:
    """A model in training."""

    recipe: Recipe
    modality: Image
    model: VAE
    corruptions: list[Any]
    objective: Any
    own: argparse.Namespace
    late: list[Any]  # the corruptions towards the end

    @classmethod
    def of(cls, own: argparse.Namespace, more: list[str], letters: str, device: torch.device) -> Run:
        """As the recipe and the variant say."""
        here = default_host()
        recipe = Recipe.of(str(RECIPE), here)
        recipe.set([*own.set, *more])
        modality = Image(Frame(32, 1), contents=tuple(sorted(letters)), group="style", labels=True)
        model = recipe.build(modality, 1).to(device)
        corruptions = [here.make("corruption", entry).build(model) for entry in recipe.sections["corruptions"]]
        corruptions = [_stronger(each, own.restyle) for each in corruptions]
        late = [
            replace(each, share=each.share / 2, heavier=each.heavier / 2) if isinstance(each, Restyle) else each
            for each in corruptions
        ]  # fmt: skip
        objective = here.make("objective", recipe.sections["objective"]).build(model)
        return cls(recipe, modality, model, corruptions, objective, own, late)

    def loss(self, pictures: Pictures, step: int, progress: float = 0.0) -> Any:
        """The objective's terms on a fresh batch; towards the end more of it is as it was drawn."""
        stream, own = Stream(1, "train", step), self.own
        late = progress > LATE
        between = own.between / 2 if late else own.between
        batch = pictures.batch(int(own.fonts), int(own.letters), between, own.capitals)
        for corruption in self.late if late else self.corruptions:
            batch = corruption(batch, step, stream)
        kind = batch.cost.device.type
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
            return self.objective(self.model, batch, step, stream)

    def rate(self, step: int, progress: float) -> float:
        """A linear rise, then a cosine to nearly nothing."""
        wave = 0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0))
        return float(self.own.rate * min(1.0, (step + 1) / 300) * (0.005 + 0.995 * wave))


def _stronger(corruption: Any, times: float) -> Any:
    """A corruption whose changes are larger and more frequent, where it is that of fonts."""
    if not isinstance(corruption, Restyle) or times == 1.0:
        return corruption
    names = ("slant", "width", "height", "waist", "weight")
    return replace(
        corruption, **{name: times * getattr(corruption, name) for name in names},
        share=min(0.9, times * corruption.share), heavier=min(0.9, times * corruption.heavier),
    )  # fmt: skip


def train(arguments: argparse.Namespace, device: torch.device, own: argparse.Namespace) -> None:
    """One run."""
    parts = fonts.read(arguments.data)
    run = Run.of(own, arguments.set, parts.letters, device)
    model, modality = run.model, run.modality
    chosen, kept, held = (Pictures(part, modality, device, 1) for part in parts.parts)
    for part in (kept, held):
        part.images = part.images[: arguments.few]
    weights = list(model.parameters())
    print(f"{len(chosen.images)} fonts, {sum(p.numel() for p in weights):,} weights, {own}", flush=True)
    if own.between:
        chosen.prepare_between()
    optimizer = torch.optim.AdamW(weights, lr=own.rate, weight_decay=own.decay, fused=True, betas=(0.9, 0.99))
    average = Average(model, own.average)
    began = told = time.perf_counter()
    end = START + arguments.seconds - 12.0 - 0.03 * arguments.seconds
    history: list[dict[str, Any]] = []
    step = 0
    model.train()
    while step < arguments.steps:
        now = time.perf_counter()
        progress = max((now - began) / max(end - began, 1e-3), step / arguments.steps)
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = run.rate(step, progress)
        terms = run.loss(chosen, step, progress)
        optimizer.zero_grad()
        terms.loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 50.0)
        optimizer.step()
        average.follow(model, step)
        step += 1
        if now - told > max(15.0, 0.12 * arguments.seconds):
            told = now
            named = {name: round(float(value), 3) for name, value in terms.named.items()}
            row = {"step": step, "seconds": round(now - START, 1), **named}
            row["kept"] = judged(average.model, kept, modality)
            history.append(row)
            print(json.dumps(row), flush=True)
            if not math.isfinite(named["elbo"]):
                sys.exit("the loss is not finite")
            save(Bundle("typefaces", average.model, modality, run.recipe, {}), arguments.out, dtype="float16")
    average.give(model)
    model.eval()
    found = {
        "variant": arguments.variant, "options": vars(own), "set": arguments.set, "steps": step, "device": str(device),
        "name": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu", "torch": torch.__version__,
        "seconds": round(time.perf_counter() - START, 1), "weights": sum(p.numel() for p in weights),
        "kept": judged(model, kept, modality), "history": history,
    }  # fmt: skip
    save(Bundle("typefaces", model.cpu(), modality, run.recipe, {}), arguments.out, dtype="float16")
    model.to(device)
    found["held_out"] = judged(model, held, modality)
    found["kept_draws_8"] = judged(model, kept, modality, 8)
    found["seconds_in_all"] = round(time.perf_counter() - START, 1)
    (arguments.out / "metrics.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: found[name] for name in ("steps", "kept", "held_out")}), flush=True)


if __name__ == "__main__":
    main()
