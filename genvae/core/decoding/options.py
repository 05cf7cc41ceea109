"""How symbols are chosen. Torch-free: the command line and the studio draw their controls from it."""

from __future__ import annotations

from dataclasses import dataclass

from genvae.settings import setting


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How symbols are chosen, one after another."""

    temperature: float | None = setting(
        None, help="of symbols; 0 takes the likeliest. Default: 1 to generate, 0 otherwise", ge=0.0, le=10.0
    )
    top_k: int = setting(0, help="draw among the k likeliest symbols (0: all)", ge=0)
    top_p: float = setting(1.0, help="nucleus: draw among the likeliest that hold this probability", gt=0.0, le=1.0)
    beam: int = setting(1, help="beams of a beam search (1: none)", ge=1, le=64)
    length_penalty: float = setting(1.0, help="beams are ranked by log p / length ** this", ge=0.0, le=5.0)
    min_length: int = setting(1, help="fewest symbols before the end", ge=0, le=1000)
    max_length: int | None = setting(None, help="most symbols; default: what the model was trained on", ge=1, le=1000)
    no_repeat_ngram: int = setting(0, help="no n symbols in a row come twice (0: may)", ge=0, le=20)
    allow_unknown: bool = setting(False, help="may emit the unknown symbol")
