"""Tokenizers there and back, and the symbols that are not text."""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from genvae.core.symbols import Symbols
from genvae.errors import CheckpointError, SettingError
from genvae_sentence.modality import Sentence
from genvae_sentence.settings import SentenceSettings
from genvae_sentence.tokenizer import KINDS, SPECIAL, load_tokenizer, train_tokenizer
from tests.conftest import own_lines

SPELT = ["<s>", "</s>", "<pad>", "<unk>", "<mask>", "a <s>b</s> c", "x<unk>", "<s> <s>", "</s", "< s >"]


@cache
def sentence(kind: str, *, vocab_size: int = 320, spelt: bool = False) -> Sentence:
    lines = own_lines() + (SPELT * 5 if spelt else [])
    return Sentence(train_tokenizer(kind, lines, vocab_size), 200)


def there_and_back(modality: Sentence, text: str) -> str:
    return modality.spelled(modality.example(text)["symbols"])


#: one line of anything at all
LINE = st.text(min_size=1, max_size=60).map(str.strip).filter(lambda s: s and len(s.splitlines()) == 1)


@settings(max_examples=300, deadline=None)
@given(LINE)
def test_bpe_knows_every_text(text: str) -> None:
    symbols = sentence("bpe").example(text)["symbols"]
    assert min(symbols) >= Symbols.COUNT, "something was unknown"
    assert sentence("bpe").spelled(symbols) == unicodedata.normalize("NFC", text).strip()


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="abcdefghilmnoprstuvwy .!", min_size=1, max_size=60).map(str.strip).filter(bool))
def test_char_gives_back_every_text_of_its_characters(text: str) -> None:
    symbols = sentence("char").example(text)["symbols"]
    assert len(symbols) == len(text)
    known = set("".join(own_lines()))
    if set(text) <= known:
        assert sentence("char").spelled(symbols) == text
    assert [s == Symbols.UNKNOWN for s in symbols] == [c not in known for c in text]


@pytest.mark.parametrize("kind", KINDS)
def test_every_line_of_the_training_text_comes_back(kind: str) -> None:
    lines = own_lines(60)
    assert [there_and_back(sentence(kind), line) for line in lines] == lines


def test_word_splits_at_white_space_and_knows_the_rest_as_unknown() -> None:
    modality = sentence("word")
    symbols = modality.example("the  grey\tzebra waits for")["symbols"]
    assert len(symbols) == 5 and [s == Symbols.UNKNOWN for s in symbols] == [False, False, True, False, False]
    assert modality.spelled(symbols) == "the grey <unk> waits for"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spelt", [False, True], ids=["unseen", "in training"])
def test_text_spelt_like_a_special_symbol_is_text(kind: str, spelt: bool, tmp_path: Path) -> None:
    """Not the end of the sentence, not padding: by tokenizers' own default it would be."""
    modality = sentence(kind, spelt=spelt)
    modality.save(tmp_path)
    for one in (modality, SentenceSettings(tokenizer=kind).restore(tmp_path)):
        for text in SPELT:
            symbols = one.example(text)["symbols"]
            assert all(s >= Symbols.COUNT or (s == Symbols.UNKNOWN and kind != "bpe") for s in symbols), text
            assert one.prepare({"text": [text]})["symbols"] == [symbols]
            if kind == "bpe" or (kind == "char" and spelt):
                assert one.spelled(symbols) == text


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_symbols_are_the_special_ones_in_the_cores_order(kind: str) -> None:
    tokenizer = sentence(kind).tokenizer
    numbers = [Symbols.PAD, Symbols.BEGIN, Symbols.END, Symbols.UNKNOWN, Symbols.MASK]
    assert numbers == list(range(Symbols.COUNT)) and [tokenizer.id_to_token(n) for n in numbers] == SPECIAL


@pytest.mark.parametrize("kind", KINDS)
def test_the_vocabulary_keeps_to_its_size_and_to_the_frequent(kind: str) -> None:
    size = 262 if kind == "bpe" else 12
    modality = sentence(kind, vocab_size=size)
    assert modality.vocabulary <= size
    common, rare = ("e", "q") if kind == "char" else ("the", "zebra")
    assert there_and_back(modality, common) == common
    unknown = [s == Symbols.UNKNOWN for s in modality.example(rare)["symbols"]]
    assert all(unknown) if kind != "bpe" else not any(unknown)


def test_a_bpe_vocabulary_has_room_for_every_byte() -> None:
    with pytest.raises(SettingError, match="at least 261"):
        train_tokenizer("bpe", ["a"], 260)
    assert train_tokenizer("bpe", ["a"], 261).get_vocab_size() == 261


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_same_again_and_after_saving(kind: str, tmp_path: Path) -> None:
    modality = sentence(kind)
    modality.save(tmp_path)
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    again = train_tokenizer(kind, own_lines(), 320)
    assert loaded.to_str() == modality.tokenizer.to_str() == again.to_str()
    other = Sentence(train_tokenizer(kind, own_lines(50), 300), 200)
    assert modality.fingerprint() == Sentence(loaded, 200).fingerprint() != other.fingerprint()


def test_a_damaged_or_foreign_tokenizer_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    whole = sentence("char").tokenizer.to_str()
    path.write_text(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"tokenizer\.json: damaged tokenizer"):
        load_tokenizer(path)
    path.write_text(json.dumps(json.loads(whole) | {"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"},
                                                    "added_tokens": []}))  # fmt: skip
    with pytest.raises(CheckpointError, match="first symbols are not <pad>, <s>"):
        load_tokenizer(path)
    with pytest.raises(CheckpointError, match=r"has no tokenizer\.json"):
        SentenceSettings().restore(tmp_path / "nowhere")
    assert isinstance(Tokenizer.from_str(whole), Tokenizer)
