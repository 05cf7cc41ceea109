"""Training: the loop, its phases, checkpoints and diagnosis."""
