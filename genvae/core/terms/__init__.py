"""Terms that can be added to an objective's loss."""

from genvae.core.terms.adversary import Adversary, AdversarySettings
from genvae.core.terms.bag_of_symbols import BagOfSymbols, BagOfSymbolsSettings
from genvae.core.terms.base import Term, TermSettings
from genvae.core.terms.completion import Completion, CompletionSettings
from genvae.core.terms.dependence import Dependence, DependenceSettings
from genvae.core.terms.exchange import Exchange, ExchangeSettings
from genvae.core.terms.mmd import MMD, MMDSettings
from genvae.core.terms.swap import Swap, SwapSettings

__all__ = [
    "MMD", "Adversary", "AdversarySettings", "BagOfSymbols", "BagOfSymbolsSettings", "Completion",
    "CompletionSettings", "Dependence", "DependenceSettings", "Exchange", "ExchangeSettings", "MMDSettings", "Swap",
    "SwapSettings", "Term", "TermSettings",
]  # fmt: skip
