"""The sentence modality: lines of text to symbols and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.decoding.decode import decode
from genvae.core.decoding.options import Decoding
from genvae.core.likelihoods import CategoricalSequence, SequenceDecoder
from genvae.core.randomness import Stream, key
from genvae.core.symbols import Symbols
from genvae.core.vae import VAE
from genvae.data.batching import GROUP
from genvae.data.modality import Example, Modality, Stack
from genvae.errors import DataError, GenvaeError
from genvae_sentence.lines import Lines

if TYPE_CHECKING:
    from datasets import Dataset


class Sentence(Modality):
    """Lines of text. An example is {"symbols": [...], "text": "..."}, with its "group" where lines form such; a batch
    has the views

    * "input": what the encoder reads, (n, t) symbols;
    * "context": what the decoder is fed, the begin symbol first, (n, t + 1);
    * "target": what it should say, the end symbol last, (n, t + 1).
    """

    unit = "tokens"

    def __init__(self, tokenizer: Tokenizer, max_length: int) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length  # characters, and so symbols, of the longest line

    @property
    def vocabulary(self) -> int:
        """How many symbols there are, the special ones included."""
        return int(self.tokenizer.get_vocab_size())

    def prepare(self, rows: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        encoded = self.tokenizer.encode_batch(rows["text"], add_special_tokens=False)
        symbols = [self._symbols(entry) for entry in encoded]
        made: dict[str, list[Any]] = {"symbols": symbols, "text": list(rows["text"])}
        if GROUP in rows:
            made[GROUP] = [key(GROUP, name) if name else None for name in rows[GROUP]]
        return made

    @staticmethod
    def _symbols(encoded: Encoding) -> list[int]:
        """The symbols of a line. A word that is spelt like a special symbol is no more than unknown."""
        return [symbol if symbol >= Symbols.COUNT else Symbols.UNKNOWN for symbol in encoded.ids]

    def cost(self, example: Example) -> int:
        return len(example["symbols"]) + 1  # the end symbol is a target, too

    def collate(self, examples: Sequence[Example], items: Sequence[int]) -> Batch:
        groups = [example.get(GROUP) for example in examples] if any(GROUP in example for example in examples) else None
        lines = Lines.of([example["symbols"] for example in examples], groups)
        return lines(np.arange(len(examples)), np.asarray(items, dtype=np.int64))

    def stack(self, examples: Dataset) -> Stack | None:
        return Lines.read(examples)

    def example(self, item: Any) -> Example:
        if not isinstance(item, str):
            raise DataError(f"a sentence is text, not {type(item).__name__}")
        text = item.strip()
        if not text:
            raise DataError("the text is empty")
        if len(text) > self.max_length:
            raise DataError(f"the text has {len(text):,} characters; this model reads at most {self.max_length}")
        if len(text.splitlines()) > 1:
            raise DataError("the text has more than one line; give one sentence at a time")
        return {"symbols": self._symbols(self.tokenizer.encode(text, add_special_tokens=False)), "text": text}

    def item(self, example: Example) -> str:
        return str(example["text"])

    def spelled(self, symbols: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(symbols), skip_special_tokens=False)).strip()

    def render(
        self,
        model: VAE,
        latents: Mapping[str, Tensor],
        items: Tensor,
        options: Any,
        stream: Stream,
        *,
        faithful: bool,
    ) -> list[str]:
        assert isinstance(options, Decoding)
        if not isinstance(model.likelihood, CategoricalSequence) or not isinstance(model.decoder, SequenceDecoder):
            raise GenvaeError("a sentence model needs a sequential decoder and likelihood")
        if options.temperature is None:
            options = Decoding(**{**vars(options), "temperature": 0.0 if faithful else 1.0})
        stepper = model.likelihood.stepper(model.decoder)
        written = decode(stepper, dict(latents), items, options, stream, longest=self.max_length)
        return [self.spelled(symbols) for symbols in written]

    def save(self, folder: Path) -> None:
        (folder / "tokenizer.json").write_text(self.tokenizer.to_str(), encoding="utf-8")

    def fingerprint(self) -> str:
        return hashlib.sha256(self.tokenizer.to_str().encode()).hexdigest()
