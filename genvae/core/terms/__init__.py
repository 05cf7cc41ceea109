"""Terms that can be added to an objective's loss."""

from genvae.core.terms.base import Term, TermSettings

__all__ = ["Term", "TermSettings"]
