"""One item read in another's place, and back-translation as a term: what a rewriter is trained by, with pairs and
without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.corruption import Corruption
from genvae.core.corruption.shen import SymbolMasking
from genvae.core.decoding.options import Decoding
from genvae.core.decoding.sampling import sample
from genvae.core.likelihoods import CategoricalSequence, SequenceDecoder
from genvae.core.objectives.elbo import ElboSettings
from genvae.core.randomness import Stream
from genvae.core.symbols import Symbols
from genvae.core.vae import VAE
from genvae.errors import LacksCapability, SettingError
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.training.run import train
from genvae.training.validation import validate
from genvae_conditional.rewriting.between import OWN, between
from genvae_conditional.terms.cycle import CycleSettings, unspoilt
from genvae_sentence.settings import SentenceSettings
from tests.core.toys import sequence_toy, sequences, told_sequence_toy

STREAM = Stream(3, "verses")
LINES = [[5, 6, 7], [8, 9], [10, 11, 12, 5], [6], [7, 8, 9, 10], [11, 12]]
MOODS = torch.tensor([[1.0, 0.0], [0.0, 1.0]])


def siblings(rate: object = 1.0) -> Corruption:
    made: Corruption = default_host().make("corruption", {"corruption": "siblings", "rate": rate})
    return made


def grouped(group: list[int]) -> Batch:
    return replace(sequences(LINES), group=torch.tensor(group))


def said(batch: Batch) -> list[list[int]]:
    """What the encoder reads, by its mask."""
    return [row[there].tolist() for row, there in zip(batch.views["input"], batch.masks["input"], strict=True)]


def test_an_item_is_read_as_another_of_its_group_and_scored_as_itself() -> None:
    batch = grouped([7, 7, 3, 3, 3, 1])
    seen = set()
    for step in range(20):
        made = siblings()(batch, step, Stream(step, "step"))
        read = said(made)
        assert read[0] == LINES[1] and read[1] == LINES[0] and read[5] == LINES[5], "of two the other; alone: itself"
        assert sorted(read[2:5]) == sorted(LINES[2:5]) and all(read[row] != LINES[row] for row in (2, 3, 4))
        seen.add(tuple(read[2]))
        assert torch.equal(made.views["target"], batch.views["target"])
        assert torch.equal(made.views["context"], batch.views["context"])
    assert len(seen) == 2, "any other of three"


def test_the_share_of_siblings_is_the_rate() -> None:
    batch = replace(sequences([[5 + row % 7] for row in range(2000)]), group=torch.arange(2000) // 2)
    none = siblings(0.0)(batch, 0, STREAM)
    assert torch.equal(none.views["input"], batch.views["input"])
    ramp = siblings({"schedule": "linear", "start": 0.0, "stop": 0.8, "steps": 10})
    for step, share in ((5, 0.4), (99, 0.8)):
        moved = (ramp(batch, step, STREAM).views["input"] != batch.views["input"]).float().mean()
        assert abs(float(moved) - share) < 0.05


def test_what_is_there_to_be_read_is_not_asked_for() -> None:
    mood = MOODS[[0, 0, 1, 0, 1, 1]].clone()
    mood[[1, 3]] = 0.0  # made of the items beside them
    batch = grouped([1, 1, 2, 2, 3, 4]).knowing(label=mood)
    made: Batch = default_host().make("corruption", {"corruption": "siblings", "rate": 1.0, "read_only": "label"})(
        batch, 0, STREAM
    )
    assert said(made) == [LINES[1], LINES[3], LINES[4], LINES[5]]
    assert made.items.tolist() == [0, 2, 4, 5]
    assert torch.equal(made.conditions["label"], mood[[0, 2, 4, 5]])
    assert torch.equal(made.views["target"], batch.views["target"][[0, 2, 4, 5]])
    nobody = batch.knowing(label=torch.zeros_like(mood))
    own = default_host().make("corruption", {"corruption": "siblings", "read_only": "label"})
    assert len(own(nobody, 0, STREAM)) == len(LINES)
    with pytest.raises(SettingError, match="'label' is no condition"):
        own(grouped([1, 1, 2, 2, 3, 4]), 0, STREAM)


class _Held:
    """One batch to validate on."""

    def __init__(self, batch: Batch) -> None:
        self.whole = batch

    def in_order(self) -> list[Batch]:
        return [self.whole]


def test_validation_has_what_is_asked_and_no_noise() -> None:
    from contextlib import nullcontext

    model, batch = sequence_toy(), grouped([1, 1, 2, 2, 3, 3])
    objective = ElboSettings().build(model)

    def loss(*corruptions: Corruption) -> float:
        found = validate(model, objective, _Held(batch), 0, "objective", nullcontext, corruptions)  # type: ignore[arg-type]
        return found.criterion

    plain = loss()
    assert loss(SymbolMasking()) == plain
    assert loss(siblings()) != plain


def test_a_cycle_reads_what_the_model_says_under_the_other_value() -> None:
    model = told_sequence_toy()
    batch = sequences(LINES).knowing(label=MOODS[[0, 1, 0, 1, 1, 0]])
    term = CycleSettings(strength=2.0).build(model)
    model.train()
    found = term(model, batch, model.infer(batch, STREAM), 0, STREAM)
    assert model.training, "it is put back"
    model.eval()
    away = MOODS[[1, 0, 1, 0, 0, 1]]
    read = term._rewritten(model, batch, away)
    latents = {**model.infer(batch).latents, "label": away, OWN + "label": batch.conditions["label"]}
    told = between(model, 2.0)
    assert isinstance(told.likelihood, CategoricalSequence) and isinstance(told.decoder, SequenceDecoder)
    stepper = told.likelihood.stepper(told.decoder)
    written = sample(stepper, latents, batch.items, Decoding(temperature=0.0), STREAM, 7)
    assert said(read) == [[s for s in row if s != Symbols.PAD] for row in written.tolist()]
    again = model.infer(read.knowing(label=away), STREAM.at("again")).latents
    nats = model.distortion({**again, "label": batch.conditions["label"]}, batch).mean()
    assert float(found.detach()) == pytest.approx(float(nats.detach()), rel=1e-5)


def test_a_cycle_begins_with_the_item_without_noise() -> None:
    batch = sequences(LINES)
    spoilt = batch.viewing(input=torch.full_like(batch.views["input"], 9))
    restored = unspoilt(spoilt)
    assert torch.equal(restored.views["input"], batch.views["input"])
    assert torch.equal(restored.masks["input"], batch.masks["input"])


def test_a_cycle_leaves_out_what_is_not_known_and_moves_the_model() -> None:
    model = told_sequence_toy()
    label = MOODS[[0, 1, 0, 1, 1, 0]].clone()
    batch = sequences(LINES).knowing(label=label)
    term = CycleSettings().build(model)
    draw = model.infer(batch, STREAM)
    nobody = batch.knowing(label=torch.zeros_like(label))
    assert float(term(model, nobody, draw, 0, STREAM)) == 0.0
    label[1:] = 0.0
    one = term(model, batch.knowing(label=label), draw, 0, STREAM)
    alone = batch.take(torch.tensor([0]))
    assert float(one.detach()) == pytest.approx(float(term(model, alone, draw, 0, STREAM).detach()), rel=1e-5)
    one.backward()
    grads = [p.grad for part in (model.encoder, model.decoder) for p in part.parameters()]  # type: ignore[union-attr]
    assert all(grad is not None and bool(grad.any()) for grad in grads)


def test_what_a_cycle_needs_is_said() -> None:
    with pytest.raises(SettingError, match="names the block 'label'"):
        CycleSettings().build(sequence_toy())
    model = told_sequence_toy()
    with pytest.raises(LacksCapability, match="'z' has none"):
        CycleSettings(label="z").build(model)
    batch = sequences(LINES)
    with pytest.raises(LacksCapability, match="no condition 'label'"):
        CycleSettings().build(model)(model, batch, model.infer(batch), 0, STREAM)


ROWS = [
    {"text": f"{say} {thing}", "way": way, "name": thing}
    for thing in ("bread", "water", "a stone", "the sea", "salt", "oil", "wine", "the moon")
    for way, say in (("old", "behold thou"), ("new", "look at"))
]


def test_lines_of_a_group_are_together(tmp_path: Path) -> None:
    from datasets import Dataset

    settings = SentenceSettings(tokenizer="word", group_column="name")
    table, _ = settings.select(Dataset.from_list(ROWS))
    modality = settings.fit(table)
    made = modality.prepare({name: table[name][:] for name in table.column_names})
    assert made["group"][0] == made["group"][1] != made["group"][2]
    batch = modality.collate([{name: made[name][row] for name in made} for row in (0, 1, 2)], [4, 5, 6])
    assert batch.groups.of_item.tolist() in ([0, 0, 1], [1, 1, 0])
    alone = modality.collate([modality.example("look at bread")] * 2, [0, 1])
    assert alone.group is None


@pytest.fixture(scope="module")
def rewriter(tmp_path_factory: pytest.TempPathFactory) -> VAE:
    """A tiny run by both means; what it knows is not asked."""
    recipe = Recipe.of("sentence", default_host())
    recipe.set([
        "architecture={architecture: lstm-places, places: 6, place_dim: 4, embedding_dim: 8, hidden_dim: 12, "
        "key_dim: 4, reading_dim: 4}",
        "tokenizer=word", "vocab_size=60", "max_length=40", "group_column=name",
        "conditions={way: {kind: class, reaches: [decoder]}}", "batch_size=8", "validation=0.2", "criterion=objective",
        "objective={objective: elbo, beta: 0.0, terms: [{term: cycle, label: way, strength: 1.5}]}",
        "corruptions=[{corruption: siblings, rate: 0.9}]", "max_steps=4", "evaluate_every=2",
    ])  # fmt: skip
    return train(
        recipe, ROWS, tmp_path_factory.mktemp("ways") / "model", resume=False, reporter=Silent()
    ).bundle.vae  # fmt: skip


def test_a_recipe_trains_by_both(rewriter: VAE) -> None:
    assert [block.name for block in rewriter.blocks] == ["way", "places"]
    weight: Tensor = next(rewriter.decoder.parameters())
    assert bool(weight.isfinite().all())
