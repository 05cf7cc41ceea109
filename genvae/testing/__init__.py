"""What plugin authors run: one contract test for every modality."""

from genvae.testing.contract import modality_contract

__all__ = ["modality_contract"]
