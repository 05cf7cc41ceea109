"""The operation ``evaluate``."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genvae.context import Context
from genvae.data.batching import Batches, some, together
from genvae.data.conditions import Known, agreed, select
from genvae.data.prepare import content_hash, prepare
from genvae.data.read import Location, read
from genvae.device import chosen, placed
from genvae.errors import DataError, LacksCapability, SettingError
from genvae.evaluation.evaluation import Evaluation, Items, by_measure, drawn_as, flat, rendering
from genvae.evaluation.report import Report, meaning_of
from genvae.operations import Evaluate, Evaluated
from genvae.recipe import Recipe
from genvae.store.bundle import Bundle, load
from genvae.store.locate import locate
from genvae.store.whole import check_place, write_whole
from genvae.training.diagnostics import diagnose

if TYPE_CHECKING:
    from datasets import Dataset

    from genvae.host import Part

JUDGED = 200_000  # most items that a judge is trained on
BATCH = 128  # items of mean cost in a batch

Measures = list[tuple["Part", dict[str, Any]]]


def evaluate(context: Context, request: Evaluate) -> Evaluated:
    """Every measure of the model, and of a baseline, on the same items."""
    page = _check(request)
    baseline = load(locate(request.baseline, context.host), context.host) if request.baseline else None
    warnings: list[str] = []
    notes: set[str] = set()
    device = chosen(request.device)
    with placed(context.bundle.vae, device):
        evaluation = _evaluation(context, request, context.bundle, warnings, notes)
        measures = by_measure(evaluation, context.host)
        figures = flat(measures, evaluation)
        if baseline is not None:
            with placed(baseline.vae, device):
                beside = _evaluation(context, request, baseline, [], notes)
                figures["baseline"] = flat(by_measure(beside, context.host), beside)
        if page is not None:
            meanings = {part.id: meaning_of(context.host.load("measure", part.id)) for part, _ in measures}
            report = Report(
                context.bundle.name, _asked(request, context), measures, meanings, evaluation,
                figures.get("baseline", {}), warnings,
            )  # fmt: skip
            write_whole(page, report.page().encode(), "report")
    return Evaluated(figures, tuple(warnings), request.report or "")


def diagnosis(evaluation: Evaluation) -> dict[str, Any]:
    """``diagnosis``: in words, whether the latent is used."""
    usage = evaluation.usage
    if not usage.latent_dim:
        return {"diagnosis": "The model has no latent."}
    if not evaluation.latents.gaussian:
        raise LacksCapability("it needs a posterior of diagonal Gaussians")
    healthy = (
        f"No posterior collapse: {usage.active_units} of {usage.latent_dim} latent dimensions are active and z tells "
        f"{usage.mutual_information:.2f} nats about an item."
    )
    return {"diagnosis": diagnose(usage, evaluation.model) or healthy}


# -- what is asked for ---------------------------------------------------------------------------


def _check(request: Evaluate) -> Path | None:
    """The report's place; refuses, before any work, what cannot be had."""
    if request.judges and request.judge is None:
        raise SettingError("judges are trained on items of their own: give a file of them with --judge")
    if request.encoder is not None:
        if not (Path(request.encoder).expanduser() / "config.json").is_file():
            raise SettingError(f"encoder = {request.encoder!r} is no folder of a pretrained model (no config.json)")
        if importlib.util.find_spec("transformers") is None:
            raise SettingError("encoder needs transformers: pip install 'genvae[encoder]'")
        _check_encoder(request.encoder)
    if request.report is None:
        return None
    page = Path(request.report).expanduser()
    check_place(page, "report")
    return page


def _check_encoder(folder: str) -> None:
    """Whether a folder holds a model of a kind that transformers knows, and weights that are safe to read."""
    from transformers import AutoConfig  # seconds to import

    place = Path(folder).expanduser()
    try:
        AutoConfig.from_pretrained(str(place), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise SettingError(f"encoder = {folder!r} cannot be loaded ({' '.join(str(error).split())[:160]})") from None
    if not any(place.glob("*.safetensors")):
        raise SettingError(f"encoder = {folder!r} cannot be loaded (no weights as safetensors)")


def _asked(request: Evaluate, context: Context) -> dict[str, Any]:
    """The settings that are not at their defaults, as they were given; items in memory by their number."""
    asked = {}
    for entry in fields(request):
        value = getattr(request, entry.name)
        if value != entry.default:
            given = isinstance(value, Sequence) and not isinstance(value, str | tuple)
            asked[entry.name] = f"{len(value):,} items" if given else str(value) if isinstance(value, Path) else value
    return {**asked, **context.rendering}


# -- the data ------------------------------------------------------------------------------------


def _evaluation(
    context: Context, request: Evaluate, bundle: Bundle, warnings: list[str], notes: set[str]
) -> Evaluation:
    """The model on the data; ``warnings`` are added to, and so are ``notes``, each of which is said once."""
    recipe = Recipe(bundle.recipe.sections, context.host)  # a copy: the loaded model is shared
    recipe.set([entry if "." in entry.partition("=")[0] else f"modality.{entry}" for entry in request.set])
    settings = recipe.modality_settings()
    declared, absent = recipe.condition_settings(), list[str]()

    def selected(location: Location, what: str = "") -> Dataset:
        try:
            rows = read(location, context.host)
            # what is beside the data is looked at item by item, and no model reads it
            data, note = select(rows, settings, declared, [] if what else absent, for_model=not what)
        except DataError as error:
            raise DataError(f"{what}: {error}" if what else str(error)) from None
        said = f"{what}: {note}" if what else note
        if note and said not in notes:
            notes.add(said)
            context.reporter.say(said)
        return data

    data = selected(request.data)
    others = {
        what: selected(location, what)
        for what, location in (("judge", request.judge), ("train", request.train))
        if location is not None
    }
    examples = prepare(data, bundle.modality, context.reporter)
    known = Known(bundle.conditions, agreed(declared, data, examples)) if declared else None
    unsaid = [f"the data do not say {name!r}: it counts as unknown" for name in dict.fromkeys(absent)]
    for line in [*_clashes(data, others), *unsaid, *(known.strange if known else [])]:
        warnings.append(line)
        if line not in notes:
            notes.add(line)
            context.reporter.say(f"warning: {line}")
    rows = np.arange(len(data))
    if request.limit:
        rows = some(rows, request.limit, request.seed, together(data))
    if "judge" in others and len(others["judge"]) > JUDGED:
        others["judge"] = others["judge"].select(range(JUDGED))
    options = rendering(context.host, bundle.modality_id, context.rendering)

    items = {
        what: Items(prepare(table, bundle.modality, context.reporter), bundle.modality)
        for what, table in others.items()
    }
    return Evaluation(
        bundle.vae, bundle.modality, bundle.modality_id,
        Batches(examples, rows, bundle.modality, batch_size=BATCH, device=bundle.vae.device, known=known),
        samples=request.samples, seed=request.seed, full=True, generated=request.generated,
        prior_scale=request.prior_scale, options=options, judge=items.get("judge"),
        judges=request.judges or ("ngram",), train=items.get("train"), encoder=request.encoder,
        drawn_as=drawn_as(recipe, bundle.vae), reporter=context.reporter,
    )  # fmt: skip


def _clashes(data: Dataset, others: dict[str, Dataset]) -> list[str]:
    """What is wrong with the choice of files, in words."""
    hashes = {what: content_hash(table) for what, table in {"data": data, **others}.items()}
    found = []
    if hashes.get("judge") == hashes["data"]:
        found.append("judge and data are the same items, so the judge knows them by heart and its ratios mean nothing")
    if hashes.get("train") == hashes["data"]:
        found.append("train and data are the same items, so all of the data counts as copied")
    if "judge" in hashes and hashes["judge"] == hashes.get("train"):
        found.append("judge and train are the same items, so the judge likes what the model has copied")
    return found
