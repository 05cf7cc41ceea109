"""What this plugin registers."""

from __future__ import annotations

from genvae.host import OperationPart, Part, hookimpl

genvae_api = "1.0"

CONDITIONS = [
    Part(kind="condition", id=name, factory=f"{__package__}.kinds.{place}", summary=text)
    for name, place, text in (
        ("class", "classes:ClassSettings", "one of the values of a column"),
        ("attributes", "attributes:AttributesSettings", "several flags at once"),
        ("number", "numbers:NumberSettings", "a number, in bins or as it is"),
        ("text", "texts:TextSettings", "free text through a small encoder"),
    )
]

OBJECTIVES: list[Part] = [
    Part(kind="objective", id="semi-supervised",
         factory=f"{__package__}.objectives.semi_supervised:SemiSupervisedSettings",
         summary="a condition known of some items alone: every value is tried on the others, weighed by q(c|x)"),
]  # fmt: skip

PRIORS = [
    Part(kind="prior", id="mixtures", factory=f"{__package__}.priors.mixtures:MixturesSettings",
         summary="a mixture of Gaussians with whole covariances for each value of a condition"),
]  # fmt: skip

TERMS = [
    Part(kind="term", id="cycle", factory=f"{__package__}.terms.cycle:CycleSettings",
         summary="an item must come back from what it becomes under another value of a condition"),
]  # fmt: skip

LABELLERS = [
    Part(kind="labeller", id="english", factory=f"{__package__}.rules.english:labels",
         summary="form, negation, tense, subject and length of lines of English, by rules"),
]  # fmt: skip

STARTERS = [
    Part(kind="starter", id="fashion", factory=f"{__package__}.starters.fashion:fashion", modality="image",
         summary="clothes, shoes and bags by name"),
    Part(kind="starter", id="verses", factory=f"{__package__}.starters.verses:verses", modality="sentence",
         summary="Bible verses in six versions"),
]  # fmt: skip

MEASURES = [
    Part(kind="measure", id="obeyed", factory=f"{__package__}.measures.obeyed:obeyed",
         summary="are samples of the form, tense ... that was asked for, and are they like such lines?"),
]  # fmt: skip

OPERATIONS: list[OperationPart] = [
    OperationPart(
        id="label",
        request=f"{__package__}.labelling:Label",
        factory=f"{__package__}.label:label",
        model=False,
        summary="Have rules say of each item what they know: columns that conditions can be declared from.",
        examples=(
            "genvae label lines.txt --output labelled.csv",
            "genvae label reviews.csv --column text --prefix rule_",
        ),
    ),
    OperationPart(
        id="rewrite",
        request=f"{__package__}.rewriting.requests:Rewrite",
        factory=f"{__package__}.rewriting.rewrite:rewrite",
        renders=True,
        summary="Items again under other conditions: encoded with their own, decoded with those that are asked for.",
        examples=(
            'genvae rewrite MODEL "The soup was cold." --condition sentiment=positive --strength 1.5',
            "genvae rewrite MODEL - --condition tense=past --own tense=present < lines.txt",
        ),
    ),
    OperationPart(
        id="spread",
        request=f"{__package__}.spreading.requests:Spread",
        factory=f"{__package__}.spreading.spread:spread",
        summary="Tell items that have no label what those that are like them are: a table to train on.",
        examples=("genvae spread MODEL --data table.csv --label form --output spread.csv",),
    ),
    OperationPart(
        id="teach",
        request=f"{__package__}.steering.requests:Teach",
        factory=f"{__package__}.steering.teach:teach",
        summary="Learn to tell labels from a model's latent: small classifiers, kept beside it, that `steer` follows.",
        renders=True,
        examples=(
            "genvae teach MODEL --labels form negation --labeller english --generated 20000",
            "genvae teach MODEL --labels sentiment --data reviews.csv",
        ),
    ),
    OperationPart(
        id="steer",
        request=f"{__package__}.steering.requests:Steer",
        factory=f"{__package__}.steering.steer:steer",
        summary="Items of any model towards labels, by classifiers that it was taught: no weight of it changes.",
        renders=True,
        examples=(
            "genvae steer MODEL --toward form=question negation=yes -n 10",
            'genvae steer MODEL "I like tea." --toward negation=yes --strength 2',
        ),
    ),
]


@hookimpl
def genvae_parts() -> list[Part]:
    """Kinds of condition, and the objectives, labellers, measures and operations that need one."""
    return [*CONDITIONS, *OBJECTIVES, *PRIORS, *STARTERS, *TERMS, *LABELLERS, *MEASURES, *OPERATIONS]
