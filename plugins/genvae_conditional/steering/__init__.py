"""Steering without retraining: small classifiers on the latent of a trained model, and walks that follow them."""
