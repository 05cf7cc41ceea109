"""The distance by a pretrained encoder, with a tiny real one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from genvae.errors import LacksCapability, SettingError
from genvae.evaluation.frechet import frechet
from genvae.evaluation.moments import Moments
from genvae.service import Model
from genvae_sentence.measures.embedding import Encoder, embedding
from tests.conftest import own_lines
from tests.evaluation.asked import evaluation
from tests.latent.learned import KNOWN


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of a few thousand weights, as transformers saves one."""
    transformers = pytest.importorskip("transformers", reason="pip install 'genvae[encoder]'")
    place = tmp_path_factory.mktemp("encoder")
    words = sorted({word.strip(".!") for line in own_lines() for word in line.split()})
    (place / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, "."]) + "\n")
    transformers.BertTokenizerFast(str(place / "vocab.txt")).save_pretrained(place)
    shape = transformers.BertConfig(
        vocab_size=len(words) + 6, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.BertModel(shape).eval().save_pretrained(place)
    return place


def test_a_vector_is_the_mean_over_the_real_symbols(folder: Path) -> None:
    """Each line alone, so that there is no padding; its vectors averaged by hand."""
    encoder = Encoder(folder)
    lines = ["the grey cat", "a small bird looks at seven tall trees", "", "zebra"]
    found = encoder.vectors(lines)
    assert found.shape == (4, 16) and found.norm(dim=1).tolist() == pytest.approx([1.0] * 4)
    with torch.no_grad():
        for line, vector in zip(lines, found, strict=True):
            read = encoder.tokenizer(line, return_tensors="pt")
            mean = encoder.model(**read).last_hidden_state[0].mean(0)
            assert vector.tolist() == pytest.approx((mean / mean.norm()).tolist(), abs=1e-5)


def test_moments_do_not_depend_on_the_portions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, lines = Encoder(folder), own_lines(30)
    whole = Moments(full=True)
    whole.add(encoder.vectors(lines))
    monkeypatch.setattr("genvae_sentence.measures.embedding.ENCODED", 7)
    assert encoder.moments(iter(lines)).covariance.numpy() == pytest.approx(whole.covariance.numpy(), abs=1e-6)


def test_samples_stand_beside_real_lines(folder: Path, learned: Model) -> None:
    """A model that knows eight lines by heart is nearer to those than to lines of another kind."""
    encoder = Encoder(folder)
    given = {"generated": 40, "encoder": str(folder), "seed": 1}
    near = evaluation(learned.name, KNOWN, judge=own_lines(8), **given)
    figures = embedding(near)
    assert figures["frechet_lines"] == 8
    assert figures["frechet_distance"] == pytest.approx(
        frechet(encoder.moments(near.drawn[:8]), encoder.moments(KNOWN)), abs=1e-6
    )
    assert figures["frechet_distance_data"] == pytest.approx(
        frechet(encoder.moments(own_lines(8)), encoder.moments(KNOWN)), abs=1e-6
    )
    assert figures["frechet_distance"] < figures["frechet_distance_data"]
    assert embedding(evaluation(learned.name, KNOWN, generated=40)) == {}, "no encoder was given"
    assert "frechet_distance_data" not in embedding(evaluation(learned.name, KNOWN, **given))
    with pytest.raises(LacksCapability, match="at least two samples and two lines"):
        embedding(evaluation(learned.name, KNOWN, generated=1, encoder=str(folder)))


def test_it_is_one_setting_of_the_command(folder: Path, learned: Model) -> None:
    figures = learned.evaluate(KNOWN, samples=1, generated=10, encoder=str(folder))
    assert 0 < figures["frechet_distance"] < 4 and "left_out" not in figures


def test_a_folder_that_holds_no_encoder_is_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "unheard-of"}))
    with pytest.raises(SettingError, match=r"encoder = .* cannot be loaded \(") as caught:
        Encoder(tmp_path)
    assert "\n" not in str(caught.value)


def test_weights_that_are_pickled_are_refused(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02no pickle is read")
    with pytest.raises(SettingError, match="cannot be loaded"):
        Encoder(tmp_path)
