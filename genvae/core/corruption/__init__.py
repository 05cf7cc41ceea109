"""Corruption: noise on what the networks read in training.

Of sequences of symbols mostly. What a symbol is, the core does not know; it knows the few that mean something in any
sequence.
"""

from genvae.core.corruption.base import Corruption
from genvae.core.corruption.binarise import Binarise
from genvae.core.corruption.partial_groups import PartialGroups
from genvae.core.corruption.shen import Deletion, Shuffle, Substitution, SymbolMasking
from genvae.core.corruption.shift import Shift
from genvae.core.corruption.siblings import Siblings
from genvae.core.corruption.word_dropout import WordDropout

__all__ = [
    "Binarise", "Corruption", "Deletion", "PartialGroups", "Shift", "Shuffle", "Siblings", "Substitution",
    "SymbolMasking", "WordDropout",
]  # fmt: skip
