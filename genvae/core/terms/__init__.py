"""Terms that can be added to an objective's loss."""

from genvae.core.terms.bag_of_symbols import BagOfSymbols, BagOfSymbolsSettings
from genvae.core.terms.base import Term, TermSettings
from genvae.core.terms.mmd import MMD, MMDSettings

__all__ = ["MMD", "BagOfSymbols", "BagOfSymbolsSettings", "MMDSettings", "Term", "TermSettings"]
