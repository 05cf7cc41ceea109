"""The transformer sentence VAE: pre-norm encoder and decoder, z given by prefix, addition and cross-attention."""
