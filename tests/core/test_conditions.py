"""Conditions: codes, rows and names, p(c), and how they reach networks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from genvae.core.batch import Batch
from genvae.core.conditions import POSTERIOR, PRIOR, Categorical, Conditions, unknown
from genvae.core.corruption.condition_dropout import ConditionDropout
from genvae.core.latents import Block
from genvae.core.likelihoods import Stepper
from genvae.core.likelihoods.bernoulli import Bernoulli
from genvae.core.priors.by_block import ByBlockSettings
from genvae.core.priors.fitted import ConditionedSettings
from genvae.core.priors.ladder import LadderPriorSettings
from genvae.core.priors.recurrent import RecurrentSettings
from genvae.core.priors.standard_normal import StandardNormalSettings
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant
from genvae.core.told import Guided, GuidedSequence, Reading, ToldEncoder, guided, prior_of, told
from genvae.core.vae import Networks
from genvae.errors import LacksCapability, SettingError
from genvae.host import default_host
from tests.core.toys import Z, elements, sequence_parts, toy

STREAM = Stream(3, "conditions")
FORM = Categorical("form", ["command", "question", "statement"], [1, 2, 7])
TENSE = Categorical("tense", ["past", "present"])
NAN = float("nan")
#: of commands there are none in the past
SEEN = Conditions(
    [FORM, TENSE], torch.tensor([[0, 1], [1, 0], [1, 1], [2, 0], [NAN, 0]], dtype=torch.float64),
    torch.tensor([10.0, 10, 30, 40, 10], dtype=torch.float64),
)  # fmt: skip
ITEMS = torch.arange(4_000)


def test_what_is_not_asked_for_is_drawn_as_the_items_have_it() -> None:
    found = SEEN.draw(ITEMS, STREAM, {})
    assert found["form"].sum(1).eq(1).all(), "an item of which it is not known is drawn as one of which it is"
    form, tense = found["form"].mean(0), found["tense"].mean(0)
    # by the counts: 10, 40 and 40 of 90 that are known, and 60 of 100 in the past
    torch.testing.assert_close(form, torch.tensor([0.11, 0.44, 0.44]), atol=0.03, rtol=0)
    torch.testing.assert_close(tense, torch.tensor([0.6, 0.4]), atol=0.03, rtol=0)
    command = found["form"][:, 0] == 1
    known = found["tense"][command][:, 0].mean()
    assert known < 0.2, "commands are mostly in the present"


def test_what_is_asked_for_decides_what_is_drawn_beside_it() -> None:
    given = {"tense": TENSE.ask("present").expand(len(ITEMS), -1)}
    found = SEEN.draw(ITEMS, STREAM, given)
    assert set(found) == {"form"}, "what is given is not drawn"
    torch.testing.assert_close(found["form"].mean(0), torch.tensor([0.25, 0.75, 0.0]), atol=0.03, rtol=0)
    never = {"form": FORM.ask("command").expand(len(ITEMS), -1)}
    drawn = SEEN.draw(ITEMS, STREAM, never)["tense"].mean(0)
    # a command is in the present where one is known, and an item of unknown form fits it, too
    torch.testing.assert_close(drawn, torch.tensor([0.5, 0.5]), atol=0.03, rtol=0)
    nothing = {"tense": torch.zeros(len(ITEMS), 2)}
    assert SEEN.draw(ITEMS, STREAM, nothing)["form"].mean(0)[0] > 0.05, "an unknown value fits everything"


def test_a_draw_depends_on_its_item_alone() -> None:
    whole = SEEN.draw(ITEMS[:50], STREAM, {})
    part = SEEN.draw(torch.tensor([31, 7]), STREAM, {})
    for name, rows in part.items():
        assert torch.equal(rows, whole[name][[31, 7]])


def test_a_condition_of_the_modality_is_drawn_by_its_counts() -> None:
    found = Conditions().with_own([FORM]).draw(ITEMS, STREAM, {})["form"].mean(0)
    torch.testing.assert_close(found, torch.tensor([0.1, 0.2, 0.7]), atol=0.03, rtol=0)


def test_values_are_asked_for_by_name_or_in_shares() -> None:
    assert FORM.ask("question").tolist() == [0, 1, 0] and FORM.said(FORM.ask("question")) == "question"
    mixed = FORM.ask("command:1,statement:3")
    assert mixed.tolist() == [0.25, 0, 0.75] and FORM.said(mixed) == "command:0.25,statement:0.75"
    assert FORM.ask({"command": 2}).tolist() == [1, 0, 0]
    codes = FORM.codes(["statement", "", "none of these"])
    assert codes[0] == 2 and codes[1:].isnan().all() and unknown(FORM.rows(codes)).tolist() == [False, True, True]
    for value, said in (("questoin", "mean 'question'"), ("command:x", "'command' is 'x'"), ("command:0", "sum to 0"),
                        ("command:1,past:1", "'past'"), ({"command": "much"}, "a number")):  # fmt: skip
        with pytest.raises(SettingError, match=said):
            FORM.ask(value)


def test_ten_thousand_values_are_told_by_a_vector_each() -> None:
    many = Categorical("word", [f"w{number}" for number in range(10_000)])
    network = many.network()
    assert network is not None and many.width == 64
    read = network(many.ask("w77")[None])
    assert read.shape == (1, 64) and torch.equal(network(torch.zeros(1, 10_000)), torch.zeros(1, 64))
    table = Conditions([many], torch.arange(10_000.0, dtype=torch.float64)[:, None], torch.ones(10_000).double())
    assert table.draw(torch.arange(3), STREAM, {})["word"].sum(1).tolist() == [1, 1, 1]


# -- how they reach networks ---------------------------------------------------------------------


def conditioned(seed: int = 0, **conditions: torch.Tensor) -> Batch:
    return elements(6, seed=seed).knowing(**conditions)


def test_an_encoder_is_shifted_by_what_is_known_and_begins_as_it_was() -> None:
    plain = toy().encoder
    assert plain is not None
    batch = conditioned(form=torch.eye(3).repeat(2, 1))
    width = plain(batch)["summary"].shape[1]
    told = ToldEncoder(plain, [FORM], width, {})
    assert torch.equal(told(batch)["summary"], plain(batch)["summary"])
    with torch.no_grad():
        told.shifts["summary"].outer.weight.normal_(generator=torch.Generator().manual_seed(0))  # type: ignore[union-attr, operator]
    assert not torch.allclose(told(batch)["summary"], told(conditioned(form=torch.zeros(6, 3)))["summary"])
    unsaid = told(replace_conditions(batch))["summary"]
    assert torch.equal(unsaid, told(conditioned(form=torch.zeros(6, 3)))["summary"]), "what is not said is unknown"


def replace_conditions(batch: Batch) -> Batch:
    return Batch(views=batch.views, masks=batch.masks, items=batch.items, cost=batch.cost)


SEEING = {
    "by-block": ByBlockSettings(blocks={"z": RecurrentSettings(hidden=4, codes=3, when="with")}),
    "recurrent": RecurrentSettings(hidden=4, codes=3, when="with"),
    "ladder": LadderPriorSettings(width=6),
}


@pytest.mark.parametrize("name", SEEING)
def test_a_prior_that_sees_blocks_sees_conditions(name: str) -> None:
    blocks = [Block(name="form", shape=(3,)), Z]
    prior = prior_of(SEEING[name], blocks, Conditions([FORM]))
    for weight in prior.parameters():
        nn.init.normal_(weight, std=0.5, generator=torch.Generator().manual_seed(1))
    value = torch.randn(2, *Z.shape, generator=torch.Generator().manual_seed(0))[:1].repeat(2, *[1] * len(Z.shape))
    found = prior.at(Z, {"form": torch.eye(3)[:2]}, 2).log_prob(value)
    found = found.detach()
    assert abs(float(found[0] - found[1])) > 1e-3, "p(z|c) is p(z)"
    hidden = Categorical("form", FORM.names, reaches=("decoder",))
    prior = prior_of(SEEING[name], blocks, Conditions([hidden]))
    found = prior.at(Z, {"form": torch.eye(3)[:2]}, 2).log_prob(value)
    assert float(found[0]) == float(found[1]), "a condition that does not reach the prior does not change it"


def test_every_prior_serves_a_model_with_conditions() -> None:
    """Each registered prior is asked for p(z|c), or for p(z) where it cannot see."""
    host = default_host()
    wide = Categorical("form", FORM.names, width=5)
    for part in host.parts("prior"):
        if part.id == "vamp":  # it needs a model
            continue
        small = {"hidden": 8, "codes": 3, "components": 2, "mixtures": 2, "layers": 1}
        names = set(part.load().__dataclass_fields__)
        given = {key: value for key, value in small.items() if key in names}
        plain = part.id == "labelled"  # it has a Gaussian for each value of a one-hot row
        settings = host.make("prior", {"prior": part.id, **given, **({"label": "form"} if plain else {})})
        condition = FORM if plain else wide
        try:
            prior = prior_of(settings, [condition.block, Z], Conditions([condition]))
        except (SettingError, LacksCapability):
            continue  # one that serves other blocks than this
        drawn = prior.at(Z, {"form": torch.eye(3)}, 3).push(torch.zeros(3, *Z.shape))
        assert drawn.shape == (3, *Z.shape) and drawn.isfinite().all(), part.id
    assert not isinstance(StandardNormalSettings(), ConditionedSettings)


def test_an_architecture_that_leaves_out_a_conditions_block_is_told_so() -> None:
    networks = Networks(blocks=[Z], encoder=None, features=0, decoder=nn.Identity(), likelihood=Bernoulli())
    with pytest.raises(SettingError, match="leaves out the block of the condition 'form': its networks' blocks have"):
        told(networks, Conditions([FORM]))
    for blocks in ([FORM.block, FORM.block, Z], [Block(name="form", shape=(2,)), FORM.block, Z]):
        with pytest.raises(SettingError, match="no condition can be called 'form': the architecture has such a block"):
            told(replace(networks, blocks=blocks), Conditions([FORM]))


class Adding(nn.Module):
    """z, and what is known twice over."""

    def forward(self, latents: dict[str, torch.Tensor], batch: Batch | None = None) -> torch.Tensor:
        return latents["z"] + 2.0 * latents["form"].sum(1, keepdim=True)


def test_guidance_is_a_step_away_from_what_is_said_without_conditions() -> None:
    latents = {"z": torch.ones(2, 2), "form": torch.eye(3)[:2]}
    batch = elements(2)
    for weight, wanted in ((0.0, 1.0), (1.0, 3.0), (2.5, 6.0)):
        assert (Guided(Adding(), ["form"], weight)(latents, batch) == wanted).all()


def test_guided_steps_are_steps_of_the_logits() -> None:
    """Vectors become logits by an affine map, so a step between vectors is the same step between logits."""
    decoder, likelihood = sequence_parts(5)
    latents = {"z": torch.randn(3, 2, generator=torch.Generator().manual_seed(0))}
    guided_decoder = GuidedSequence(decoder, ["z"], 1.7)
    symbols = torch.tensor([1, 6, 7])
    steps = [Stepper(d, likelihood.head) for d in (guided_decoder, decoder, decoder)]
    given = [latents, latents, {"z": torch.zeros(3, 2)}]
    states = [stepper.start(z, 3) for stepper, z in zip(steps, given, strict=True)]
    for _ in range(3):
        found = [stepper.step(symbols, state) for stepper, state in zip(steps, states, strict=True)]
        logits, told, without = (each for each, _ in found)
        states = [state for _, state in found]
        torch.testing.assert_close(logits, without + 1.7 * (told - without))
        order = torch.tensor([2, 0, 1])
        states, symbols = [Stepper.reorder(state, order) for state in states], symbols[order]


def test_guidance_needs_conditions() -> None:
    model = toy()
    assert guided(model, 1.0) is model
    with pytest.raises(LacksCapability, match="decoder or prior is told conditions"):
        guided(model, 2.0)
    model.conditions = Conditions([FORM])
    before = model.decoder
    assert isinstance(guided(model, 2.0).decoder, Guided) and model.decoder is before, "the model keeps its decoder"


DROP = ConditionDropout(rate=Constant(value=0.2), each=Constant(value=0.3))


def test_conditions_are_dropped_by_item() -> None:
    rows = {"form": torch.eye(3)[ITEMS % 3], "tense": torch.eye(2)[ITEMS % 2]}
    batch = Batch(views={}, items=ITEMS, cost=torch.ones(len(ITEMS)), conditions=rows)
    found = DROP(batch, 0, STREAM).conditions
    lost = {name: unknown(value) for name, value in found.items()}
    both = (lost["form"] & lost["tense"]).float().mean()
    assert abs(float(lost["form"].float().mean()) - 0.44) < 0.03 and abs(float(both) - (0.2 + 0.8 * 0.09)) < 0.03
    part = DROP(batch.take(torch.tensor([5, 9])), 0, STREAM)
    assert torch.equal(unknown(part.conditions["form"]), lost["form"][[5, 9]])
    with pytest.raises(LacksCapability, match="this one has none"):
        ConditionDropout().build(toy())


def test_what_is_read_of_conditions_is_a_networks_own() -> None:
    wide = Categorical("form", FORM.names, width=5)
    reading = Reading([wide, TENSE])
    read = reading({"form": torch.eye(3), "tense": torch.eye(2), "z": torch.zeros(1)})
    assert read["form"].shape == (3, 5) and torch.equal(read["tense"], torch.eye(2))
    assert list(reading.networks) == ["form"]
    assert Conditions([FORM]).reaching(POSTERIOR) == [FORM] == Conditions([FORM]).reaching(PRIOR)
