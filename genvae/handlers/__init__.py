"""Handlers of the operations that are not about latents: train, evaluate, models."""
