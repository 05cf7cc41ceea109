"""The mathematics: latents, distributions, priors, likelihoods, objectives. Knows no modality."""
