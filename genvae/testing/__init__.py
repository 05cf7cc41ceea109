"""What authors of plugins run: the contracts of a modality and of a kind of condition."""

from genvae.testing.conditions import condition_contract
from genvae.testing.contract import modality_contract

__all__ = ["condition_contract", "modality_contract"]
