"""The engine's own parts, registered through the same door as any plugin's."""

from __future__ import annotations

from genvae.host import Part, SourcePart, hookimpl

genvae_api = "1.0"


def _part(kind: str, part_id: str, factory: str, summary: str) -> Part:
    return Part(kind=kind, id=part_id, factory=factory, summary=summary)


CORE = [
    _part("prior", "standard-normal", "genvae.core.priors.standard_normal:StandardNormalSettings", "N(0, I)"),
    _part("prior", "mixture", "genvae.core.priors.mixture:MixtureSettings", "a learned mixture of diagonal Gaussians"),
    _part("prior", "by-block", "genvae.core.priors.by_block:ByBlockSettings", "a prior of its own for each block"),
    _part("prior", "vamp", "genvae.core.priors.vamp:VampSettings", "the posteriors of learned pseudo-inputs, mixed"),
    _part(
        "prior", "autoregressive", "genvae.core.priors.autoregressive:AutoregressiveSettings",
        "a masked network with Gaussian-mixture conditionals",
    ),
    _part(
        "prior", "flow-matching", "genvae.core.priors.flow_matching:FlowMatchingSettings",
        "a flow learned on the latents of a trained model",
    ),
    _part(
        "prior", "recurrent", "genvae.core.priors.recurrent:RecurrentSettings",
        "an LSTM over a block's vectors with a mixture over a shared codebook",
    ),
    _part("prior", "labelled", "genvae.core.priors.labelled:LabelledSettings",
          "a Gaussian for each value of an observed label"),
    _part("prior", "ladder", "genvae.core.priors.ladder:LadderPriorSettings",
          "learned Gaussians of each block given those before it"),
    _part(
        "posterior", "diagonal-gaussian", "genvae.core.posteriors.diagonal_gaussian:DiagonalGaussianSettings",
        "independent Gaussians by a linear layer on the encoder's summary",
    ),
    _part(
        "posterior", "batch-normalised", "genvae.core.posteriors.batch_normalised:BatchNormalisedSettings",
        "Gaussians whose means are normalised over the batch",
    ),
    _part(
        "posterior", "delta", "genvae.core.posteriors.delta:DeltaSettings",
        "Gaussians at least delta nats from N(0, 1) in each dimension",
    ),
    _part(
        "posterior", "product-of-gaussians", "genvae.core.posteriors.product_of_gaussians:ProductOfGaussiansSettings",
        "Gaussians whose evidence is multiplied over a group",
    ),
    _part("posterior", "pooled", "genvae.core.posteriors.pooled:PooledSettings",
          "Gaussians of shared blocks by a network on what a group's items say together"),
    _part("posterior", "ladder", "genvae.core.posteriors.ladder:LadderPosteriorSettings",
          "Gaussians that correct the prior's, block by block"),
    _part("likelihood", "bernoulli", "genvae.core.likelihoods.bernoulli:BernoulliSettings", "binary elements"),
    _part(
        "likelihood", "gaussian", "genvae.core.likelihoods.gaussian:GaussianSettings",
        "real elements with one standard deviation, fixed, learned or optimal, or one each",
    ),
    _part(
        "likelihood", "discretised-logistic-mixture",
        "genvae.core.likelihoods.discretised_logistic_mixture:DiscretisedLogisticMixtureSettings",
        "elements on a grid from 0 to 1",
    ),
    _part("objective", "elbo", "genvae.core.objectives.elbo:ElboSettings", "distortion + beta * rate, free bits"),
    _part("objective", "target-rate", "genvae.core.objectives.target_rate:TargetRateSettings",
          "rate or distortion held at a target by a learned multiplier"),
    _part("objective", "importance-weighted",
          "genvae.core.objectives.importance_weighted:ImportanceWeightedSettings",
          "the importance-weighted bound of several draws an item"),
    _part("objective", "fit-prior", "genvae.core.objectives.fit_prior:FitPriorSettings",
          "the prior alone, fitted to the posteriors of a trained model (a phase with data: latents)"),
    _part("term", "mmd", "genvae.core.terms.mmd:MMDSettings", "the latents of all items, compared with the prior"),
    _part("term", "bag-of-symbols", "genvae.core.terms.bag_of_symbols:BagOfSymbolsSettings",
          "z alone must tell which symbols an item has"),
    _part("term", "completion", "genvae.core.terms.completion:CompletionSettings",
          "some items of a group must predict the others"),
    _part("term", "swap", "genvae.core.terms.swap:SwapSettings",
          "blocks of different items, decoded together, must be found again"),
    _part("term", "adversary", "genvae.core.terms.adversary:AdversarySettings",
          "a network must not read a label from a block"),
    _part("term", "dependence", "genvae.core.terms.dependence:DependenceSettings",
          "two blocks must be independent of each other"),
    _part("term", "exchange", "genvae.core.terms.exchange:ExchangeSettings",
          "an item must be drawn with a block of another of its kind"),
    _part("term", "telling", "genvae.core.terms.telling:TellingSettings",
          "what is said of an item under each value of a condition must tell its own"),
    _part("schedule", "constant", "genvae.core.schedules:Constant", "one number"),
    _part("schedule", "linear", "genvae.core.schedules:Linear", "a straight ramp"),
    _part("schedule", "sigmoid", "genvae.core.schedules:Sigmoid", "a logistic ramp"),
    _part("schedule", "cosine", "genvae.core.schedules:Cosine", "half a cosine wave"),
    _part("schedule", "cyclical", "genvae.core.schedules:Cyclical", "repeated ramps"),
    _part("corruption", "word-dropout", "genvae.core.corruption.word_dropout:WordDropout",
          "the decoder loses symbols it is fed"),
    _part("corruption", "symbol-masking", "genvae.core.corruption.shen:SymbolMasking",
          "symbols that the encoder reads are masked"),
    _part("corruption", "blanks", "genvae.core.corruption.blanks:Blanks",
          "the encoder loses a share of the symbols that is drawn for each item, or all of them"),
    _part("corruption", "deletion", "genvae.core.corruption.shen:Deletion", "the encoder loses symbols it reads"),
    _part("corruption", "substitution", "genvae.core.corruption.shen:Substitution",
          "symbols that the encoder reads are replaced by others"),
    _part("corruption", "shuffle", "genvae.core.corruption.shen:Shuffle",
          "symbols that the encoder reads change places with near ones"),
    _part("corruption", "binarise", "genvae.core.corruption.binarise:Binarise",
          "elements in [0, 1] are drawn as 0 or 1 anew at each step"),
    _part("corruption", "shift", "genvae.core.corruption.shift:Shift",
          "items are moved by a few places, anew at each step"),
    _part("corruption", "condition-dropout", "genvae.core.corruption.condition_dropout:ConditionDropout",
          "conditions become unknown, all of an item's or one"),
    _part("corruption", "siblings", "genvae.core.corruption.siblings:Siblings",
          "the encoder reads another item of the same group"),
    _part("corruption", "partial-groups", "genvae.core.corruption.partial_groups:PartialGroups",
          "what a group shares is inferred from some of its items"),
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
    SourcePart(id="saved", factory="genvae.data.sources.saved:read_saved",
               summary="a data set that datasets saved to disk", endings=(".arrow",), folder=True),
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
    _part("measure", "rates", "genvae.evaluation.measures:rates", "KL of each dimension"),
    _part("measure", "diagnosis", "genvae.handlers.evaluate:diagnosis", "is the latent used?"),
]


@hookimpl
def genvae_parts() -> list[Part]:
    """Everything the engine itself brings."""
    from genvae.operations import OPERATIONS

    return [*CORE, *SOURCES, *MEASURES, *OPERATIONS]
