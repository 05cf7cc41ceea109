"""Sentence VAEs: one line of text is one item, one latent block "z" is its meaning."""
