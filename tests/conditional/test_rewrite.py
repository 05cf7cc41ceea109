"""Rewriting: the step between an item's own conditions and others, and the operation on a tiny model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genvae.core.randomness import Stream
from genvae.errors import GenvaeError
from genvae.service import Service, load
from genvae_conditional.rewriting.between import OWN, Between, between
from tests.cli.conftest import cli  # noqa: F401 - a fixture
from tests.cli.program import Cli
from tests.core.toys import coloured_toy, elements

LINES = ["Where is my hat?", "Come in!", "I never said that."]


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 2.5])
def test_the_step_is_from_what_the_own_condition_says(strength: float) -> None:
    model, batch = coloured_toy(), elements(4)
    own, other = torch.eye(3)[[0, 1, 2, 0]], torch.eye(3)[[1, 1, 0, 2]]
    z = Stream(1, "z").normal(torch.arange(4), 2)
    before = model.decoder({"colour": own, "z": z}, batch)
    after = model.decoder({"colour": other, "z": z + 1.0}, batch)
    made = between(model, strength)
    found = made.decoder({"colour": other, "z": z + 1.0, OWN + "colour": own, OWN + "z": z}, batch)
    torch.testing.assert_close(found, before + strength * (after - before))
    assert isinstance(made.decoder, Between) == (strength != 1.0) and not isinstance(model.decoder, Between)


def test_strength_goes_from_the_items_to_what_is_asked_for(told_model: Path) -> None:
    model = load(told_model)
    service, asked = Service(), {"model": str(told_model), "items": LINES, "conditions": {"form": "statement"}}
    own = {"form": "question", "negation": "no"}
    first = service.run("rewrite", strength=0.0, own=own, **asked)
    done = service.run("rewrite", own=own, **asked)
    assert first.originals == LINES and first.own["form"] == ["question"] * 3  # type: ignore[attr-defined]
    assert done.conditions == {"form": ["statement"] * 3, "negation": ["no"] * 3}  # type: ignore[attr-defined]
    forms = list(model.blocks()[0]["values"])
    assert set(forms) >= {"question", "statement"}
    # by hand: the same latents, decoded under one condition and under the other
    for answer, form in ((first, "question"), (done, "statement")):
        latents = told_latents(told_model, own)
        latents["form"] = [[float(name == form) for name in forms]] * 3
        assert answer.items == model.decode(latents)  # type: ignore[attr-defined]


def told_latents(folder: Path, own: dict[str, str]) -> dict[str, list]:
    """The latents of the lines where their conditions are known."""
    from genvae.context import Context
    from genvae.host import default_host
    from genvae.latent.asked import asked
    from genvae.latent.tools import Tools

    service = Service()
    tools = Tools(Context(default_host(), service.bundle(str(folder))))
    with torch.no_grad():
        found = tools.vae.infer(tools.batch(LINES, 0, asked(tools, own, len(LINES)))).latents
    return {name: value.tolist() for name, value in found.items()}


def test_what_stays_may_be_the_noise(told_model: Path) -> None:
    asked = {"model": str(told_model), "items": LINES, "conditions": {"form": "command"}}
    latent, noise = (Service().run("rewrite", keep=keep, **asked) for keep in ("latent", "noise"))
    assert latent.items == noise.items  # type: ignore[attr-defined] # the prior is N(0, I) whatever the condition


def test_on_the_command_line(cli: Cli, told_model: Path) -> None:  # noqa: F811
    done = cli("rewrite", told_model, *LINES, "--condition", "form=command", "negation=yes", "--json")
    assert set(done.json) == {"items", "originals", "own", "conditions"}
    assert done.json["conditions"]["negation"] == ["yes"] * 3 and len(done.json["items"]) == 3
    said = cli("rewrite", told_model, LINES[0], "--condition", "form=command").out
    assert said.startswith(f"{LINES[0]}  ->  ")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"conditions": {}}, "what are the items to become"),
        ({"conditions": {"form": "comand"}}, "command"),
        ({"conditions": {"tense": "past"}}, "the model has no condition 'tense'"),
        ({"own": {"form": "asking"}}, "is no value of this model"),
        ({"strength": -1.0}, "at least 0"),
        ({"items": []}, "no items"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(told_model: Path, values: dict, words: str) -> None:
    given = {"model": str(told_model), "items": LINES, "conditions": {"form": "command"}, **values}
    with pytest.raises(GenvaeError) as raised:
        Service().run("rewrite", **given)
    assert words in str(raised.value) and "\n" not in str(raised.value)


def test_a_model_without_conditions(tiny_model: Path) -> None:
    with pytest.raises(GenvaeError, match="has no conditions"):
        Service().run("rewrite", model=str(tiny_model), items=LINES, conditions={"form": "command"})
