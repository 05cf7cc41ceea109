"""Word, byte-level BPE and character tokenizers, trained with ``tokenizers``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from genvae.errors import CheckpointError, SettingError

KINDS = ("bpe", "word", "char")

#: in the order of genvae.core.corruption.Symbols
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<mask>"]


_SPECIAL = re.compile("|".join(map(re.escape, SPECIAL)))


def train_tokenizer(kind: str, lines: Iterable[str], vocab_size: int) -> Tokenizer:
    """A tokenizer of one of ``KINDS``.

    "bpe" works on bytes, so nothing is unknown to it; "word" splits at white space and "char" at every
    character, and both keep the most frequent and know the rest as unknown.
    """
    trainer: trainers.Trainer
    if kind == "bpe":
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        if vocab_size < len(alphabet) + len(SPECIAL):
            raise SettingError(f"vocab_size of a bpe tokenizer is at least {len(alphabet) + len(SPECIAL)}")
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
        if kind == "word":
            tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        else:
            tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
            tokenizer.decoder = decoders.Fuse()
        trainer = trainers.WordLevelTrainer(vocab_size=vocab_size, special_tokens=SPECIAL, show_progress=False)
    tokenizer.normalizer = normalizers.NFC()
    # what is spelt like a special symbol must not become an ordinary symbol of the same name
    tokenizer.train_from_iterator((_SPECIAL.sub(" ", line) for line in lines), trainer)
    tokenizer.encode_special_tokens = True
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a saved tokenizer; raises CheckpointError when it is damaged or not one of ours."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust side raises bare Exception
        raise CheckpointError(f"{path}: damaged tokenizer ({' '.join(str(error).split())[:120]})") from None
    if [tokenizer.id_to_token(number) for number in range(len(SPECIAL))] != SPECIAL:
        raise CheckpointError(f"{path}: its first symbols are not {', '.join(SPECIAL)}")
    tokenizer.encode_special_tokens = True  # "</s>" in a line is text; the file does not keep this
    return tokenizer
