"""What a batch of sentences is, and what cannot be a sentence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset

from genvae.core.decoding.options import Decoding
from genvae.core.randomness import Stream
from genvae.core.symbols import Symbols
from genvae.core.vae import VAE
from genvae.errors import DataError, GenvaeError
from genvae_sentence.lstm import LSTMSettings
from genvae_sentence.modality import Sentence
from tests.core.toys import toy
from tests.sentence.test_tokenizer import sentence

TEXTS = ["the cat", "a", "our neighbour sings"]


def test_the_views_of_a_batch() -> None:
    modality = sentence("word")
    batch = modality.collate([modality.example(t) for t in TEXTS], [7, 3, 9])
    the, a, our, neighbour, sings = (
        modality.example(w)["symbols"][0] for w in ("the", "a", "our", "neighbour", "sings")
    )
    cat = modality.example("cat")["symbols"][0]
    pad, begin, end = Symbols.PAD, Symbols.BEGIN, Symbols.END
    assert batch.views["input"].tolist() == [[the, cat, pad], [a, pad, pad], [our, neighbour, sings]]
    assert batch.views["context"].tolist() == [
        [begin, the, cat, pad], [begin, a, pad, pad], [begin, our, neighbour, sings],
    ]  # fmt: skip
    assert batch.views["target"].tolist() == [
        [the, cat, end, pad], [a, end, pad, pad], [our, neighbour, sings, end],
    ]  # fmt: skip
    assert batch.masks["target"].sum(1).tolist() == [3, 2, 4] == batch.cost.tolist()
    assert batch.masks["input"].sum(1).tolist() == [2, 1, 3] and batch.items.tolist() == [7, 3, 9]
    assert batch.group is None and not batch.conditions


def test_lines_in_memory_give_the_batches_of_lines_one_by_one() -> None:
    modality = sentence("word")
    table = Dataset.from_dict(modality.prepare({"text": [*TEXTS, "the neighbour"]}))
    # rows chosen from a table lie apart in it
    stacked = modality.stack(table.select([3, 0, 2]))
    assert stacked is not None
    batch = stacked(np.array([2, 0]), np.array([5, 8]))
    wanted = modality.collate([modality.example(TEXTS[2]), modality.example("the neighbour")], [5, 8])
    for name, view in wanted.views.items():
        torch.testing.assert_close(batch.views[name], view)
    for name, mask in wanted.masks.items():
        torch.testing.assert_close(batch.masks[name], mask)
    assert batch.items.tolist() == [5, 8] and batch.cost.tolist() == wanted.cost.tolist()


def test_the_cost_is_the_symbols_that_are_scored() -> None:
    """What tokens_per_second counts: targets with their end, padding not counted."""
    modality = sentence("char")
    examples = [modality.example(t) for t in TEXTS]
    batch = modality.collate(examples, range(3))
    assert [modality.cost(e) for e in examples] == [len(t) + 1 for t in TEXTS]
    assert float(batch.cost.sum()) == int(batch.masks["target"].sum()) and modality.unit == "tokens"


def test_prepared_rows_are_the_examples() -> None:
    modality = sentence("bpe")
    columns = modality.prepare({"text": TEXTS})
    for number, text in enumerate(TEXTS):
        assert {name: column[number] for name, column in columns.items()} == modality.example(text)
        assert modality.item(modality.example(text)) == text


def test_white_space_around_is_not_text() -> None:
    assert sentence("char").example("  the cat \n") == sentence("char").example("the cat")


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("", "the text is empty"), ("   \n", "the text is empty"),
        ("the cat\nsings", "more than one line"), ("a\r\nb", "more than one line"),
        ("a" * 201, "201 characters; this model reads at most 200"), ("a" * 12_000, "12,000 characters"),
        (7, "a sentence is text, not int"), (None, "a sentence is text, not NoneType"), (b"bytes", "not bytes"),
    ],
)  # fmt: skip
def test_what_is_no_sentence_is_said(item: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        sentence("char").example(item)


def test_a_line_of_just_the_limit_is_read() -> None:
    assert len(sentence("char").example("a" * 200)["symbols"]) == 200


def model(modality: Sentence) -> VAE:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        networks = LSTMSettings(embedding_dim=8, hidden_dim=12, latent_dim=3).build(modality)
        vae = toy(networks.blocks, width=networks.features)
    vae.encoder, vae.decoder, vae.likelihood = networks.encoder, networks.decoder, networks.likelihood
    return vae.eval()


def test_rendering_is_greedy_when_faithful_and_drawn_when_not() -> None:
    modality = sentence("char")
    vae = model(modality)
    items, stream = torch.arange(12), Stream(0, "render")
    latents = {"z": torch.zeros(12, 3)}

    def render(faithful: bool, **options: float) -> list[str]:
        made = Decoding(max_length=20, **options)  # type: ignore[arg-type]
        return modality.render(vae, latents, items, made, stream, faithful=faithful)

    greedy, drawn = render(True), render(False)
    assert len(set(greedy)) == 1 and len(set(drawn)) > 6
    assert render(False, temperature=0.0) == greedy and render(True, temperature=1.0) == drawn
    assert max(map(len, drawn)) <= 20


def test_the_longest_text_is_what_the_model_was_trained_on() -> None:
    modality = sentence("char")
    vae = model(modality)
    with torch.no_grad():
        vae.likelihood.get_parameter("head.layer.bias")[Symbols.END] = -50.0  # it never ends of its own
    said = modality.render(vae, {"z": torch.zeros(1, 3)}, torch.arange(1), Decoding(), Stream(0, "r"), faithful=False)
    assert 190 <= len(said[0]) <= 200


def test_a_model_that_cannot_be_stepped_is_refused() -> None:
    with pytest.raises(GenvaeError, match="sequential decoder"):
        sentence("char").render(
            toy(), {"z": torch.zeros(1, 2)}, torch.arange(1), Decoding(), Stream(0, "r"), faithful=True
        )
