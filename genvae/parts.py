"""The engine's own parts, registered through the same door as any plugin's."""

from __future__ import annotations

from genvae.host import Part, SourcePart, hookimpl

genvae_api = "1.0"


def _part(kind: str, part_id: str, factory: str, summary: str) -> Part:
    return Part(kind=kind, id=part_id, factory=factory, summary=summary)


CORE = [
    _part("prior", "standard-normal", "genvae.core.priors.standard_normal:StandardNormalSettings", "N(0, I)"),
    _part(
        "posterior", "diagonal-gaussian", "genvae.core.posteriors.diagonal_gaussian:DiagonalGaussianSettings",
        "independent Gaussians by a linear layer on the encoder's summary",
    ),
    _part("likelihood", "bernoulli", "genvae.core.likelihoods.bernoulli:BernoulliSettings", "binary elements"),
    _part(
        "likelihood", "gaussian", "genvae.core.likelihoods.gaussian:GaussianSettings",
        "real elements with one fixed, learned or optimal standard deviation",
    ),
    _part("objective", "elbo", "genvae.core.objectives.elbo:ElboSettings", "distortion + beta * rate, free bits"),
    _part("schedule", "constant", "genvae.core.schedules:Constant", "one number"),
    _part("schedule", "linear", "genvae.core.schedules:Linear", "a straight ramp"),
    _part("schedule", "sigmoid", "genvae.core.schedules:Sigmoid", "a logistic ramp"),
    _part("schedule", "cosine", "genvae.core.schedules:Cosine", "half a cosine wave"),
    _part("schedule", "cyclical", "genvae.core.schedules:Cyclical", "repeated ramps"),
    _part("corruption", "word-dropout", "genvae.core.corruption:WordDropout", "the decoder loses symbols it is fed"),
    _part("corruption", "symbol-masking", "genvae.core.corruption:SymbolMasking", "the encoder loses symbols it reads"),
]  # fmt: skip

SOURCES = [
    SourcePart(id="text", factory="genvae.data.sources.files:read_text", summary="one item a line",
               endings=(".txt", ".text")),
    SourcePart(id="delimited", factory="genvae.data.sources.files:read_delimited", summary="CSV and TSV with a header",
               endings=(".csv", ".tsv")),
    SourcePart(id="json-lines", factory="genvae.data.sources.files:read_json_lines", summary="one JSON object a line",
               endings=(".jsonl", ".ndjson")),
    SourcePart(id="parquet", factory="genvae.data.sources.files:read_parquet", summary="Parquet",
               endings=(".parquet",)),
    SourcePart(id="hub", factory="genvae.data.sources.hub:read_hub", summary="a hub data set, owner/name[:split]"),
]  # fmt: skip

MEASURES = [
    _part(
        "measure",
        "bounds",
        "genvae.evaluation.measures:bounds",
        "ELBO and importance-weighted NLL, nats per item",
    ),
    _part("measure", "collapse", "genvae.evaluation.measures:collapse", "KL, mutual information, active units"),
]


@hookimpl
def genvae_parts() -> list[Part]:
    """Everything the engine itself brings."""
    from genvae.operations import OPERATIONS

    return [*CORE, *SOURCES, *MEASURES, *OPERATIONS]
