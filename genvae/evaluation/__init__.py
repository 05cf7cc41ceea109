"""Figures about a trained model, in nats per item."""
